"""Growth of activity, and the penalty on it."""

import numpy as np
import pytest
import torch

from orbitscope.training.growth import list_growth_steps, measure_growth, penalise_growth


def test_growth_is_the_change_of_the_log_of_the_norm():
    generator = torch.Generator().manual_seed(0)
    states = torch.rand(1, 5, 7, generator=generator) * 1.3 ** torch.arange(9.0)[:, None, None]
    kept = states[list(list_growth_steps(9))]
    assert float(measure_growth(kept)) == pytest.approx(4 * np.log(1.3), rel=1e-5)
    assert float(penalise_growth(measure_growth(kept))) == pytest.approx((4 * np.log(1.3)) ** 2, rel=1e-5)
    assert float(penalise_growth(measure_growth(kept.flip(0)))) == 0.0


def test_silent_trajectories_neither_grow_nor_spoil_the_gradient():
    states = torch.ones(2, 4, 3)
    states[-1] *= 2
    states[:, 1] = 0
    states.requires_grad_()
    growth = measure_growth(states)
    growth.backward()
    assert float(growth.detach()) == pytest.approx(0.75 * np.log(2))
    assert torch.isfinite(states.grad).all()
