"""The training curve."""

from dataclasses import replace

import numpy as np
import pytest
from evaluated_runs import NO_PLATEAU, ON_PLATEAU, PAST, build_history, find_line, list_texts

from orbitscope import plots
from orbitscope.plots.style import FLOOR_COLOR, NETWORK_COLOR


def test_the_loss_is_drawn_beside_its_floor_and_the_level_without_memory_of_each_epoch():
    history = build_history()
    ax = plots.plot_loss(history, PAST)
    drawn = {label: np.array(find_line(ax, label).get_xydata()) for label in ("network, training",)}
    assert np.array_equal(drawn["network, training"], [(r.epoch, r.loss) for r in history])
    floor = find_line(ax, "process sample (floor), training")
    assert set(floor.get_ydata()) == {5.1, 4.8, 4.6}
    assert floor.get_color() == FLOOR_COLOR
    assert set(find_line(ax, "symbols without memory").get_ydata()) == {7.3}
    assert "mismatches" in ax.get_ylabel()
    assert ax.get_xlabel() == "epoch"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "network, training",
        "network, validation",
        "process sample (floor), training",
        "process sample (floor), validation",
        "symbols without memory",
    ]


def test_validation_is_drawn_where_it_happened_and_only_there():
    history = build_history(validate_every=20)
    ax = plots.plot_loss(history, PAST)
    assert find_line(ax, "network, validation").get_xdata().tolist() == [20, 40, 60]
    assert find_line(ax, "process sample (floor), validation").get_ydata().tolist() == [4.6] * 3
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
    assert "Weight of the self term in the gradient: 0.55 → … → 1" in plots.describe_training(history, PAST)


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
