"""The whole pipeline in one call: train or load a network, evaluate it, look inside, judge the claims."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..conclusions import list_causes, list_switching
from ..evaluation import Emulation, EvaluationResult
from ..hmm import HMM
from ..parts import select_parts
from ..progress import ProgressCallback, StagedProgress, ignore_progress
from ..recipes import build_settings
from ..runs import RunFolder
from ..runs.naming import name_run
from ..system.threads import require_threads
from .analyse import Analysis
from .analyse_run import analyse_run
from .draw_run import draw_run_figures
from .evaluate_run import evaluate_run, find_kept_evaluation
from .judge_run import JudgedRun, judge_run
from .targets import ProcessTarget, RunTarget, Target, WeightsTarget, find_kind

MOST_SENTENCES = 8

EVALUATION_SECONDS = 20.0
"""About how long an evaluation takes on two cores, until its own pace is known."""

QUICK_SHARE = 0.4
"""About the share of the time of a whole analysis that a first look takes."""


@dataclass(frozen=True)
class PipelineResult:
    """What the pipeline found about one network.

    Attributes
    ----------
    folder : RunFolder
    evaluation : EvaluationResult, optional
        None where the network has no HMM to be compared with.
    analysis : Analysis
    judged : JudgedRun
        Verdicts on the claims.
    """

    folder: RunFolder
    evaluation: EvaluationResult | None
    analysis: Analysis
    judged: JudgedRun

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.judged.count(word)} {word}" for word in ("holds", "fails"))
        return f"PipelineResult({str(self.folder.path)!r}, {self.analysis!r}, claims: {counts})"

    @property
    def sentences(self) -> list[str]:
        """At most eight: does it emulate, when and by what is a switch decided, what ends it, what holds."""
        quantities = self.analysis.quantities
        found = [*list_switching(quantities), *list_causes(quantities)]
        claims = self.judged.list_sentences()
        emulation = _list_emulation(self.judged.emulation)
        room = MOST_SENTENCES - len(claims) - len(emulation)
        return [*emulation, *found[:room], *claims]

    def to_plain(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "run": str(self.folder.path),
            "sentences": self.sentences,
            **self.judged.to_plain(),
            "parts": self.analysis.to_plain()["parts"],
        }


def run_pipeline(
    target: str | Path | Target,
    *,
    only: Iterable[str] | None = None,
    quick: bool = False,
    threads: int | None = None,
    progress: ProgressCallback = ignore_progress,
) -> PipelineResult:
    """Train or load a network, evaluate it, analyse it, and judge the claims about it.

    What is there already is kept: the same call goes on where it was stopped.

    Parameters
    ----------
    target : str, path or target
        Preset, name such as ``linear-8`` or HMM file (a network is trained with the recipe ``fast``); run
        folder; network of the zoo. Other recipes and settings: a :class:`ProcessTarget`; weights of another
        library: a :class:`WeightsTarget`.
    only : names, optional
        Parts of the analysis, with those that they need; all by default.
    quick : bool
        Small sizes in the analysis, for a first look.
    threads : int, optional
        Of the analysis; training and evaluation have those of the run.
    progress : callable
        Called as the work goes on, with the time left for all of it.

    Raises
    ------
    InputError
        If there is no such process, or a setting is out of range.
    RunFolderError
        If a run is damaged, in use, or not the one that is asked for.
    TrainingInterruptedError, TrainingDivergedError
        If training stopped early.

    Examples
    --------
    >>> result = osc.run_pipeline("zoo:linear-3", quick=True)
    >>> result.sentences[0]
    """
    if threads is not None:
        require_threads(threads)
    parts = select_parts(only)
    aim = find_target(target) if isinstance(target, str | Path) else target
    expected = {
        "training" if aim.trains else "loading": 0.0,
        "evaluation": EVALUATION_SECONDS,
        "analysis": sum(part.seconds for part in parts) * (QUICK_SHARE if quick else 1.0),
    }
    stages = StagedProgress(progress, expected)
    folder = aim.obtain(stages.begin(next(iter(expected))))
    evaluation = _evaluate(folder, stages.begin("evaluation"))
    draw_run_figures(folder.path)
    options = {"only": [part.name for part in parts], "quick": quick, "threads": threads}
    analysis = analyse_run(folder.path, **options, progress=stages.begin("analysis"))
    return PipelineResult(folder, evaluation, analysis, judge_run(folder.path, quick=quick))


def find_target(target: str | Path) -> Target:
    """What a name or path stands for, with what is usual where nothing else is said.

    Raises
    ------
    InputError
        If it is nothing that the pipeline can be pointed at.
    """
    kind = find_kind(target)
    if kind == "run":
        return RunTarget(target)
    if kind == "weights":
        return WeightsTarget(Path(target), Path("runs") / Path(target).stem)
    settings = build_settings(str(target), recipe="fast")
    return ProcessTarget(settings, name_run(settings))


def _evaluate(folder: RunFolder, progress: ProgressCallback) -> EvaluationResult | None:
    """The evaluation that is there, or a new one; None where there is no HMM."""
    if not isinstance(folder.read_process(), HMM):
        return None
    kept = find_kept_evaluation(folder)
    return evaluate_run(folder.path, progress=progress) if kept is None else kept


def _list_emulation(emulation: Emulation | None) -> list[str]:
    """Whether it emulates, and what is worst."""
    if emulation is None:
        return ["Whether it emulates cannot be told: there is no HMM to compare with."]
    return list(emulation.sentences[:2])
