"""Paths of some twins in the orbit plane: intact, and patched from one into the other."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int

from ..dynamics.driving.driven_states import DrivenPath
from ..dynamics.orbit.orbit_plane import find_symbol_direction, fit_orbit_plane
from ..network import NoiseRNN
from .attribution import DirectedTwins

KINDS = ("stays", "patched with the first", "patched with a matched set", "switches")
"""What is followed: a twin that stays as it is, with some neurons of the other one, and with all of them."""

_N_CLOUD = 1_500
"""Driven states that are shown behind the paths."""


def follow_twins(
    network: NoiseRNN,
    path: DrivenPath,
    found: DirectedTwins,
    sets: Bool[np.ndarray, "kind twin neuron"],
    *,
    n_shown: int,
    noise_std: float,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Paths of some twins of each direction after one step with patched neurons, to the outcome.

    Parameters
    ----------
    network : NoiseRNN
    path : DrivenPath
        Trajectories whose states span the plane.
    found : DirectedTwins
    sets : (kind, twin, neuron)
        Neurons that are patched, for each of ``KINDS``.
    n_shown : int >= 1
        Twins of each direction, evenly from all.
    noise_std, generator
        Noise after the patch, the same for all kinds of a twin.

    Returns
    -------
    dict
        ``twin_path`` (kind, direction, twin, time, axis), NaN behind the last of few twins; ``cloud``
        (point, axis) and ``cloud_symbol`` (point,), driven states; ``axis_share`` (axis,) of the variance.
    """
    rows = choose_shown(found.direction, n_shown)
    chosen = np.flatnonzero(rows.ravel() >= 0)
    few = found.select(rows.ravel()[chosen])
    patches = few.patch(network, 0, noise_std=noise_std, generator=generator)
    states = patches.follow(sets[:, rows.ravel()[chosen]])

    plane = fit_orbit_plane(network.show_hidden(path.states), find_symbol_direction(network))
    places = np.full((len(sets), rows.size, states.shape[1], 2), np.nan)
    places[:, chosen] = plane.project(states).transpose(1, 2).cpu().numpy()
    every = path.states.flatten(0, 1)
    cloud = every[:: max(1, len(every) // _N_CLOUD)]
    return {
        "twin_path": places.reshape(len(sets), *rows.shape, states.shape[1], 2),
        "cloud": plane.project(cloud).cpu().numpy(),
        "cloud_symbol": network.compute_logits(cloud).argmax(1).cpu().numpy(),
        "axis_share": plane.explained_variance_ratio,
    }


def choose_shown(direction: Int[np.ndarray, " twin"], n_shown: int) -> Int[np.ndarray, "direction shown"]:
    """Twins of each direction, evenly from all that it has; −1 where it has fewer."""
    found = np.full((int(direction.max()) + 1, n_shown), -1)
    for d, places in enumerate(found):
        rows = np.flatnonzero(direction == d)
        n = min(n_shown, len(rows))
        places[:n] = rows[np.linspace(0, len(rows) - 1, n).astype(int)]
    return found
