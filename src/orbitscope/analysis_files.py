"""Files of an analysis: results, figures, captions and the list of outcomes of one run."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from . import plots
from .analysis import PARTS, Finding, Part
from .atomic_files import write_text
from .errors import RunFolderError
from .results import Result, load_result, save_result
from .runs import RunFolder


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

    def __repr__(self) -> str:
        state = f"part={self.part!r}, status={self.status!r}" + f", reason={self.reason!r}" * bool(
            self.reason
        )
        sizes = f"n_findings={len(self.findings)}, n_files={len(self.files)}"
        return f"PartOutcome({state}, seconds={self.seconds:.1f}, {sizes})"


def describe_outcomes(outcomes: Iterable[PartOutcome]) -> list[dict[str, Any]]:
    """Plain form of outcomes, as in ``results/analysis.json``."""
    return [asdict(outcome) | {"files": [str(file) for file in outcome.files]} for outcome in outcomes]


@dataclass(frozen=True)
class AnalysisFiles:
    """Where the results and figures of a run's analysis are.

    Attributes
    ----------
    results, figures : Path
        Folders.
    """

    results: Path
    figures: Path

    @classmethod
    def of_run(cls, folder: RunFolder, *, quick: bool = False) -> "AnalysisFiles":
        """``results/`` and ``figures/analysis/`` of a run; a first look has a folder ``quick`` in each."""
        results, figures = folder.results, folder.figures / "analysis"
        return cls(results / "quick", figures / "quick") if quick else cls(results, figures)

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
                plots.save_figure(plot(*shown), self.figures, name)
            paths += files
        return paths

    def draw_followers(self, outcomes: Iterable[PartOutcome]) -> None:
        """Draw the figures that show a new result beside that of a part that was not asked for."""
        status = {outcome.part: outcome.status for outcome in outcomes}
        for part in PARTS.values():
            if part.name not in status and "done" in map(status.get, part.draws_with):
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
                captions |= {name: describe(*shown) for name, (_, describe) in part.figures.items()}
        plots.write_captions(captions, self.figures)

    def write_outcomes(self, outcomes: Iterable[PartOutcome]) -> None:
        """Write ``analysis.json``: these outcomes, and the older ones of other parts."""
        known = {entry["part"]: entry for entry in [*self._read_outcomes(), *describe_outcomes(outcomes)]}
        ordered = [known[name] for name in PARTS if name in known]
        write_text(self.results / "analysis.json", json.dumps(ordered, indent=2) + "\n")

    def _read_outcomes(self) -> list[dict[str, Any]]:
        """Outcomes written before; none if the file is not whole, since results can be read without it."""
        try:
            return json.loads((self.results / "analysis.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []

    def _remove_figures(self, part: Part) -> None:
        """Remove the figures of a part, and those of other parts that show its result."""
        for other in PARTS.values():
            if part.name in (other.name, *other.draws_with):
                for name in other.figures:
                    for file in plots.list_figure_files(self.figures, name):
                        file.unlink(missing_ok=True)
