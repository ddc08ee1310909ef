import numpy as np
import pytest
import torch
from known_networks import make_linear

from orbitscope.errors import InputError
from orbitscope.network import build_network, intervene, rollout

SIZE, N_INPUTS = 6, 4


def make_network(cell="relu", *, bias=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = {"hidden_size": SIZE, "input_size": N_INPUTS}
    return build_network(3, cell=cell, **sizes, bias=bias, generator=generator).double()


def draw(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def make_basis(n=2):
    return np.linalg.qr(np.random.default_rng(0).standard_normal((N_INPUTS, n)))[0]


CHANGES = {
    "gain": {"gain": {1: 0.0, 4: 1.7}},
    "input gain": {"input_gain": np.linspace(0, 2, SIZE)},
    "clamp": {"clamp": {2: 0.8, 3: 0.1}},
    "ablate": {"ablate": [0, 5]},
    "project": {"project_noise": make_basis()},
    "half of the noise": {"project_noise": make_basis(), "noise_gain": 0.5},
    "all": {
        "gain": {1: 0.5},
        "input_gain": {0: 2.0},
        "clamp": {2: 0.8},
        "ablate": [5],
        "project_noise": make_basis(1),
    },
}


def step_by_hand(
    network, state, noise, *, gain=(), input_gain=(), clamp=(), ablate=(), project_noise=None, noise_gain=0
):
    """The formula, neuron by neuron."""
    w_hh, w_ih = (w.detach().numpy() for w in (network.cell.w_hh, network.cell.w_ih))
    gains, input_gains = np.ones(SIZE), np.ones(SIZE)
    for values, target in ((gain, gains), (input_gain, input_gains)):
        for i, value in dict(values if isinstance(values, dict) else enumerate(values)).items():
            target[i] = value
    basis = np.zeros((N_INPUTS, 0)) if project_noise is None else project_noise
    noise = noise + (noise_gain - 1) * noise @ basis @ basis.T
    z = gains * (state @ w_hh.T) + input_gains * (noise @ w_ih.T)
    if network.cell.bias is not None:
        z = z + network.cell.bias.detach().numpy()
    after = np.maximum(z, 0) if network.cell.name == "relu" else np.tanh(z)
    for i, value in dict(clamp).items():
        after[:, i] = value
    after[:, list(ablate)] = 0
    return after


@pytest.mark.parametrize("cell", ["relu", "tanh"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_step_is_the_formula(change, cell):
    network = make_network(cell, bias=True)
    changed = intervene(network, **CHANGES[change])
    state, noise = draw(7, SIZE), draw(7, N_INPUTS, seed=2)
    expected = step_by_hand(network, state.numpy(), noise.numpy(), **CHANGES[change])
    np.testing.assert_allclose(changed.step(state, noise).detach(), expected, atol=1e-12)


@pytest.mark.parametrize("change", CHANGES)
def test_unroll_is_step_by_step(change):
    changed = intervene(make_network(), **CHANGES[change])
    state, noise = draw(3, SIZE), draw(5, 3, N_INPUTS, seed=2)
    states = changed.unroll(state, noise).detach()
    for after, noise_t in zip(states, noise, strict=True):
        state = changed.step(state, noise_t)
        np.testing.assert_allclose(after, state.detach(), atol=1e-12)


@pytest.mark.parametrize("cell", ["relu", "tanh"])
@pytest.mark.parametrize("change", CHANGES)
def test_jacobians_are_finite_differences(change, cell):
    changed = intervene(make_network(cell), **CHANGES[change])
    state, noise, small = draw(4, SIZE), draw(4, N_INPUTS, seed=2), 1e-6
    jacobian = changed.cell.compute_jacobian(state, noise)
    columns = [
        (changed.step(state + small * e, noise) - changed.step(state - small * e, noise)) / (2 * small)
        for e in torch.eye(SIZE).double()
    ]
    np.testing.assert_allclose(jacobian, torch.stack(columns, dim=2).detach(), atol=1e-8)
    vectors = draw(4, 3, SIZE, seed=3)
    pushed = changed.cell.push_tangents(state, noise, vectors)
    np.testing.assert_allclose(pushed, torch.einsum("pij,pvj->pvi", jacobian, vectors), atol=1e-10)


@pytest.mark.parametrize("change", CHANGES)
def test_active_weights_have_the_spectrum_of_the_jacobian(change):
    changed = intervene(make_network(), **CHANGES[change])
    state, noise = draw(5, SIZE), draw(5, N_INPUTS, seed=2)
    active = changed.cell.find_active(state, noise)
    weights = changed.cell.find_active_weights()
    jacobian = changed.cell.compute_jacobian(state, noise)
    np.testing.assert_allclose(torch.where(active[:, :, None], weights, 0.0), jacobian, atol=1e-12)


def test_input_weights_are_the_effect_of_the_noise():
    changed = intervene(make_network(), **CHANGES["all"])
    state, small = torch.full((1, SIZE), 5.0).double(), 1e-6
    effects = [
        (
            changed.cell.find_preactivation(state, small * e[None])
            - changed.cell.find_preactivation(state, 0 * e[None])
        )[0]
        / small
        for e in torch.eye(N_INPUTS).double()
    ]
    weights = changed.cell.find_input_weights()
    expected = torch.stack(effects, dim=1).detach()
    expected[[2, 5]] = 0  # held
    np.testing.assert_allclose(weights, expected, atol=1e-8)


def test_a_network_scales_unless_something_is_held_above_zero():
    network = make_network()
    state, noise = draw(3, SIZE), draw(3, N_INPUTS, seed=2)
    for change, scales in (("gain", True), ("project", True), ("ablate", True), ("clamp", False)):
        assert intervene(network, **CHANGES[change]).cell.scales_at(state, noise) == scales, change
    assert not intervene(make_network("tanh"), ablate=[0]).cell.scales_at(state, noise)


def test_the_intact_network_stays_as_it_is():
    network = make_network()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    changed = intervene(network, **CHANGES["all"])
    rollout(changed, 3, 4, generator=torch.Generator().manual_seed(0))
    for name, values in network.state_dict().items():
        np.testing.assert_array_equal(values, before[name])


def test_no_change_is_the_same_network():
    network = make_network()
    same = intervene(network, gain={2: 1.0}, project_noise=make_basis(), noise_gain=1.0)
    runs = [
        rollout(each, 3, 20, generator=torch.Generator().manual_seed(0)).states for each in (network, same)
    ]
    np.testing.assert_array_equal(*(run.detach() for run in runs))


def test_interventions_follow_one_another():
    """Gains multiply; the later one holds."""
    network = make_network()
    twice = intervene(
        intervene(network, gain={1: 0.5}, clamp={2: 1.0}, ablate=[3]), gain={1: 3.0}, clamp={2: 0.2}
    )
    once = intervene(network, gain={1: 1.5}, clamp={2: 0.2}, ablate=[3])
    state, noise = draw(4, SIZE), draw(4, N_INPUTS, seed=2)
    np.testing.assert_allclose(
        twice.step(state, noise).detach(), once.step(state, noise).detach(), atol=1e-14
    )


def test_controls_are_drawn_under_the_same_intervention():
    network = make_network()
    changed = intervene(network, gain={1: 0.0}, clamp={2: 0.8})
    for control in (
        changed.redraw(torch.Generator().manual_seed(1)),
        changed.shuffle_recurrent(torch.Generator().manual_seed(1)),
    ):
        after = control.step(torch.full((1, SIZE), 3.0).double(), torch.zeros(1, N_INPUTS).double()).detach()
        assert float(after[0, 1]) == 0
        assert float(after[0, 2]) == 0.8
        weights = control.cell.original.w_hh.detach()
        assert not torch.equal(weights, network.cell.w_hh.detach())


def test_a_cell_of_ones_own_can_be_held_and_miss_noise():
    network = make_linear(np.full((2, 2), 0.4), np.eye(2), n_extra=1)
    changed = intervene(network, clamp={1: 3.0}, project_noise=np.array([[1.0], [0.0]]))
    after = changed.step(torch.zeros(1, 3).double(), torch.tensor([[5.0, 7.0]]).double())
    np.testing.assert_allclose(after, [[0, 3, 0]])
    jacobian = changed.cell.compute_jacobian(torch.zeros(1, 3).double(), torch.zeros(1, 2).double())
    np.testing.assert_allclose(jacobian[0], [[0.4, 0.4, 0], [0, 0, 0], [0, 0, 0]])
    with pytest.raises(InputError, match="scale_inputs"):
        intervene(network, gain={0: 0.5})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": {6: 0.0}}, "`gain` must name neurons by whole numbers from 0 to 5, got 6"),
        ({"ablate": [-1]}, "`ablate` must name neurons by whole numbers from 0 to 5, got -1"),
        ({"clamp": {True: 0.0}}, "whole numbers from 0 to 5, got True"),
        ({"gain": {1: -0.5}}, "`gain` must be ≥ 0, got -0.5"),
        ({"input_gain": {1: float("inf")}}, "`input_gain` must be finite, got inf"),
        ({"clamp": {1: float("nan")}}, "`clamp` must be finite, got nan"),
        ({"gain": np.ones(3)}, r"a number for each of the 6 neurons, got shape \(3,\)"),
        ({"project_noise": np.ones((N_INPUTS, 1))}, "orthonormal columns, got products up to 3"),
        ({"project_noise": np.ones(N_INPUTS)}, r"\(input, direction\) with 4 rows"),
        ({"project_noise": make_basis(), "noise_gain": -1.0}, "`noise_gain` must be ≥ 0, got -1.0"),
    ],
)
def test_bad_interventions_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        intervene(make_network(), **change)


@pytest.mark.parametrize("change", CHANGES)
def test_recurrent_weights_are_those_that_act_and_can_be_put_back(change):
    """Under a gain they are larger; put back they must not grow again."""
    changed = intervene(make_network(bias=True), **CHANGES[change])
    weights = changed.cell.find_recurrent_weights()
    state, noise = draw(3, SIZE).abs(), draw(3, N_INPUTS, seed=2)
    drive = [changed.cell.find_preactivation(s, noise) for s in (state, 0 * state)]
    free = ~changed.cell.is_held
    np.testing.assert_allclose((drive[0] - drive[1])[:, free], (state @ weights.T)[:, free], atol=1e-12)
    assert not weights[~free].any()
    again = changed.replace_recurrent(weights)
    np.testing.assert_allclose(again.step(state, noise).detach(), changed.step(state, noise).detach())
    assert (again.step(state, noise) - changed.replace_recurrent(0 * weights).step(state, noise)).any()
