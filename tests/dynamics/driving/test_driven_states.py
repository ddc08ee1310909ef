"""Trajectories under noise that are kept."""

import pytest
import torch

import orbitscope as osc
from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.errors import TooLargeError


def test_what_does_not_fit_in_memory_is_refused_before_anything_runs():
    network = osc.load_network("zoo:linear-2")
    with pytest.raises(TooLargeError, match=r"Driving 1000000 trajectories for 1000000 steps needs about"):
        run_driven(network, 1_000_000, 1_000_000, generator=torch.Generator().manual_seed(0))


def test_a_part_whose_sizes_do_not_fit_is_undefined_and_the_next_one_is_done():
    settings = {"orbit_paths": {"n_trajectories": 10**6, "n_steps": 10**6}}
    network = osc.load_network("zoo:linear-2")
    found = osc.analyse(network, only=["orbit_paths", "fixed_points"], settings=settings, quick=True)
    status = {outcome.part: outcome.status for outcome in found.outcomes}
    assert status == {"orbit_paths": "undefined", "fixed_points": "done"}
