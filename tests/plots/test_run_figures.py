"""All figures of a run, their captions, and how they are saved."""

import re
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import pytest
from evaluated_runs import NO_PLATEAU, ON_PLATEAU, PAST, build_evaluation, build_history, lose_a_symbol
from matplotlib.figure import Figure

from orbitscope import plots
from orbitscope.errors import InputError
from orbitscope.plots.style import build_figure, with_style


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
    assert all(re.match(r"\*\*[^*]+\.\*\* [A-Z0-9]", caption) for _, caption in figures.values())


@pytest.mark.slow
def test_a_run_without_evaluation_or_without_training_has_the_figures_it_can_have(evaluation):
    assert list(plots.draw_run_figures(build_history(), PAST)) == ["training"]
    assert plots.draw_run_figures([], NO_PLATEAU) == {}
    assert "training" not in plots.draw_run_figures([], NO_PLATEAU, evaluation)


@pytest.mark.parametrize("n_symbols", [2, pytest.param(10, marks=pytest.mark.slow)])
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
    seen = (
        "**The loss leaves its plateau in epoch 31 and ends at 4.56, beside a floor of 4.6.** Training over"
    )
    assert caption.startswith(seen)
    for part in ("60 epochs", "without memory 7.3", "1024 → 2048 → 4096", "4.36 in epoch 60, floor 4.6"):
        assert part in caption
    on_plateau = plots.describe_training(build_history(25), ON_PLATEAU)
    assert on_plateau.startswith(
        "**The loss has been on its plateau since epoch 6: no phase transition yet.**"
    )
    none = plots.describe_training(build_history(3), NO_PLATEAU)
    assert none.startswith("**The loss shows no plateau and ends at 7.2, beside a floor of 5.1.**")
    assert "Shaded" not in none
    assert "no validation" in plots.describe_training(build_history(validate_every=0), PAST)
    assert (
        "0.015 [0.012, 0.018], process sample 0.0015; margin 0.02: within."
        in plots.describe_symbol_matrices(evaluation, "zero")
    )


def test_losses_of_words_are_labelled_as_such():
    of_words = build_history(marginal_error=None, floor=0.0)
    assert "laws of words, in nat" in plots.describe_training(of_words, PAST)
    assert plots.plot_loss(of_words, PAST).get_ylabel() == "loss (nat)"
    assert "mismatches" in plots.plot_loss(build_history(), PAST).get_ylabel()


@pytest.mark.slow
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


@with_style
def build_line_figure():
    figure = build_figure(2.0, 2.0)
    figure.add_subplot().plot([0, 1])
    return figure


def test_a_figure_is_laid_out_once_for_both_files_and_keeps_its_layout(tmp_path, monkeypatch):
    figure = build_line_figure()
    engine, calls = figure.get_layout_engine(), []
    assert engine is not None
    lay_out = engine.execute
    monkeypatch.setattr(engine, "execute", lambda fig: calls.append(fig) or lay_out(fig))
    plots.save_figure(figure, tmp_path, "training")
    assert calls == [figure]
    assert figure.get_layout_engine() is engine


def test_a_figure_is_drawn_once_for_each_file_on_white_and_stays_as_it_was(tmp_path, monkeypatch):
    with mpl.rc_context({"figure.facecolor": "black"}):
        figure = build_line_figure()
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
