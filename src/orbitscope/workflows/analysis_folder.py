"""Files of an analysis: results, figures, captions and the list of outcomes of one run."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import plots
from ..errors import RunFolderError
from ..part import Part
from ..parts import REGISTRY, find_part, list_drawings
from ..results import Result, load_result, save_result
from ..runs import RunFolder
from ..runs.zoo import name_network
from ..system.atomic_files import remove_file, write_text
from ..system.plain_json import parse_json
from .analyse import PartOutcome


@dataclass(frozen=True)
class AnalysisFolder:
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
    def of_run(cls, folder: RunFolder, *, quick: bool = False) -> "AnalysisFolder":
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
        remove_file(self.find_result(part))

    def draw(self, part: Part, found: Mapping[str, Result]) -> list[Path]:
        """Draw the figures of a part that are missing and can be drawn; returns the files of all these."""
        paths = []
        for drawing in list_drawings([part.name]):
            if drawing.is_ready(found):
                files = plots.list_figure_files(self.figures, drawing.name)
                if not all(file.is_file() for file in files):
                    figure = plots.sign_figure(drawing.draw(found), **self.label)
                    plots.save_figure(figure, self.figures, drawing.name)
                paths += files
        return paths

    def draw_followers(self, outcomes: Iterable[PartOutcome]) -> None:
        """Draw the missing figures that show one of these results beside others that have only files."""
        for outcome in outcomes:
            for drawing in list_drawings([outcome.part]):
                found = {name: self.load(find_part(name)) for name in drawing.shows if name != outcome.part}
                known = {outcome.part: outcome.result, **found}
                if None not in known.values():
                    self.draw(find_part(outcome.part), {k: v for k, v in known.items() if v is not None})

    def write_captions(self, known: Mapping[str, Result]) -> None:
        """Write the captions of every figure whose results are there, known now or in their files."""
        found = {name: known.get(name) or self.load(find_part(name)) for name in REGISTRY}
        whole = {name: result for name, result in found.items() if result is not None}
        captions = {
            drawing.name: plots.begin_caption(drawing.describe(whole), **self.label)
            for drawing in list_drawings(whole)
            if drawing.is_ready(whole)
        }
        plots.write_captions(captions, self.figures)

    def write_outcomes(self, outcomes: Iterable[PartOutcome]) -> None:
        """Write ``analysis.json``: these outcomes, and the older ones of other parts."""
        plain = [outcome.to_plain() for outcome in outcomes]
        known = {entry["part"]: entry for entry in [*self._read_outcomes(), *plain]}
        ordered = [known[name] for name in REGISTRY if name in known]
        text = json.dumps(self.label | {"parts": ordered}, indent=2)
        write_text(self.results / "analysis.json", f"{text}\n")

    def _read_outcomes(self) -> list[dict[str, Any]]:
        """Outcomes written before; none if the file is not whole, since results can be read without it."""
        try:
            parts = parse_json((self.results / "analysis.json").read_text(encoding="utf-8"))["parts"]
            return [entry for entry in parts if entry["part"] in REGISTRY]
        except (OSError, ValueError, TypeError, KeyError):
            return []

    def _remove_figures(self, part: Part) -> None:
        """Remove the figures that show a part's result."""
        for drawing in list_drawings([part.name]):
            for file in plots.list_figure_files(self.figures, drawing.name):
                remove_file(file)
