import json
from functools import partial

import numpy as np
import pytest

from orbitscope.cli.main import run
from orbitscope.errors import InputError
from orbitscope.hmm import (
    HMM,
    build_random,
    compute_stationary_probs,
    compute_symbol_frequencies,
    compute_volatility,
    load_preset,
    mix_emissions,
    scale_rarest_symbol,
    scale_switching,
)
from orbitscope.loss.discrimination import (
    INDEPENDENT_SYMBOLS,
    NEARLY_RIGHT,
    EpsilonChoice,
    _compute_ratios,
    choose_epsilon,
)
from orbitscope.loss.sinkhorn import compute_epsilon_levels
from orbitscope.plots.style import format_number
from orbitscope.results import load_result
from orbitscope.workflows.draw_run import draw_epsilon_choice

CHAIN = load_preset("linear-3").hmm
RANDOM = build_random(4, 5, rng=np.random.default_rng(0))


# ---- nearly right processes


def test_switching_scales_what_leaves_a_state():
    changed = scale_switching(CHAIN, 1.2).transition_matrix
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(changed[off], 1.2 * CHAIN.transition_matrix[off], rtol=1e-12)
    np.testing.assert_array_equal(scale_switching(CHAIN, 0.0).transition_matrix, np.eye(3))
    np.testing.assert_allclose(scale_switching(CHAIN, 1.0).transition_matrix, CHAIN.transition_matrix)


def test_states_left_with_certainty_stay_as_they_are():
    hmm = HMM([0.5, 0.5], [[0.1, 0.9], [1.0, 0.0]], np.eye(2))
    np.testing.assert_allclose(scale_switching(hmm, 1.2).transition_matrix, [[0.0, 1.0], [1.0, 0.0]])


def test_flicker_keeps_frequencies_and_raises_volatility():
    changed = mix_emissions(RANDOM, 0.02)
    np.testing.assert_allclose(compute_symbol_frequencies(changed), compute_symbol_frequencies(RANDOM))
    assert compute_volatility(mix_emissions(CHAIN, 0.02)) > compute_volatility(CHAIN)
    np.testing.assert_allclose(
        mix_emissions(CHAIN, 1.0).emission_probs,
        np.tile(compute_stationary_probs(CHAIN) @ CHAIN.emission_probs, (3, 1)),
    )


def test_rarest_symbol_is_scaled_and_absent_ones_are_not_taken_for_it():
    assert compute_symbol_frequencies(scale_rarest_symbol(CHAIN, 0.5))[1] == pytest.approx(0.005, rel=0.01)
    emission = np.array([[0.9, 0.0, 0.1], [0.8, 0.0, 0.2]])
    hmm = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], emission)
    np.testing.assert_allclose(scale_rarest_symbol(hmm, 0.5).emission_probs[0], [0.9 / 0.95, 0, 0.05 / 0.95])


@pytest.mark.parametrize(
    ("change", "value"), [(scale_switching, -0.1), (mix_emissions, 1.1), (scale_rarest_symbol, 0.0)]
)
def test_impossible_changes(change, value):
    with pytest.raises(InputError, match="must lie in"):
        change(CHAIN, value)


# ---- choice of epsilon


@pytest.fixture(scope="module")
def choice():
    return choose_epsilon(CHAIN, 20, 512, epsilons=(0.04, 9.0, 1e4), n_repeats=3)


def test_large_epsilon_tells_more_than_the_paper_s(choice):
    assert choice.alternative.tolist() == [INDEPENDENT_SYMBOLS, *NEARLY_RIGHT]
    assert choice.ratio.shape == choice.ratio_error.shape == (4, 3)
    independent = choice.ratio[0]
    assert independent[1] > 1.5 * independent[0] > 1.5
    np.testing.assert_allclose(choice.typical_ratio, choice.ratio[1:].prod(axis=0) ** (1 / 3))
    assert choice.chosen == choice.epsilon[np.argmax(choice.typical_ratio)]


@pytest.mark.slow
def test_independent_symbols_against_earlier_measurements():
    """linear-3, 1024 sequences: 1.5 at blur .2, 5.8 at 2, 9.1 at 3, 1.7 at 20, measured with geomloss."""
    ratio = choose_epsilon(CHAIN, 30, 1024, epsilons=(0.04, 4.0, 9.0, 400.0), n_repeats=3).ratio[0]
    np.testing.assert_allclose(ratio[:2], [1.5, 5.8], rtol=0.15)
    np.testing.assert_allclose(ratio[2:], [9.1, 1.7], rtol=0.5)


def test_published_loss_prefers_a_process_without_rare_symbols(choice):
    """The less diverse process lies closer to the targets than the process itself does."""
    rare = choice.alternative.tolist().index("rarest symbol half as often")
    assert choice.ratio[rare, 0] < 1.0


def test_means_alone_do_not_see_independence(choice):
    """At ε → ∞ only the means of the sequences count, which are equal."""
    assert choice.ratio[0, 2] == pytest.approx(1.0, abs=6 * choice.ratio_error[0, 2])
    assert choice.ratio[0, 2] < choice.ratio[0, 1] / 2


def test_ratios_are_of_means_with_the_error_of_a_ratio():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(1, 4000, 1))
    other = 4 + 0.2 * rng.normal(size=noise.shape)
    losses = np.concatenate([2 + 0.1 * noise, 6 + 0.3 * noise, other], axis=2)
    ratio, error = _compute_ratios(losses)
    np.testing.assert_allclose(ratio[:, 0], [3, 2], atol=0.01)
    assert error[0, 0] < 1e-12  # strictly proportional
    expected = np.hypot(0.1, 0.1) / np.sqrt(4000)  # sd of (r2 − 2 r0) / 2 = hypot(.2, .2) / 2
    assert error[1, 0] == pytest.approx(expected * 1.0, rel=0.1)


@pytest.mark.parametrize("options", [{"epsilons": ()}, {"n_repeats": 1}])
def test_nothing_to_choose_from(options):
    with pytest.raises(InputError, match="`epsilons` must hold at least one value"):
        choose_epsilon(CHAIN, 10, 16, **options)


def test_choice_is_saved_with_its_figure(choice, tmp_path):
    paths = draw_epsilon_choice(choice, tmp_path)
    assert {path.name for path in paths} == {"epsilon.svg", "epsilon.png", "captions.md"}
    assert load_result(tmp_path / "epsilon.nc", EpsilonChoice) == choice
    caption = (tmp_path / "captions.md").read_text()
    assert f"Dotted: the ε = {format_number(choice.chosen)} at which" in caption


@pytest.mark.slow
def test_command_prints_what_it_chose(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "orbitscope.loss.discrimination.choose_epsilon", partial(choose_epsilon, epsilons=(4.0, 9.0))
    )
    options = ["--n-steps", "8", "--batch-size", "64", "--repeats", "2", "--out", str(tmp_path / "e")]
    assert run(["choose-epsilon", "linear-2", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["chosen_epsilon"] in found["epsilon"]
    assert set(found["ratio"]) == {INDEPENDENT_SYMBOLS, *NEARLY_RIGHT}
    monkeypatch.setattr(
        "orbitscope.workflows.draw_run.draw_epsilon_choice", lambda choice, folder: []
    )  # seconds
    assert run(["choose-epsilon", "linear-2", *options]) == 0
    assert "chosen" in capsys.readouterr().out


def make_choice(ratios):
    """Two nearly right processes at three ε."""
    return EpsilonChoice(
        settings={},
        status={},
        epsilon=np.array([0.04, 1.0, 9.0]),
        alternative=np.array(list(NEARLY_RIGHT)[:2]),
        ratio=np.array(ratios, dtype=float),
        ratio_error=np.zeros((2, 3)),
    )


def test_an_epsilon_is_never_chosen_where_the_ratio_is_no_number():
    assert make_choice([[np.nan, 1.2, 1.5], [1.1, np.nan, 1.4]]).chosen == 9.0
    with pytest.raises(InputError, match="the process must vary for an ε to be chosen"):
        _ = make_choice(np.full((2, 3), np.nan)).chosen


def test_a_process_without_any_spread_has_no_epsilon():
    ring = HMM([1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]], np.eye(2))
    choice = choose_epsilon(ring, 6, 16, epsilons=(0.04, 1.0), n_repeats=2)
    assert np.isnan(choice.ratio).all()
    with pytest.raises(InputError, match="the process must vary"):
        _ = choice.chosen


@pytest.mark.parametrize(("diameter", "epsilon"), [(np.inf, 0.04), (np.nan, 0.04), (4.0, 0.0), (4.0, -1.0)])
def test_annealing_has_a_last_level_or_none_at_all(diameter, epsilon):
    with pytest.raises(InputError, match="ε must be > 0 and sequences finite"):
        compute_epsilon_levels(diameter, epsilon)
