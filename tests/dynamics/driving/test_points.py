import pytest
import torch

from orbitscope.dynamics.driving.points import merge_points, require_points, scale_to_one
from orbitscope.errors import InputError
from orbitscope.network import build_network


def test_points_merge_with_the_first_of_their_order_that_is_near():
    points = torch.tensor([[0.0], [0.9], [1.8], [5.0], [5.0]])
    kept, merged = merge_points(points, 1.0, order=torch.tensor([3, 1, 0, 2, 4]))
    assert kept.tolist() == [3, 1]
    assert merged.tolist() == [1, 1, 1, 0, 0]
    kept, merged = merge_points(points, 1.0, order=torch.arange(5))
    assert kept.tolist() == [0, 2, 3]
    assert merged.tolist() == [0, 0, 1, 2, 2]
    assert merge_points(points, 0.0, order=torch.arange(5))[1].tolist() == [0, 1, 2, 3, 3]


def test_no_points_merge_to_none():
    kept, merged = merge_points(torch.zeros(0, 3), 1.0, order=torch.arange(0))
    assert (len(kept), len(merged)) == (0, 0)


def test_directions_have_length_one_or_none():
    scaled = scale_to_one(torch.tensor([[3.0, -4.0], [0.0, 0.0]]))
    torch.testing.assert_close(scaled, torch.tensor([[0.6, -0.8], [0.0, 0.0]]))


def test_states_have_to_fit_the_network():
    network = build_network(2, hidden_size=4, input_size=1, generator=torch.Generator().manual_seed(0))
    require_points(network, torch.zeros(1, 4))
    with pytest.raises(InputError, match=r"must be \(point, 4\) with at least one point, got shape \(0, 4\)"):
        require_points(network, torch.zeros(0, 4))
    with pytest.raises(InputError, match="must be finite"):
        require_points(network, torch.full((1, 4), torch.nan))
