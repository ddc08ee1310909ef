"""Analyses of run folders: compute the parts that are missing, save each at once, draw them."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ..errors import RunFolderError
from ..part import Part
from ..part_settings import PartSettings
from ..parts import find_part, resolve_settings, select_parts
from ..progress import ProgressCallback, ignore_progress
from ..results import Result, load_result
from ..runs import RunFolder
from ..runs.zoo import find_writable_run, open_writable_run
from ..subject import Subject
from ..system.commands import format_command
from ..system.installation import find_commit
from ..system.threads import raise_if_stopped, use_threads
from .analyse import Analysis, PartOutcome, PartProgress, choose_threads, try_part
from .analysis_folder import AnalysisFolder
from .origin import describe_origin
from .part_order import run_side_by_side

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
) -> Analysis:
    """Analyse the network of a run (:func:`analyse`), save each part and draw it.

    Results are saved in ``results/`` and figures in ``figures/analysis/``. Stopped, it leaves the parts that
    are finished, with their captions and quantities.

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
    Analysis
        A part that the same code computed from the same weights, settings and
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
    n_threads = choose_threads(threads)
    folder = open_writable_run(path)
    folder.read_settings()  # a folder that is no run must not get a lock file
    folder.warn_of_edited()
    with use_threads(n_threads, in_operations=False), folder.lock():
        subject, files = open_subject(folder), AnalysisFolder.of_run(folder, quick=quick)
        origin = _describe_origin(folder, subject)
        report, outcomes = PartProgress(progress, parts), dict[str, PartOutcome]()

        def begin(part: Part) -> Callable[[], PartOutcome]:
            report.start(part)
            unseen = set(part.uses) - set(chosen)
            return partial(
                _PartAnalysis(files, subject, part, chosen[part.name], origin, unseen).run, redo=redo
            )

        def finish(part: Part, outcome: PartOutcome) -> None:
            report.say(part, 1.0 - DRAWING_SHARE, "drawing")
            outcomes[part.name] = _draw(files, part, outcome, subject)
            report.finish(part)

        try:
            run_side_by_side(parts, n_threads, begin=begin, finish=finish)
            files.draw_followers(outcomes.values())
        finally:
            ordered = [outcomes[part.name] for part in parts if part.name in outcomes]
            files.write_captions(subject.found)
            files.write_outcomes(ordered)
    return Analysis(files.network, quick, tuple(ordered))


def open_subject(folder: RunFolder) -> Subject:
    """Network, process, history and checkpoints of a run."""
    settings, process = folder.read_settings(), folder.read_process()
    return Subject(
        network=folder.load_network(),
        process=process,
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
    part = find_part(name)
    folder = find_writable_run(path)
    file = AnalysisFolder.of_run(folder, quick=quick).find_result(part)
    if not file.is_file():
        command = format_command("analyse", path, "--only", name, *["--quick"] * quick)
        raise RunFolderError(f"`{file}` must exist, but does not. Make it with `{command}`.")
    return load_result(file, part.result)


@dataclass(frozen=True)
class _PartAnalysis:
    """One part of one network: kept, computed, or found to be undefined."""

    files: AnalysisFolder
    subject: Subject
    part: Part
    settings: PartSettings
    origin: dict[str, Any]
    not_looked_at: set[str]

    def run(self, *, redo: bool) -> PartOutcome:
        """Compute and save what is missing; what is undefined has no file."""
        outcome = try_part(self.part, self.subject, partial(self._obtain, redo=redo))
        if outcome.status == "undefined":
            self.files.remove(self.part)
        return outcome

    def _obtain(self, *, redo: bool) -> tuple[Result, Literal["done", "kept"]]:
        """Result of the same source if its file is there, else a new one."""
        source = self._describe_source()
        kept = None if redo else self._find_kept(source)
        return (self._compute(source), "done") if kept is None else (kept, "kept")

    def _describe_source(self) -> dict[str, Any]:
        """Everything that the result follows from."""
        found = self.subject.found
        follows = {name: found[name].settings["source"] for name in self.part.follows if name in found}
        source = {
            **self.origin,
            "checkpoints": list(self.subject.checkpoints) if self.part.uses_checkpoints else [],
            "settings": self.settings.model_dump(),
            "follows": follows,
        }
        return json.loads(json.dumps(source))

    def _find_kept(self, source: dict[str, Any]) -> Result | None:
        """Result of the same source; where the folder has another name since, it is saved under that.

        It may have taken in more: parts that it uses, and that are not looked at now.
        """
        result = self.files.load(self.part)
        known = None if result is None else result.settings.get("source")
        if result is None or known is None or known | {"follows": source["follows"]} != source:
            return None
        more = {name for name in known["follows"] if name not in source["follows"]}
        if known["follows"] | source["follows"] != known["follows"] or not more <= self.not_looked_at:
            return None
        is_labelled = result.settings == result.settings | self.files.label
        return result if is_labelled else self._save(result, self.files.label)

    def _compute(self, source: dict[str, Any]) -> Result:
        result = self.part.run(self.subject, self.settings)
        return self._save(result, {"source": source, "commit": find_commit()} | self.files.label)

    def _save(self, result: Result, record: dict[str, Any]) -> Result:
        """Save a result with facts about it; not after an interruption, or where another part has failed."""
        raise_if_stopped()
        result = replace(result, settings=result.settings | record)
        self.files.save(self.part, result)
        return result


def _draw(files: AnalysisFolder, part: Part, outcome: PartOutcome, subject: Subject) -> PartOutcome:
    """Draw what a part found, if it is defined; matplotlib wants a single thread."""
    if outcome.status == "undefined":
        return outcome
    start = time.perf_counter()
    saved = [files.find_result(part), *files.draw(part, subject.found)]
    return replace(outcome, files=saved, seconds=outcome.seconds + time.perf_counter() - start)


def _describe_origin(folder: RunFolder, subject: Subject) -> dict[str, Any]:
    """What the results of all parts follow from."""
    return describe_origin(folder) | {
        "symbol_names": list(subject.symbol_names),
        "noise_std": subject.noise_std,
        "seed": subject.seed,
    }
