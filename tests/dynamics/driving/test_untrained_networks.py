"""Of which kind untrained controls are; what they show has tests where they are controls."""

import pytest
import torch
from known_networks import make_linear

from orbitscope.dynamics.driving.untrained_networks import require_redrawable
from orbitscope.errors import InputError
from orbitscope.network import build_network


@pytest.mark.parametrize(("value", "expected"), [(0.0, False), (0.1, True)])
def test_controls_have_a_bias_only_if_that_of_the_network_does_something(value, expected):
    """An imported network can have a bias of zeros."""
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, cell="tanh", hidden_size=4, input_size=2, bias=True, generator=generator)
    with torch.no_grad():
        network.cell.bias.zero_()
        network.cell.bias[1] = value
    redrawn = network.redraw(generator)
    assert (redrawn.cell.bias is not None) is expected
    assert (redrawn.out_bias is not None) is expected


def test_a_redrawn_network_is_the_one_that_would_be_built():
    network = build_network(
        3, cell="relu", hidden_size=4, input_size=2, generator=torch.Generator().manual_seed(0)
    )
    redrawn = network.double().redraw(torch.Generator().manual_seed(7))
    built = build_network(
        3, cell="relu", hidden_size=4, input_size=2, generator=torch.Generator().manual_seed(7)
    )
    assert redrawn.w_out.dtype == torch.float64
    for name, weight in built.double().state_dict().items():
        assert torch.equal(redrawn.state_dict()[name], weight)


def test_a_cell_that_cannot_be_drawn_anew_is_refused_before_anything_is_computed():
    network = make_linear([[0.5]])
    require_redrawable(network, 0)
    with pytest.raises(InputError, match=r"can be drawn anew, got `LinearCell`.*n_untrained=0"):
        require_redrawable(network, 20)
