"""Files of an analysis: results, figures, captions and the list of outcomes of one run."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .. import plots
from ..analysis import PARTS, Part
from ..errors import RunFolderError
from ..quantity import Quantity
from ..results import Result, load_result, save_result
from ..runs import RunFolder
from ..runs.zoo import name_network
from ..system.atomic_files import write_text
from ..system.plain_json import make_plain


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
    quantities : list of Quantity
        Main numbers of the result.
    files : list of Path
        Result and figures.
    network : str
        Name of the network.
    quick : bool
        Whether this is a first look, with small sizes.
    """

    part: str
    status: Literal["done", "kept", "undefined"]
    reason: str = ""
    seconds: float = 0.0
    quantities: list[Quantity] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    network: str = ""
    quick: bool = False

    def __repr__(self) -> str:
        state = f"part={self.part!r}, status={self.status!r}" + f", reason={self.reason!r}" * bool(
            self.reason
        )
        sizes = f"n_quantities={len(self.quantities)}, n_files={len(self.files)}"
        return f"PartOutcome({state}, seconds={self.seconds:.1f}, {sizes})"


def describe_outcomes(outcomes: Iterable[PartOutcome]) -> list[dict[str, Any]]:
    """Plain form of outcomes, as in ``results/analysis.json``: numbers as numbers."""
    return [
        {
            "part": outcome.part,
            "status": outcome.status,
            "reason": outcome.reason,
            "seconds": outcome.seconds,
            "quantities": [make_plain(quantity.to_plain()) for quantity in outcome.quantities],
            "files": [str(file) for file in outcome.files],
        }
        for outcome in outcomes
    ]


@dataclass(frozen=True)
class AnalysisFiles:
    """Where the results and figures of a run's analysis are.

    Attributes
    ----------
    network : str
        Name of the network.
    quick : bool
        Whether they are those of a first look.
    results, figures : Path
        Folders.
    """

    network: str
    quick: bool
    results: Path
    figures: Path

    @classmethod
    def of_run(cls, folder: RunFolder, *, quick: bool = False) -> "AnalysisFiles":
        """``results/`` and ``figures/analysis/`` of a run; a first look has a folder ``quick`` in each."""
        inner = "quick" if quick else ""
        folders = folder.results / inner, folder.figures / "analysis" / inner
        return cls(name_network(folder), quick, *folders)

    @property
    def label(self) -> dict[str, Any]:
        """What results, outcomes and figures say of themselves."""
        return {"network": self.network, "quick": self.quick}

    def find_result(self, part: Part) -> Path:
        """File of a part's result, whether it is there or not."""
        return self.results / f"{part.name}.nc"

    def load(self, part: Part) -> Result | None:
        """Result of a part, None if there is none that is whole."""
        try:
            return load_result(self.find_result(part), part.result)
        except RunFolderError:
            return None

    def save(self, part: Part, result: Result) -> None:
        """Save a new result; the figures that show the older one go first, and so never outlive it."""
        self._remove_figures(part)
        save_result(result, self.find_result(part))

    def remove(self, part: Part) -> None:
        """Remove a part's result and every figure that shows it."""
        self._remove_figures(part)
        self.find_result(part).unlink(missing_ok=True)

    def draw(self, part: Part, found: Mapping[str, Result]) -> list[Path]:
        """Draw the figures of a part that are missing; returns the files of all of them."""
        paths = []
        for name, (plot, _) in part.figures.items():
            files = plots.list_figure_files(self.figures, name)
            if not all(file.is_file() for file in files):
                shown = [found[other] for other in (part.name, *part.draws_with)]
                plots.save_figure(plots.sign_figure(plot(*shown), **self.label), self.figures, name)
            paths += files
        return paths

    def draw_followers(self, outcomes: Iterable[PartOutcome]) -> None:
        """Draw the missing figures of parts that were not asked for, but show one of these results too."""
        shown = {outcome.part for outcome in outcomes}
        for part in PARTS.values():
            if part.name not in shown and not shown.isdisjoint(part.draws_with):
                found = {name: self.load(PARTS[name]) for name in (part.name, *part.draws_with)}
                whole = {name: result for name, result in found.items() if result is not None}
                if len(whole) == len(found):
                    self.draw(part, whole)

    def write_captions(self, known: Mapping[str, Result]) -> None:
        """Write the captions of every part that has a result, known now or in its file."""
        found = {part.name: known.get(part.name) or self.load(part) for part in PARTS.values()}
        captions = {}
        for part in PARTS.values():
            shown = [found[name] for name in (part.name, *part.draws_with)]
            if None not in shown:
                captions |= {
                    name: plots.begin_caption(describe(*shown), **self.label)
                    for name, (_, describe) in part.figures.items()
                }
        plots.write_captions(captions, self.figures)

    def write_outcomes(self, outcomes: Iterable[PartOutcome]) -> None:
        """Write ``analysis.json``: these outcomes, and the older ones of other parts."""
        known = {entry["part"]: entry for entry in [*self._read_outcomes(), *describe_outcomes(outcomes)]}
        ordered = [known[name] for name in PARTS if name in known]
        text = json.dumps(self.label | {"parts": ordered}, indent=2)
        write_text(self.results / "analysis.json", f"{text}\n")

    def _read_outcomes(self) -> list[dict[str, Any]]:
        """Outcomes written before; none if the file is not whole, since results can be read without it."""
        try:
            return json.loads((self.results / "analysis.json").read_text(encoding="utf-8"))["parts"]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def _remove_figures(self, part: Part) -> None:
        """Remove the figures of a part, and those of other parts that show its result."""
        for other in PARTS.values():
            if part.name in (other.name, *other.draws_with):
                for name in other.figures:
                    for file in plots.list_figure_files(self.figures, name):
                        file.unlink(missing_ok=True)
