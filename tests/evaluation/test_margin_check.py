"""The check that ends training early: exact emulators pass, others do not, and its draws are its own."""

import pytest
import torch

from orbitscope import load_network
from orbitscope.evaluation import MarginCheck, evaluate_network, margin_check
from orbitscope.hmm import HMM, load_preset
from orbitscope.network import build_network
from orbitscope.settings import EvaluationSettings

PROBS = (0.5, 0.3, 0.2)


def build_iid_network(probs):
    """Symbols of given probabilities, whatever the noise."""
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, hidden_size=4, input_size=2, bias=True, generator=generator)
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        network.out_bias.copy_(torch.tensor(probs).log())
    return network


@pytest.fixture(scope="module")
def iid_process():
    return HMM([1.0], [[1.0]], [PROBS], name="iid")


@pytest.fixture(scope="module")
def check(iid_process):
    settings = EvaluationSettings(n_symbols_total=300_000)
    return MarginCheck(iid_process, n_steps=20, settings=settings, seed=3)


def test_an_exact_emulator_holds_in_every_epoch(check):
    network = build_iid_network(PROBS)
    assert set(check.judge(network, 1).values()) == {"equivalent"}
    assert all(check(network, epoch) for epoch in (2, 3, 4))


def test_one_measure_outside_its_margin_is_enough(check):
    network = build_iid_network((0.5, 0.293, 0.207))
    verdicts = check.judge(network, 1)
    assert [name for name, verdict in verdicts.items() if verdict != "equivalent"] == ["frequency_error"]
    assert not check(network, 1)


def test_what_cannot_be_told_does_not_hold(iid_process):
    """An exact emulator, but too few sequences to tell its cross-entropy to a hundredth of a nat."""
    sizes = {"n_symbols_total": 6000, "n_sequences": 300, "n_matched": 20, "n_refitted": 25}
    few = MarginCheck(iid_process, n_steps=20, settings=EvaluationSettings(**sizes), seed=3)
    network = build_iid_network(PROBS)
    assert few.judge(network, 1)["cross_entropy_gap"] == "inconclusive"
    assert not few(network, 1)


def test_activity_that_overflows_does_not_hold(check, iid_process):
    network = build_iid_network(PROBS)
    with torch.no_grad():
        network.cell.w_ih.fill_(1.0)
        network.cell.w_hh.fill_diagonal_(1e30)
    assert check.judge(network, 1) == {}
    assert not check(network, 1)
    settings = EvaluationSettings(n_symbols_total=300_000)
    silent = MarginCheck(iid_process, n_steps=20, settings=settings, noise_std=0.0, seed=3)
    assert silent(network, 1)


def test_a_classifier_that_was_not_fitted_does_not_hold_but_runs_may_be_lacking(iid_process, monkeypatch):
    """In a window of two steps there are no runs; the classifier is undefined only where it fails."""
    settings = EvaluationSettings(n_symbols_total=300_000)
    short = MarginCheck(iid_process, n_steps=2, settings=settings, seed=3)
    network = build_iid_network(PROBS)
    verdicts = short.judge(network, 1)
    assert verdicts.pop("run_length_distance") == "undefined"
    assert "undefined" not in verdicts.values()
    judged = dict.fromkeys(verdicts, "equivalent") | {"run_length_distance": "undefined"}
    monkeypatch.setattr(MarginCheck, "judge", lambda self, network, epoch: judged)
    assert short(network, 1)
    judged["classifier_auc"] = "undefined"
    assert not short(network, 1)


def test_the_sequences_to_tell_from_are_drawn_anew_in_every_epoch(check, monkeypatch):
    seen = []

    def classify(observation, target, settings, *, rng):
        seen.append((target.windows.copy(), target.entropy))
        return measured(observation, target, settings, rng=rng)

    measured = margin_check.measure_classifier
    kept = [classify if m is measured else m for m in margin_check._JUDGED]
    monkeypatch.setattr(margin_check, "_JUDGED", kept)
    for epoch in (1, 2, 1):
        check(build_iid_network(PROBS), epoch)
    (first, entropy), (second, other), (again, _) = seen
    assert (first.shape, first.dtype, entropy) == (second.shape, second.dtype, other)
    assert (first == again).all()
    assert 0.5 < (first != second).mean() < 0.75  # 1 − Σ p² = .62


def test_draws_are_fresh_in_every_epoch_and_not_those_of_an_evaluation(check, iid_process, monkeypatch):
    seen = []
    whole = margin_check.observe_network

    def observe(network, design, *, generator, **options):
        seen.append(generator.initial_seed())
        return whole(network, design, generator=generator, **options)

    monkeypatch.setattr(margin_check, "observe_network", observe)
    monkeypatch.setattr("orbitscope.evaluation.evaluate.observe_network", observe)
    network = build_iid_network(PROBS)
    for epoch in (1, 2, 3, 1):
        check(network, epoch)
    small = EvaluationSettings(
        n_symbols_total=4000,
        n_sequences=200,
        n_matched=40,
        n_refitted=50,
        n_trajectories=200,
        n_resamples=100,
    )
    evaluate_network(network, iid_process, n_steps=20, settings=small, seed=3)
    assert seen[3] == seen[0]
    assert len(set(seen)) == len(seen) - 1 == 5


def test_a_check_has_a_third_of_the_sizes_of_an_evaluation(iid_process):
    design = MarginCheck(iid_process, n_steps=20, settings=EvaluationSettings(), seed=0)._design
    assert design.n_sampled == 6667
    assert design.n_trajectories * design.n_steps == pytest.approx(1_000_000, rel=0.01)


@pytest.mark.slow
def test_networks_of_the_zoo_pass_as_their_evaluations_say():
    preset = load_preset("linear-3")
    check = MarginCheck(preset.hmm, n_steps=preset.n_steps, settings=EvaluationSettings(), seed=0)
    assert check(load_network("zoo:linear-3-faithful"), 1)
    assert not check(load_network("zoo:linear-3"), 1)
