"""Foreign hidden Markov models and symbol sequences, read without importing the libraries that wrote them."""

from orbitscope.importers.hmm_objects import import_hmm as import_hmm
from orbitscope.importers.sequence_files import SymbolSequences as SymbolSequences
from orbitscope.importers.sequence_files import load_sequences as load_sequences
