"""Figures of a run's training and evaluation, and of a choice of ε, from what is saved."""

from pathlib import Path

from .. import plots
from ..loss.discrimination import EpsilonChoice
from ..results import save_result
from ..runs.zoo import name_network, open_writable_run
from ..training import find_transition
from .evaluate_run import load_evaluation


def draw_run_figures(path: str | Path) -> list[Path]:
    """Draw every figure that a run's history and evaluation allow into ``figures/``, with captions.

    Returns
    -------
    list of Path
        The files, SVG and PNG, and ``captions.md``.

    Raises
    ------
    RunFolderError
        If there is no such run.
    """
    folder = open_writable_run(path)
    folder.read_settings()  # a folder that is no run must not get figures
    history = folder.read_history()
    evaluation = load_evaluation(folder.path) if (folder.results / "evaluation.nc").is_file() else None
    network = name_network(folder)
    figures = {
        name: figure._replace(caption=plots.begin_caption(figure.caption, network=network))
        for name, figure in plots.draw_run_figures(history, find_transition(history), evaluation).items()
    }
    return plots.save_figures(figures, folder.figures)


def draw_epsilon_choice(choice: EpsilonChoice, folder: str | Path) -> list[Path]:
    """Save a choice of ε as ``epsilon.nc`` and its figure, SVG and PNG, with a caption.

    Returns
    -------
    list of Path
        The files of the figure, and ``captions.md``.
    """
    save_result(choice, Path(folder) / "epsilon.nc")
    return plots.save_figures(plots.draw_epsilon_figure(choice), Path(folder))
