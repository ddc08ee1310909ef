import dataclasses

import numpy as np
import pytest
import torch
from primitive_networks import make_entangled_latches, make_followed_latches, start_anywhere
from primitive_subjects import SIZES, find_regions
from regional_networks import make_cloud, make_wavering_latches

from orbitscope.errors import UndefinedAnalysisError
from orbitscope.network import intervene
from orbitscope.principles.primitives.primitives import PART, PrimitiveResult, PrimitiveSettings
from orbitscope.quantity import Reference
from orbitscope.results import load_result, save_result


def run(network, **settings):
    subject = find_regions(network)
    return subject, PART.run(subject, PrimitiveSettings(**SIZES | settings))


def run_on_latches(network, *, follower):
    """Regions are told by latches and followers alone, by rules that are written down.

    Fitted ones look at gates, too, which are a step ahead. Such a passage begins a step before others of its
    kind, and the noise that decides on it is sought at the wrong lag.
    """
    subject = find_regions(network)
    regions = subject.found["metastable_regions"]
    signs = np.array([[2 * (bits >> 1) - 1, 2 * (bits & 1) - 1] for bits in find_patterns(regions)])
    weight = np.zeros_like(regions.weight)
    weight[:, :2], weight[:, 2:4] = signs, follower * signs
    rules = {"weight": weight, "intercept": np.zeros(4), "threshold": np.full(4, 1 + 2 * follower)}
    subject.found["metastable_regions"] = dataclasses.replace(regions, **rules)
    return subject, PART.run(subject, PrimitiveSettings(**SIZES))


@pytest.fixture(scope="module")
def composed():
    return run_on_latches(make_followed_latches(), follower=0.5)


@pytest.fixture(scope="module")
def entangled():
    return run_on_latches(make_entangled_latches(), follower=0.0)


def find_patterns(regions):
    """Which latches are up in each region, as bits of a number: the symbol that most of its states emit."""
    return [int(np.bincount(regions.symbol[regions.label == k]).argmax()) for k in regions.region]


def find_flipped(subject, found):
    """Latch that flips between the regions of each pair."""
    patterns = find_patterns(subject.found["metastable_regions"])
    flipped = [patterns[a] ^ patterns[b] for a, b in zip(found.origin[::2], found.target[::2], strict=True)]
    return np.array([{2: 0, 1: 1}[bits] for bits in flipped])


def find_same(latch):
    """Whether two pairs are parallel edges of the square, and whether they are different edges."""
    is_same = latch[:, None] == latch
    return is_same & ~np.eye(4, dtype=bool), ~is_same


def test_two_latches_have_the_edges_of_a_square(composed):
    subject, found = composed
    assert len(found.pair) == 4
    assert sorted(find_flipped(subject, found)) == [0, 0, 1, 1]
    assert len(found.status["few"]) == 2  # both latches at once: .03² a step
    assert int(found.n_regions) == 4
    assert (found.n_passages >= 30).all()
    quantities = {quantity.key: quantity for quantity in PART.summarise(found)}
    assert float(quantities["primitives.n_pairs"].estimate) == 4


def test_latches_with_inputs_of_their_own_are_composed(composed):
    """Without the noise of an edge both edges of its latch are gone, and those of the other one are not."""
    subject, found = composed
    latch = find_flipped(subject, found)
    removed = found.family.tolist().index("noise removed")
    assert found.verdict[removed] == "composed"
    assert (found.is_selective[removed] == 1).all()
    for pair, axis in enumerate(latch):
        assert abs(found.pair_noise[pair, axis]) > 0.9
        own = np.repeat(latch == axis, 2)
        assert (found.change.value[pair, own] < -3).all()
        assert (np.abs(found.change.value[pair, ~own]) < 1).all()  # five errors, of some fifty passages
        change = np.abs(found.change.value[pair])
        others = change[np.arange(8) // 2 != pair].mean()
        ways = change[2 * pair : 2 * pair + 2] - others
        assert found.pair_selectivity.value[removed, pair] == pytest.approx(ways.min())
        np.testing.assert_allclose(found.selectivity.value[pair, 2 * pair : 2 * pair + 2], ways)


def test_twice_the_noise_of_a_latch_flips_it_more_often(composed):
    """P(|x| > θ) rises from .03 to .174; passages that come back before the core is reached are not seen."""
    subject, found = composed
    latch, n_pairs = find_flipped(subject, found), 4
    for pair, axis in enumerate(latch):
        own = np.repeat(latch == axis, 2)
        assert (found.change.value[n_pairs + pair, own] > 0.6).all()
        assert (found.change.value[n_pairs + pair, own] < np.log(0.174 / 0.03) + 0.5).all()


def test_planes_of_parallel_edges_are_one_and_those_of_others_at_right_angles(composed):
    subject, found = composed
    parallel, apart = find_same(find_flipped(subject, found))
    assert (found.angle[parallel][:, 0] < 20).all()
    assert (found.overlap.value[parallel] > 0.75).all()
    assert (found.angle[apart] > 75).all()
    assert (found.overlap.value[apart] < 0.05).all()
    assert (np.diag(found.overlap.value) > 0.75).all()
    assert (found.plane_share.value > 0.85).all()  # the rest is what is left of the wavering neurons


def test_a_latch_and_its_follower_go_round_and_gaussian_regions_do_not(composed):
    """The square has a roundness of π/4; passages of different durations blur it."""
    _, found = composed
    assert ((found.roundness.low > 0.2) & (found.roundness.high < np.pi / 4 + 0.1)).all()
    assert (found.exchanged.p_value == 0.05).all()
    assert (np.abs(found.roundness_surrogate) < 0.15).all()


def test_activity_is_in_standard_deviations_of_each_neuron(composed):
    """Four neurons waver by .3 beside a latch and a follower of ±1: all six have the same say."""
    _, found = composed
    variance = np.square(found.path - found.path.mean((1, 2), keepdims=True)).mean((1, 2)).sum(-1)
    assert ((found.state_share.value > 0.2) & (found.state_share.value < 2 / 6 + 0.1)).all()
    assert ((variance > 0.5) & (variance < 2.2)).all()


def test_noise_there_and_back_is_opposite_and_that_of_both_latches_apart(composed):
    subject, found = composed
    parallel, apart = find_same(find_flipped(subject, found))
    # Some cosines are not known, or badly, from so few passages.
    known = found.opposite.value[np.isfinite(found.opposite.value)]
    assert np.median(known) < -0.8
    assert (known < 0).all()
    assert int(found.rank) == 2
    assert (np.abs(found.pair_cosine.value[parallel]) > 0.9).all()
    assert (np.abs(found.pair_cosine.value[apart]) < 0.5).all()


def test_one_input_for_all_is_not_composed(entangled):
    """Without it no pair is passed; without the first neurons, the latches, a region is not visited."""
    _, found = entangled
    families = found.family.tolist()
    assert len(found.pair) == 4
    assert (np.abs(found.pair_noise[:, 0]) > 0.9).all()
    removed = families.index("noise removed")
    assert found.verdict[removed] == "not composed"
    known = found.change.value[:4][np.isfinite(found.change.value[:4])]
    assert (known < -2).all()
    assert (found.pair_selectivity.value[removed][found.is_selective[removed] >= 0] < 1.5).all()
    assert found.verdict[families.index("noise doubled")] == "not composed"
    assert found.verdict[families.index("first neurons")] == "undefined"
    assert (np.abs(found.pair_cosine.value) > 0.9).all()


def test_one_latch_has_one_pair_and_no_random_sets():
    _, found = run(make_followed_latches(1), n_null=19, run_steps=50)
    assert found.verdict.tolist() == ["one pair only"] * 3
    assert np.isnan(found.pair_selectivity.value).all()
    assert np.isnan(found.random_sets.p_value).all()
    keys = [quantity.key for quantity in PART.summarise(found)]
    assert "primitives.change[removed,0-1]" in keys
    assert not any("selectivity" in key for key in keys)
    assert not any("overlap" in key for key in keys)
    assert found.status["few"] == []


def test_durations_are_those_of_the_passages(composed):
    """A follower is one step behind: two steps from core to core, more where a latch flips back at once."""
    _, found = composed
    assert (found.duration.low >= 2).all()
    assert (found.duration.value < 2.1).all()
    assert (found.duration.low <= found.duration.value).all()
    assert (found.duration.value <= found.duration.high).all()
    assert (found.duration_surrogate >= 1).all()
    assert (found.duration_surrogate < found.duration.low).all()  # it has no follower to wait for


@pytest.mark.slow
def test_a_result_is_kept_and_speaks(composed, tmp_path):
    _, found = composed
    save_result(found, tmp_path / "primitives.nc")
    assert load_result(tmp_path / "primitives.nc", PrimitiveResult) == found
    quantities = {quantity.key: quantity for quantity in PART.summarise(found)}
    pair, other = found.pair[:2]
    verdict = quantities["primitives.verdict[removed]"]
    assert str(verdict) == "composed"
    assert verdict.label == "composed of one primitive for each pair, by noise removed"
    selective = quantities[f"primitives.selectivity[removed,{pair}]"]
    assert selective.beside[0].p_value == pytest.approx(1 / 21)
    way = f"{found.origin[0]}-{found.target[0]}"
    assert float(quantities[f"primitives.change[removed,{way}]"].estimate) == found.change.value[0, 0]
    assert found.list_own(2) == [(8 + d, d) for d in range(8)]  # after four pairs twice
    assert found.list_own(1) == [(4 + d // 2, d) for d in range(8)]
    overlap = quantities[f"primitives.overlap[{pair},{other}]"]
    names = [item.name for item in overlap.beside if isinstance(item, Reference)]
    assert names == ["halves of one pair", "random planes", "Gaussian HMM"]
    halves = overlap.find_reference("halves of one pair").estimate
    assert float(halves) == pytest.approx(np.diag(found.overlap.value)[:2].mean())
    assert float(overlap.find_reference("random planes").estimate) == pytest.approx(2 / 8)
    rank = quantities["primitives.rank"]
    assert float(rank.find_reference("regions − 1").estimate) == 3


def test_the_same_seed_gives_the_same_result_and_another_one_does_not():
    network = make_followed_latches(1)
    sizes = {"n_trajectories": 30, "n_steps": 200, "run_steps": 20, "n_runs": 4}
    subject = find_regions(network)
    first, again = (PART.run(subject, PrimitiveSettings(**SIZES | sizes)) for _ in range(2))
    assert first == again
    other = dataclasses.replace(subject, seed=1)
    assert PART.run(other, PrimitiveSettings(**SIZES | sizes)) != first


def test_a_single_region_and_rare_passages_have_no_pairs():
    with pytest.raises(UndefinedAnalysisError, match="activity must keep to ≥ 2 regions, but one was found"):
        run(make_cloud())
    network = start_anywhere(make_wavering_latches(1), 1)
    subject = find_regions(network)
    with pytest.raises(UndefinedAnalysisError, match="some pair of regions must have ≥ 30 passages each way"):
        PART.run(subject, PrimitiveSettings(**SIZES | {"n_trajectories": 4, "n_steps": 100}))
    with pytest.raises(UndefinedAnalysisError, match="`primitives.n_trajectories` must be ≥ 4, got 3"):
        PART.run(subject, PrimitiveSettings(**SIZES | {"n_trajectories": 3}))


def test_without_weights_of_several_inputs_noise_has_no_random_sets(composed):
    """Such as a network whose cell has no input weights: said in a note, and no verdict."""
    subject, _ = composed
    network = intervene(make_followed_latches())
    network.cell.find_input_weights = lambda: None
    other = dataclasses.replace(subject, network=network)
    sizes = {"n_runs": 4, "run_steps": 60, "n_controls": 2, "n_steps": 300}
    found = PART.run(other, PrimitiveSettings(**SIZES | sizes))
    assert found.verdict[0] == "undefined"
    assert any(note.startswith("noise: without weights") for note in found.status["notes"])
    assert torch.equal(network.w_out, subject.network.w_out)
