import numpy as np
import pytest
import torch
from part_functions import compute_slow_clusters, find_slow_clusters
from scipy.cluster.vq import kmeans2
from sklearn.metrics import adjusted_rand_score

from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError, run_driven
from orbitscope.dynamics.regions.slow_clusters import SlowClusterResult
from orbitscope.dynamics.regions.state_clustering import (
    ClusterRule,
    TooFewStatesError,
    _run_kmeans,
    find_nearest,
    fit_clusters,
    recluster,
)
from orbitscope.errors import InputError
from orbitscope.hmm import HMM
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result
from orbitscope.statistics import Estimate, Null

N_DIMS = 10
FAST = {"n_null": 19, "n_splits": 1, "n_resamples": 100, "n_microstates": 20}


def make_network(*, cell="relu", bias=False, readout=None):
    """Ten neurons; without a readout, symbol 0 or 1 by the sign of the first neuron."""
    generator = torch.Generator().manual_seed(0)
    n_symbols = 2 if readout is None else len(readout)
    network = build_network(
        n_symbols, cell=cell, hidden_size=N_DIMS, input_size=2, bias=bias, generator=generator
    )
    network = network.double()
    with torch.no_grad():
        network.w_out.zero_()
        network.w_out[:, :2] = torch.tensor([[1.0, 0.0], [-1.0, 0.0]] if readout is None else readout)
        if bias:
            network.out_bias.zero_()
    return network


def compare(first, second):
    """Adjusted Rand index of two labellings, by scikit-learn."""
    return adjusted_rand_score(np.ravel(first), np.ravel(second))


def sample_chain(n_clusters, n_trajectories, n_steps, *, jump, rng):
    """A chain that jumps to any other cluster with the same chance, (trajectory, time)."""
    labels = np.empty((n_trajectories, n_steps), dtype=int)
    labels[:, 0] = rng.integers(n_clusters, size=n_trajectories)
    for t in range(1, n_steps):
        jumps = rng.random(n_trajectories) < jump
        shift = rng.integers(1, max(2, n_clusters), size=n_trajectories)
        labels[:, t] = np.where(jumps, (labels[:, t - 1] + shift) % n_clusters, labels[:, t - 1])
    return labels


def sample_blobs(labels, rng, *, distance=8.0):
    """Unit Gaussians around orthogonal centres."""
    noise = rng.standard_normal((*labels.shape, N_DIMS))
    return torch.from_numpy(noise + distance * np.eye(N_DIMS)[labels])


def find(states, *, is_slow=None, network=None, seed=0, **options):
    is_slow = np.ones(states.shape[:2], dtype=bool) if is_slow is None else is_slow
    network = network or make_network()
    return find_slow_clusters(network, states, is_slow, rng=np.random.default_rng(seed), **FAST | options)


# ---- number of clusters


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("n_clusters", [2, 3, 4])
def test_blobs_of_a_jump_process_are_found(n_clusters, bias):
    rng = np.random.default_rng(n_clusters)
    labels = sample_chain(n_clusters, 40, 80, jump=0.04, rng=rng)
    found = find(sample_blobs(labels, rng), network=make_network(bias=bias))
    assert len(found.cluster) == n_clusters
    assert found.gap.argmax() == n_clusters - 2
    assert compare(found.label.ravel(), labels.ravel()) > 0.95
    assert found.split_rand.min() > 0.95
    np.testing.assert_array_equal(found.split_n_clusters, n_clusters)
    assert (np.diff(found.share) <= 0).all()
    np.testing.assert_allclose(found.share, np.bincount(found.label.ravel()) / labels.size)
    assert found.microstate_share.sum() == pytest.approx(1)
    by_microstate = np.bincount(found.microstate_label, found.microstate_share)
    np.testing.assert_allclose(by_microstate, found.share)


@pytest.mark.parametrize("n_slow_dims", [1, N_DIMS])
@pytest.mark.parametrize(("memory", "n_wrong"), [(0.0, 0), (0.5, 0), (0.95, 1)])
def test_one_blob_is_one_cluster_whatever_its_memory(n_slow_dims, memory, n_wrong):
    """With a long memory trajectories are few independent states: of three draws one may be wrong."""
    rng, found = np.random.default_rng(0), []
    for _ in range(3 if n_wrong else 1):
        states = rng.standard_normal((40, 120, N_DIMS))
        for t in range(1, 120):
            fresh = np.sqrt(1 - memory**2) * states[:, t, :n_slow_dims]
            states[:, t, :n_slow_dims] = memory * states[:, t - 1, :n_slow_dims] + fresh
        states[..., :n_slow_dims] *= 3
        found.append(find(torch.from_numpy(states), network=make_network(bias=True)))
    right = [result for result in found if len(result.cluster) == 1]
    assert len(right) >= len(found) - n_wrong
    for result in right:
        assert result.gap.max() < 3
        assert result.adjusted_rand.value == 0
        np.testing.assert_array_equal(result.transfer, [[1.0]])
        if memory < 0.95:  # half of the trajectories are fewer still
            np.testing.assert_array_equal(result.split_n_clusters, 1)


def test_the_smallest_gap_is_a_setting():
    rng = np.random.default_rng(0)
    states = sample_blobs(sample_chain(2, 40, 80, jump=0.1, rng=rng), rng)
    gap = find(states).gap.max()
    assert len(find(states, min_gap=0.99 * gap).cluster) == 2
    assert len(find(states, min_gap=1.01 * gap).cluster) == 1


def test_gaps_between_eigenvalues_of_chance_are_not_considered():
    rng = np.random.default_rng(0)
    found = find(sample_blobs(sample_chain(3, 40, 80, jump=0.04, rng=rng), rng), max_clusters=16)
    assert len(found.cluster) == 3
    assert np.isnan(found.timescale).any()
    is_chance = found.eigenvalue[1:-1] < found.null_eigenvalue.quantile
    np.testing.assert_array_equal(found.gap[is_chance], 1)


def test_microstates_and_clusters_may_differ_in_weight():
    """A rare cluster of eight places beside eight others, each visited half as often as the one before."""
    rng = np.random.default_rng(0)
    labels = np.zeros((80, 150), dtype=int)
    for t in range(1, 150):
        draw = rng.random(80)
        labels[:, t] = np.where(labels[:, t - 1] == 0, draw < 0.005, draw > 0.06)
    uneven = np.minimum(rng.geometric(0.5, size=labels.shape) - 1, 7)
    place = np.where(labels == 1, rng.integers(8, 16, size=labels.shape), uneven)
    places = 3 * rng.standard_normal((16, N_DIMS))
    found = find(torch.from_numpy(places[place]), network=make_network(bias=True), max_clusters=4)
    assert compare(found.label.ravel(), labels.ravel()) == 1
    np.testing.assert_array_equal(found.label, labels)


def test_halves_know_only_their_own_trajectories():
    """Four trajectories in four blobs: each half sees two, and places the other two by chance."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4)[:, None], 400, axis=1)
    found = find(sample_blobs(labels, rng), n_splits=3)
    assert len(found.cluster) == 4
    np.testing.assert_array_equal(found.split_n_clusters, np.full((3, 2), 2))
    assert found.split_rand.max() < 0.8


# ---- transfers


@pytest.mark.parametrize("lag", [1, 3])
def test_timescale_of_a_two_state_chain(lag):
    """λ = 1 − 2 p at lag 1, and the timescale is the same at any lag."""
    rng = np.random.default_rng(1)
    states = sample_blobs(sample_chain(2, 100, 200, jump=0.05, rng=rng), rng)
    found = find(states, lag=lag)
    assert found.timescale[0] == np.inf
    np.testing.assert_allclose(found.eigenvalue[:2], [1, 0.9**lag], atol=0.025)
    np.testing.assert_allclose(found.timescale[1], -1 / np.log(0.9), rtol=0.1)
    stay = (1 + 0.9**lag) / 2
    np.testing.assert_allclose(found.transfer, [[stay, 1 - stay], [1 - stay, stay]], atol=0.02)


def test_states_that_are_not_slow_are_skipped():
    """Blobs change only across gaps of NaN: transfers bridge them, and nothing else is looked at."""
    rng = np.random.default_rng(0)
    labels = np.tile(np.repeat(np.arange(8) % 2, 12), (20, 1))
    is_slow = np.tile(np.tile(np.arange(12) < 9, 8), (20, 1))
    states = sample_blobs(labels, rng)
    states[torch.from_numpy(~is_slow)] = torch.nan
    found = find(states, is_slow=is_slow)
    assert len(found.cluster) == 2
    assert (found.label[~is_slow] == -1).all()
    assert compare(found.label[is_slow], labels[is_slow]) == 1
    first = found.label[0, 0]
    stay = np.array([[32, 4], [3, 32]]) / np.array([[36], [35]])
    np.testing.assert_allclose(found.transfer, stay[:, ::-1][::-1] if first == 1 else stay)
    assert found.table.sum() == is_slow.sum()


def test_transfers_do_not_lead_from_one_trajectory_to_the_next():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(40)[:, None] % 2, 40, axis=1)
    found = find(sample_blobs(labels, rng))
    assert len(found.cluster) == 2
    np.testing.assert_array_equal(found.transfer, np.eye(2))
    n_cells, n_transfers = len(found.microstate_label), 40 * 39
    bound = 1 - n_cells / (n_transfers + n_cells)  # one pseudo-transfer per microstate
    np.testing.assert_allclose(found.eigenvalue[1], bound, atol=0.003)


def test_a_place_that_is_hardly_visited_is_no_cluster():
    rng = np.random.default_rng(0)
    states = sample_blobs(sample_chain(2, 40, 80, jump=0.04, rng=rng), rng)
    is_slow = np.ones((40, 80), dtype=bool)
    states[0, :3] = 30 * torch.eye(N_DIMS).double()[5]
    is_slow[0, 3:] = False
    assert len(find(states, is_slow=is_slow).cluster) == 2


# ---- symbols and the HMM


def test_agreement_with_symbols():
    rng = np.random.default_rng(3)
    labels = sample_chain(2, 40, 80, jump=0.04, rng=rng)
    network = make_network(readout=[[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    found = find(sample_blobs(labels, rng), network=network)
    assert found.adjusted_rand.value == pytest.approx(1)
    assert found.adjusted_rand.low == pytest.approx(1)
    n_clusters, *shares, rand = (quantity.estimate for quantity in found.list_quantities())
    assert (float(n_clusters), [float(share) for share in shares]) == (2, found.share.tolist())
    assert rand == found.adjusted_rand
    first = int(np.bincount(labels.ravel()).argmax())
    np.testing.assert_array_equal(found.table.argmax(1), [first, 1 - first])
    blind = find(sample_blobs(labels, rng), network=make_network(readout=[[0.0, 0.0], [0.0, 0.0]]))
    assert blind.adjusted_rand.value == 0


def test_clusters_that_symbols_cut_otherwise():
    """Symbols by the sign of a neuron that knows nothing of the blobs agree by chance only."""
    rng = np.random.default_rng(0)
    labels = sample_chain(2, 40, 80, jump=0.04, rng=rng)
    states = sample_blobs(labels + 2, rng)
    found = find(states)
    symbols = (states[..., 0] < 0).long().numpy()
    expected = compare(found.label.ravel(), symbols.ravel())
    assert found.adjusted_rand.value == pytest.approx(expected)
    assert found.adjusted_rand.low < 0.005
    assert found.adjusted_rand.low - 2e-3 <= found.adjusted_rand.value <= found.adjusted_rand.high + 2e-3
    assert expected == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_clusters_are_aligned_to_the_states_of_an_hmm(order):
    """Two clusters, three states: the state in the middle has none."""
    rng = np.random.default_rng(0)
    network = make_network(readout=[[1.0, 0.0], [0.0, 1.0]])
    labels = sample_chain(2, 40, 80, jump=0.04, rng=rng)
    states = sample_blobs(labels, rng, distance=6.0)
    emission = np.array([[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]])[order]
    hmm = HMM(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), emission)
    found = find(states, network=network, hmm=hmm)
    probs = torch.softmax(states[..., :2], -1).numpy()
    means = np.stack([probs[found.label == c].mean(0) for c in range(2)])
    np.testing.assert_allclose(found.mean_probs.value, means)
    assert (found.mean_probs.low <= means).all()
    assert (means <= found.mean_probs.high).all()
    expected = np.array([means[:, 0].argmax(), -1, means[:, 1].argmax()])[order]
    np.testing.assert_array_equal(found.cluster_of_state, expected)
    assert found.status["states_without_cluster"] == [order.index(1)]
    for state, cluster in enumerate(found.cluster_of_state):
        if cluster < 0:
            assert found.distance[state] == Estimate(np.nan)
            continue
        expected = 0.5 * np.abs(means[cluster] - emission[state]).sum()
        assert found.distance.value[state] == pytest.approx(expected)
        assert found.distance.low[state] < expected < found.distance.high[state]


def test_clusters_beyond_the_states_of_the_hmm_stay_alone():
    rng = np.random.default_rng(0)
    states = sample_blobs(sample_chain(3, 40, 80, jump=0.04, rng=rng), rng)
    hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[1.0, 0.0], [0.0, 1.0]])
    found = find(states, hmm=hmm)
    assert len(found.cluster) == 3
    assert len(set(found.cluster_of_state.tolist()) - {-1}) == 2
    assert found.status["states_without_cluster"] == []


# ---- invariances


def test_the_scale_of_states_does_not_matter_to_directions():
    rng = np.random.default_rng(0)
    states = sample_blobs(sample_chain(3, 40, 60, jump=0.04, rng=rng), rng)
    scale = torch.from_numpy(2.0 ** rng.integers(-3, 4, size=(40, 60, 1)))
    plain, scaled = find(states), find(states * scale)
    np.testing.assert_array_equal(plain.label, scaled.label)
    np.testing.assert_array_equal(plain.eigenvalue, scaled.eigenvalue)


def test_scale_and_offset_of_neurons_do_not_matter_when_standardised():
    rng = np.random.default_rng(0)
    states = sample_blobs(sample_chain(3, 40, 60, jump=0.04, rng=rng), rng)
    moved = states * torch.from_numpy(2.0 ** np.arange(N_DIMS)) + 16.0
    plain, scaled = (find(x, network=make_network(bias=True)) for x in (states, moved))
    assert compare(plain.label.ravel(), scaled.label.ravel()) == 1
    np.testing.assert_allclose(plain.eigenvalue, scaled.eigenvalue, rtol=1e-10)


def test_only_the_hidden_part_of_a_state_has_a_place():
    rng = np.random.default_rng(0)
    states = sample_blobs(sample_chain(2, 40, 60, jump=0.04, rng=rng), rng)
    memory = 100 * torch.from_numpy(rng.standard_normal((40, 60, 3)))
    network = make_network()
    plain = find(states, network=network)
    network.cell.state_size = N_DIMS + 3
    assert find(torch.cat([states, memory], 2), network=network) == plain


@pytest.mark.parametrize(
    ("options", "metric"),
    [({}, "direction"), ({"bias": True}, "standardised"), ({"cell": "tanh"}, "standardised")],
)
def test_the_metric_follows_from_the_network(options, metric):
    rng = np.random.default_rng(0)
    states = sample_blobs(sample_chain(2, 20, 40, jump=0.04, rng=rng), rng)
    network = make_network(**options)
    assert find(states, network=network).settings["metric"] == metric


def test_the_same_seed_gives_the_same_result_and_it_can_be_stored(tmp_path):
    rng = np.random.default_rng(0)
    states = sample_blobs(sample_chain(2, 20, 40, jump=0.04, rng=rng), rng).float()
    first, other = (find(states, network=make_network().float(), seed=seed) for seed in (1, 2))
    np.random.seed(5)  # noqa: NPY002
    assert first == find(states, network=make_network().float(), seed=1)
    assert first != other
    assert first.cluster_of_state.shape == first.distance.value.shape == (0,)
    save_result(first, tmp_path / "slow.nc")
    assert load_result(tmp_path / "slow.nc", SlowClusterResult) == first


# ---- from a network


def make_bistable_network():
    """h′ = tanh(2 h + x): wells at ±0.957, with a jump now and then; symbols are the signs."""
    network = build_network(
        2, cell="tanh", hidden_size=2, input_size=1, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
        network.cell.w_ih.copy_(torch.tensor([[1.0], [0.1]]))
        network.w_out.copy_(torch.tensor([[2.0, 0.0], [-2.0, 0.0]]))
    return network.double()


SMALL = FAST | {"n_trajectories": 40, "n_steps": 60, "burn_in": 50, "max_clusters": 4}


def compute(network, *, seed=0, **options):
    return compute_slow_clusters(network, generator=torch.Generator().manual_seed(seed), **SMALL | options)


def test_the_wells_of_a_bistable_network_are_its_clusters():
    network = make_bistable_network()
    hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.0, 1.0], [1.0, 0.0]])
    found = compute(network, hmm=hmm)
    assert len(found.cluster) == 2
    assert found.adjusted_rand.value > 0.8
    assert found.label.shape == (40, 60)
    assert 0.3 < (found.label >= 0).mean() < 1
    np.testing.assert_array_equal(found.emission_probs, hmm.emission_probs)
    assert found.mean_probs.value[found.cluster_of_state].argmax(1).tolist() == [1, 0]
    assert found.settings["n_trajectories"] == 40
    assert found.settings["slow_above"] == 8
    assert found == compute(network, hmm=hmm)


def test_clusters_are_told_at_the_states_of_the_driven_path():
    network = make_bistable_network()
    found = compute(network)
    path = run_driven(network, 40, 60, burn_in=50, generator=torch.Generator().manual_seed(0))
    symbol = network.compute_logits(path.states).argmax(-1).T.numpy()
    is_slow = found.label >= 0
    assert compare(found.label[is_slow], symbol[is_slow]) == pytest.approx(float(found.adjusted_rand))
    assert found.table.sum() == is_slow.sum()


def test_a_network_without_enough_slow_states_has_no_clusters():
    network = make_bistable_network()
    with torch.no_grad():
        network.cell.w_ih.mul_(20)
    with pytest.raises(TooFewStatesError, match=r"20 microstates need ≥ 800 slow states of ≥ 4"):
        compute(network)
    with torch.no_grad():
        network.cell.w_ih.zero_()
    with pytest.raises(NoStationaryRegimeError):
        compute(network)


def test_slow_states_at_one_place_have_no_clusters():
    states = torch.ones(10, 100, N_DIMS).double()
    with pytest.raises(TooFewStatesError, match=r"must lie in > 8 different places, got 1"):
        find(states)


def test_silent_states_are_a_place_of_their_own():
    rng = np.random.default_rng(0)
    labels = sample_chain(2, 40, 80, jump=0.04, rng=rng)
    states = sample_blobs(labels, rng)
    states[torch.from_numpy(labels == 1)] = 0.0
    found = find(states, max_clusters=4)
    assert len(found.cluster) == 2
    assert compare(found.label, labels) > 0.99


# ---- the model alone


def test_microstates_without_memory_have_no_gap():
    rng = np.random.default_rng(0)
    points = np.repeat(3.0 * rng.standard_normal((16, 4)), 100, axis=0)[rng.permutation(1600)]
    rule = ClusterRule(n_microstates=16, lag=1, max_clusters=4, min_gap=3.0, n_null=19)
    model = fit_clusters(points, np.repeat(np.arange(16), 100), rule, rng=rng)
    assert model.n_clusters == 1
    assert len(model.centres) == 16
    np.testing.assert_allclose(model.shares, 1 / 16)
    assert model.eigenvalues[1] < model.null_eigenvalue.quantile + 0.05
    np.testing.assert_allclose(model.gaps, 1, atol=0.1)


def test_eigenvalues_are_those_of_the_smoothed_transfer_matrix():
    """Points at five places; the matrix is built by a loop."""
    rng = np.random.default_rng(1)
    code = rng.integers(5, size=600)
    code[1::2] = code[::2]
    owner = np.repeat(np.arange(4), 150)
    rule = ClusterRule(n_microstates=5, lag=1, max_clusters=3, min_gap=3.0, n_null=9)
    model = fit_clusters(np.eye(5)[code], owner, rule, rng=rng)
    counts = np.zeros((5, 5))
    for t in range(599):
        if owner[t] == owner[t + 1]:
            counts[code[t], code[t + 1]] += 0.5
            counts[code[t + 1], code[t]] += 0.5
    counts += 1 / 5
    expected = np.sort(np.linalg.eigvals(counts / counts.sum(1, keepdims=True)).real)[::-1]
    np.testing.assert_allclose(model.eigenvalues, expected[:4])
    times = -1 / np.log(np.maximum(expected[1:4], model.null_eigenvalue.quantile))
    np.testing.assert_allclose(model.gaps, times[:-1] / times[1:])


def test_the_null_is_the_second_eigenvalue_of_shuffled_states():
    rng = np.random.default_rng(1)
    code, owner = rng.integers(5, size=600), np.zeros(600, dtype=int)
    rule = ClusterRule(n_microstates=5, lag=1, max_clusters=3, min_gap=3.0, n_null=400)
    model = fit_clusters(np.eye(5)[code], owner, rule, rng=rng)
    second = []
    for _ in range(400):
        order = rng.permutation(code)
        counts = np.full((5, 5), 0.2)
        np.add.at(counts, (order[:-1], order[1:]), 0.5)
        np.add.at(counts, (order[1:], order[:-1]), 0.5)
        second.append(np.sort(np.linalg.eigvals(counts / counts.sum(1, keepdims=True)).real)[-2])
    null = model.null_eigenvalue
    assert null.quantile == pytest.approx(np.quantile(second, 0.95), rel=0.15)
    assert null == Null.of_draws("random order", model.eigenvalues[1], null.draws)
    assert null.draws.shape == (400,)


def test_halves_keep_their_trajectories_apart():
    """Trajectories of two steps, each in one blob: joined, half of all transfers would be random."""
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(2, size=600)[:, None], 2, axis=1)
    found = find(sample_blobs(labels, rng), min_gap=5.0, n_splits=3)
    np.testing.assert_array_equal(found.split_n_clusters, 2)
    assert found.split_rand.min() > 0.95


# ---- refusals


def test_shapes_that_do_not_match_are_refused():
    states = torch.zeros(10, 100, N_DIMS).double()
    is_slow = np.ones((10, 100), dtype=bool)
    with pytest.raises(InputError, match=r"`states` must be \(trajectory, time, state\).*Transpose"):
        find(states, is_slow=np.ones((100, 10), dtype=bool))
    with pytest.raises(InputError, match=r"`states` must be \(point, 10\)"):
        find(states[..., :9])
    with pytest.raises(TooFewStatesError, match=r"≥ 800 slow states of ≥ 4 trajectories, got 799 of 8"):
        find(states, is_slow=is_slow & (np.arange(1000).reshape(10, 100) > 200))
    with pytest.raises(TooFewStatesError, match=r"got 900 of 3\. Run more"):
        find(torch.zeros(3, 300, N_DIMS).double())
    hmm = HMM([1.0], [[1.0]], [[0.2, 0.3, 0.5]])
    with pytest.raises(InputError, match="must have the same symbols"):
        find(states, hmm=hmm)


def test_slow_states_must_be_finite():
    states = torch.ones(10, 100, N_DIMS).double()
    states[0, 1, 0] = torch.nan
    with pytest.raises(InputError, match="`states` must be finite"):
        find(states)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_clusters": 1}, r"`max_clusters` must be ≥ 2, got 1"),
        ({"max_clusters": 20}, r"got 20 and 20"),
        ({"lag": 0}, r"`lag` must be ≥ 1, got 0"),
        ({"n_splits": 0}, r"`n_splits` must be ≥ 1, got 0"),
        ({"n_null": 0}, r"`n_null` must be ≥ 1, got 0"),
        ({"min_gap": 1.0}, r"`min_gap` must be > 1, got 1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        find(torch.ones(10, 100, N_DIMS).double(), **options)


# ---- how well the agreement is known


def test_resamples_are_of_trajectories_and_clustered_anew():
    rng = np.random.default_rng(0)
    labels = sample_chain(2, 12, 60, jump=0.1, rng=rng)
    points, owner = sample_blobs(labels, rng).flatten(0, 1).numpy(), np.repeat(np.arange(12), 60)
    rule = ClusterRule(n_microstates=8, lag=1, max_clusters=3, min_gap=3.0, n_null=19)
    symbol, null = labels.ravel(), fit_clusters(points, owner, rule, rng=rng).null_eigenvalue
    found = recluster(points, owner, symbol, rule, 3, null=null, rng=np.random.default_rng(5))
    for value, source in zip(found, np.random.default_rng(5).spawn(3), strict=True):
        drawn = source.integers(12, size=12)
        rows = (60 * drawn[:, None] + np.arange(60)).ravel()
        model = fit_clusters(points[rows], np.repeat(np.arange(12), 60), rule, null=null, rng=source)
        assert value == pytest.approx(compare(model.assign(points[rows]), symbol[rows]))


def test_states_at_one_point_are_clustered_as_if_each_had_its_own():
    rng = np.random.default_rng(2)
    points, owner = rng.normal(size=(240, 4)), np.repeat(np.arange(12), 20)
    rows = (20 * rng.integers(12, size=12)[:, None] + np.arange(20)).ravel()
    different, place = np.unique(rows, return_inverse=True)
    assert len(different) < len(rows)
    rule = ClusterRule(n_microstates=9, max_clusters=3, n_null=19)
    sources = [np.random.default_rng(3) for _ in range(2)]
    apart = fit_clusters(points[rows], owner, rule, rng=sources[0])
    together = fit_clusters(points[different], owner, rule, rows=place, rng=sources[1])
    np.testing.assert_allclose(together.centres, apart.centres, rtol=1e-12)
    np.testing.assert_array_equal(together.shares, apart.shares)
    np.testing.assert_allclose(together.eigenvalues, apart.eigenvalues, atol=1e-12)


def test_where_the_number_of_clusters_is_unsure_the_agreement_is():
    """Two blobs whose slowest mode is near the smallest gap: some resamples see one cluster, agreement 0."""
    rng, few = np.random.default_rng(1), {"n_microstates": 8, "max_clusters": 4, "n_reclustered": 40}
    network = make_network(readout=[[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    found = [
        find(sample_blobs(sample_chain(2, 14, 60, jump=jump, rng=rng), rng), network=network, **few)
        for jump in (0.04, 0.15, 0.2, 0.25, 0.3, 0.4)
    ]
    limits = [(float(result.adjusted_rand.low), float(result.adjusted_rand.high)) for result in found]
    np.testing.assert_allclose([limits[0], limits[-1]], [(1, 1), (0, 0)], atol=0.02)
    assert any(low < 0.02 and high > 0.5 for low, high in limits[1:-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_the_nearest_centre_is_nearest(dtype, offset):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(9, 7)) * np.linspace(0.1, 3, 9)[:, None]  # of different lengths
    points, centres = (offset + where for where in (rng.normal(size=(300, 7)), centres))
    points, centres = points.astype(dtype), centres.astype(dtype)
    distance = np.linalg.norm(points[:, None].astype(np.float64) - centres, axis=-1)
    found = distance[np.arange(300), find_nearest(points, centres)]
    np.testing.assert_allclose(found, distance.min(1), rtol=1e-3)


def test_kmeans_is_that_of_scipy_and_a_centre_without_members_stays():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(i, 0.3, size=(40, 3)) for i in range(4)])
    start = np.concatenate([points[::30], [[50.0, 50.0, 50.0]]])
    with pytest.warns(UserWarning, match="One of the clusters is empty"):
        expected = kmeans2(points, start, iter=20, minit="matrix")[0]
    found = _run_kmeans(points, start)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(found[-1], start[-1])
    assert not np.allclose(found[:-1], start[:-1])

    counts = rng.integers(1, 4, size=len(points))
    repeated = _run_kmeans(np.repeat(points, counts, axis=0), start)
    np.testing.assert_allclose(_run_kmeans(points, start, counts), repeated, rtol=1e-12)
    assert not np.allclose(repeated, found)
