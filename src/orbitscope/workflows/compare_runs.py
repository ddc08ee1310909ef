"""Files of a comparison of many runs: the collected numbers, and the figure of some of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import plots
from .collect import save_collection

if TYPE_CHECKING:
    import xarray as xr

FIGURE = "comparison"


def save_comparison(
    dataset: "xr.Dataset", keys: Sequence[str], folder: Path, *, by: str = "recipe"
) -> list[Path]:
    """Write CSV, netCDF and, if there is a quantity to show, the figure with its caption.

    Parameters
    ----------
    dataset : xarray.Dataset
        As :func:`collect_runs` gives it.
    keys : sequence of str
        Quantities of the figure.
    folder : Path
        Made if missing; older files are replaced.
    by : str
        Label that gives the colour.

    Returns
    -------
    list of Path
    """
    paths = save_collection(dataset, folder)
    if not keys:
        return paths
    figure = plots.plot_comparison(dataset, keys, by=by)
    captioned = plots.CaptionedFigure(figure, plots.describe_comparison(dataset, by=by))
    return paths + plots.save_figures({FIGURE: captioned}, folder)
