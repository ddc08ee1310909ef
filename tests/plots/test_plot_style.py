"""Colours, numbers, and no global state."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from orbitscope import plots
from orbitscope.plots.style import NETWORK_COLOR, build_figure, format_number, with_style

DICHROMACY = {  # Machado, Oliveira & Fernandes 2009, severity 1, linear RGB
    "none": np.eye(3),
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}
OKLAB = (
    [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]],
    [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]],
)


def see(color, vision):
    """Position of a colour in OKLab (Ottosson 2020) for an eye."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.array(OKLAB[1]) @ np.cbrt(
        np.array(OKLAB[0]) @ np.clip(np.array(DICHROMACY[vision]) @ linear, 0, 1)
    )


@pytest.mark.parametrize("vision", DICHROMACY)
def test_colours_differ_for_every_eye(vision):
    def distance(colors):
        points = [see(color, vision) for color in colors]
        return min(np.linalg.norm(a - b) for a, b in itertools.combinations(points, 2))

    assert distance(plots.SYMBOL_COLORS) > 0.08
    assert distance([*plots.SYMBOL_COLORS[:4], NETWORK_COLOR]) > 0.14
    assert distance(plots.REGION_COLORS.values()) > 0.12


def test_a_symbol_keeps_its_colour_beyond_the_palette():
    colors = [to_rgb(plots.get_symbol_color(i)) for i in range(40)]
    assert len(set(colors)) == 40
    assert colors == [to_rgb(plots.get_symbol_color(i)) for i in range(40)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (-3.0, "−3"),
        (1e-4, "10⁻⁴"),
        (-5.12e-5, "−5.12×10⁻⁵"),
        (2e6, "2×10⁶"),
        (4096.0, "4100"),
    ]
    + [(float("nan"), "undefined"), (float("inf"), "∞"), (float("-inf"), "−∞")],
)
def test_numbers_are_short_and_readable(value, text):
    assert format_number(value) == text


def test_importing_orbitscope_does_not_import_matplotlib():
    code = "import sys, orbitscope; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_figures_belong_to_no_global_state():
    sources = Path(plots.__file__).parent.rglob("*.py")
    assert not any("pyplot" in source.read_text(encoding="utf-8") for source in sources)


@pytest.mark.parametrize(
    ("scale", "values", "expected"),
    [
        ({"value": "log"}, [1e-3, 1e3], {"10⁻¹", "10¹", "10³"}),
        ({"value": "log", "base": 2}, [0.5, 4.0], {"2⁻¹", "2⁰", "2²"}),
        ({"value": "log"}, [2.0, 6.0], {"2×10⁰", "4×10⁰"}),
        ({"value": "symlog", "linthresh": 1.0}, [-100.0, 100.0], {"-10²", "0", "10¹"}),
    ],
)
def test_powers_are_written_as_text_and_not_as_formulas(scale, values, expected):
    @with_style
    def draw():
        figure = build_figure(3.0, 2.0)
        ax = figure.add_subplot()
        ax.plot(values, values)
        ax.set_xscale(**scale)
        return figure

    figure = draw()
    figure.canvas.draw()
    ticks = figure.axes[0].get_xticklabels() + figure.axes[0].get_xticklabels(minor=True)
    labels = {tick.get_text().replace("−", "-") for tick in ticks}
    assert expected <= labels
    assert not any("$" in label or "\\" in label for label in labels)
