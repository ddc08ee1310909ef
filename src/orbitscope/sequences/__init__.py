"""Statistics of integer symbol sequences: frequencies, symbol matrix, volatility, runs, n-grams.

Counting functions take `sequences (sequence, time)` with values 0 .. n_symbols - 1. Those that return one row
of counts per sequence feed the cluster bootstrap and the jackknife of `orbitscope.statistics`, in which the
sequence is the unit; summing over the first axis pools them. `compute_` and `estimate_` functions take counts
with any number of leading axes, so that they serve pooled counts, counts per sequence and bootstrap resamples
alike.
"""

from orbitscope.sequences.counting import compute_frequencies as compute_frequencies
from orbitscope.sequences.counting import compute_symbol_matrix as compute_symbol_matrix
from orbitscope.sequences.counting import compute_volatility as compute_volatility
from orbitscope.sequences.counting import count_ngrams as count_ngrams
from orbitscope.sequences.counting import count_ngrams_by_sequence as count_ngrams_by_sequence
from orbitscope.sequences.counting import count_symbols as count_symbols
from orbitscope.sequences.counting import count_words_and_reverses as count_words_and_reverses
from orbitscope.sequences.divergence import compute_design_effect as compute_design_effect
from orbitscope.sequences.divergence import compute_ngram_divergence as compute_ngram_divergence
from orbitscope.sequences.divergence import compute_output_irreversibility as compute_output_irreversibility
from orbitscope.sequences.divergence import estimate_output_irreversibility as estimate_output_irreversibility
from orbitscope.sequences.divergence import estimate_word_irreversibility as estimate_word_irreversibility
from orbitscope.sequences.runs import Runs as Runs
from orbitscope.sequences.runs import count_run_lengths as count_run_lengths
from orbitscope.sequences.runs import find_complete_runs as find_complete_runs
from orbitscope.sequences.runs import sum_run_powers as sum_run_powers
