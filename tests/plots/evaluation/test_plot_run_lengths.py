"""Laws of runs, and rasters of sequences."""

from dataclasses import replace

import numpy as np
import pytest
from evaluated_runs import build_evaluation, change, find_line, list_texts, lose_a_symbol
from matplotlib.colors import to_rgb

from orbitscope import plots


@pytest.mark.parametrize("symbol", [None, 1])
def test_run_lengths_show_the_survival_of_every_source(evaluation, symbol):
    ax = plots.plot_run_lengths(evaluation, symbol=symbol)
    laws = evaluation.run_law[0] if symbol is None else evaluation.symbol_run_law[0, :, symbol]
    labels = ["network", "process sample (floor)", "process, exact"]
    for label, law in zip(labels, laws, strict=True):
        line = find_line(ax, label)
        assert np.allclose(line.get_ydata(), [law[i:].sum() for i in range(len(law))])
        assert np.array_equal(line.get_xdata(), evaluation.run_length)
    assert ax.get_yscale() == "log"
    assert "steps" in ax.get_xlabel()
    assert ax.get_title(loc="left") == ("all symbols" if symbol is None else "symbol 1")


def test_each_panel_ends_where_its_own_laws_have_ended(evaluation):
    laws = evaluation.symbol_run_law.copy()
    laws[:, :, 1] = 0.0
    laws[:, :, 1, :7] = 1 / 7
    short = plots.plot_run_lengths(replace(evaluation, symbol_run_law=laws), symbol=1)
    assert short.get_xlim() == (0.5, 7.5)
    assert find_line(short, "network").get_markevery() == (0, 1)


def test_points_of_network_and_process_sample_take_turns(evaluation):
    ax = plots.plot_run_lengths(evaluation)
    assert find_line(ax, "network").get_markevery() == (0, 2)
    assert find_line(ax, "process sample (floor)").get_markevery() == (1, 2)
    exact, network = find_line(ax, "process, exact"), find_line(ax, "network")
    assert exact.get_linewidth() > network.get_linewidth()


@pytest.mark.parametrize(
    ("verdict", "seen"),
    [
        ("equivalent", "The network has the law of runs of the process, within a margin of 0.03."),
        (
            "inconclusive",
            "Whether the network has the law of runs of the process cannot be told at a margin of 0.03.",
        ),
        (
            "different",
            "Runs of one symbol follow another law than in the process, outside the margin of 0.03.",
        ),
    ],
)
def test_the_caption_of_runs_begins_with_the_verdict(evaluation, verdict, seen):
    judged = replace(evaluation, verdict=np.full_like(evaluation.verdict, verdict, dtype="<U20"))
    caption = plots.describe_run_lengths(judged, "zero")
    assert caption.startswith(f"**{seen}** ")
    assert "0.03 [0.02, 0.04], process sample 0.003; margin 0.03" in caption


@pytest.mark.parametrize(("error", "how"), [(0.08, "8 % too often"), (-0.123, "12.3 % too rarely")])
def test_the_caption_of_rasters_begins_with_how_often_symbols_change(evaluation, error, how):
    assert plots.describe_rasters(evaluation, "zero").startswith(
        "**Whether the rate of changes is that of the process has no verdict: its error has no margin.** "
    )
    estimate = change(evaluation.estimate, (0, 0), (error, error, error))
    margin, verdict = (getattr(evaluation, name).copy() for name in ("margin", "verdict"))
    measure = evaluation.measure.astype("<U30")
    margin[0], verdict[0, 0], measure[0] = 0.04, "different", "volatility_error"
    changed = replace(evaluation, estimate=estimate, margin=margin, verdict=verdict, measure=measure)
    caption = plots.describe_rasters(changed, "zero")
    assert caption.startswith(f"**Symbols change {how}, outside the margin of 4 %.** 8 sequences of 30 steps")


def test_a_symbol_without_runs_says_so(evaluation):
    ax = plots.plot_run_lengths(lose_a_symbol(evaluation), symbol=2)
    assert "no complete runs" in list_texts(ax)


def test_runs_that_a_sample_never_saw_are_not_drawn(evaluation):
    law = evaluation.run_law.copy()
    law[:, 0, 10:] = 0
    line = find_line(plots.plot_run_lengths(replace(evaluation, run_law=law)), "network")
    assert np.isnan(line.get_ydata()[10:]).all()
    assert np.isfinite(line.get_ydata()[:10]).all()


@pytest.mark.parametrize("n_symbols", [2, 10])
def test_run_length_laws_have_a_panel_per_symbol(n_symbols):
    figure = plots.plot_run_length_laws(build_evaluation(n_symbols))
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.axison]
    assert titles == ["all symbols", *(f"symbol {i}" for i in range(n_symbols))]
    assert len({ax.get_ylim() for ax in figure.axes if ax.axison}) == 1


def test_a_raster_covers_every_step_once_in_the_colour_of_its_symbol(evaluation):
    ax = plots.plot_raster(evaluation, source="floor")
    shown = np.full(evaluation.raster.shape[2:], -1)
    for symbol, runs in enumerate(ax.collections):
        assert runs.get_label() == str(symbol)
        assert tuple(runs.get_facecolor()[0][:3]) == to_rgb(plots.get_symbol_color(symbol))
        for path in runs.get_paths():
            (left, top), (right, bottom) = path.vertices.min(axis=0), path.vertices.max(axis=0)
            cells = shown[round((top + bottom) / 2) - 1, round(left - 0.5) : round(right - 0.5)]
            assert (cells == -1).all()
            cells[:] = symbol
    assert np.array_equal(shown, evaluation.raster[0, 1])


def test_rasters_have_the_process_above_the_network_and_a_legend(evaluation):
    figure = plots.plot_rasters(evaluation)
    assert [ax.get_ylabel().split("\n")[0] for ax in figure.axes] == ["process", "network"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0", "1", "2"]
