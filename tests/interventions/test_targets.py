import numpy as np
import pytest
import torch
from planted import build_partly

from orbitscope.circuit.carriers import CarrierResult
from orbitscope.circuit.noise_kernel import NoiseKernelResult
from orbitscope.circuit.weights.populations import PopulationResult
from orbitscope.errors import InputError
from orbitscope.interventions.targets import Target, describe_target, find_target, list_targets
from orbitscope.network import build_network
from orbitscope.subject import Subject

N = 10


def make_subject(*, carriers=((3,), (5,)), preactivation=None, n_twins=(40, 50), symbols=("0", "1")):
    """A network with results that name its groups; effects fall with the number of the neuron."""
    network = build_network(2, hidden_size=N, input_size=4, generator=torch.Generator().manual_seed(0))
    is_carrier = np.zeros((2, N), dtype=int)
    for d, members in enumerate(carriers):
        is_carrier[d, list(members)] = 1
    effect = np.broadcast_to(np.linspace(1, 0, N), (2, N)).copy()
    found = build_partly(
        CarrierResult,
        settings={"n_together": 4},
        direction=np.array([f"{symbols[0]} → {symbols[1]}", f"{symbols[1]} → {symbols[0]}"]),
        origin=np.array([0, 1]),
        target=np.array([1, 0]),
        neuron=np.arange(N),
        n_twins=np.array(n_twins),
        is_carrier=is_carrier,
        effect=build_partly(type("Values", (), {}), value=effect),
        preactivation=np.zeros((2, 3, N)) if preactivation is None else preactivation,
    )
    kernel = build_partly(NoiseKernelResult, deciding=np.eye(2, 4))
    return Subject(network, found={"carriers": found, "noise_kernel": kernel})


def test_every_group_that_was_found_is_a_target():
    targets = {target.name: target for target in list_targets(make_subject())}
    assert list(targets) == [
        "carriers:0→1",
        "carriers:1→0",
        "carriers",
        "first:0→1",
        "first:1→0",
        "first",
        "noise:1",
        "noise",
    ]
    assert targets["carriers"].neurons == (3, 5)
    assert targets["first"].neurons == (0, 1, 2, 3)
    assert (targets["noise:1"].size, targets["noise"].size) == (1, 2)
    assert "carriers:1→0" not in [t.name for t in list_targets(make_subject(carriers=((3,), ())))]
    assert list_targets(Subject(make_subject().network)) == []


def test_populations_are_targets_whose_noise_is_scaled():
    subject = make_subject()
    members = np.zeros((2, 2, N), dtype=int)
    members[1, 0, [6, 7]] = members[1, 1, 8] = members[0, :, 9] = (
        1  # by weights and activity: the second rule
    )
    subject.found["populations"] = build_partly(
        PopulationResult, members=members, neuron=np.arange(N), direction=np.array(["0 → 1", "1 → 0"])
    )
    targets = {target.name: target for target in list_targets(subject)}
    assert targets["population:0→1"].neurons == (6, 7)
    assert targets["population"].neurons == (6, 7, 8)
    assert targets["population"].source == "noise of neurons"


def test_arrows_may_be_written_in_ascii():
    subject = make_subject()
    assert find_target(subject, "carriers:1to0").neurons == (5,)
    assert find_target(subject, "neurons:7,2,7").neurons == (7, 2)


def test_a_kind_of_one_target_is_that_target():
    subject = make_subject(carriers=((3,), ()))
    subject.found["noise_kernel"] = build_partly(NoiseKernelResult, deciding=np.eye(1, 4))
    assert find_target(subject, "noise").name == "noise:1"
    assert find_target(subject, "carriers").name == "carriers:0→1"


def test_symbols_may_be_spelt_with_to():
    subject = make_subject(symbols=("tone", "a"))
    for name in ("first:tone→a", "first:tonetoa", "first:atotone"):
        expected = "first:a→tone" if name == "first:atotone" else "first:tone→a"
        assert find_target(subject, name).name == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("carrier", r"unknown target `carrier`. Valid here: carriers:0to1, .*neurons:28,62"),
        ("carriers:1to2", "unknown target"),
        ("neurons:10", "from 0 to 9, got 10"),
        ("neurons:-1", "from 0 to 9, got -1"),
        ("neurons:a", "whole numbers, got 'a'"),
        ("neurons", "whole numbers, got ''"),
    ],
)
def test_what_is_no_target_says_which_are(name, message):
    with pytest.raises(InputError, match=message):
        find_target(make_subject(), name)


def test_an_empty_group_says_what_there_is_instead():
    subject = make_subject(carriers=((3,), ()))
    with pytest.raises(InputError, match="`carriers:1to0` is empty.*Use `first:1to0`"):
        find_target(subject, "carriers:1to0")
    with pytest.raises(InputError, match="`carriers` is empty.*Use `first`"):
        find_target(make_subject(carriers=((), ())), "carriers")


def make_signature(members, *, n_neurons=N):
    """Pre-activation of given neurons in each direction is the published one; all others are at 0.1."""
    values = np.full((2, 3, n_neurons), 0.1)
    for d, chosen in enumerate(members):
        for rank, neuron in enumerate(chosen):
            values[d, :, neuron] = [-1.5, 0.0, 2.0 - 0.1 * rank]
    return values


def test_the_published_sets_follow_from_signature_and_weights():
    """Kick neurons fit the signature; those that feed the most frequent direction's excite them most."""
    kick = ((0, 1, 2), (3, 4, 5))
    subject = make_subject(preactivation=make_signature(kick), n_twins=(60, 50))
    weights = subject.network.cell.w_hh
    with torch.no_grad():
        weights.fill_(-0.1)
        weights[0, 6], weights[1, 7], weights[2, 0] = 0.5, 0.4, 0.9  # neuron 0 is a kick neuron itself
        weights[3, 8] = 0.7  # feeds the other direction only
    targets = {target.name: target for target in list_targets(subject)}
    assert targets["kick"].neurons == (0, 1, 2, 3, 4, 5)
    assert targets["kick"].source == "neurons"
    assert targets["kick-feeding"].neurons == (6, 7)
    assert targets["kick-control"].neurons == (8, 9)
    assert targets["kick-control"].source == "noise of neurons"

    other = make_subject(preactivation=make_signature(kick), n_twins=(50, 60))
    with torch.no_grad():
        other.network.cell.w_hh.copy_(weights)
    assert {t.name: t for t in list_targets(other)}["kick-feeding"].neurons == (8,)


def test_of_more_neurons_with_the_signature_the_largest_rise_is_taken():
    subject = make_subject(preactivation=make_signature(((9, 8, 7, 6, 5), (0, 1, 2, 3))))
    assert {t.name: t for t in list_targets(subject)}["kick"].neurons == (0, 1, 2, 7, 8, 9)


def test_a_neuron_that_only_rises_is_no_kick_neuron():
    """The distance from the signature comes first; a rise from above is no part of it."""
    preactivation = make_signature(((0, 1, 2), (3, 4, 5)))
    preactivation[:, :, 9] = [0.0, 2.0, 9.0]
    subject = make_subject(preactivation=preactivation)
    assert {t.name: t for t in list_targets(subject)}["kick"].neurons == (0, 1, 2, 3, 4, 5)


def test_a_gain_of_one_is_the_network_itself():
    network = make_subject().network
    assert Target("x", (1,)).scale(network, 1.0) is network
    state, noise = torch.rand(3, N), torch.randn(3, 4)
    silent = Target("x", (1,), source="noise of neurons").scale(network, 0.0)
    expected = torch.relu(state @ network.cell.w_hh.T + noise @ network.cell.w_ih.T)
    expected[:, 1] = torch.relu(state @ network.cell.w_hh[1])
    torch.testing.assert_close(silent.step(state, noise), expected.detach())


def test_targets_in_words():
    assert describe_target("first:0→2", 12) == "first by effect 0→2 (12)"
    assert describe_target("noise:1", 1) == "leading noise (1)"
    assert describe_target("neurons:3,5", 2) == "neurons 3,5 (2)"
    assert describe_target(f"neurons:{','.join(map(str, range(50)))}", 50) == "neurons (50)"
