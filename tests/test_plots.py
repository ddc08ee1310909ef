import itertools
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from orbitscope import plots
from orbitscope.errors import InputError
from orbitscope.evaluation import EvaluationResult
from orbitscope.plots.style import FLOOR_COLOR, NETWORK_COLOR, build_figure, format_number
from orbitscope.statistics import ChangePoint
from orbitscope.training import EpochRecord

NO_PLATEAU = ChangePoint("no_plateau", None, None, float("nan"))
ON_PLATEAU = ChangePoint("on_plateau", None, 5, 1.0)
PAST = ChangePoint("past_transition", 30, 5, 1.0)

MEASURES = {  # margin, target, estimate, low, high, verdict
    "symbol_matrix_error": (0.02, 0.0, 0.015, 0.012, 0.018, "equivalent"),
    "frequency_error": (0.005, 0.0, 0.02, 0.015, 0.025, "different"),
    "run_length_distance": (0.03, 0.0, 0.03, 0.02, 0.04, "inconclusive"),
    "classifier_auc": (0.05, 0.5, 0.6, 0.58, 0.62, "different"),
    "ngram_divergence_2": (np.nan, 0.0, 0.004, 0.003, 0.005, "no margin"),
    "sinkhorn_loss": (np.nan, np.nan, 5.5, np.nan, np.nan, "no margin"),
    "refit_kl_rate": (np.nan, 0.0, np.nan, np.nan, np.nan, "no margin"),
    "cross_entropy_gap": (0.01, 0.0, np.inf, 0.02, np.inf, "different"),
}


def build_history(n_epochs=60, *, validate_every=5, shift=0.0, **changes):
    """A plateau at 7.3, a drop in epoch 31 to 4.5, and a batch size that grows from 1024 to 4096."""
    history = []
    for epoch in range(1, n_epochs + 1):
        batch_size = 1024 if epoch <= 40 else 2048 if epoch <= 50 else 4096
        floor = {1024: 5.1, 2048: 4.8, 4096: 4.6}[batch_size]
        is_validated = validate_every and epoch % validate_every == 0
        loss = 7.2 if epoch <= 30 else 4.5 + 2 / (epoch - 29)
        record = EpochRecord(
            epoch=epoch,
            loss=loss + shift,
            floor=floor,
            plateau=7.3,
            validation_loss=loss - 0.2 + shift if is_validated else None,
            validation_floor=4.6 if is_validated else None,
            symbol_matrix_error=0.3 if epoch <= 30 else 0.3 / (epoch - 29),
            frequency_error=0.01,
            memory=0.0 if epoch <= 30 else 1.0,
            volatility=0.25,
            marginal_error=0.5,
            gradient_norm=1.0,
            batch_size=batch_size,
            learning_rate=1e-3 if epoch <= 40 else 1e-3 * 0.9 ** (epoch - 40),
            self_weight=1.0,
            seconds=1.0,
        )
        history.append(replace(record, **changes))
    return history


def build_evaluation(n_symbols=3, *, starts=("zero", "stationary"), n_steps=30, names=None, seed=0):
    rng = np.random.default_rng(seed)
    n_starts, n_measures, n_lengths = len(starts), len(MEASURES), n_steps - 2
    symbols = np.array(names or [str(i) for i in range(n_symbols)])
    columns = dict(
        zip(
            ("margin", "target", "estimate", "low", "high"),
            zip(*MEASURES.values(), strict=True),
            strict=False,
        )
    )
    columns = {name: np.array(values, dtype=float) for name, values in columns.items()}
    stacked = {name: np.tile(columns[name], (n_starts, 1)) for name in ("estimate", "low", "high")}
    decay = 0.8 ** np.arange(n_lengths) * np.exp(
        0.05 * rng.standard_normal((n_starts, 3, n_symbols, n_lengths))
    )
    decay /= decay.sum(axis=-1, keepdims=True)
    raster = np.repeat(rng.integers(n_symbols, size=(n_starts, 2, 8, n_steps // 3)), 3, axis=-1)
    return EvaluationResult(
        settings={"evaluation": {"confidence": 0.95}},
        status={"notes": []},
        start=np.array(starts),
        source=np.array(["network", "floor", "exact"]),
        measure=np.array(list(MEASURES)),
        description=np.array(list(MEASURES)),
        unit=np.array(["1"] * 4 + ["nat"] + ["1"] * (n_measures - 5)),
        margin=columns["margin"],
        target=columns["target"],
        **stacked,
        test_low=stacked["low"] + 0.001,
        test_high=stacked["high"] - 0.001,
        floor=stacked["estimate"] / 10,
        floor_low=stacked["low"] / 10,
        floor_high=stacked["high"] / 10,
        verdict=np.tile([values[-1] for values in MEASURES.values()], (n_starts, 1)),
        n_units=np.full((n_starts, n_measures), 100),
        symbol=symbols,
        next_symbol=symbols,
        symbol_matrix=rng.dirichlet(np.ones(n_symbols), size=(n_starts, 3, n_symbols)),
        frequencies=rng.dirichlet(np.full(n_symbols, 50.0), size=(n_starts, 3)),
        run_length=np.arange(1, n_lengths + 1),
        run_law=decay.mean(axis=2),
        symbol_run_law=decay,
        sampled_source=np.array(["network", "floor"]),
        raster=raster,
    )


def lose_a_symbol(result):
    """The last symbol never occurs, so its rows are undefined."""
    matrix, law = result.symbol_matrix.copy(), result.symbol_run_law.copy()
    matrix[..., -1, :] = np.nan
    law[..., -1, :] = np.nan
    return replace(result, symbol_matrix=matrix, symbol_run_law=law)


@pytest.fixture(scope="module")
def evaluation():
    return build_evaluation()


def find_line(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def list_texts(ax):
    return [text.get_text() for text in ax.texts]


# --- training curve


def test_the_loss_is_drawn_beside_its_floor_and_the_level_without_memory_of_each_epoch():
    history = build_history()
    ax = plots.plot_loss(history, PAST)
    drawn = {label: np.array(find_line(ax, label).get_xydata()) for label in ("network, training",)}
    assert np.array_equal(drawn["network, training"], [(r.epoch, r.loss) for r in history])
    floor = find_line(ax, "HMM sample (floor), training")
    assert set(floor.get_ydata()) == {5.1, 4.8, 4.6}
    assert floor.get_color() == FLOOR_COLOR
    assert set(find_line(ax, "symbols without memory").get_ydata()) == {7.3}
    assert "mismatches" in ax.get_ylabel()
    assert ax.get_xlabel() == "epoch"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "network, training",
        "network, validation",
        "HMM sample (floor), training",
        "HMM sample (floor), validation",
        "symbols without memory",
    ]


def test_validation_is_drawn_where_it_happened_and_only_there():
    history = build_history(validate_every=20)
    ax = plots.plot_loss(history, PAST)
    assert find_line(ax, "network, validation").get_xdata().tolist() == [20, 40, 60]
    assert find_line(ax, "HMM sample (floor), validation").get_ydata().tolist() == [4.6] * 3
    ax = plots.plot_loss(build_history(validate_every=0), PAST)
    assert not any("validation" in str(line.get_label()) for line in ax.lines)


def test_the_phase_transition_is_marked_at_the_epoch_of_its_record():
    history = build_history()[10:]  # the index counts records, the axis shows epochs
    ax = plots.plot_loss(history, replace(PAST, index=20))
    assert "phase transition, epoch 31" in list_texts(ax)
    assert [31, 31] in [list(line.get_xdata()) for line in ax.lines]


@pytest.mark.parametrize(("transition", "texts"), [(NO_PLATEAU, []), (ON_PLATEAU, ["on the plateau"])])
def test_no_transition_no_mark(transition, texts):
    ax = plots.plot_loss(build_history(25), transition)
    assert list_texts(ax) == texts
    assert len(ax.patches) == len(texts)


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([7.2, 4.5, 4.2], "linear"),
        ([40, 7, 0.02], "log"),
        ([1.2, 0.4, -0.3], "linear"),
        ([40, 2, -0.1], "symlog"),
    ],
)
def test_the_loss_has_the_plainest_scale_that_shows_it(values, scale):
    history = build_history(3, validate_every=0, floor=float(values[1]), plateau=float(values[0]))
    history = [replace(record, loss=float(loss)) for record, loss in zip(history, values, strict=True)]
    ax = plots.plot_loss(history, NO_PLATEAU)
    assert ax.get_yscale() == scale
    low, high = ax.get_ylim()
    assert low < min(values)
    assert high > max(values)


def test_the_symbol_matrix_error_is_logarithmic_and_batch_changes_are_marked():
    ax = plots.plot_symbol_matrix_error(build_history(), PAST)
    assert ax.get_yscale() == "log"
    assert [[x, x] for x in (40.5, 50.5)] == [
        line.get_xdata() for line in ax.lines if line.get_linewidth() == 0.5
    ]


def test_memory_is_drawn_between_none_and_that_of_the_process():
    history = build_history()
    ax = plots.plot_memory(history, PAST)
    drawn = [line.get_ydata() for line in ax.lines if line.get_color() == NETWORK_COLOR]
    assert np.array_equal(drawn, [[record.memory for record in history]])
    assert [list(line.get_ydata()) for line in ax.lines[:2]] == [[0, 0], [1, 1]]


def test_the_schedule_names_every_batch_size_and_where_the_learning_rate_goes():
    ax = plots.plot_schedule(build_history())
    assert {"1024", "2048", "4096", "0.001", "→ 1.22×10⁻⁴"} == set(list_texts(ax))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["batch size", "learning rate"]
    moving = [replace(r, self_weight=0.75 if r.epoch <= 30 else 1.0) for r in build_history()]
    assert {"0.75", "1"} < set(list_texts(plots.plot_schedule(moving)))


def test_the_strip_of_the_schedule_widens_where_a_value_rises():
    history = [replace(r, self_weight=min(1.0, 0.5 + r.epoch / 20)) for r in build_history()]
    ax = plots.plot_schedule(history)
    rising = ax.patches[-2].get_path().vertices[:4, 1]
    assert np.ptp(rising[[0, 3]]) < np.ptp(rising[[1, 2]])
    assert "weight of the self term in the gradient 0.55 → … → 1" in plots.describe_training(history, PAST)


@pytest.mark.parametrize("n_epochs", [1, 2])
def test_the_first_epochs_make_a_whole_figure(n_epochs):
    figure = plots.plot_training_curve(build_history(n_epochs, validate_every=1), NO_PLATEAU)
    figure.draw_without_rendering()
    assert len(figure.axes) == 4
    assert figure.axes[0].get_xlim() == (0.5, n_epochs + 0.5)


def test_an_error_of_zero_is_drawn_on_a_linear_axis():
    figure = plots.plot_training_curve(build_history(2, symbol_matrix_error=0.0), NO_PLATEAU)
    figure.draw_without_rendering()
    assert all(np.isfinite(ax.get_ylim()).all() for ax in figure.axes)
    assert "log" not in {ax.get_yscale() for ax in figure.axes}


# --- symbol matrices


def test_matrices_show_network_exact_and_difference_with_their_values(evaluation):
    figure = plots.plot_symbol_matrices(evaluation, start="stationary")
    network, _, exact = evaluation.symbol_matrix[1]
    images = [ax.images[0] for ax in figure.axes[:3]]
    for image, matrix in zip(images, (network, exact, network - exact), strict=True):
        assert np.allclose(image.get_array(), matrix)
    assert list_texts(figure.axes[0]) == [f"{value:.3f}" for value in network.ravel()]
    signed = [f"{value:+.3f}".replace("-", "−") for value in (network - exact).ravel()]
    assert list_texts(figure.axes[2]) == signed
    low, high = images[2].get_clim()
    assert low == -high == pytest.approx(-abs(network - exact).max())
    assert "stationary" in figure.get_suptitle()


def test_matrix_axes_carry_symbol_names():
    ax = plots.plot_symbol_matrix(build_evaluation(2, names=["low", "high"]), source="floor")
    for axis in (ax.xaxis, ax.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["low", "high"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("next symbol", "symbol")


def test_the_difference_scale_reaches_at_least_the_margin(evaluation):
    matrix = np.repeat(evaluation.symbol_matrix[:, :1], 3, axis=1)
    ax = plots.plot_symbol_matrix_difference(replace(evaluation, symbol_matrix=matrix))
    assert ax.images[0].get_clim() == (-0.02, 0.02)
    assert set(list_texts(ax)) == {"0.000"}


def test_an_undefined_row_shows_dashes(evaluation):
    ax = plots.plot_symbol_matrix(lose_a_symbol(evaluation))
    assert list_texts(ax)[-3:] == ["–"] * 3
    assert "never occurs" in plots.describe_symbol_matrices(lose_a_symbol(evaluation), "zero")
    assert "never occurs" not in plots.describe_symbol_matrices(evaluation, "zero")


def test_many_symbols_get_two_rows_with_the_hmm_sample():
    result = build_evaluation(7)
    figure = plots.plot_symbol_matrices(result)
    titles = [ax.get_title(loc="left") for ax in figure.axes[:4]]
    assert titles == ["network", "HMM, exact", "HMM sample (floor)", "network − exact"]
    assert list_texts(figure.axes[0])[0] == f"{result.symbol_matrix[0, 0, 0, 0]:.2f}".replace("0.", ".", 1)


def test_long_names_are_cut():
    ax = plots.plot_frequencies(build_evaluation(2, names=["a" * 50, "b"]))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a" * 11 + "…", "b"]


def test_too_many_symbols_to_print_get_a_colour_bar():
    ax = plots.plot_symbol_matrix(build_evaluation(13))
    assert list_texts(ax) == []
    assert len(ax.child_axes) == 1


# --- frequencies


def test_frequencies_show_each_source_per_symbol(evaluation):
    ax = plots.plot_frequencies(evaluation)
    network, floor, exact = evaluation.frequencies[0]
    assert np.array_equal(find_line(ax, "network").get_ydata(), network)
    assert np.array_equal(find_line(ax, "HMM sample (floor)").get_ydata(), floor)
    assert np.array_equal([bar.get_height() for bar in ax.patches], exact)
    colors = [bar.get_facecolor()[:3] for bar in ax.patches]
    assert colors == [to_rgb(plots.get_symbol_color(i)) for i in range(3)]


def test_frequency_errors_stand_before_the_margin(evaluation):
    ax = plots.plot_frequency_errors(evaluation, start="stationary")
    network, _, exact = evaluation.frequencies[1]
    assert np.allclose(find_line(ax, "network").get_ydata(), network - exact)
    assert "margin ±0.005" in ax.get_legend_handles_labels()[1]
    assert ax.patches[0].get_y() == -0.005


def test_all_frequencies_are_inside_their_axes(evaluation):
    frequencies = evaluation.frequencies.copy()
    frequencies[1, 0] = [0.9, 0.1, 0.0]
    figure = plots.plot_all_frequencies(replace(evaluation, frequencies=frequencies))
    assert figure.axes[0].get_ylim()[0] == 0
    for ax in figure.axes:
        heights = np.concatenate([np.ravel(line.get_ydata()) for line in ax.lines])
        low, high = ax.get_ylim()
        assert (low <= heights).all()
        assert (heights <= high).all()


def test_all_frequencies_have_one_column_per_start():
    assert len(plots.plot_all_frequencies(build_evaluation()).axes) == 4
    assert len(plots.plot_all_frequencies(build_evaluation(starts=("zero",))).axes) == 2


# --- run lengths


@pytest.mark.parametrize("symbol", [None, 1])
def test_run_lengths_show_the_survival_of_every_source(evaluation, symbol):
    ax = plots.plot_run_lengths(evaluation, symbol=symbol)
    laws = evaluation.run_law[0] if symbol is None else evaluation.symbol_run_law[0, :, symbol]
    labels = ["network", "HMM sample (floor)", "HMM, exact"]
    for label, law in zip(labels, laws, strict=True):
        line = find_line(ax, label)
        assert np.allclose(line.get_ydata(), [law[i:].sum() for i in range(len(law))])
        assert np.array_equal(line.get_xdata(), evaluation.run_length)
    assert ax.get_yscale() == "log"
    assert "steps" in ax.get_xlabel()
    assert ax.get_title(loc="left") == ("all symbols" if symbol is None else "symbol 1")


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


# --- rasters


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
    assert [ax.get_ylabel().split("\n")[0] for ax in figure.axes] == ["HMM", "network"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0", "1", "2"]


# --- measures


def test_judged_measures_are_drawn_in_units_of_their_margin(evaluation):
    ax = plots.plot_judged_measures(evaluation)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [
        "symbol matrix error",
        "frequency error",
        "run length distance",
        "classifier AUC",
        "cross entropy gap",
    ]
    network = [line for line in ax.lines if line.get_color() == NETWORK_COLOR]
    intervals, points, tests = network[::3], network[1::3], network[2::3]
    assert list(tests[0].get_xdata()) == pytest.approx([0.65, 0.85])
    assert [line.get_xdata()[0] for line in points] == pytest.approx([0.75, 4.0, 1.0, 2.0])
    assert intervals[3].get_xdata() == pytest.approx([1.6, 2.4])
    assert [line.get_marker() for line in points] == ["o", "X", "o", "X"]
    assert points[2].get_markerfacecolor() == "white"
    texts = list_texts(ax)
    assert [text for text in texts if text in {"equivalent", "different", "inconclusive"}] == [
        "equivalent",
        "different",
        "inconclusive",
        "different",
        "different",
    ]
    assert "0.015 [0.012, 0.018]" in texts
    assert "∞" in texts


def test_other_measures_are_drawn_in_their_own_units(evaluation):
    ax = plots.plot_unjudged_measures(evaluation)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["n-gram divergence 2 (nat)", "sinkhorn loss", "refit KL rate"]
    points = [line for line in ax.lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in points] == [0.004, 5.5]
    assert {"0.004 [0.003, 0.005]", "5.5", "undefined"} < set(list_texts(ax))


@pytest.mark.parametrize(
    ("high", "ticks"),
    [
        (0.1, [-1, 0, 1, 2, 5]),
        (4.0, [-1, 0, 1, 10, 100]),
        (1e9, [-1, 0, *(100.0**k for k in range(6))]),
    ],
)
def test_the_axis_of_measures_has_as_many_ticks_as_fit(evaluation, high, ticks):
    values = evaluation.estimate.copy()
    values[:] = np.nan
    values[:, 0] = high
    empty = np.full_like(values, np.nan)
    names = ("low", "high", "floor", "floor_low", "floor_high")
    result = replace(evaluation, estimate=values, **dict.fromkeys(names, empty))
    assert plots.plot_judged_measures(result).get_xticks() == pytest.approx(ticks)


def test_an_undefined_measure_has_no_verdict(evaluation):
    estimate = evaluation.estimate.copy()
    estimate[:, 0] = np.nan
    for verdict in ("undefined", "inconclusive"):  # as stored now, and by older versions
        verdicts = evaluation.verdict.copy()
        verdicts[:, 0] = verdict
        result = replace(evaluation, estimate=estimate, verdict=verdicts)
        texts = list_texts(plots.plot_judged_measures(result))
        assert texts.count("undefined") == 1
        assert texts.count("inconclusive") == 1
        assert "0 equivalent, 1 inconclusive, 3 different, 1 undefined" in plots.describe_measures(
            result, "zero"
        )


def test_measures_without_any_margin_make_a_whole_figure(evaluation):
    bare = replace(evaluation, margin=np.full(len(MEASURES), np.nan))
    figure = plots.plot_all_measures(bare)
    figure.draw_without_rendering()
    texts = [text for ax in figure.axes for text in list_texts(ax)]
    assert "network [interval]" in texts
    assert "verdict" not in texts
    assert "verdict" in [t for ax in plots.plot_all_measures(evaluation).axes for t in list_texts(ax)]


# --- whole runs


def test_a_run_has_all_its_figures_with_captions(evaluation):
    figures = plots.draw_run_figures(build_history(), PAST, evaluation)
    per_start = ["symbol_matrices", "run_lengths", "raster", "measures"]
    assert list(figures) == [
        "training",
        "frequencies",
        *per_start,
        *(f"{name}_stationary" for name in per_start),
    ]
    assert all(isinstance(figure, Figure) and len(caption) > 100 for figure, caption in figures.values())


def test_a_run_without_evaluation_or_without_training_has_the_figures_it_can_have(evaluation):
    assert list(plots.draw_run_figures(build_history(), PAST)) == ["training"]
    assert plots.draw_run_figures([], NO_PLATEAU) == {}
    assert "training" not in plots.draw_run_figures([], NO_PLATEAU, evaluation)


@pytest.mark.parametrize("n_symbols", [2, 10])
def test_every_figure_can_be_rendered(n_symbols):
    result = lose_a_symbol(
        build_evaluation(
            n_symbols, starts=("zero",), names=["a rather long name"] + [str(i) for i in range(1, n_symbols)]
        )
    )
    for figure, _ in plots.draw_evaluation_figures(result).values():
        figure.draw_without_rendering()
        assert figure.get_constrained_layout()


def test_captions_carry_the_numbers(evaluation):
    caption = plots.describe_training(build_history(), PAST)
    for part in ("60 epochs", "from epoch 6 and leaves it in epoch 31", "floor 4.6", "1024 → 2048 → 4096"):
        assert part in caption
    assert "no phase transition yet" in plots.describe_training(build_history(25), ON_PLATEAU)
    assert "No plateau" in plots.describe_training(build_history(3), NO_PLATEAU)
    assert "no validation" in plots.describe_training(build_history(validate_every=0), PAST)
    assert (
        "0.015 [0.012, 0.018], HMM sample 0.0015; margin 0.02, equivalent."
        in plots.describe_symbol_matrices(evaluation, "zero")
    )
    assert "1 equivalent, 1 inconclusive, 3 different" in plots.describe_measures(evaluation, "stationary")


def test_losses_of_words_are_labelled_as_such():
    of_words = build_history(marginal_error=None, floor=0.0)
    assert "laws of words, in nats" in plots.describe_training(of_words, PAST)
    assert plots.plot_loss(of_words, PAST).get_ylabel() == "loss (nats)"
    assert "mismatches" in plots.plot_loss(build_history(), PAST).get_ylabel()


def test_saved_figures_are_repeatable_and_their_text_stays_text(tmp_path, evaluation):
    history = build_history()
    for folder in ("a", "b"):
        figures = {"training": plots.draw_run_figures(history, PAST)["training"]}
        paths = plots.save_figures(figures, tmp_path / folder)
        assert [path.name for path in paths] == ["training.svg", "training.png", "captions.md"]
    for name in ("training.svg", "training.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    texts = [
        element.text for element in ElementTree.parse(tmp_path / "a" / "training.svg").iter() if element.text
    ]
    assert "phase transition, epoch 31" in texts
    assert (tmp_path / "a" / "training.png").read_bytes().startswith(b"\x89PNG")
    assert figures["training"].caption in (tmp_path / "a" / "captions.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "captions.md",
        "training.png",
        "training.svg",
    ]


def test_a_figure_is_laid_out_once_for_both_files_and_keeps_its_layout(tmp_path, monkeypatch):
    figure = plots.draw_run_figures(build_history(), PAST)["training"].figure
    engine, calls = figure.get_layout_engine(), []
    assert engine is not None
    lay_out = engine.execute
    monkeypatch.setattr(engine, "execute", lambda fig: calls.append(fig) or lay_out(fig))
    plots.save_figure(figure, tmp_path, "training")
    assert calls == [figure]
    assert figure.get_layout_engine() is engine


def test_a_figure_is_drawn_once_for_each_file_on_white_and_stays_as_it_was(tmp_path, monkeypatch):
    with mpl.rc_context({"figure.facecolor": "black"}):
        figure = plots.draw_run_figures(build_history(), PAST)["training"].figure
        before, draw, calls = (figure.canvas, figure.dpi), Figure.draw, []
        monkeypatch.setattr(Figure, "draw", lambda self, renderer: calls.append(self) or draw(self, renderer))
        paths = plots.save_figure(figure, tmp_path, "training")
    assert calls == [figure, figure]
    assert (figure.canvas, figure.dpi) == before
    (pixels,) = (mpl.image.imread(path) for path in paths if path.suffix == ".png")
    assert pixels[0, 0, :3].tolist() == [1, 1, 1]
    assert pixels.shape[1] == round(300 * figure.get_figwidth())


def test_a_figure_without_axes_is_saved(tmp_path, recwarn):
    assert all(path.stat().st_size for path in plots.save_figure(build_figure(2.0, 2.0), tmp_path, "empty"))
    assert not recwarn.list


def test_axes_given_are_used_and_settings_stay_as_they_were(evaluation):
    before = mpl.rcParams.copy()
    ax = Figure().add_subplot()
    assert plots.plot_frequencies(evaluation, ax=ax) is ax
    assert plots.plot_loss(build_history(), PAST, ax=Figure().add_subplot()).lines
    assert mpl.rcParams.copy() == before


def test_unknown_names_are_refused_with_the_valid_ones(evaluation):
    with pytest.raises(InputError, match="unknown start `stationry`. Did you mean `stationary`"):
        plots.plot_frequencies(evaluation, start="stationry")
    with pytest.raises(InputError, match="Valid: floor, network"):
        plots.plot_raster(evaluation, source="exact")


# --- style

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
    sources = Path(plots.__file__).parent.glob("*.py")
    assert not any("pyplot" in source.read_text(encoding="utf-8") for source in sources)
