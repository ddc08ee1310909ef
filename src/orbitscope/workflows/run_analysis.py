"""Analyses of run folders: compute the parts that are missing, save each at once, draw them."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..analysis import Part, Subject, resolve_settings, select_parts
from ..errors import RunFolderError, UndefinedAnalysisError
from ..hmm import HMM
from ..progress import Progress, ProgressCallback, ignore_progress
from ..results import Result, load_result
from ..runs import RunFolder, digest_code, find_commit
from ..runs.zoo import find_writable_run, open_writable_run
from ..system.cores import count_usable_cores
from ..system.threads import require_threads, use_threads
from .analysis_files import AnalysisFiles, PartOutcome

MOST_THREADS = 4
"""Threads by default: more save little, and each holds a checkpoint's trajectories in memory (0.1 GB)."""

DRAWING_SHARE = 0.15
"""Share of the time of a part that its figures take, for the progress."""


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

    Stopped, it leaves the parts that are finished, with their captions and quantities.

    Parameters
    ----------
    path : path or str
        Run folder, or network of the zoo, of which a copy is made in ``runs/``.
    only : names, optional
        Parts; those that they need are computed too. All by default.
    settings : mapping of mappings, optional
        Settings by part, ``{"regions": {"n_trajectories": 50}}``; those under ``all`` are for every part
        that has them.
    quick : bool
        Smaller sizes for a first look; settings win over them. It is saved in ``results/quick/`` and
        ``figures/analysis/quick/``, beside a full analysis.
    redo : bool
        Compute anew what is there.
    threads : int, optional
        By default those of torch, up to the cores that this process may use and to ``MOST_THREADS``.
    progress : callable
        Called before and after each part.

    Returns
    -------
    list of PartOutcome
        In the order of the parts. A part that the same code computed from the same weights, settings and
        results of other parts is kept.

    Raises
    ------
    InputError
        If there is no such part or setting, or a value is out of range.
    RunFolderError
        If the run has no weights yet, is damaged, or is in use.
    """
    parts = select_parts(only)
    chosen = resolve_settings(parts, settings or {}, quick=quick)
    if threads is not None:
        require_threads(threads)
    folder = open_writable_run(path)
    folder.read_settings()  # a folder that is no run must not get a lock file
    usual = min(torch.get_num_threads(), count_usable_cores(), MOST_THREADS)
    with use_threads(usual if threads is None else threads), folder.lock():
        subject, files = open_subject(folder), AnalysisFiles.of_run(folder, quick=quick)
        origin = _describe_origin(folder, subject)
        report = _Report(progress, parts)
        outcomes = []
        try:
            for part in parts:
                analysis = _PartAnalysis(files, subject, part, chosen[part.name], origin)
                outcomes.append(analysis.run(redo=redo, report=partial(report, part)))
                report.finish(part)
            files.draw_followers(outcomes)
        finally:
            files.write_captions(subject.found)
            files.write_outcomes(outcomes)
    return outcomes


def open_subject(folder: RunFolder) -> Subject:
    """Network, process, history and checkpoints of a run."""
    settings, process = folder.read_settings(), folder.read_process()
    return Subject(
        network=folder.load_network(),
        hmm=process if isinstance(process, HMM) else None,
        symbol_names=settings.symbol_names,
        noise_std=settings.model.noise_std,
        seed=settings.seed,
        history=folder.read_history(),
        checkpoints={epoch: partial(folder.load_network, epoch=epoch) for epoch in folder.list_checkpoints()},
    )


def load_part(path: str | Path, name: str, *, quick: bool = False) -> Result:
    """Read the result of one part of a run's analysis.

    Parameters
    ----------
    path : path or str
        Run folder, or network of the zoo, whose results are in its copy in ``runs/``.
    name : str
        Part.
    quick : bool
        That of the first look.

    Raises
    ------
    InputError
        If there is no such part.
    RunFolderError
        If there is no such result, or no such run.
    """
    (part,) = (part for part in select_parts([name]) if part.name == name)
    folder = find_writable_run(path)
    file = AnalysisFiles.of_run(folder, quick=quick).find_result(part)
    if not file.is_file():
        command = f"orbitscope analyse {path} --only {name}" + " --quick" * quick
        raise RunFolderError(f"`{file}` must exist, but does not. Make it with `{command}`.")
    return load_result(file, part.result)


@dataclass(frozen=True)
class _PartAnalysis:
    """One part of one network: kept, computed, or found to be undefined."""

    files: AnalysisFiles
    subject: Subject
    part: Part
    settings: dict[str, Any]
    origin: dict[str, Any]

    def run(self, *, redo: bool, report: Callable[[float, str], None]) -> PartOutcome:
        """Compute what is missing, then draw it."""
        start, name = time.perf_counter(), self.part.name
        report(0.0, self.part.question)
        try:
            source = self._describe_source()
            kept = None if redo else self._find_kept(source)
            result = kept or self._compute(source)
        except UndefinedAnalysisError as error:
            self.files.remove(self.part)
            return PartOutcome(name, "undefined", str(error), time.perf_counter() - start, **self.files.label)
        self.subject.found[name] = result
        report(1.0 - DRAWING_SHARE, "drawing")
        drawn = self.files.draw(self.part, self.subject.found)
        return PartOutcome(
            name,
            "done" if kept is None else "kept",
            seconds=time.perf_counter() - start,
            quantities=self.part.summarise(result),
            files=[self.files.find_result(self.part), *drawn],
            **self.files.label,
        )

    def _describe_source(self) -> dict[str, Any]:
        """Everything that the result follows from."""
        missing = [name for name in self.part.needs if name not in self.subject.found]
        if missing:
            raise UndefinedAnalysisError(f"it needs {', '.join(missing)}, which is undefined.")
        source = {
            **self.origin,
            "checkpoints": list(self.subject.checkpoints) if self.part.uses_checkpoints else [],
            "settings": self.settings,
            "needs": {name: self.subject.found[name].settings["source"] for name in self.part.needs},
        }
        return json.loads(json.dumps(source))

    def _find_kept(self, source: dict[str, Any]) -> Result | None:
        """Result of the same source; where the folder has another name since, it is saved under that."""
        result = self.files.load(self.part)
        if result is None or result.settings.get("source") != source:
            return None
        is_labelled = result.settings == result.settings | self.files.label
        return result if is_labelled else self._save(result, self.files.label)

    def _compute(self, source: dict[str, Any]) -> Result:
        names = list(self.subject.symbol_names)
        record = {"source": source, "commit": find_commit(), "symbol_names": names}
        return self._save(self.part.compute(self.subject, self.settings), record | self.files.label)

    def _save(self, result: Result, record: dict[str, Any]) -> Result:
        """Save a result with facts about it."""
        result = replace(result, settings=result.settings | record)
        self.files.save(self.part, result)
        return result


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


def _describe_origin(folder: RunFolder, subject: Subject) -> dict[str, Any]:
    """What the results of all parts follow from: the code itself, whose commit can change without it."""
    process = folder.find_process_file()
    return {
        "weights": _digest(folder.weights),
        "process": None if process is None else _digest(process),
        "symbol_names": list(subject.symbol_names),
        "noise_std": subject.noise_std,
        "seed": subject.seed,
        "version": version("orbitscope"),
        "code": digest_code(),
    }


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
