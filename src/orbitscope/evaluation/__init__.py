"""Does a network emulate its process? Measures with intervals, floors and tests of equivalence.

Network and HMM are observed by the same design and measured by the same functions; the HMM's values are the
floor of the network's. `evaluate_network` does all of it; the parts work on any `Observation`.
"""

from .definitions import DEFINITIONS as DEFINITIONS
from .definitions import SECTION as SECTION
from .emulation import Emulation as Emulation
from .emulation import conclude_emulation as conclude_emulation
from .evaluate import evaluate_emulator as evaluate_emulator
from .evaluate import evaluate_network as evaluate_network
from .expected_counts import combine_matrix_errors_as_published as combine_matrix_errors_as_published
from .expected_counts import measure_expected_counts as measure_expected_counts
from .margin_check import MarginCheck as MarginCheck
from .measures import Measure as Measure
from .measures import Measured as Measured
from .measures import judge as judge
from .measures import list_measures as list_measures
from .observation import Design as Design
from .observation import Observation as Observation
from .observation import observe_network as observe_network
from .observation import observe_process as observe_process
from .observation import plan_observation as plan_observation
from .refit import measure_refit as measure_refit
from .result import OUTSIDE as OUTSIDE
from .result import PROCESS_SAMPLE as PROCESS_SAMPLE
from .result import UNDECIDED as UNDECIDED
from .result import WITHIN as WITHIN
from .result import EvaluationResult as EvaluationResult
from .sampled_laws import cross_fit_distance as cross_fit_distance
from .sampled_laws import measure_likelihood as measure_likelihood
from .sampled_laws import measure_runs as measure_runs
from .sampled_laws import measure_words as measure_words
from .target import Target as Target
from .target import prepare_target as prepare_target
from .target import start_process as start_process
from .two_sample import compute_clustered_auc as compute_clustered_auc
from .two_sample import compute_matched_distance as compute_matched_distance
from .two_sample import measure_batches as measure_batches
from .two_sample import measure_classifier as measure_classifier
