"""Analysis of a network in memory: its parts side by side, and what they found."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..conclusions import conclude
from ..errors import InputError, TooLargeError, UndefinedAnalysisError
from ..network import NoiseRNN, require_same_symbols
from ..part import Part
from ..parts import list_drawings, resolve_settings, select_parts
from ..process import Process
from ..progress import Progress, ProgressCallback, ignore_progress
from ..quantity import Quantity, tabulate_quantities
from ..results import Result
from ..subject import Subject
from ..system.cores import count_usable_cores
from ..system.memory import is_out_of_memory
from ..system.plain_json import make_plain
from ..system.threads import count_threads, raise_if_stopped, require_threads, use_threads
from .part_order import run_side_by_side

if TYPE_CHECKING:
    import xarray as xr

    from ..plots import CaptionedFigure

MOST_THREADS = 4
"""Threads by default: more save little, as parts wait for others, and each holds trajectories in memory."""


@dataclass(frozen=True)
class PartOutcome:
    """What became of one part.

    Attributes
    ----------
    part : str
    status : str
        "done", "kept" (its file was there already) or "undefined" (this network has no such thing: see
        ``reason``).
    reason : str
    seconds : float
        Time that it took, figures included, beside other parts.
    result : Result, optional
        None where it is undefined.
    quantities : list of Quantity
        All of the result, main ones and others.
    files : list of Path
        Result and figures, if they were saved.
    """

    part: str
    status: Literal["done", "kept", "undefined"]
    reason: str = ""
    seconds: float = 0.0
    result: Result | None = None
    quantities: list[Quantity] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def __repr__(self) -> str:
        state = f"part={self.part!r}, status={self.status!r}" + f", reason={self.reason!r}" * bool(
            self.reason
        )
        sizes = f"n_quantities={len(self.quantities)}, n_files={len(self.files)}"
        return f"PartOutcome({state}, seconds={self.seconds:.1f}, {sizes})"

    def to_plain(self) -> dict[str, Any]:
        """JSON form, as in ``results/analysis.json``: numbers as numbers."""
        return {
            "part": self.part,
            "status": self.status,
            "reason": self.reason,
            "seconds": self.seconds,
            "quantities": [make_plain(quantity.to_plain()) for quantity in self.quantities],
            "files": [str(file) for file in self.files],
        }


@dataclass(frozen=True)
class Analysis:
    """What an analysis found about a network.

    Attributes
    ----------
    network : str
        Name of the network.
    quick : bool
        Whether this is a first look, with small sizes.
    outcomes : tuple of PartOutcome
        In the order of the parts.

    Examples
    --------
    >>> found = osc.analyse(osc.load_network("zoo:linear-3"), only=["regions"])
    >>> found.quantities["regions.net_flux"]
    >>> found.save("runs/mine")
    """

    network: str
    quick: bool
    outcomes: tuple[PartOutcome, ...]

    def __repr__(self) -> str:
        counts = f"{len(self.results)} results, {len(self.quantities)} quantities"
        undefined = [outcome.part for outcome in self.outcomes if outcome.status == "undefined"]
        lacks = f", undefined: {', '.join(undefined)}" if undefined else ""
        return f"Analysis({self.network!r}, {'quick, ' * self.quick}{counts}{lacks})"

    @cached_property
    def results(self) -> dict[str, Result]:
        """Results by part; those that are undefined have none."""
        return {outcome.part: outcome.result for outcome in self.outcomes if outcome.result is not None}

    @cached_property
    def quantities(self) -> dict[str, Quantity]:
        """Quantities by key."""
        return {quantity.key: quantity for outcome in self.outcomes for quantity in outcome.quantities}

    @property
    def conclusions(self) -> list[str]:
        """At most six sentences on what the quantities say together."""
        return conclude(self.quantities)

    @cached_property
    def figures(self) -> "dict[str, CaptionedFigure]":
        """Figures with their captions by name; drawn when they are first asked for."""
        from ..plots import CaptionedFigure, begin_caption, sign_figure

        label = {"network": self.network, "quick": self.quick}
        return {
            drawing.name: CaptionedFigure(
                sign_figure(drawing.draw(self.results), **label),
                begin_caption(drawing.describe(self.results), **label),
            )
            for drawing in list_drawings(self.results)
            if drawing.is_ready(self.results)
        }

    def to_dataset(self) -> "xr.Dataset":
        """Quantities as a labelled dataset along ``key``: value, low, high, word, unit, label."""
        return tabulate_quantities(self.quantities.values(), network=self.network)

    def to_plain(self) -> dict[str, Any]:
        """JSON form."""
        parts = [outcome.to_plain() for outcome in self.outcomes]
        return {"network": self.network, "quick": self.quick, "parts": parts}

    def save(self, folder: str | Path) -> list[Path]:
        """Save results (netCDF), figures (SVG, PNG, captions) and quantities (JSON) in a folder.

        Returns
        -------
        list of Path
            The files: ``results/PART.nc``, ``results/analysis.json`` and ``figures/``.
        """
        from ..plots import save_figures
        from ..results import save_result
        from ..system.atomic_files import write_text

        results = Path(folder) / "results"
        files = [results / f"{name}.nc" for name in self.results]
        for file, result in zip(files, self.results.values(), strict=True):
            save_result(result, file)
        write_text(results / "analysis.json", json.dumps(self.to_plain(), indent=2) + "\n")
        return [*files, results / "analysis.json", *save_figures(self.figures, Path(folder) / "figures")]


def analyse(
    network: NoiseRNN,
    process: Process | None = None,
    *,
    only: Iterable[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    quick: bool = False,
    seed: int = 0,
    noise_std: float = 1.0,
    name: str = "network",
    streams_of: NoiseRNN | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Analysis:
    """Look inside a network in memory: its parts side by side, nothing is saved.

    Parameters
    ----------
    network : NoiseRNN
    process : HMM or RecordedSequences, optional
        What it emulates; parts that need no HMM run without.
    only : names, optional
        Parts; those that they need are computed too. All by default.
    settings : mapping of mappings, optional
        Settings by part, ``{"regions": {"n_trajectories": 50}}``; those under ``all`` are for every part
        that has them.
    quick : bool
        Smaller sizes for a first look; settings win over them.
    seed : int
        Seed of all noise: same seed, same network, same results.
    noise_std : float >= 0
        Standard deviation of the noise that the network was trained with (dimensionless).
    name : str
        How figures and captions call the network.
    streams_of : NoiseRNN, optional
        Network whose noise it gets: the intact one of an intervened one, to compare both on the same random
        numbers. By default streams follow from its own weights.
    progress : callable
        Called before and after each part.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        If there is no such part or setting, a value is out of range, or the symbols of network and process
        differ.

    Examples
    --------
    >>> found = analyse(network, only=["regions", "circulation"], quick=True)
    >>> found.conclusions[0]
    """
    if process is not None:
        require_same_symbols(network, process)
    subject = Subject(network, process, noise_std=noise_std, seed=seed, streams_of=streams_of)
    return analyse_subject(subject, only=only, settings=settings, quick=quick, name=name, progress=progress)


def analyse_subject(
    subject: Subject,
    *,
    only: Iterable[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    quick: bool = False,
    name: str = "network",
    progress: ProgressCallback = ignore_progress,
) -> Analysis:
    """Look inside a network that may have a history and checkpoints (`open_subject`); nothing is saved.

    Parameters
    ----------
    subject : Subject
    only, settings, quick, name, progress
        As in :func:`analyse`.

    Raises
    ------
    InputError
        If there is no such part or setting, or a value is out of range.
    """
    parts = select_parts(only)
    chosen = resolve_settings(parts, settings or {}, quick=quick)
    report, outcomes = PartProgress(progress, parts), dict[str, PartOutcome]()
    n_threads = choose_threads(None)

    def begin(part: Part) -> Callable[[], PartOutcome]:
        report.start(part)
        return lambda: try_part(part, subject, lambda: (part.run(subject, chosen[part.name]), "done"))

    def finish(part: Part, outcome: PartOutcome) -> None:
        outcomes[part.name] = outcome
        report.finish(part)

    with use_threads(n_threads, in_operations=False):
        run_side_by_side(parts, n_threads, begin=begin, finish=finish)
    return Analysis(name, quick, tuple(outcomes[part.name] for part in parts))


def try_part(
    part: Part, subject: Subject, obtain: Callable[[], tuple[Result, Literal["done", "kept"]]]
) -> PartOutcome:
    """Outcome of a part whose result is obtained somehow; the subject keeps what was found."""
    start = time.perf_counter()
    try:
        result, status = obtain()
    except (UndefinedAnalysisError, TooLargeError) as error:
        return PartOutcome(part.name, "undefined", str(error), time.perf_counter() - start)
    except InputError as error:
        raise InputError(f"in the part `{part.name}`: {error}") from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        reason = "it needs more memory than there is. Drive fewer trajectories, or fewer steps."
        return PartOutcome(part.name, "undefined", reason, time.perf_counter() - start)
    raise_if_stopped()
    subject.found[part.name] = result
    outcome = PartOutcome(part.name, status, result=result, quantities=part.summarise(result))
    return replace(outcome, seconds=time.perf_counter() - start)


def choose_threads(threads: int | None) -> int:
    """Threads of an analysis: by default those of torch, up to the usable cores and ``MOST_THREADS``."""
    if threads is None:
        return min(count_threads(), count_usable_cores(), MOST_THREADS)
    require_threads(threads)
    return threads


class PartProgress:
    """Progress over all parts, each with its share of the time."""

    def __init__(self, progress: ProgressCallback, parts: list[Part]):
        self._progress, self._done = progress, 0.0
        self._total = sum(part.seconds for part in parts)

    def start(self, part: Part) -> None:
        """Say what a part asks."""
        self.say(part, 0.0, part.question)

    def say(self, part: Part, share: float, label: str) -> None:
        """Say what goes on after a share of the time of a part."""
        done = (self._done + share * part.seconds) / self._total
        self._progress(Progress("analyse", min(1.0, done), 1.0, f"{part.name}: {label}", {}))

    def finish(self, part: Part) -> None:
        """Say that a part is done."""
        self.say(part, 1.0, "done")
        self._done += part.seconds
