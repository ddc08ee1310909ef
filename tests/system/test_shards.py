import pytest
import torch

from orbitscope.system.shards import divide

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("n_items", "limits", "expected"),
    [
        (7, {}, [7]),
        (1, {"smallest": 48, "largest": 128, "fewest": 4}, [1]),
        (300, {"largest": 128}, [75, 75, 75, 75]),
        (300, {"smallest": 90, "largest": 128}, [100, 100, 100]),
        (1250, {"largest": 256}, [157, 157, 156, 156, 156, 156, 156, 156]),
        (500, {"largest": 256}, [250, 250]),
        (10, {"fewest": 4}, [3, 3, 2, 2]),
        (3, {"fewest": 4}, [1, 1, 1]),
        (125, {"smallest": 48, "fewest": 4}, [63, 62]),
        (1000, {"smallest": 48, "largest": 128, "fewest": 4}, [125] * 8),
    ],
)
def test_shards_are_even_and_within_their_limits(n_items, limits, expected):
    assert divide(n_items, CPU, **limits) == expected
    assert divide(n_items, torch.device("cuda"), **limits) == [n_items]
