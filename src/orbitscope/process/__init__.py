"""What a network is trained on and compared with: a hidden Markov model, or recorded sequences."""

from ..hmm.definition import HMM
from .files import find_process_file as find_process_file
from .files import load_recorded as load_recorded
from .files import read_process as read_process
from .files import save_process as save_process
from .recorded import RecordedSequences as RecordedSequences
from .recorded import cut_sequences as cut_sequences
from .recorded import order_symbols as order_symbols

Process = HMM | RecordedSequences
"""Either has `symbol_names` and `n_symbols`; a network may also have no process at all."""
