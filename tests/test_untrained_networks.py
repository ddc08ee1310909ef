"""Of which kind untrained controls are; what they show has tests where they are controls."""

import pytest
import torch

from orbitscope.dynamics.untrained_networks import require_buildable
from orbitscope.network import build_network


@pytest.mark.parametrize(("value", "expected"), [(0.0, False), (0.1, True)])
def test_controls_have_a_bias_only_if_that_of_the_network_does_something(value, expected):
    """An imported network can have a bias of zeros."""
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, cell="tanh", hidden_size=4, input_size=2, bias=True, generator=generator)
    with torch.no_grad():
        network.cell.bias.zero_()
        network.cell.bias[1] = value
    assert require_buildable(network, 20)["bias"] is expected
