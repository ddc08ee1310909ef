"""Noise-driven recurrent networks: cells, readout, rollouts, relaxed symbols."""

from .cells import CELLS as CELLS
from .cells import Cell as Cell
from .cells import ElementwiseCell as ElementwiseCell
from .cells import ReLUCell as ReLUCell
from .cells import TanhCell as TanhCell
from .cells import build_cell as build_cell
from .expected_pairs import count_expected_pairs as count_expected_pairs
from .gumbel import sample_gumbel as sample_gumbel
from .gumbel import sample_relaxed_symbols as sample_relaxed_symbols
from .intervened import intervene as intervene
from .model import NoiseRNN as NoiseRNN
from .model import Rollout as Rollout
from .model import RolloutChunk as RolloutChunk
from .model import build_network as build_network
from .model import draw_noise_ as draw_noise_
from .model import draw_seed as draw_seed
from .model import fork_generator as fork_generator
from .model import iterate_rollout as iterate_rollout
from .model import require_same_symbols as require_same_symbols
from .model import rollout as rollout
from .model import sample_symbols as sample_symbols
from .model import spawn_rng as spawn_rng
