"""All figures of a run with their captions, and how they are written."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ..evaluation import EvaluationResult
from ..loss.discrimination import EpsilonChoice
from ..statistics import ChangePoint
from ..system.atomic_files import replace_file, write_text
from ..training import EpochRecord
from .discrimination import describe_epsilon_choice, plot_epsilon_choice
from .evaluation.frequencies import describe_frequencies, plot_all_frequencies
from .evaluation.measures import describe_measures, plot_all_measures
from .evaluation.raster import describe_rasters, plot_rasters
from .evaluation.run_lengths import describe_run_lengths, plot_run_length_laws
from .evaluation.symbol_matrices import describe_symbol_matrices, plot_symbol_matrices
from .style import with_style
from .training_curve import describe_training, plot_training_curve


class CaptionedFigure(NamedTuple):
    """A figure with what it shows in words."""

    figure: Figure
    caption: str


def draw_run_figures(
    history: list[EpochRecord], transition: ChangePoint, evaluation: EvaluationResult | None = None
) -> dict[str, CaptionedFigure]:
    """Draw all figures of a run.

    Parameters
    ----------
    history : list of EpochRecord
        Empty for an imported network, which then has no training curve.
    transition : ChangePoint
        Plateau and second drop of the loss in this history.
    evaluation : EvaluationResult, optional

    Returns
    -------
    dict
        By name, in the order of a report: training, then the figures of :func:`draw_evaluation_figures`.
    """
    figures = {}
    if history:
        figure = plot_training_curve(history, transition)
        figures["training"] = CaptionedFigure(figure, describe_training(history, transition))
    return figures if evaluation is None else figures | draw_evaluation_figures(evaluation)


def draw_evaluation_figures(result: EvaluationResult) -> dict[str, CaptionedFigure]:
    """Draw all figures of an evaluation; names of the stationary ones end in ``_stationary``."""
    figures = {"frequencies": CaptionedFigure(plot_all_frequencies(result), describe_frequencies(result))}
    per_start = {
        "symbol_matrices": (plot_symbol_matrices, describe_symbol_matrices),
        "run_lengths": (plot_run_length_laws, describe_run_lengths),
        "raster": (plot_rasters, describe_rasters),
        "measures": (plot_all_measures, describe_measures),
    }
    for start in result.start.tolist():
        suffix = "" if start == "zero" else f"_{start}"
        for name, (plot, describe) in per_start.items():
            figures[name + suffix] = CaptionedFigure(plot(result, start=start), describe(result, start))
    return figures


def draw_epsilon_figure(choice: EpsilonChoice) -> dict[str, CaptionedFigure]:
    """Draw the figure that explains a choice of ε."""
    figure = plot_epsilon_choice(choice)
    return {"epsilon": CaptionedFigure(figure, describe_epsilon_choice(choice))}


def save_figures(figures: Mapping[str, CaptionedFigure], folder: Path) -> list[Path]:
    """Write every figure as SVG and PNG, and ``captions.md`` beside them.

    Parameters
    ----------
    figures : mapping
        Figures by name, as drawn by :func:`draw_run_figures`.
    folder : Path
        Made if missing. Older files of the same name are replaced, each in one step; the same figure gives
        the same bytes.

    Returns
    -------
    list of Path
    """
    paths = [path for name, (figure, _) in figures.items() for path in save_figure(figure, folder, name)]
    captions = {name: caption for name, (_, caption) in figures.items()}
    return [*paths, write_captions(captions, folder)]


@with_style
def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write one figure as SVG and PNG, each in one step.

    It is laid out once and drawn once for each file: ``Figure.savefig`` would draw four times.
    """
    paths = list_figure_files(folder, name)
    canvas, dpi, engine = figure.canvas, figure.dpi, figure.get_layout_engine()
    try:
        figure.dpi = rcParams["savefig.dpi"]
        if engine is not None and figure.axes:
            engine.execute(figure)
        figure.set_layout_engine("none")
        for path in paths:
            figure.dpi = rcParams["savefig.dpi"]  # print_svg sets its own
            with replace_file(path) as temporary:
                _WRITERS[path.suffix](figure, temporary)
    finally:
        figure.canvas, figure.dpi = canvas, dpi
        figure.set_layout_engine(engine)
    return paths


_COMPRESSION = 3
"""Of PNG: half the time of Pillow's default for a tenth more bytes, over all figures of an analysis."""


def _write_svg(figure: Figure, path: Path) -> None:
    FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None})


def _write_png(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure).print_png(path, pil_kwargs={"compress_level": _COMPRESSION})


_WRITERS = {".svg": _write_svg, ".png": _write_png}


def list_figure_files(folder: Path, name: str) -> list[Path]:
    """Files of a figure, whether they are there or not."""
    return [folder / f"{name}{suffix}" for suffix in _WRITERS]


def write_captions(captions: Mapping[str, str], folder: Path) -> Path:
    """Write ``captions.md``: every figure above its caption."""
    sections = [f"## {name}\n\n![{name}]({name}.svg)\n\n{caption}\n" for name, caption in captions.items()]
    path = folder / "captions.md"
    write_text(path, "\n".join(["# Figures\n", *sections]))
    return path
