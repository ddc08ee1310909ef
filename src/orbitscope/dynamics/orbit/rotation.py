"""One-way rotation of driven activity in the orbit plane, against three nulls, and the output beside it."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float

from ...errors import InputError
from ...network import NoiseRNN, spawn_rng
from ...quantity import Quantity, known_value
from ...results import axes, estimates, nulls
from ...statistics import Estimate, Null, bootstrap_statistic, flip_signs
from ..driving.driven_states import run_driven
from ..driving.neuron_scales import measure_active_scales
from ..driving.untrained_networks import UNTRAINED_RUN, require_redrawable
from .area_rate import accumulate_turns, bound_size, collect_moments, collect_products, refit_area, share_area
from .orbit_plane import (
    OrbitPlane,
    PlaneResult,
    find_symbol_direction,
    fit_leading_axes,
    list_plane_fields,
    require_plane,
)
from .output_reversal import WORD_LENGTH, compare_with_reversed, draw_symbols
from .rotation_nulls import compute_reversible_spread, draw_untrained_rates, find_reversible_coefficients

N_SHOWN = 10
"""Trajectories whose path is kept."""

_ROUNDING = 1e-9
"""Relative slack by which a null value ties with the observed one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RotationResult(PlaneResult):
    """Rotation of the driven activity of a network in its orbit plane.

    Attributes
    ----------
    area_rate : Estimate, ()
        |a| and the sizes that the interval of a over trajectories allows (from 0 if it covers 0).
    signed_area_rate : ()
        a; positive from the first axis of the plane to the second.
    sign_flips, reversible, untrained : Null, ()
        |a| with random signs of the trajectories, of a VAR(1) without rotation, and of untrained networks of
        the same kind; NaN without such networks.
    output_irreversibility : Estimate, ()
        D of the symbols along the same trajectories, and its interval, see :func:`compare_with_reversed`.
    output_null : Null, ()
        D of sequences that are reversed at random.
    trajectory_area_rates : (trajectory,)
        Contribution of each trajectory: a is their mean.
    winding : Estimate, ()
        Net turns about the mean activity, mean over trajectories, and its interval.
    trajectory_winding : (trajectory,)
        Net turns of each trajectory.
    path, path_turns : (shown, time, component), (shown, time)
        Coordinates of the first trajectories, and their net turns since the first step.
    mean, components, variances
        The plane, see :class:`PlaneResult`.
    """

    area_rate: Estimate = estimates(unit="1/step", description="|a|")
    signed_area_rate: Float[np.ndarray, ""] = axes(unit="1/step", description="a")
    sign_flips: Null = nulls("sign flips", unit="1/step", description="|a| with random signs of trajectories")
    reversible: Null = nulls("reversible", unit="1/step", description="|a| of a VAR(1) without rotation")
    untrained: Null = nulls("untrained", unit="1/step", description="|a| of untrained networks")
    output_irreversibility: Estimate = estimates(unit="nat", description="D of the symbols")
    output_null: Null = nulls("chance", unit="nat", description="D of sequences that are reversed at random")
    trajectory_area_rates: Float[np.ndarray, " trajectory"] = axes(
        "trajectory", unit="1/step", description="contribution to a"
    )
    winding: Estimate = estimates(unit="turns per 100 steps", description="net turns about the mean")
    trajectory_winding: Float[np.ndarray, " trajectory"] = axes(
        "trajectory", unit="turns per 100 steps", description="net turns of a trajectory"
    )
    path: Float[np.ndarray, "shown time component"] = axes(
        "shown", "time", "component", unit="activity", description="coordinates in the plane"
    )
    path_turns: Float[np.ndarray, "shown time"] = axes(
        "shown", "time", unit="turns", description="net turns about the mean"
    )

    @property
    def area_rate_nulls(self) -> tuple[Null, Null, Null]:
        """What |a| is compared with."""
        return self.sign_flips, self.reversible, self.untrained

    def headline(self) -> list[Quantity]:
        """Area rate beside its nulls, winding, and irreversibility of the output."""
        units = "standardised" if self.settings["standardise"] else "raw"
        reversible = known_value("if reversible", 0.0)
        return [
            Quantity(
                "area_rate",
                f"area rate |a|, {units} activity",
                self.area_rate,
                "1/step",
                self.area_rate_nulls,
            ),
            Quantity("winding", "turns in 100 steps", self.winding, "1", reversible),
            Quantity(
                "output_irreversibility",
                "irreversibility of the output",
                self.output_irreversibility,
                "nat",
                (*reversible, self.output_null),
            ),
        ]


@torch.no_grad()
def compute_rotation(
    network: NoiseRNN,
    *,
    n_trajectories: int = 200,
    n_steps: int = 500,
    burn_in: int = 500,
    noise_std: float = 1.0,
    plane: OrbitPlane | None = None,
    standardise: bool = False,
    n_untrained: int = 100,
    max_untrained: int = 1000,
    n_null: int = 999,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    generator: torch.Generator,
) -> RotationResult:
    """Area rate and winding in the orbit plane, with three nulls, and the irreversibility of the symbols.

    Parameters
    ----------
    network : NoiseRNN
    n_trajectories, n_steps, burn_in, noise_std
        As in :func:`run_driven`; at least 2 trajectories of 3 steps. All states are held in memory (100 MB
        for 150 neurons).
    plane : OrbitPlane, optional
        Two components. None fits it to the states that are measured; an intervened network is best seen in
        the plane of the intact one.
    standardise : bool
        Fit the plane to activity in units of the standard deviation of each neuron, those that are hardly
        ever active left out (:func:`measure_active_scales`); untrained networks likewise.
    n_untrained : int
        Untrained networks with the same cell, sizes and biases, each measured in its own plane: at least 20,
        or 0 for no such null (NaN).
    max_untrained : int
        Up to so many are drawn while their p-value is too near .05 to call (0.06 s each for 150 neurons).
    n_null : int >= 1
        Draws of the other nulls.
    n_resamples, confidence
        Of the bootstrap over trajectories, which fits the plane anew for the area rate unless it is given.
        That of the winding holds it fixed.
    generator
        Source of all noise and of the untrained weights; same seed, same result.

    Raises
    ------
    InputError
        If a number is out of range, or no untrained network can be built because the cell has no name in
        ``CELLS``.
    UndefinedAnalysisError
        If activity varies along fewer than two directions.
    NoStationaryRegimeError
        If the network, or an untrained one, grows without bound or is silent.

    Notes
    -----
    Own construction (Torre et al. 2025 describe the rotation but give no number); the area rate is defined in
    :func:`compute_area_rate`. |a| is the primary number: the sign of a is that of the plane's orientation,
    which follows from where symbols and silence lie (see :func:`fit_orbit_plane`), not from the direction of
    travel. The winding, about the mean over all states, shares that sign.

    *Units.* Within a plane the area rate does not depend on units or axes, but which plane is the leading one
    depends on the units of the neurons, which for a ReLU network are arbitrary: a loop through quiet neurons
    is not seen among loud ones (docs/log.md, 2026-11-27). With ``standardise`` all neurons count alike, and
    the result is the same in any units. A claim about rotation should hold in both planes.

    Nulls. *Sign flips*: under reversibility a trajectory and its reverse are equally likely, and reversing it
    flips the sign of its contribution. *Reversible*: z(t + 1) = A z(t) + noise with the observed covariance Σ
    and the symmetric part of the observed AΣ, whose area rate is normal with the spread of
    :func:`compute_reversible_spread`. *Untrained*: random weights rotate as well, so only this null tells
    training from wiring. Its runs are shorter than that of the network (``UNTRAINED_RUN``), which makes it
    stricter by 2 to 6 %; from 100 networks its 95 % quantile has a standard error of 8 %. Their number
    follows the rule of :func:`draw_until_decided`.

    *Output.* Activity can turn one way while the symbols have no direction: the irreversibility D of symbols
    drawn along the same trajectories tells whether they do.
    """
    if plane is not None and standardise:
        raise InputError("`standardise` must be False with a `plane`, which has its units. Leave one out.")
    _check(network, plane, n_trajectories=n_trajectories, n_steps=n_steps, n_untrained=n_untrained)
    sizes = {"n_trajectories": n_trajectories, "n_steps": n_steps, "burn_in": burn_in}
    states = run_driven(network, **sizes, noise_std=noise_std, generator=generator).states
    hidden = network.show_hidden(states)
    scales = measure_active_scales(hidden) if standardise else None
    leading = plane or fit_leading_axes(hidden, find_symbol_direction(network), scales=scales)
    y = leading.project(states).transpose(0, 1).cpu().numpy()
    z = y[..., :2]
    rng = spawn_rng(generator)
    resample = partial(bootstrap_statistic, rng=rng, n_resamples=n_resamples, confidence=confidence)
    moments, turns = collect_moments(z), accumulate_turns(z)
    area = resample(collect_products(y), refit_area)
    winding = 100 * turns[:, -1] / (n_steps - 1)
    turning = resample(winding, lambda sums: sums / n_trajectories)
    contributions, coefficients = share_area(moments), find_reversible_coefficients(z)
    spread = compute_reversible_spread(coefficients, n_trajectories=n_trajectories, n_steps=n_steps)
    flipped = np.abs(flip_signs(contributions, n_null, rng=rng)) / n_trajectories
    still = np.abs(spread * rng.standard_normal(n_null))
    symbols = draw_symbols(network.compute_logits(states), generator=generator)
    output = compare_with_reversed(symbols, network.n_symbols, n_null=n_null, confidence=confidence, rng=rng)
    observed = abs(float(area.estimate)) * (1 - _ROUNDING)
    counts = {"n_untrained": n_untrained, "max_untrained": max_untrained}
    drive = {"standardise": standardise, "noise_std": noise_std, "generator": generator}
    untrained = draw_untrained_rates(network, observed, **counts, **drive)
    return RotationResult(
        settings=sizes
        | counts
        | {
            "standardise": standardise,
            "noise_std": noise_std,
            "untrained_run": UNTRAINED_RUN,
            "n_null": n_null,
            "n_resamples": n_resamples,
            "confidence": confidence,
        },
        status={
            "plane": "fitted" if plane is None else "given",
            "reversible_coefficients": coefficients.tolist(),
            "n_neurons": int(np.isfinite(scales).sum()) if scales is not None else network.hidden_size,
            "notes": _list_notes(network, n_untrained),
        },
        area_rate=Estimate(abs(float(area.estimate)), *bound_size(float(area.low), float(area.high))),
        signed_area_rate=area.estimate,
        sign_flips=Null.of_draws("sign flips", observed, flipped),
        reversible=Null.of_draws("reversible", observed, still),
        untrained=Null.of_draws("untrained", observed, untrained),
        output_irreversibility=output.irreversibility,
        output_null=output.null,
        trajectory_area_rates=contributions,
        winding=turning.as_estimate(),
        trajectory_winding=winding,
        path=z[:N_SHOWN],
        path_turns=turns[:N_SHOWN],
        **list_plane_fields(leading.keep(2)),
    )


def _list_notes(network: NoiseRNN, n_untrained: int) -> list[str]:
    notes = [] if n_untrained else ["untrained: no networks, so no quantile and no p-value"]
    if network.n_symbols < WORD_LENGTH:
        notes.append("output: the triples of two symbols are reversible in every stationary process")
    return notes


def _check(
    network: NoiseRNN, plane: OrbitPlane | None, *, n_trajectories: int, n_steps: int, n_untrained: int
) -> None:
    for name, value, least in (("n_trajectories", n_trajectories, 2), ("n_steps", n_steps, WORD_LENGTH)):
        if value < least:
            raise InputError(f"`{name}` must be ≥ {least}, got {value}.")
    if plane is not None:
        require_plane(plane, network)
    require_redrawable(network, n_untrained)
