import itertools
import json
import math
import tracemalloc
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, norm

from orbitscope.errors import InputError
from orbitscope.evaluation import (
    DEFINITIONS,
    Design,
    EvaluationResult,
    Measure,
    Measured,
    Observation,
    combine_matrix_errors_as_published,
    compute_clustered_auc,
    compute_matched_distance,
    cross_fit_distance,
    evaluate_emulator,
    evaluate_network,
    judge,
    list_measures,
    measure_classifier,
    measure_expected_counts,
    measure_likelihood,
    measure_runs,
    measure_words,
    observation,
    observe_network,
    observe_process,
    plan_observation,
    prepare_target,
    start_process,
)
from orbitscope.hmm import (
    HMM,
    compute_output_irreversibility,
    compute_symbol_frequencies,
    compute_symbol_matrix,
    compute_volatility,
    compute_windowed_run_law,
    list_presets,
    load_preset,
)
from orbitscope.network import build_network, rollout
from orbitscope.results import load_result, save_result
from orbitscope.settings import EvaluationSettings
from orbitscope.statistics import Estimate, LogisticFit
from orbitscope.system.threads import use_threads

SMALL = EvaluationSettings(
    n_symbols_total=12_000,
    n_sequences=400,
    n_trajectories=100,
    burn_in=10,
    n_matched=60,
    n_matches=2,
    n_refitted=60,
    n_refits=2,
    n_entropy=2000,
    n_resamples=100,
    n_raster=5,
)
TINY = SMALL.model_copy(
    update={
        "n_symbols_total": 4000,
        "n_sequences": 150,
        "n_trajectories": 40,
        "n_refitted": 20,
        "n_entropy": 200,
    }
)
MEDIUM = SMALL.model_copy(
    update={
        "n_symbols_total": 1_000_000,
        "n_sequences": 8000,
        "n_trajectories": 800,
        "n_entropy": 40_000,
        "n_matched": 200,
        "n_refitted": 300,
    }
)
JUDGED = {m.name for m in list_measures(SMALL) if np.isfinite(m.margin)}


def build_iid_network(logits):
    network = build_network(
        len(logits), hidden_size=4, input_size=2, bias=True, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.out_bias.copy_(torch.tensor(logits))
    return network


def build_iid_process(probs):
    return HMM([1.0], [[1.0]], [probs], name="iid")


def load_process(name):
    return load_preset(name).hmm


def observe_hmm(emulator, start, design, seed, report):
    report(1.0)
    return observe_process(start_process(emulator, start), design, rng=np.random.default_rng(seed))


def compare_processes(emulator, hmm, *, n_steps, settings=SMALL, seed=0):
    observe = partial(observe_hmm, emulator)
    return evaluate_emulator(observe, hmm, n_steps=n_steps, settings=settings, seed=seed)


@pytest.fixture(scope="module")
def own():
    """A process as its own emulator, in short windows."""
    return compare_processes(load_process("linear-3"), load_process("linear-3"), n_steps=10)


def index(result, start="zero"):
    """Quantities by the stored name of their measure."""
    return dict(zip(result.measure.tolist(), result.list_quantities_from(start), strict=True))


def find_floor(quantity):
    return quantity.find_reference("process sample").estimate


def find_target(quantity):
    """Value of a perfect emulator; None where it is known through the floor only."""
    known = quantity.find_reference("perfect emulator")
    return None if known is None else float(known.estimate)


def prepare(hmm, n_steps, settings, seed=0):
    design = plan_observation("zero", n_steps, settings)
    return design, prepare_target(hmm, design, settings, rng=np.random.default_rng(seed))


# ---- observing


@pytest.mark.parametrize("start", ["zero", "stationary"])
@pytest.mark.parametrize("n_steps", [2, 30, 700])
def test_designs_reach_the_asked_sizes(start, n_steps):
    design = plan_observation(start, n_steps, SMALL)
    assert design.n_trajectories * design.n_recorded >= SMALL.n_symbols_total
    assert design.n_sampled * design.n_windows >= SMALL.n_sequences
    assert design.n_trajectories % design.group_size == 0
    assert design.n_recorded >= design.n_windows * n_steps


@pytest.mark.parametrize("burn_in", [0, 3])
def test_expected_counts_of_a_noise_free_network_match_its_recorded_path(burn_in):
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, cell="tanh", hidden_size=6, input_size=2, bias=True, generator=generator)
    design = Design(6, 8, burn_in, 2, 4, 2, 4)
    seen = observe_network(network, design, noise_std=0.0, generator=generator)
    recorded = rollout(network, 1, burn_in + 8, noise_std=0.0, generator=generator)
    probs = torch.softmax(recorded.logits[0, burn_in:], -1).detach().double().numpy()
    np.testing.assert_allclose(seen.symbol_sums, np.tile(2 * probs.sum(0), (3, 1)), rtol=1e-5)
    pairs = 2 * np.einsum("ta,tb->ab", probs[:-1], probs[1:])
    np.testing.assert_allclose(seen.pair_sums, np.tile(pairs, (3, 1, 1)), rtol=1e-5)
    assert seen.windows.shape == (4, 2, 4)


def test_samples_of_a_network_follow_its_expected_counts():
    generator = torch.Generator().manual_seed(1)
    network = build_network(3, hidden_size=20, input_size=10, generator=generator)
    with torch.no_grad():
        network.w_out.mul_(10)
    design = plan_observation("zero", 10, SMALL.model_copy(update={"n_sequences": 8000}))
    seen = observe_network(network, design, generator=generator)
    counted = np.bincount(seen.windows.ravel(), minlength=3) / seen.windows.size
    np.testing.assert_allclose(
        counted, seen.symbol_sums.sum(0) / seen.symbol_sums.sum(), atol=4 * 0.5 / np.sqrt(80_000)
    )


def test_expected_counts_of_a_process_are_unbiased_and_its_windows_are_its_trajectories():
    hmm = load_process("cyclic-4")
    design = plan_observation("zero", 20, MEDIUM)
    seen = observe_process(hmm, design, rng=np.random.default_rng(0))
    matrix = seen.pair_sums.sum(0) / seen.pair_sums.sum((0, 2))[:, None]
    np.testing.assert_allclose(matrix, compute_symbol_matrix(hmm, n_steps=20), atol=0.01)
    assert seen.symbol_sums.sum() == pytest.approx(design.n_trajectories * 20)
    assert seen.pair_sums.sum() == pytest.approx(design.n_trajectories * 19)


def test_a_process_of_many_states_is_observed_in_little_memory():
    rng = np.random.default_rng(0)
    hmm = HMM(rng.dirichlet(np.ones(200)), rng.dirichlet(np.ones(200), 200), rng.dirichlet(np.ones(3), 200))
    design = plan_observation("zero", 12, SMALL)
    tracemalloc.start()
    seen = observe_process(hmm, design, rng=np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6  # one count per group and pair of states would take 320 MB
    assert len(seen.pair_sums) == 1000
    np.testing.assert_allclose(seen.pair_sums.sum((1, 2)), 11 * design.group_size)
    np.testing.assert_allclose(seen.symbol_sums.sum(1), 12 * design.group_size)
    matrix = seen.pair_sums.sum(0) / seen.pair_sums.sum((0, 2))[:, None]
    np.testing.assert_allclose(matrix, compute_symbol_matrix(hmm, n_steps=12), atol=0.01)


def test_a_network_that_grows_without_bound_is_judged_from_zero_only():
    """It grows 100-fold a step: finite within the window, not after the burn-in."""
    network = build_iid_network([0.0, 0.0, 0.0])
    with torch.no_grad():
        network.cell.w_ih.fill_(1.0)
        network.cell.w_hh.fill_(25.0)
        network.w_out.copy_(torch.arange(12.0).view(3, 4) - 5.0)
    result = evaluate_network(network, load_process("linear-3"), n_steps=10, settings=SMALL, seed=0)
    assert result.start.tolist() == ["zero"]
    assert any("start `stationary` left out: the network's activity" in n for n in result.status["notes"])


def test_exploding_activity_is_refused():
    network = build_iid_network([0.0, 0.0, 0.0])
    with torch.no_grad():
        network.cell.w_ih.fill_(1.0)
        network.cell.w_hh.fill_(1e30)
        network.w_out.copy_(torch.arange(12.0).view(3, 4))
    with pytest.raises(InputError, match="activity must stay finite"):
        evaluate_network(network, load_process("linear-3"), n_steps=10, settings=SMALL, seed=0)


@pytest.mark.parametrize("start", ["zero", "stationary"])
@pytest.mark.parametrize("n_steps", [30, 100])
def test_observation_is_divided_among_threads(start, n_steps):
    design = plan_observation(start, n_steps, EvaluationSettings())
    assert design.n_trajectories >= 4 * max(observation.BLOCK_TRAJECTORIES, design.group_size)


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    """Trajectories in blocks, the last one smaller."""
    monkeypatch.setattr("orbitscope.evaluation.observation.BLOCK_TRAJECTORIES", 30)
    network, process, found = build_iid_network([0.3, 0.0, -0.2]), load_process("linear-3"), []
    for n_threads in (1, 2, 5):
        with use_threads(n_threads, in_operations=False):
            found.append(evaluate_network(network, process, n_steps=10, settings=SMALL, seed=0))
    assert found[0] == found[1] == found[2]


# ---- closed forms


def test_a_uniform_network_has_the_errors_of_a_uniform_process():
    hmm = load_process("linear-2")
    result = evaluate_network(build_iid_network([0.0] * 3), hmm, n_steps=10, settings=SMALL, seed=0)
    exact = compute_symbol_matrix(hmm)
    for rows in (index(result), index(result, "stationary")):
        assert float(rows["symbol_matrix_error"].estimate) == pytest.approx(
            abs(exact - 1 / 3).max(), abs=1e-5
        )
        assert float(rows["rare_symbol_error"].estimate) == pytest.approx(1 / 3 / 0.01 - 1, rel=1e-5)
        assert float(rows["volatility_error"].estimate) == pytest.approx(
            2 / 3 / compute_volatility(hmm) - 1, rel=1e-5
        )
        assert rows["symbol_matrix_error"].margin.verdict == "outside"
        assert rows["symbol_matrix_error"].estimate.high - rows["symbol_matrix_error"].estimate.low < 1e-5
    assert result.symbol_matrix[0, 0] == pytest.approx(np.full((3, 3), 1 / 3), abs=1e-5)
    assert result.symbol_matrix[0, 2] == pytest.approx(exact)


@pytest.mark.slow
def test_independent_symbols_against_other_independent_symbols_have_closed_forms():
    p, q, n_steps = np.array([0.6, 0.3, 0.1]), np.array([0.5, 0.3, 0.2]), 12
    network = build_iid_network(np.log(p).tolist())
    hmm = build_iid_process(q)
    rows = index(evaluate_network(network, hmm, n_steps=n_steps, settings=MEDIUM, seed=3))
    assert float(rows["frequency_error"].estimate) == pytest.approx(0.1, abs=1e-5)
    assert float(rows["rare_symbol_error"].estimate) == pytest.approx(-0.5, abs=1e-4)
    volatility = (1 - (p**2).sum()) / (1 - (q**2).sum()) - 1
    assert float(rows["volatility_error"].estimate) == pytest.approx(volatility, abs=1e-4)
    gap = -(p * np.log(q)).sum() + (q * np.log(q)).sum()
    assert (
        rows["cross_entropy_gap"].estimate.low - 0.003 < gap < rows["cross_entropy_gap"].estimate.high + 0.003
    )
    divergence = (p * np.log(p / q)).sum()
    for n in range(1, 6):
        assert float(rows[f"ngram_divergence_{n}"].estimate) == pytest.approx(n * divergence, rel=0.1)
    kl_rate = (q * np.log(q / p)).sum()
    assert float(rows["refit_kl_rate"].estimate) == pytest.approx(kl_rate, rel=0.3)
    assert float(rows["refit_kl_rate_reverse"].estimate) == pytest.approx(divergence, rel=0.3)
    assert float(rows["refit_parameter_error"].estimate) == pytest.approx(0.1, rel=0.3)
    assert float(rows["irreversibility"].estimate) == pytest.approx(0, abs=1.1e-3)


def test_published_combination_of_matrix_errors():
    exact = np.array([[0.5, 0.5], [0.2, 0.8]])
    matrices = np.stack([exact + [[0.03, -0.03], [0, 0]], exact + [[-0.04, 0.04], [0.01, -0.01]]])
    expected = np.sqrt((0.03**2 + 0.04**2) / 2)
    assert combine_matrix_errors_as_published(matrices, exact) == pytest.approx(expected)
    with pytest.raises(InputError, match="`matrices` must have shape"):
        combine_matrix_errors_as_published(np.empty((0, 2, 2)), exact)


def test_matching_is_the_best_permutation():
    rng = np.random.default_rng(0)
    x, y = rng.integers(3, size=(5, 6)), rng.integers(3, size=(5, 6))
    distance = np.sqrt(2 * (x[:, None] != y[None]).sum(-1))
    best = min(np.mean([distance[i, j] for i, j in enumerate(p)]) for p in itertools.permutations(range(5)))
    assert compute_matched_distance(x, y, 3) == pytest.approx(best, rel=1e-6)


def test_clustered_auc_is_delong_for_single_scores_and_ignores_copies():
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(6, size=(24, 1)) + 1.0, rng.integers(6, size=(36, 1)) + 0.0
    difference = positive - negative.T
    wins = (difference > 0) + 0.5 * (difference == 0)
    variance = wins.mean(1).var(ddof=1) / 24 + wins.mean(0).var(ddof=1) / 36
    auc, error = compute_clustered_auc(positive, negative)
    assert (auc, error) == pytest.approx((wins.mean(), math.sqrt(variance)))
    copied = compute_clustered_auc(np.repeat(positive, 5, 1), np.repeat(negative, 5, 1))
    assert copied == pytest.approx((auc, error))


def test_the_error_of_the_auc_covers_the_closed_form_of_two_gaussians():
    rng = np.random.default_rng(1)
    exact, covered = norm.cdf(0.7 / math.sqrt(2)), 0
    for _ in range(400):
        auc, error = compute_clustered_auc(rng.normal(size=(60, 1)) + 0.7, rng.normal(size=(60, 1)))
        covered += abs(auc - exact) < 1.6449 * error
    assert covered / 400 == pytest.approx(0.9, abs=5 * 0.3 / 20)
    assert compute_clustered_auc(np.arange(5.0)[:, None] + 5, np.arange(5.0)[:, None]) == (1.0, 0.0)


def classify(emulator, hmm, settings=SMALL):
    design, target = prepare(hmm, 10, settings)
    rng = np.random.default_rng(1)
    seen = observe_process(emulator, design, rng=rng)
    return measure_classifier(seen, target, settings, rng=rng)["classifier_auc"]


def test_the_interval_of_the_auc_ends_at_one():
    auc = classify(build_iid_process([0.02, 0.5, 0.48]), load_process("linear-2")).estimate
    assert 0.99 < auc.value <= auc.high <= 1.0
    few = SMALL.model_copy(update={"n_sequences": 100, "confidence": 1 - 1e-12})
    assert classify(load_process("linear-2"), load_process("linear-2"), few).estimate.high <= 1.0


def test_a_classifier_that_was_not_fitted_is_undefined_and_noted(monkeypatch):
    def fail(features, labels):
        return LogisticFit(np.zeros(features.shape[1]), 0.0, False)

    monkeypatch.setattr("orbitscope.evaluation.two_sample.fit_logistic_regression", fail)
    result = compare_processes_from_zero(HMM([0.5, 0.5], np.eye(2), [[0.9, 0.1], [0.1, 0.9]]))
    row = index(result)["classifier_auc"]
    assert (row.word, row.margin.verdict, row.find_reference("process sample")) == (
        *("undefined", "undefined", None),
    )
    assert row.to_plain()["value"] is None
    for source in ("network", "floor"):
        assert (
            f"start `zero`: AUC of the {source} left out: the classifier did not converge"
            in (result.status["notes"])
        )


# ---- verdicts


@pytest.mark.parametrize(
    ("low", "high", "margin", "verdict"),
    [
        (0.46, 0.54, 0.05, "equivalent"),
        (0.46, 0.55, 0.05, "inconclusive"),
        (0.55, 0.60, 0.05, "different"),
        (0.30, 0.44, 0.05, "different"),
        (0.30, 0.70, 0.05, "inconclusive"),
        (np.nan, np.nan, 0.05, "inconclusive"),
        (0.46, 0.54, np.nan, "no margin"),
    ],
)
def test_verdict_compares_the_test_interval_with_the_margin(low, high, margin, verdict):
    measured = Measured(Estimate(0.5, 0.0, 1.0), Estimate(0.5, low, high))
    assert judge(measured, Measure("auc", margin, 0.5)) == verdict


def test_a_measure_that_does_not_exist_has_no_verdict():
    undefined = Measured(Estimate(np.nan), Estimate(np.nan))
    assert judge(undefined, Measure("auc", 0.05, 0.5)) == "undefined"
    assert judge(undefined, Measure("auc")) == "undefined"


def test_the_stored_test_interval_explains_the_verdict(own):
    for start in ("zero", "stationary"):
        rows = index(own, start)
        for name in JUDGED:
            estimate, margin = rows[name].estimate, rows[name].margin
            verdict = judge(Measured(estimate, margin.test), Measure(name, margin.size, margin.target))
            words = {"equivalent": "within", "different": "outside", "inconclusive": "undecided"}
            assert words[verdict] == margin.verdict
            assert estimate.low <= margin.test.low <= margin.test.high <= estimate.high
            assert float(margin.test) == float(estimate)
    estimate, test = rows["volatility_error"].estimate, rows["volatility_error"].margin.test
    width = (test.high - test.low) / (estimate.high - estimate.low)
    assert width == pytest.approx(norm.ppf(0.95) / norm.ppf(0.975))


def test_targets_are_stated_only_where_a_perfect_emulator_reaches_them(own):
    rows = index(own)
    assert find_target(rows["irreversibility"]) == 0.0
    for name in ("refit_kl_rate", "refit_kl_rate_reverse", "refit_parameter_error", "matched_distance"):
        assert find_target(rows[name]) is None
    turning = HMM(np.full(3, 1 / 3), 0.9 * np.roll(np.eye(3), 1, 1) + 0.1 / 3, 0.9 * np.eye(3) + 0.1 / 3)
    assert find_target(index(compare_processes(turning, turning, n_steps=10))["irreversibility"]) is None


def test_a_process_is_its_own_emulator():
    hmm = load_process("linear-3")
    result = compare_processes(hmm, hmm, n_steps=30, settings=MEDIUM)
    for start in ("zero", "stationary"):
        rows = index(result, start)
        assert {m: rows[m].margin.verdict for m in JUDGED} == dict.fromkeys(JUDGED, "within")
        for excess in ("matched_distance_excess", "sinkhorn_loss_excess"):
            floor = float(find_floor(rows[excess.removesuffix("_excess")]))
            assert float(rows[excess].estimate) == pytest.approx(0, abs=0.05 * floor)
        assert float(rows["refit_kl_rate"].estimate) < 0.003


@pytest.mark.slow
def test_independent_symbols_of_equal_frequencies_are_told_apart():
    hmm = load_process("linear-3")
    iid = build_iid_process(compute_symbol_frequencies(hmm))
    settings = MEDIUM.model_copy(update={"n_matched": 800})
    result = compare_processes(iid, hmm, n_steps=30, settings=settings)
    assert result.estimate.value.shape == result.floor.value.shape == (2, len(result.measure))
    for start in ("zero", "stationary"):
        rows = index(result, start)
        alike = {"frequency_error", "rare_symbol_error", "impossible_share"}
        assert {m for m in JUDGED if rows[m].margin.verdict == "within"} == alike
        assert {m for m in JUDGED if rows[m].margin.verdict == "outside"} == JUDGED - alike
        for m in ("ngram_divergence_2", "matched_distance", "sinkhorn_loss", "refit_kl_rate"):
            assert rows[m].estimate.low > find_floor(rows[m]).high


def test_irreversible_output_is_seen_beside_a_reversible_floor():
    hmm = HMM(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), 0.9 * np.eye(3) + 0.1 / 3)
    turning = HMM(np.full(3, 1 / 3), 0.9 * np.roll(np.eye(3), 1, 1) + 0.1 / 3, hmm.emission_probs)
    rows = index(compare_processes(turning, hmm, n_steps=20, settings=SMALL))
    assert rows["irreversibility"].estimate.low > 0.5
    assert float(find_floor(rows["irreversibility"])) == pytest.approx(0, abs=0.01)
    exact = compute_output_irreversibility(turning, word_length=3, n_steps=20)
    assert float(rows["irreversibility"].estimate) == pytest.approx(exact, rel=0.14)


# ---- intervals


def test_intervals_cover_the_truth():
    hmm, n_repeats = load_process("linear-3"), 60
    settings = SMALL.model_copy(update={"n_sequences": 200, "n_symbols_total": 3000})
    covered = dict.fromkeys(
        ["cross_entropy_gap", "volatility_error", "symbol_matrix_error", "run_length_distance_crossfit"], 0
    )
    for seed in range(n_repeats):
        rng = np.random.default_rng(seed)
        design, target = prepare(hmm, 15, settings, seed=1000 + seed)
        seen = observe_process(hmm, design, rng=rng)
        found: dict[str, Measured] = {}
        for measure in (measure_likelihood, measure_expected_counts, measure_runs):
            found |= measure(seen, target, settings, rng=rng)
        for name in covered:
            covered[name] += found[name].estimate.low <= 1e-9 and found[name].estimate.high >= 0
    for name, count in covered.items():
        assert count >= 0.87 * n_repeats, name


def test_interval_of_the_largest_error_covers_a_known_error():
    p, hmm = [0.55, 0.3, 0.15], build_iid_process([0.5, 0.3, 0.2])
    covered = 0
    for seed in range(100):
        design, target = prepare(hmm, 10, SMALL)
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(10, p, size=(200, 1))
        pairs = np.einsum("gca,gcb->gab", counts, counts) * 0.9
        seen = Observation(counts.sum(1).astype(float), pairs, np.zeros((4, 1, 10), dtype=np.uint8))
        estimate = measure_expected_counts(seen, target, SMALL, rng=rng)["frequency_error"].estimate
        covered += estimate.low <= 0.05 <= estimate.high
    assert covered >= 90


def measure_shares(windows, hmm, settings=SMALL):
    """Shares of impossible windows and words in given windows (cluster, window, time)."""
    _, target = prepare(hmm, windows.shape[-1], settings)
    seen = Observation(np.ones((4, 3)), np.ones((4, 3, 3)), windows.astype(np.uint8))
    found: dict[str, Measured] = {}
    for measure in (measure_likelihood, measure_words):
        found |= measure(seen, target, settings, rng=np.random.default_rng(0))
    return found["impossible_share"], found["impossible_word_share"]


def list_wilson_limits(n_hits, n_total, level):
    interval = binomtest(n_hits, n_total).proportion_ci(level, method="wilson")
    return interval.low, interval.high


def list_limits(estimate):
    return float(estimate.low), float(estimate.high)


def test_shares_without_hits_count_trajectories_not_windows():
    windows = np.random.default_rng(0).integers(2, size=(150, 20, 6))
    for share in measure_shares(windows, build_iid_process([0.5, 0.5, 0.0])):
        assert share.n_units == 150
        assert list_limits(share.estimate) == pytest.approx(list_wilson_limits(0, 150, 0.95))
        assert list_limits(share.test) == pytest.approx(list_wilson_limits(0, 150, 0.9))


def test_shares_in_copied_windows_are_worth_one_window_per_trajectory():
    hmm, rng = build_iid_process([0.5, 0.5, 0.0]), np.random.default_rng(0)
    windows = rng.integers(2, size=(150, 20, 6))
    windows[:30, 0] = 2
    copied = np.repeat(windows[:, :1], 20, axis=1)
    for share in measure_shares(copied, hmm):
        assert float(share.estimate) == pytest.approx(0.2)
        assert list_limits(share.estimate) == pytest.approx(list_wilson_limits(30, 150, 0.95), abs=0.002)
    independent = np.where(rng.random((150, 20, 1)) < 0.2, 2, windows[:, 1:2])
    share = measure_shares(independent, hmm)[0].estimate
    limits = list_wilson_limits(round(3000 * float(share)), 3000, 0.95)
    assert list_limits(share) == pytest.approx(limits, abs=0.004)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear-3", "iid"])
def test_intervals_of_divergences_cover_zero(name):
    hmm = load_process(name) if name != "iid" else build_iid_process([0.5, 0.3, 0.2])
    settings = SMALL.model_copy(update={"max_word_length": 2})
    covered = dict.fromkeys(["ngram_divergence_1", "ngram_divergence_2", "irreversibility"], 0)
    design, target = prepare(hmm, 15, settings)
    for seed in range(120):
        seen = observe_process(hmm, design, rng=np.random.default_rng(seed))
        found = measure_words(seen, target, settings, rng=np.random.default_rng(0))
        for key in covered:
            covered[key] += found[key].estimate.low <= 0 <= found[key].estimate.high
    assert min(covered.values()) >= 0.87 * 120, covered  # four standard errors below .95


@pytest.mark.slow
def test_the_distance_of_run_lengths_is_that_of_the_exact_laws():
    emulator, hmm = load_process("cyclic-4"), load_process("linear-3")
    laws = [compute_windowed_run_law(process, 12).pooled_pmf for process in (emulator, hmm)]
    distance = np.abs(laws[0] - laws[1]).sum() / 2
    found = index(compare_processes(emulator, hmm, n_steps=12, settings=MEDIUM))["run_length_distance"]
    assert distance > 0.02
    assert float(found.estimate) == pytest.approx(distance, abs=0.01)
    assert found.estimate.low <= distance <= found.estimate.high


def test_runs_that_are_alike_in_all_sequences_have_an_interval_without_width():
    """Without a sampling error, plain and cross-fitted distance differ by rounding only."""
    hmm = load_process("linear-3")
    _, target = prepare(hmm, 9, SMALL)
    rng = np.random.default_rng(0)
    for window in rng.integers(3, size=(20, 1, 1, 9), dtype=np.uint8):
        seen = Observation(np.ones((4, 3)), np.ones((4, 3, 3)), np.tile(window, (300, 1, 1)))
        found = measure_runs(seen, target, SMALL, rng=rng)["run_length_distance"].estimate
        assert list_limits(found) == pytest.approx((float(found),) * 2)


@pytest.mark.parametrize("tilt", [0.0, 0.02, 0.2])
def test_cross_fitted_distance_does_not_exceed_the_true_one(tilt):
    rng = np.random.default_rng(0)
    exact = 0.7 ** np.arange(20)
    law = exact * np.where(np.arange(20) % 2, 1.0, 1 + tilt)
    exact, law = exact / exact.sum(), law / law.sum()
    distance = 0.5 * abs(law - exact).sum()
    draws = [cross_fit_distance(rng.multinomial(200, law, size=100), exact) for _ in range(200)]
    assert np.mean(draws) < distance + 3 * np.std(draws) / np.sqrt(200)
    assert np.mean(draws) > distance - 0.006


# ---- the whole


@pytest.mark.slow
def test_a_result_is_reproducible_saved_and_has_quantities(tmp_path):
    network = build_network(3, hidden_size=20, input_size=10, generator=torch.Generator().manual_seed(0))
    seen: list[tuple[float, str]] = []
    options = {"n_steps": 20, "settings": TINY, "noise_std": 0.5}
    process = load_process("fully-connected-3")
    result = evaluate_network(network, process, seed=1, progress=lambda *event: seen.append(event), **options)
    assert result == evaluate_network(network, process, seed=1, **options)
    assert result != evaluate_network(network, process, seed=2, **options)
    save_result(result, tmp_path / "evaluation.nc")
    assert load_result(tmp_path / "evaluation.nc", EvaluationResult) == result
    quantities = [quantity.to_plain() for quantity in result.list_quantities()]
    assert json.loads(json.dumps(quantities, allow_nan=False)) == quantities
    assert len({quantity["key"] for quantity in quantities}) == 2 * len(list_measures(TINY))
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert done[0] == 0.0
    assert seen[-1] == (1.0, "done")
    assert result.settings["noise_std"] == 0.5
    assert result.settings["evaluation"] == TINY.model_dump()
    assert result.raster.shape == (2, 2, 5, 20)
    np.testing.assert_allclose(result.run_law.sum(-1), 1)


def test_values_lie_inside_their_intervals():
    result = compare_processes(load_process("linear-4"), load_process("linear-3"), n_steps=12)
    estimate = result.estimate
    defined = np.isfinite(estimate.low)
    assert (estimate.low <= estimate.value + 1e-12)[defined].all()
    assert (estimate.value <= estimate.high + 1e-12)[defined].all()
    assert (result.test.value == estimate.value)[defined].all()
    assert (estimate.low <= result.test.low)[defined].all()


def test_every_measure_is_a_quantity_beside_its_margin_and_the_process_sample(own):
    quantities = {quantity.key: quantity for quantity in own.list_quantities()}
    assert list(quantities)[:2] == ["symbol_matrix_error", "frequency_error"]
    cells = {"symbol_matrix_error": (0, 0), "symbol_matrix_error[stationary]": (1, 0)}
    cells |= {"ngram_divergence[2]": (0, 7), "ngram_divergence[2,stationary]": (1, 7)}
    assert own.measure[7] == "ngram_divergence_2"
    for key, cell in cells.items():
        assert quantities[key].estimate == own.estimate[cell]
        assert find_floor(quantities[key]) == own.floor[cell]
    assert quantities["ngram_divergence[2,stationary]"].label == "2-gram divergence, stationary start"
    assert (quantities["ngram_divergence[2]"].margin, find_target(quantities["ngram_divergence[2]"])) == (
        None,
        0,
    )
    margin = quantities["symbol_matrix_error[stationary]"].margin
    assert (margin.size, margin.target, margin.test) == (SMALL.margin_symbol_matrix, 0.0, own.test[1, 0])
    assert str(quantities["classifier_auc"].margin).startswith("margin 0.5 ± 0.05: ")


def test_each_measure_has_the_margin_of_its_setting_and_one_definition():
    names = {
        "symbol_matrix_error": "symbol_matrix",
        "frequency_error": "frequency",
        "rare_symbol_error": "rare_symbol",
        "volatility_error": "volatility",
        "cross_entropy_gap": "cross_entropy",
        "impossible_share": "impossible",
        "run_length_distance": "run_length",
        "classifier_auc": "auc",
    }
    sizes = {name: 0.01 * (i + 1) for i, name in enumerate(names)}
    margins = {f"margin_{names[name]}": size for name, size in sizes.items()}
    measures = list_measures(EvaluationSettings(max_word_length=2, **margins))
    assert {m.name: m.margin for m in measures if np.isfinite(m.margin)} == sizes
    assert [m.name for m in measures][5:9] == [
        *("impossible_share", "ngram_divergence_1", "ngram_divergence_2", "impossible_word_share")
    ]
    assert len(measures) == len(DEFINITIONS) + 1


def test_the_main_quantities_are_those_with_a_margin(own):
    assert [bool(quantity.margin) for quantity in own.list_quantities()] == [
        q.is_main for q in own.list_quantities()
    ]
    assert sum(quantity.is_main for quantity in own.list_quantities()) == 2 * len(JUDGED) == 16


def test_a_measure_or_start_that_does_not_exist_is_named(own):
    with pytest.raises(InputError, match="unknown measure `ngram_divergence_7`. Did you mean `ngram_div"):
        own.find_quantity("ngram_divergence_7")
    with pytest.raises(InputError, match="unknown start `stationry`. Did you mean `stationary`"):
        own.list_quantities_from("stationry")


# ---- edges


def test_a_network_that_always_emits_one_symbol_is_different():
    network = build_iid_network([200.0, 0.0, 0.0])
    result = evaluate_network(network, load_process("linear-3"), n_steps=10, settings=SMALL, seed=0)
    rows = index(result)
    assert np.isnan(result.symbol_matrix[0, 0, 1:]).all()
    assert float(rows["symbol_matrix_error"].estimate) == 1.0
    assert float(rows["run_length_distance"].estimate) == 1.0
    assert float(rows["volatility_error"].estimate) == pytest.approx(-1.0)
    assert {rows[m].margin.verdict for m in JUDGED - {"impossible_share"}} == {"outside"}
    assert np.isnan(result.run_law[0, 0]).all()


def test_impossible_sequences_are_counted_apart():
    hmm = build_iid_process([0.5, 0.5, 0.0])
    network = build_iid_network(np.log([0.45, 0.45, 0.1]).tolist())
    rows = index(evaluate_network(network, hmm, n_steps=8, settings=SMALL, seed=0))
    assert float(rows["impossible_share"].estimate) == pytest.approx(
        1 - 0.9**8, abs=0.12
    )  # five standard errors
    assert rows["impossible_share"].margin.verdict == "outside"
    assert float(rows["cross_entropy_gap"].estimate) == pytest.approx(0.0, abs=1e-9)
    assert float(rows["impossible_word_share"].estimate) == pytest.approx(1 - 0.9**5, rel=0.2)
    assert float(rows["ngram_divergence_2"].estimate) == pytest.approx(0.0, abs=0.01)
    assert float(rows["rare_symbol_error"].estimate) == pytest.approx(-0.1, abs=1e-4)


def test_a_network_of_impossible_sequences_only_has_an_infinite_gap():
    hmm = build_iid_process([0.5, 0.5, 0.0])
    result = evaluate_network(build_iid_network([0.0, 0.0, 200.0]), hmm, n_steps=8, settings=SMALL, seed=0)
    rows = index(result)
    gap = result.measure.tolist().index("cross_entropy_gap")
    assert result.estimate.value[0, gap] == np.inf
    assert float(rows["cross_entropy_gap"].estimate) == rows["cross_entropy_gap"].estimate.high == np.inf
    assert rows["cross_entropy_gap"].margin.verdict == "outside"
    assert str(rows["cross_entropy_gap"]) == "∞ nat per symbol"
    assert float(rows["impossible_share"].estimate) == 1.0


@pytest.mark.parametrize("n_steps", [2, 3, 4])
def test_windows_too_short_for_a_measure_leave_it_undefined(n_steps):
    result = compare_processes(load_process("linear-3"), load_process("linear-3"), n_steps=n_steps)
    rows = index(result)
    assert rows["ngram_divergence_5"].word == "undefined"
    assert (rows["irreversibility"].word == "undefined") == (n_steps < 3)
    assert (rows["run_length_distance"].word == "undefined") == (n_steps < 3)
    assert rows["symbol_matrix_error"].margin.verdict != "outside"
    assert any(note.startswith("5-grams left out") for note in result.status["notes"])


def test_a_process_without_unique_stationary_law_is_judged_from_zero_only():
    hmm = HMM([0.5, 0.5], np.eye(2), [[0.9, 0.1], [0.1, 0.9]])
    result = compare_processes_from_zero(hmm)
    assert result.start.tolist() == ["zero"]
    assert result.status["notes"][0].startswith("start `stationary` left out")


def compare_processes_from_zero(hmm):
    def observe(start, design, seed, report):
        return observe_process(hmm, design, rng=np.random.default_rng(seed))

    return evaluate_emulator(observe, hmm, n_steps=10, settings=SMALL, seed=0)


@pytest.mark.slow
def test_large_processes_are_not_refitted_and_unidentifiable_ones_not_compared_by_parameters():
    chain = load_process("linear-5")
    result = compare_processes(chain, chain, n_steps=10)
    assert index(result)["refit_parameter_error"].word == "undefined"
    assert index(result)["refit_kl_rate"].word == ""
    settings = SMALL.model_copy(update={"max_refit_states": 2})
    result = compare_processes(chain, chain, n_steps=10, settings=settings)
    assert index(result)["refit_kl_rate"].word == "undefined"
    assert "re-estimation left out: more than 2 states" in result.status["notes"]


@pytest.mark.slow
def test_many_symbols_leave_out_long_words():
    rng = np.random.default_rng(0)
    hmm = build_iid_process(rng.dirichlet(np.ones(40)))
    design, target = prepare(hmm, 10, SMALL)
    seen = observe_process(hmm, design, rng=rng)
    found = measure_words(seen, target, SMALL, rng=rng)
    assert np.isfinite(found["ngram_divergence_3"].estimate.value)
    assert np.isnan(found["ngram_divergence_4"].estimate.value)
    assert float(found["impossible_word_share"].estimate) == 0


def test_bad_input_is_named():
    network = build_iid_network([0.0, 0.0])
    with pytest.raises(InputError, match="must have the same symbols, got 2 and 3"):
        evaluate_network(network, load_process("linear-2"), n_steps=10, settings=SMALL, seed=0)
    with pytest.raises(InputError, match="`n_steps` must be ≥ 2, got 1"):
        compare_processes(load_process("linear-2"), load_process("linear-2"), n_steps=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", list_presets())
def test_every_preset_passes_as_its_own_emulator_at_full_size(name):
    preset = load_preset(name)
    settings = EvaluationSettings()
    result = compare_processes(preset.hmm, preset.hmm, n_steps=preset.n_steps, settings=settings)
    for start in ("zero", "stationary"):
        rows = index(result, start)
        # 3e6 symbols of a slow process (cyclic-4) leave a frequency error of about .002: little power at .005
        assert rows["frequency_error"].margin.verdict in ("within", "undecided")
        others = JUDGED - {"frequency_error"}
        assert {m: rows[m].margin.verdict for m in others} == dict.fromkeys(others, "within")
