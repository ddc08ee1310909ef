import pytest
import torch

from orbitscope.dynamics.driving.homogeneity import is_map_homogeneous, scales_with_noise
from orbitscope.errors import InputError
from orbitscope.network import Cell, build_network, iterate_rollout


class Written(Cell):
    """A cell of no known kind, written as a function of state and noise."""

    name = "written"

    def __init__(self, rule):
        super().__init__(8, 5)
        self.rule = rule

    def step(self, state, noise):
        return self.rule(state, noise)


def make_network(cell="relu", *, gain=1.0, **options):
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, cell=cell, hidden_size=8, input_size=5, generator=generator, **options)
    with torch.no_grad():
        network.cell.w_hh.mul_(gain)
        network.cell.w_ih.mul_(gain)
    return network


def write_cell(rule):
    """A network with a cell of no known kind; ``rule`` gets the recurrent input and that of the noise."""
    network = make_network()
    w_hh, w_ih = network.cell.w_hh.detach(), network.cell.w_ih.detach()
    network.cell = Written(lambda state, noise: rule(state @ w_hh.T, noise @ w_ih.T))
    return network


def draw_states(n_points=10, width=8):
    return torch.rand(n_points, width, generator=torch.Generator().manual_seed(1))


def judge(network):
    return scales_with_noise(network), is_map_homogeneous(network, draw_states())


def test_relu_cells_are_homogeneous_without_a_bias():
    unbiased = make_network(bias=True)
    with torch.no_grad():
        unbiased.cell.bias.zero_()
    assert judge(make_network()) == judge(unbiased) == (True, True)
    assert judge(make_network(bias=True)) == (False, False)
    with torch.no_grad():
        unbiased.cell.bias[3] = 1e-30
        unbiased.cell.bias[4] = -1e-30
    assert judge(unbiased) == (False, False)


def test_tanh_cells_are_not_however_weak():
    assert judge(make_network("tanh", gain=1e-12)) == (False, False)


def test_the_readout_does_not_count():
    network = make_network(bias=True)
    network.cell.bias = None
    assert network.out_bias is not None
    assert judge(network) == (True, True)


def test_other_cells_are_tried():
    assert judge(write_cell(lambda rest, drive: torch.relu(rest + drive))) == (True, True)
    assert judge(write_cell(lambda rest, drive: rest + drive + 1e-6)) == (False, False)
    assert judge(write_cell(lambda rest, drive: torch.tanh(rest + drive))) == (False, False)
    assert judge(write_cell(lambda rest, drive: (rest + drive).square())) == (False, False)


def test_a_map_may_be_homogeneous_in_a_network_that_does_not_scale_with_its_noise():
    """Noise that is squashed, or multiplies the state, is absent from the noise-free map."""
    assert judge(write_cell(lambda rest, drive: torch.relu(rest + torch.tanh(drive)))) == (False, True)
    assert judge(write_cell(lambda rest, drive: torch.relu(rest) * (1 + drive))) == (False, True)


def test_homogeneity_shows_in_rollouts():
    network = make_network().double()
    runs = [
        next(
            iterate_rollout(
                network,
                20,
                start=scale * draw_states().double(),
                noise_std=scale,
                generator=torch.Generator().manual_seed(2),
            )
        ).states
        for scale in (1.0, 8.0)
    ]
    torch.testing.assert_close(8 * runs[0], runs[1], rtol=1e-12, atol=0)


def test_scaling_does_not_depend_on_the_scale_of_states_or_precision():
    network = write_cell(lambda rest, drive: torch.relu(rest + drive))
    assert is_map_homogeneous(network, 1e-6 * draw_states())
    assert is_map_homogeneous(network, 1e6 * draw_states())
    assert is_map_homogeneous(make_network().double(), draw_states().double())
    assert scales_with_noise(make_network().double())


@pytest.mark.parametrize(
    ("states", "message"),
    [
        (torch.zeros(2, 3), r"`states` must be \(point, 8\) with at least one point, got shape \(2, 3\)"),
        (torch.full((2, 8), torch.nan), "must be finite"),
    ],
)
def test_bad_states_are_named(states, message):
    with pytest.raises(InputError, match=message):
        is_map_homogeneous(make_network(), states)
