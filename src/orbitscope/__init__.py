"""Train noise-driven recurrent networks to emulate hidden Markov models, then take them apart.

Names are resolved on first use: ``import orbitscope`` loads neither torch nor matplotlib.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .claims.ledger import judge_claims as judge_claims
    from .errors import InputError as InputError
    from .errors import OrbitscopeError as OrbitscopeError
    from .errors import RunFolderError as RunFolderError
    from .evaluation import EvaluationResult as EvaluationResult
    from .evaluation import evaluate_network as evaluate_network
    from .hmm import HMM as HMM
    from .hmm import Preset as Preset
    from .hmm import build_fully_connected as build_fully_connected
    from .hmm import build_linear_chain as build_linear_chain
    from .hmm import build_random as build_random
    from .hmm import build_ring as build_ring
    from .hmm import fit_baum_welch as fit_baum_welch
    from .hmm import list_presets as list_presets
    from .hmm import load_hmm_file as load_hmm_file
    from .hmm import load_preset as load_preset
    from .hmm import load_process as load_process
    from .hmm import pad_sequences as pad_sequences
    from .hmm import sample_sequences as sample_sequences
    from .importers import import_hmm as import_hmm
    from .importers import import_state_dict as import_state_dict
    from .importers import load_sequences as load_sequences
    from .loss import SinkhornDivergence as SinkhornDivergence
    from .loss import WordDivergence as WordDivergence
    from .loss import sinkhorn_divergence as sinkhorn_divergence
    from .loss.discrimination import EpsilonChoice as EpsilonChoice
    from .loss.discrimination import choose_epsilon as choose_epsilon
    from .network import NoiseRNN as NoiseRNN
    from .network import build_network as build_network
    from .network import intervene as intervene
    from .network import iterate_rollout as iterate_rollout
    from .network import rollout as rollout
    from .network import sample_symbols as sample_symbols
    from .process import RecordedSequences as RecordedSequences
    from .progress import Progress as Progress
    from .recipes import build_settings as build_settings
    from .results import load_result as load_result
    from .results import save_result as save_result
    from .runs import RunFolder as RunFolder
    from .runs.zoo import list_zoo as list_zoo
    from .runs.zoo import load_network as load_network
    from .runs.zoo import open_run as open_run
    from .settings import RunSettings as RunSettings
    from .workflows.analyse import Analysis as Analysis
    from .workflows.analyse import PartOutcome as PartOutcome
    from .workflows.analyse import analyse as analyse
    from .workflows.analyse_run import analyse_run as analyse_run
    from .workflows.analyse_run import load_part as load_part
    from .workflows.collect import collect_runs as collect_runs
    from .workflows.collect import save_collection as save_collection
    from .workflows.draw_run import draw_epsilon_choice as draw_epsilon_choice
    from .workflows.draw_run import draw_run_figures as draw_run_figures
    from .workflows.evaluate_run import evaluate_run as evaluate_run
    from .workflows.evaluate_run import load_evaluation as load_evaluation
    from .workflows.import_network import import_run as import_run
    from .workflows.intervene_run import intervene_run as intervene_run
    from .workflows.judge_run import judge_run as judge_run
    from .workflows.pipeline import PipelineResult as PipelineResult
    from .workflows.pipeline import run_pipeline as run_pipeline
    from .workflows.targets import ProcessTarget as ProcessTarget
    from .workflows.targets import RunTarget as RunTarget
    from .workflows.targets import WeightsTarget as WeightsTarget
    from .workflows.train_run import TrainedRun as TrainedRun
    from .workflows.train_run import resume_run as resume_run
    from .workflows.train_run import train_run as train_run

_NAMES = {
    "workflows.analyse": "Analysis PartOutcome analyse",
    "claims.ledger": "judge_claims",
    "errors": "InputError OrbitscopeError RunFolderError",
    "evaluation": "EvaluationResult evaluate_network",
    "hmm": "HMM Preset build_fully_connected build_linear_chain build_random build_ring fit_baum_welch "
    "list_presets load_hmm_file load_preset load_process pad_sequences sample_sequences",
    "importers": "import_hmm import_state_dict load_sequences",
    "loss": "SinkhornDivergence WordDivergence sinkhorn_divergence",
    "loss.discrimination": "EpsilonChoice choose_epsilon",
    "network": "NoiseRNN build_network intervene iterate_rollout rollout sample_symbols",
    "workflows.collect": "collect_runs save_collection",
    "workflows.draw_run": "draw_epsilon_choice draw_run_figures",
    "workflows.evaluate_run": "evaluate_run load_evaluation",
    "workflows.judge_run": "judge_run",
    "workflows.pipeline": "PipelineResult run_pipeline",
    "workflows.targets": "ProcessTarget RunTarget WeightsTarget",
    "workflows.train_run": "TrainedRun resume_run train_run",
    "process": "RecordedSequences",
    "progress": "Progress",
    "recipes": "build_settings",
    "results": "load_result save_result",
    "workflows.analyse_run": "analyse_run load_part",
    "workflows.import_network": "import_run",
    "workflows.intervene_run": "intervene_run",
    "runs": "RunFolder",
    "settings": "RunSettings",
    "runs.zoo": "list_zoo load_network open_run",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name not in _MODULE_OF:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_MODULE_OF, "__version__"])
