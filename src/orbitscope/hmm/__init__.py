"""Hidden Markov models: definition, presets, files, sampling, exact statistics, inference, estimation.

Names are resolved on first use, so that importing this package loads neither SciPy nor a module that is not
needed.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builders import build_fully_connected as build_fully_connected
    from .builders import build_linear_chain as build_linear_chain
    from .builders import build_random as build_random
    from .builders import build_ring as build_ring
    from .definition import HMM as HMM
    from .definition import reorder_states as reorder_states
    from .estimation import BaumWelchResult as BaumWelchResult
    from .estimation import align_states as align_states
    from .estimation import fit_baum_welch as fit_baum_welch
    from .exact import compute_hankel_singular_values as compute_hankel_singular_values
    from .exact import compute_ngram_law as compute_ngram_law
    from .exact import compute_occupancy as compute_occupancy
    from .exact import compute_output_irreversibility as compute_output_irreversibility
    from .exact import compute_repeat_probs as compute_repeat_probs
    from .exact import compute_stationary_probs as compute_stationary_probs
    from .exact import compute_step_frequencies as compute_step_frequencies
    from .exact import compute_symbol_frequencies as compute_symbol_frequencies
    from .exact import compute_symbol_matrix as compute_symbol_matrix
    from .exact import compute_volatility as compute_volatility
    from .exact import compute_word_law as compute_word_law
    from .exact import is_identifiable as is_identifiable
    from .exact import is_time_reversible as is_time_reversible
    from .files import dump_hmm as dump_hmm
    from .files import load_hmm_file as load_hmm_file
    from .files import parse_hmm as parse_hmm
    from .inference import Estimate as Estimate
    from .inference import ViterbiPaths as ViterbiPaths
    from .inference import compute_log_likelihood as compute_log_likelihood
    from .inference import compute_state_posteriors as compute_state_posteriors
    from .inference import decode_viterbi as decode_viterbi
    from .inference import estimate_block_entropy as estimate_block_entropy
    from .inference import estimate_kl_rate as estimate_kl_rate
    from .inference import pad_sequences as pad_sequences
    from .perturbations import mix_emissions as mix_emissions
    from .perturbations import scale_rarest_symbol as scale_rarest_symbol
    from .perturbations import scale_switching as scale_switching
    from .presets import Preset as Preset
    from .presets import list_presets as list_presets
    from .presets import load_preset as load_preset
    from .presets import load_process as load_process
    from .presets import parse_process_name as parse_process_name
    from .runs import RunLengthLaw as RunLengthLaw
    from .runs import compute_run_ends_by_target as compute_run_ends_by_target
    from .runs import compute_run_length_law as compute_run_length_law
    from .runs import compute_windowed_run_law as compute_windowed_run_law
    from .sampling import SampledSequences as SampledSequences
    from .sampling import sample_sequences as sample_sequences

_NAMES = {
    "builders": "build_fully_connected build_linear_chain build_random build_ring",
    "definition": "HMM reorder_states",
    "estimation": "BaumWelchResult align_states fit_baum_welch",
    "exact": "compute_hankel_singular_values compute_ngram_law compute_occupancy "
    "compute_output_irreversibility compute_repeat_probs "
    "compute_stationary_probs compute_step_frequencies compute_symbol_frequencies compute_symbol_matrix "
    "compute_volatility compute_word_law is_identifiable is_time_reversible",
    "files": "dump_hmm load_hmm_file parse_hmm",
    "inference": "Estimate ViterbiPaths compute_log_likelihood compute_state_posteriors decode_viterbi "
    "estimate_block_entropy estimate_kl_rate pad_sequences",
    "perturbations": "mix_emissions scale_rarest_symbol scale_switching",
    "presets": "Preset list_presets load_preset load_process parse_process_name",
    "runs": "RunLengthLaw compute_run_ends_by_target compute_run_length_law compute_windowed_run_law",
    "sampling": "SampledSequences sample_sequences",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULE_OF)
