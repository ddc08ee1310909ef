from types import SimpleNamespace

import numpy as np
import pytest
import torch
from known_networks import make_ring, make_slow_ring
from latches import make_driven_latches, make_latch, start_saturated
from scipy.stats import norm

from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.hmm import HMM, load_preset
from orbitscope.interventions.targets import Target
from orbitscope.network import build_network, intervene
from orbitscope.principles.dwell import coherence
from orbitscope.principles.dwell.coherence import KINDS, PART, CoherenceResult, CoherenceSettings
from orbitscope.principles.dwell.coherence_shapes import SHAPES, judge_shape
from orbitscope.principles.dwell.noise_parts import NoisePart, list_noise_parts
from orbitscope.results import load_result, save_result
from orbitscope.runs.zoo import load_network
from orbitscope.statistics import Estimate
from orbitscope.subject import Subject

SIZES = {"n_trajectories": 40, "n_steps": 300, "burn_in": 20, "horizon": 200, "n_resamples": 100}
TELEGRAPH = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], np.eye(2))
DECODED, ARGMAX = (KINDS.index(kind) for kind in ("decoded", "argmax"))


def run(network, process=None, found=(), **settings):
    subject = Subject(network, process)
    subject.found.update(found)
    return PART.run(subject, CoherenceSettings(**SIZES | settings))


def name_kernel(deciding, rank=1):
    return {"noise_kernel": SimpleNamespace(deciding=np.atleast_2d(deciding), rank=np.array(rank))}


def name_populations(*groups):
    populations = {str(i): list(group) for i, group in enumerate(groups)}
    return {"populations": SimpleNamespace(list_populations=lambda: populations)}


def make_loud(network):
    with torch.no_grad():
        network.w_out.mul_(100)
    return start_saturated(network)


def test_a_telegraph_gets_faster_with_the_noise_and_stays_as_irregular():
    """The latch flips where noise passes a threshold: Φ(−θ/dose) in every step, CV √(1 − Φ).

    If the longest dwell is cut off, it counts as lasting to the horizon, which is near for that.
    """
    found = run(make_loud(make_latch(flip=0.06)), TELEGRAPH, n_trajectories=60, n_steps=1000, horizon=200)
    flips = norm.cdf(norm.ppf(0.06) / np.array([0.5, 1.0, 2.0]))
    for k in (DECODED, ARGMAX):
        n = found.n_dwells[0, :, k]
        assert n.tolist() == pytest.approx(60 * 1000 * flips, abs=5 * np.sqrt(60000 * 0.06) + 60)
        for d in (1, 2):
            assert found.mean.value[0, d, k] == pytest.approx(1 / flips[d], rel=5 / np.sqrt(n[d]))
            assert found.cv.value[0, d, k] == pytest.approx(np.sqrt(1 - flips[d]), abs=5 / np.sqrt(n[d]))
    np.testing.assert_allclose(found.mean_ratio.value[0, 2], flips[1] / flips[2], rtol=0.1)
    np.testing.assert_allclose(found.cv_ratio.value, found.cv.value / found.cv.value[:, [1]])
    assert found.cv_ratio[0, 1, 0] == Estimate(1.0, 1.0, 1.0)
    assert found.process_mean.value == pytest.approx([10, 10], rel=0.1)
    assert found.shape.tolist() != [["identity", "identity"]]
    assert not found.status["is_identity"]


def test_noise_that_does_nothing_changes_nothing():
    """The latch is flipped along one direction; the rest does not reach it."""
    deciding = np.array([0.6, 0.8, 0.0])
    found = run(make_loud(make_driven_latches(deciding, flip=0.06)), TELEGRAPH, name_kernel(deciding))
    parts = found.noise_part.tolist()
    assert parts == ["all", "deciding", "rest"]
    assert found.part_size.tolist() == [0, 1, 2]
    rest = parts.index("rest")
    assert (found.cv_ratio.value[rest] == 1).all()
    assert (found.cv_ratio.low[rest] == 1).all()
    assert found.shape[rest].tolist() == ["level", "level"]
    np.testing.assert_allclose(found.mean.value[parts.index("deciding")], found.mean.value[0], rtol=1e-3)
    assert found.mean_ratio.value[0, 2, ARGMAX] < 0.6


def test_ratios_are_paired_on_the_same_trajectories():
    """On the same noise the ratio is known better than from two separate intervals."""
    found = run(make_loud(make_latch(flip=0.1)), TELEGRAPH, n_resamples=400)
    widths = [np.log(found.cv.high / found.cv.low)[0, d, ARGMAX] for d in (1, 2)]
    paired = np.log(found.cv_ratio.high / found.cv_ratio.low)[0, 2, ARGMAX]
    assert paired < 1.3 * np.hypot(*widths)
    same = run(make_loud(make_latch(flip=0.1)), TELEGRAPH, name_kernel(np.eye(1)))
    # The noise of the part is the same up to rounding, which may move single flips.
    ratio, of_part = same.cv_ratio.value[:2, 2, ARGMAX]
    assert of_part == pytest.approx(ratio, rel=2e-3)


@pytest.fixture(scope="module")
def ring():
    """A slow ring, whose symbols are its thirds, shown faintly; the deciding noise is that of the wave."""
    network, place = make_slow_ring(), 2 * np.pi * np.arange(9) / 9
    with torch.no_grad():
        network.w_out.mul_(0.3)
    found = name_kernel(np.stack([np.cos(place), np.sin(place)]) / np.sqrt(9 / 2))
    found |= name_populations([0, 1], [1, 4])
    return run(network, load_preset("linear-3").hmm, found)


def test_the_scale_of_all_noise_is_an_identity_for_the_most_probable_symbol(ring):
    """A ReLU network without biases; decoded symbols are sharper under more noise."""
    assert ring.status["is_identity"]
    assert ring.shape[0, ARGMAX] == "identity"
    for name in ("mean_ratio", "cv_ratio"):
        values = getattr(ring, name)
        assert (values.value[0, :, ARGMAX] == 1).all()
        assert (values.low[0, :, ARGMAX] == 1).all()
        assert (values.high[0, :, ARGMAX] == 1).all()
    assert abs(ring.mean_ratio.value[0, 2, DECODED] - 1) > 0.02
    assert ring.shape[0, DECODED] != "identity"
    assert "identity" not in ring.shape[1:]


def test_doubling_a_part_is_halving_the_rest_for_the_most_probable_symbol(ring):
    deciding, rest = (ring.noise_part.tolist().index(name) for name in ("deciding", "rest"))
    np.testing.assert_allclose(
        ring.mean.value[deciding, ::-1, ARGMAX], ring.mean.value[rest, :, ARGMAX], rtol=0.02
    )
    assert ring.noise_part.tolist() == ["all", "deciding", "rest", "population"]
    assert ring.part_size.tolist() == [0, 2, 7, 3]
    assert abs(ring.mean_ratio.value[deciding, 2, ARGMAX] - 1) > 0.01


@pytest.mark.parametrize(
    ("lower", "higher", "shape"),
    [
        ((1.3, 1.2, 1.4), (0.7, 0.6, 0.8), "falls"),
        ((1.02, 0.98, 1.06), (0.7, 0.6, 0.8), "falls"),
        ((1.3, 1.2, 1.4), (1.0, 0.95, 1.05), "falls"),
        ((0.7, 0.6, 0.8), (1.3, 1.2, 1.4), "rises"),
        ((1.0, 0.95, 1.05), (1.3, 1.2, 1.4), "rises"),
        ((0.7, 0.6, 0.8), (1.0, 0.95, 1.05), "rises"),
        ((1.3, 1.2, 1.4), (1.3, 1.02, 1.5), "minimum"),
        ((0.7, 0.6, 0.8), (0.7, 0.6, 0.99), "maximum"),
        ((1.05, 1.02, 1.09), (0.95, 0.91, 0.99), "level"),
        ((1.3, 0.9, 1.7), (0.7, 0.6, 0.8), "undecided"),
        ((1.3, 1.2, 1.4), (0.95, 0.8, 1.2), "undecided"),
        ((np.nan, np.nan, np.nan), (0.7, 0.6, 0.8), "undefined"),
    ],
)
def test_the_shape_follows_from_both_sides(lower, higher, shape):
    assert judge_shape(Estimate(*lower), Estimate(*higher)) == shape
    assert shape in SHAPES


def test_the_margin_says_what_is_level():
    ratios = Estimate(1.05, 1.02, 1.09), Estimate(0.95, 0.91, 0.99)
    assert judge_shape(*ratios, margin=0.01) == "falls"


def test_parts_of_the_noise_are_those_of_other_results():
    deciding = np.linalg.qr(np.random.default_rng(1).standard_normal((5, 2)))[0].T
    parts, notes = list_noise_parts(name_kernel(deciding, rank=0) | name_populations([3], [1, 3]))
    assert [part.name for part in parts] == ["all", "deciding", "rest", "population"]
    assert parts[3].target.neurons == (1, 3)
    both = np.concatenate([parts[1].target.basis, parts[2].target.basis], axis=1)
    np.testing.assert_allclose(both.T @ both, np.eye(5), atol=1e-12)
    np.testing.assert_array_equal(parts[1].target.basis, deciding.T)
    assert notes == ["deciding directions: none can be told from chance, so the leading ones are scaled"]


def test_parts_that_are_missing_are_named():
    parts, notes = list_noise_parts({})
    assert [part.name for part in parts] == ["all"]
    assert [note.split(":")[0] for note in notes] == ["deciding directions", "population"]
    parts, notes = list_noise_parts(name_kernel(np.eye(3)) | name_populations([]))
    assert [part.name for part in parts] == ["all", "deciding"]
    assert notes == [
        "rest: every direction of the noise is a deciding one",
        "population: no neuron is in one",
    ]


def test_a_part_is_scaled_by_an_intervention():
    network = make_ring()
    noise = torch.from_numpy(np.random.default_rng(2).standard_normal((4, 8)))
    state = torch.rand(4, 8, generator=torch.Generator().manual_seed(0)).double()
    basis = np.linalg.qr(np.random.default_rng(3).standard_normal((8, 2)))[0]
    scaled, factor = NoisePart("deciding", Target("deciding", basis=basis)).scale(network, 2.0)
    along = torch.from_numpy(basis @ basis.T)
    torch.testing.assert_close(scaled.step(state, noise), network.step(state, noise + noise @ along))
    assert factor == 1.0
    scaled, factor = NoisePart("population", Target("population", (2,), source="noise of neurons")).scale(
        network, 0.5
    )
    torch.testing.assert_close(
        scaled.step(state, noise), intervene(network, input_gain={2: 0.5}).step(state, noise)
    )
    assert NoisePart("all").scale(network, 0.5) == (network, 0.5)
    assert NoisePart("deciding", Target("deciding", basis=basis)).scale(network, 1.0) == (network, 1.0)


def test_quantities_are_those_of_the_result(ring):
    found = {quantity.key: quantity for quantity in PART.summarise(ring)}
    assert found["coherence.shape[all,argmax]"].word == "identity"
    low, high = found["coherence.shape[all,decoded]"].beside
    assert (low.estimate, high.estimate) == (ring.cv_ratio[0, 0, DECODED], ring.cv_ratio[0, 2, DECODED])
    assert found["coherence.cv[population,decoded,2]"].estimate == ring.cv[3, 2, DECODED]
    assert found["coherence.mean_ratio[rest,argmax,0.5]"].estimate == ring.mean_ratio[2, 0, ARGMAX]
    (process,) = found["coherence.mean[all,argmax,1]"].beside
    assert process.estimate == ring.process_mean[ARGMAX]
    assert "coherence.mean[rest,argmax,1]" not in found
    assert "coherence.cv_ratio[all,decoded,1]" not in found


def test_a_result_comes_back_from_its_file(ring, tmp_path):
    save_result(ring, tmp_path / "coherence.nc")
    assert load_result(tmp_path / "coherence.nc", CoherenceResult) == ring


def test_without_an_hmm_runs_of_symbols_remain():
    found = run(make_loud(make_latch(flip=0.06)))
    assert np.isnan(found.cv.value[..., DECODED]).all()
    assert np.isfinite(found.cv.value[..., ARGMAX]).any()
    assert found.shape[0, DECODED] == "undefined"
    assert found.status["notes"][0].startswith("decoded dwells: the process must be an HMM")
    assert not any("decoded" in q.key and q.key.startswith("coherence.cv") for q in PART.summarise(found))


def test_doses_without_enough_dwells_have_no_cv():
    """Half of the noise hardly ever flips the latch."""
    found = run(make_loud(make_latch(flip=0.01)), TELEGRAPH)
    assert found.n_dwells[0, 0, ARGMAX] < 30 < found.n_dwells[0, 1, ARGMAX]
    assert np.isnan(found.cv.value[0, 0]).all()
    assert np.isnan(found.cv_ratio.value[0, 0]).all()
    assert np.isfinite(found.cv.value[0, 1:]).all()
    assert found.shape[0].tolist() == ["undefined", "undefined"]


def test_a_dose_is_a_factor_of_the_noise_of_the_subject():
    subject = Subject(make_loud(make_latch(flip=0.02)), TELEGRAPH, noise_std=1.6)
    found = PART.run(subject, CoherenceSettings(**SIZES))
    flip = norm.cdf(norm.ppf(0.02) / 1.6)
    assert found.mean.value[0, 1, ARGMAX] == pytest.approx(
        1 / flip, rel=5 / np.sqrt(found.n_dwells[0, 1, ARGMAX])
    )


def test_a_telegraph_that_flips_often_is_more_regular_the_more_often():
    """CV √(1 − p): .92, .84 and .78 at half, all and double the noise."""
    sizes = {"n_trajectories": 160, "horizon": 60}
    found = run(make_loud(make_latch(flip=0.3)), TELEGRAPH, **sizes, margin=0.02)
    assert found.shape[0].tolist() == ["falls", "falls"]


def test_ratios_need_dwells_under_the_noise_as_it_is():
    """A decoder that believes in long stays sees dwells of the slow latch only."""
    sticky = HMM([0.5, 0.5], [[1 - 1e-6, 1e-6], [1e-6, 1 - 1e-6]], [[0.7, 0.3], [0.3, 0.7]])
    found = run(make_loud(make_latch(flip=0.2)), sticky, n_trajectories=80)
    assert found.n_dwells[0, 1, DECODED] < 30 < found.n_dwells[0, 0, DECODED]
    assert np.isfinite(found.cv.value[0, 0, DECODED])
    assert np.isnan(found.cv_ratio.value[0, :, DECODED]).all()
    assert np.isfinite(found.cv_ratio.value[0, :, ARGMAX]).all()


def test_a_network_that_stays_is_refused():
    with pytest.raises(UndefinedAnalysisError, match="≥ 30 dwells whose begin and end are seen, got 0"):
        run(make_loud(make_latch(flip=1e-9)), TELEGRAPH)
    with pytest.raises(UndefinedAnalysisError, match="`coherence.n_trajectories` must be ≥ 2"):
        run(make_loud(make_latch()), TELEGRAPH, n_trajectories=1)


def test_a_network_without_bound_is_refused_and_a_dose_without_bound_is_named(monkeypatch):
    network = build_network(2, hidden_size=8, input_size=4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.cell.w_hh.mul_(20)
    with pytest.raises(NoStationaryRegimeError, match="activity must stay below"):
        run(network, TELEGRAPH)

    def emit(network, *sizes, noise_std, **options):
        if noise_std == 2.0:
            raise NoStationaryRegimeError("too much.")
        return original(network, *sizes, noise_std=noise_std, **options)

    original = coherence.emit_symbols
    monkeypatch.setattr(coherence, "emit_symbols", emit)
    found = run(make_loud(make_latch(flip=0.1)), TELEGRAPH)
    assert found.status["notes"][-1] == "all noise × 2: too much."
    assert np.isnan(found.cv.value[0, 2]).all()
    assert np.isfinite(found.cv.value[0, 1]).all()


@pytest.mark.slow
def test_a_trained_network_falls_by_temperature_and_not_by_its_regions():
    found = run(load_network("zoo:linear-2"), load_preset("linear-2").hmm, n_trajectories=60, n_steps=600)
    assert found.shape[0].tolist() == ["falls", "identity"]
