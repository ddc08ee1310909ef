"""Quantities of a run that its evaluation and its analysis have left in its folder."""

from pathlib import Path

from ..errors import RunFolderError
from ..evaluation import SECTION, EvaluationResult
from ..parts import REGISTRY, find_part
from ..quantity import Quantity, add_section
from ..results import load_result
from ..runs import RunFolder
from ..runs.zoo import find_writable_run, open_run
from .analysis_folder import AnalysisFolder


def load_quantities(path: str | Path, *, quick: bool = False) -> dict[str, Quantity]:
    """Quantities of a run by key, of its evaluation first; nothing is computed.

    Parameters
    ----------
    path : path or str
        Run folder, or network of the zoo, whose results are in its copy in ``runs/``.
    quick : bool
        Of a first look.
    """
    evaluation = find_evaluation(path)
    found = [] if evaluation is None else add_section(SECTION, evaluation.list_quantities())
    found += _list_of_parts(find_writable_run(path), quick=quick)
    return {quantity.key: quantity for quantity in found}


def find_evaluation(path: str | Path) -> EvaluationResult | None:
    """The evaluation of a run, of a network of the zoo that of its copy before the one it comes with."""
    for folder in (find_writable_run(path), open_run(path)):
        try:
            return load_result(folder.results / "evaluation.nc", EvaluationResult)
        except RunFolderError:
            continue
    return None


def _list_of_parts(folder: RunFolder, *, quick: bool) -> list[Quantity]:
    """Quantities of every part whose result is there and whole."""
    files = AnalysisFolder.of_run(folder, quick=quick)
    parts = [find_part(name) for name in REGISTRY if files.find_result(find_part(name)).is_file()]
    loaded = [(part, files.load(part)) for part in parts]
    return [quantity for part, result in loaded if result is not None for quantity in part.summarise(result)]
