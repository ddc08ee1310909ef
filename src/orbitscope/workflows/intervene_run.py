"""A single what-if: gains on targets of a run's network, with files and figures."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InputError, UndefinedAnalysisError
from ..interventions.gain_response import PART, GainResponse, InterventionSettings, respond
from ..interventions.targets import find_target, require_target_name
from ..parts import list_drawings
from ..plots import CaptionedFigure, begin_caption, save_figures, sign_figure
from ..progress import Progress, ProgressCallback, ignore_progress
from ..results import save_result
from ..runs.zoo import open_writable_run
from ..system.installation import find_commit
from ..system.threads import use_threads
from .analyse import choose_threads
from .analyse_run import analyse_run, open_subject
from .analysis_folder import AnalysisFolder

_LONGEST_NAME = 80
"""Letters of the name of a file, before six that tell targets and gains apart."""

LARGEST_GAIN = 10.0
"""Beyond it a gain is surely a mistake."""


@dataclass(frozen=True)
class WhatIf:
    """What gains on targets did.

    Attributes
    ----------
    network : str
    quick : bool
    result : GainResponse
    files : list of Path
        Result, figures and their captions.
    """

    network: str
    quick: bool
    result: GainResponse
    files: list[Path]


def intervene_run(
    path: str | Path,
    *,
    on: Iterable[str],
    gains: Sequence[float] | None = None,
    quick: bool = False,
    threads: int | None = None,
    progress: ProgressCallback = ignore_progress,
) -> WhatIf:
    """Run a network under gains on targets, and compare its switching with that of the intact one.

    Parts of an analysis that targets come from are computed first, unless they are there.

    Parameters
    ----------
    path : path or str
        Run folder, or network of the zoo, of which a copy is made in ``runs/``.
    on : names
        Targets: ``carriers:0→2`` (or ``carriers:0to2``), ``first:0→2``, ``carriers``, ``first``, ``noise:1``,
        ``noise``, ``population``, ``kick``, ``kick-feeding``, ``kick-control``, and neurons by number,
        ``neurons:28,62``.
    gains : sequence of float, optional
        From 0 to 2 in steps of .1 by default.
    quick : bool
        Smaller sizes, for a first look.
    threads : int, optional
    progress : callable

    Raises
    ------
    InputError
        If there is no such target or neuron, or a gain is out of range.
    UndefinedAnalysisError
        If the network does not switch, or has no bound.
    RunFolderError
        If the run has no weights yet, is damaged, or is in use.
    """
    names, gains = _require_targets(on), _require_gains(gains)
    folder = open_writable_run(path)
    size = folder.load_network().hidden_size
    for name in names:
        require_target_name(name, size)
    analysis = analyse_run(path, only=_list_parts(names), quick=quick, threads=threads, progress=progress)
    for outcome in analysis.outcomes:
        if outcome.status == "undefined":
            raise UndefinedAnalysisError(
                f"`{outcome.part}` must be there for this target, but is undefined: {outcome.reason}"
            )
    progress(Progress("intervene", 0.0, 1.0, "gains", {}))
    with use_threads(choose_threads(threads), in_operations=False), folder.lock():
        subject, files = open_subject(folder), AnalysisFolder.of_run(folder, quick=quick)
        subject.found.update(analysis.results)
        targets = [find_target(subject, name) for name in names]
        settings = InterventionSettings(**(dict(PART.quick) if quick else {}) | {"n_subsets": 0})
        result = respond(subject, targets, gains, settings, compared=targets)
        saved = _save(result, files, _name_file(names, gains))
    progress(Progress("intervene", 1.0, 1.0, "done", {}))
    return WhatIf(files.network, quick, saved[0], saved[1])


def _name_file(names: Iterable[str], gains: Sequence[float]) -> str:
    """Name without signs, short, and another one for other gains."""
    text = "+".join(names).replace("→", "to")
    plain = "".join(c if c.isalnum() else "-" for c in text)[:_LONGEST_NAME]
    digest = hashlib.sha256(f"{text} {list(gains)}".encode()).hexdigest()[:6]
    return f"{plain}-{digest}"


def _save(result: GainResponse, files: AnalysisFolder, name: str) -> tuple[GainResponse, list[Path]]:
    """Write the result and its figures."""
    labelled = replace(result, settings=result.settings | files.label | {"commit": find_commit()})
    path = files.results / "interventions" / f"{name}.nc"
    save_result(labelled, path)
    drawings = [drawing for drawing in list_drawings([PART.name]) if drawing.name == "gain_response"]
    found = {PART.name: labelled}
    figures = {
        drawing.name: CaptionedFigure(
            sign_figure(drawing.draw(found), **files.label),
            begin_caption(drawing.describe(found), **files.label),
        )
        for drawing in drawings
    }
    return labelled, [path, *save_figures(figures, files.figures / "interventions" / name)]


def _list_parts(names: Iterable[str]) -> list[str]:
    """Parts that find these targets; what they need is computed with them."""
    kinds = {name.partition(":")[0] for name in names}
    return sorted({"switches", *(_FOUND_BY.get(kind, "carriers") for kind in kinds)})


_FOUND_BY = {"neurons": "switches", "noise": "noise_kernel", "population": "populations"}
"""Part that finds a kind of target, if it is not `carriers`."""


def _require_targets(on: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(on))
    if not names:
        raise InputError("`on` must name a target, got none. Use `carriers`, or `neurons:28,62`.")
    return names


def _require_gains(gains: Sequence[float] | None) -> list[float]:
    """Sorted gains without doubles; 1 among them, as a check."""
    given = np.linspace(0.0, 2.0, 21).round(6).tolist() if gains is None else list(gains)
    for gain in given:
        if not 0 <= gain <= LARGEST_GAIN:
            raise InputError(f"`gains` must be from 0 to {LARGEST_GAIN:g}, got {gain}. Use 0 to ablate.")
    return sorted({float(gain) for gain in given} | {1.0})
