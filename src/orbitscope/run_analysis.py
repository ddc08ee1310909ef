"""Analyses of run folders: compute the parts that are missing, save each at once, draw them."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from . import plots
from .analysis import PARTS, Finding, Part, Subject, resolve_settings, select_parts
from .atomic_files import write_text
from .errors import RunFolderError, UndefinedAnalysisError
from .pipeline import use_threads
from .progress import Progress, ProgressCallback, ignore_progress
from .results import Result, load_result, save_result
from .runs import RunFolder
from .zoo import open_writable_run

DRAWING_SHARE = 0.15
"""Share of the time of a part that its figures take, for the progress."""


@dataclass(frozen=True)
class PartOutcome:
    """What became of one part.

    Attributes
    ----------
    part : str
    status : str
        "done", "kept" (it was there already) or "undefined" (this network has no such thing: see ``reason``).
    reason : str
    seconds : float
        Time that it took, figures included.
    findings : list of Finding
    files : list of Path
        Result and figures.
    """

    part: str
    status: Literal["done", "kept", "undefined"]
    reason: str = ""
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def analyse_run(
    path: str | Path,
    *,
    only: Iterable[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    quick: bool = False,
    redo: bool = False,
    threads: int | None = None,
    progress: ProgressCallback = ignore_progress,
) -> list[PartOutcome]:
    """Compute the parts of an analysis, save each in ``results/`` and draw it in ``figures/analysis/``.

    Parameters
    ----------
    path : path or str
        Run folder, or network of the zoo, of which a copy is made in ``runs/``.
    only : names, optional
        Parts; those that they need are computed too. All by default.
    settings : mapping of mappings, optional
        Settings by part, ``{"regions": {"n_trajectories": 50}}``.
    quick : bool
        Smaller sizes for a first look; settings win over them.
    redo : bool
        Compute anew what is there.
    threads : int, optional
        By default those of the run.
    progress : callable
        Called before and after each part.

    Returns
    -------
    list of PartOutcome
        In the order of the parts. A part that was computed from the same weights with the same settings by
        the same version is kept.

    Raises
    ------
    InputError
        If there is no such part or setting, or a value is out of range.
    RunFolderError
        If the run has no weights yet, is damaged, or is in use.
    """
    parts = select_parts(only)
    chosen = resolve_settings(parts, settings or {}, quick=quick)
    folder = open_writable_run(path)
    with use_threads(threads or folder.read_settings().threads), folder.lock():
        subject = open_subject(folder)
        report = _Report(progress, parts)
        outcomes = []
        for part in parts:
            source = _describe_source(folder, subject, part, chosen[part.name])
            analysis = _PartAnalysis(folder, subject, part, chosen[part.name], source)
            outcomes.append(analysis.run(redo=redo, report=partial(report, part)))
            report.finish(part)
        _write_captions(folder)
        write_text(folder.results / "analysis.json", json.dumps(describe_outcomes(outcomes), indent=2) + "\n")
    return outcomes


def open_subject(folder: RunFolder) -> Subject:
    """Network, process, history and checkpoints of a run."""
    settings = folder.read_settings()
    return Subject(
        network=folder.load_network(),
        hmm=folder.read_hmm(),
        noise_std=settings.model.noise_std,
        seed=settings.seed,
        history=folder.read_history(),
        checkpoints={epoch: partial(folder.load_network, epoch=epoch) for epoch in folder.list_checkpoints()},
    )


def load_part(path: str | Path, name: str) -> Result:
    """Read the result of one part of a run's analysis."""
    (part,) = (part for part in select_parts([name]) if part.name == name)
    return load_result(open_writable_run(path).results / f"{name}.nc", part.result)


@dataclass(frozen=True)
class _PartAnalysis:
    """One part of one network: kept, computed, or found to be undefined."""

    folder: RunFolder
    subject: Subject
    part: Part
    settings: dict[str, Any]
    source: dict[str, Any]

    def run(self, *, redo: bool, report: Callable[[float, str], None]) -> PartOutcome:
        """Compute what is missing, then draw it."""
        start = time.perf_counter()
        report(0.0, self.part.question)
        missing = [name for name in self.part.needs if name not in self.subject.found]
        kept = None if redo or missing else self._find_kept()
        try:
            if missing:
                raise UndefinedAnalysisError(f"it needs {', '.join(missing)}, which is undefined.")
            result = kept or self._compute()
        except UndefinedAnalysisError as error:
            self._path.unlink(missing_ok=True)
            return PartOutcome(self.part.name, "undefined", str(error), time.perf_counter() - start)
        self.subject.found[self.part.name] = result
        report(1.0 - DRAWING_SHARE, "drawing")
        return PartOutcome(
            self.part.name,
            "done" if kept is None else "kept",
            seconds=time.perf_counter() - start,
            findings=self.part.summarise(result),
            files=[self._path, *self._draw(result, is_new=kept is None)],
        )

    @property
    def _path(self) -> Path:
        return self.folder.results / f"{self.part.name}.nc"

    def _find_kept(self) -> Result | None:
        result = _load(self.folder, self.part)
        return result if result is not None and result.settings.get("source") == self.source else None

    def _compute(self) -> Result:
        result = self.part.compute(self.subject, self.settings)
        result = replace(result, settings=result.settings | {"source": self.source})
        save_result(result, self._path)
        return result

    def _draw(self, result: Result, *, is_new: bool) -> list[Path]:
        """Draw the figures of a new result, and those that are missing."""
        paths = []
        for name, (plot, _) in self.part.figures.items():
            files = plots.list_figure_files(_find_figures(self.folder), name)
            if is_new or not all(file.is_file() for file in files):
                shown = [self.subject.found[other] for other in self.part.draws_with]
                plots.save_figure(plot(result, *shown), _find_figures(self.folder), name)
            paths += files
        return paths


class _Report:
    """Progress over all parts, each with its share of the time."""

    def __init__(self, progress: ProgressCallback, parts: list[Part]):
        self.progress, self.done = progress, 0.0
        self.total = sum(part.seconds for part in parts)

    def __call__(self, part: Part, share: float, label: str) -> None:
        done = (self.done + share * part.seconds) / self.total
        self.progress(Progress("analyse", done, 1.0, f"{part.name}: {label}", {}))

    def finish(self, part: Part) -> None:
        self.done += part.seconds
        self.progress(Progress("analyse", min(1.0, self.done / self.total), 1.0, f"{part.name}: done", {}))


def _describe_source(
    folder: RunFolder, subject: Subject, part: Part, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that a result follows from."""
    return {
        "weights": hashlib.sha256(folder.weights.read_bytes()).hexdigest(),
        "checkpoints": list(subject.checkpoints) if part.uses_checkpoints else [],
        "noise_std": subject.noise_std,
        "seed": subject.seed,
        "settings": json.loads(json.dumps(settings)),
        "version": version("orbitscope"),
    }


def describe_outcomes(outcomes: Iterable[PartOutcome]) -> list[dict[str, Any]]:
    """Plain form of outcomes, as in ``results/analysis.json``."""
    return [asdict(outcome) | {"files": [str(file) for file in outcome.files]} for outcome in outcomes]


def _find_figures(folder: RunFolder) -> Path:
    return folder.figures / "analysis"


def _write_captions(folder: RunFolder) -> None:
    """Captions of every part that has a result, computed now or before."""
    found = {part.name: _load(folder, part) for part in PARTS.values()}
    captions = {}
    for part in PARTS.values():
        shown = [found[name] for name in (part.name, *part.draws_with)]
        if None not in shown:
            captions |= {name: describe(*shown) for name, (_, describe) in part.figures.items()}
    plots.write_captions(captions, _find_figures(folder))


def _load(folder: RunFolder, part: Part) -> Result | None:
    """Result of a part, None if there is none that is whole."""
    try:
        return load_result(folder.results / f"{part.name}.nc", part.result)
    except RunFolderError:
        return None
