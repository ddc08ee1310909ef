"""One-way rotation of driven activity in the orbit plane, against three nulls, and the output beside it."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped

from ..errors import InputError
from ..network import NoiseRNN, spawn_rng
from ..quantity import Quantity, known_value
from ..results import axes
from ..statistics import (
    BootstrapResult,
    Estimate,
    Null,
    bootstrap_statistic,
    compute_permutation_p_value,
    flip_signs,
)
from .area_rate import (
    accumulate_turns,
    bound_size,
    collect_moments,
    collect_products,
    refit_area,
    share_area,
)
from .driven_states import run_driven
from .neuron_scales import measure_active_scales
from .orbit_plane import (
    OrbitPlane,
    PlaneResult,
    find_symbol_direction,
    fit_leading_axes,
    list_plane_fields,
    require_plane,
)
from .output_reversal import WORD_LENGTH, OutputReversal, compare_with_reversed, draw_symbols
from .rotation_nulls import (
    NULL_LEVEL,
    compute_reversible_spread,
    draw_untrained_rates,
    find_reversible_coefficients,
)
from .untrained_networks import UNTRAINED_RUN, require_redrawable

NULLS = ("sign flips", "reversible", "untrained")
"""Random signs of the trajectories; a VAR(1) without rotation; untrained networks of the same kind."""

N_SHOWN = 10
"""Trajectories whose path is kept."""

_ROUNDING = 1e-9
"""Relative slack by which a null value ties with the observed one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RotationResult(PlaneResult):
    """Rotation of the driven activity of a network in its orbit plane.

    Attributes
    ----------
    area_rate, area_rate_low, area_rate_high : ()
        |a| and the sizes that the interval of a over trajectories allows (from 0 if it covers 0).
    signed_area_rate : ()
        a; positive from the first axis of the plane to the second.
    null : (null,)
        "sign flips", "reversible" and "untrained".
    null_quantile, p_value : (null,)
        95 % quantile of |a| under each null, and the share of null values at least as large as |a|, the
        observed one among them; NaN without untrained networks.
    output_irreversibility, output_irreversibility_low, output_irreversibility_high : ()
        D of the symbols along the same trajectories, and its interval, see :func:`compare_with_reversed`.
    output_null_quantile, output_p_value : ()
        95 % quantile of D of sequences that are reversed at random, and the share of them with a D at least
        as large, the observed one among them.
    reversed_irreversibilities : (resample,)
        D of sequences that are reversed at random.
    sign_flip_area_rates : (resample,), reversible_area_rates : (resample,), untrained_area_rates : (network,)
        |a| under each null.
    trajectory_area_rates : (trajectory,)
        Contribution of each trajectory: a is their mean.
    winding, winding_low, winding_high : ()
        Net turns about the mean activity, mean over trajectories, and its interval.
    trajectory_winding : (trajectory,)
        Net turns of each trajectory.
    path, path_turns : (shown, time, component), (shown, time)
        Coordinates of the first trajectories, and their net turns since the first step.
    mean, components, variances
        The plane, see :class:`PlaneResult`.
    """

    area_rate: Float[np.ndarray, ""] = axes(unit="1/step", description="|a|")
    area_rate_low: Float[np.ndarray, ""] = axes(unit="1/step", description="lower limit")
    area_rate_high: Float[np.ndarray, ""] = axes(unit="1/step", description="upper limit")
    signed_area_rate: Float[np.ndarray, ""] = axes(unit="1/step", description="a")
    null: Shaped[np.ndarray, " null"] = axes("null", description="what |a| is compared with")
    null_quantile: Float[np.ndarray, " null"] = axes(
        "null", unit="1/step", description="95 % quantile of |a|"
    )
    p_value: Float[np.ndarray, " null"] = axes("null", description="large |a| counts")
    output_irreversibility: Float[np.ndarray, ""] = axes(unit="nat", description="D of the symbols")
    output_irreversibility_low: Float[np.ndarray, ""] = axes(unit="nat", description="lower limit")
    output_irreversibility_high: Float[np.ndarray, ""] = axes(unit="nat", description="upper limit")
    output_null_quantile: Float[np.ndarray, ""] = axes(unit="nat", description="95 % quantile of D by chance")
    output_p_value: Float[np.ndarray, ""] = axes(description="large D counts")
    reversed_irreversibilities: Float[np.ndarray, " resample"] = axes(
        "resample", unit="nat", description="D of sequences that are reversed at random"
    )
    sign_flip_area_rates: Float[np.ndarray, " resample"] = axes(
        "resample", unit="1/step", description="|a| with random signs of trajectories"
    )
    reversible_area_rates: Float[np.ndarray, " resample"] = axes(
        "resample", unit="1/step", description="|a| of a VAR(1) without rotation"
    )
    untrained_area_rates: Float[np.ndarray, " network"] = axes(
        "network", unit="1/step", description="|a| of untrained networks"
    )
    trajectory_area_rates: Float[np.ndarray, " trajectory"] = axes(
        "trajectory", unit="1/step", description="contribution to a"
    )
    winding: Float[np.ndarray, ""] = axes(unit="turns per 100 steps", description="net turns about the mean")
    winding_low: Float[np.ndarray, ""] = axes(unit="turns per 100 steps", description="lower limit")
    winding_high: Float[np.ndarray, ""] = axes(unit="turns per 100 steps", description="upper limit")
    trajectory_winding: Float[np.ndarray, " trajectory"] = axes(
        "trajectory", unit="turns per 100 steps", description="net turns of a trajectory"
    )
    path: Float[np.ndarray, "shown time component"] = axes(
        "shown", "time", "component", unit="activity", description="coordinates in the plane"
    )
    path_turns: Float[np.ndarray, "shown time"] = axes(
        "shown", "time", unit="turns", description="net turns about the mean"
    )

    def headline(self) -> list[Quantity]:
        """Area rate beside its nulls, winding, and irreversibility of the output."""
        units = "standardised" if self.settings["standardise"] else "raw"
        limits = (
            self.output_irreversibility,
            self.output_irreversibility_low,
            self.output_irreversibility_high,
        )
        nulls = zip(self.null.tolist(), self.null_quantile, self.p_value, strict=True)
        output_null = Null("chance", float(self.output_null_quantile), float(self.output_p_value))
        reversible = known_value("if reversible", 0.0)
        return [
            Quantity(
                "area_rate",
                f"area rate |a|, {units} activity",
                Estimate(self.area_rate, self.area_rate_low, self.area_rate_high),
                "1/step",
                tuple(Null(name, float(quantile), float(p)) for name, quantile, p in nulls),
            ),
            Quantity(
                "winding",
                "turns in 100 steps",
                Estimate(self.winding, self.winding_low, self.winding_high),
                "1",
                reversible,
            ),
            Quantity(
                "output_irreversibility",
                "irreversibility of the output",
                Estimate(*limits),
                "nat",
                (*reversible, output_null),
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
    nulls = {
        "sign_flip_area_rates": np.abs(flip_signs(contributions, n_null, rng=rng)) / n_trajectories,
        "reversible_area_rates": np.abs(spread * rng.standard_normal(n_null)),
    }
    symbols = draw_symbols(network.compute_logits(states), generator=generator)
    output = compare_with_reversed(symbols, network.n_symbols, n_null=n_null, confidence=confidence, rng=rng)
    observed = abs(float(area.estimate)) * (1 - _ROUNDING)
    counts = {"n_untrained": n_untrained, "max_untrained": max_untrained}
    drive = {"standardise": standardise, "noise_std": noise_std, "generator": generator}
    nulls["untrained_area_rates"] = draw_untrained_rates(network, observed, **counts, **drive)
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
        **_summarise_area(area, observed, list(nulls.values())),
        **_summarise_output(output),
        **nulls,
        trajectory_area_rates=contributions,
        winding=turning.estimate,
        winding_low=turning.low,
        winding_high=turning.high,
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


def _summarise_area(area: BootstrapResult, observed: float, nulls: list[np.ndarray]) -> dict[str, Any]:
    """|a| with the limits of its size, and where it stands among the nulls."""
    quantiles = [np.quantile(null, NULL_LEVEL) if len(null) else np.nan for null in nulls]
    p_values = [compute_permutation_p_value(observed, null) if len(null) else np.nan for null in nulls]
    low, high = bound_size(float(area.low), float(area.high))
    return {
        "area_rate": np.array(abs(float(area.estimate))),
        "area_rate_low": np.array(low),
        "area_rate_high": np.array(high),
        "signed_area_rate": area.estimate,
        "null": np.array(NULLS),
        "null_quantile": np.array(quantiles, dtype=float),
        "p_value": np.array(p_values, dtype=float),
    }


def _summarise_output(found: OutputReversal) -> dict[str, np.ndarray]:
    return {
        "output_irreversibility": np.array(found.irreversibility),
        "output_irreversibility_low": np.array(found.low),
        "output_irreversibility_high": np.array(found.high),
        "output_null_quantile": np.array(np.quantile(found.null, NULL_LEVEL)),
        "output_p_value": np.array(found.p_value),
        "reversed_irreversibilities": found.null,
    }


def _check(
    network: NoiseRNN, plane: OrbitPlane | None, *, n_trajectories: int, n_steps: int, n_untrained: int
) -> None:
    for name, value, least in (("n_trajectories", n_trajectories, 2), ("n_steps", n_steps, WORD_LENGTH)):
        if value < least:
            raise InputError(f"`{name}` must be ≥ {least}, got {value}.")
    if plane is not None:
        require_plane(plane, network)
    require_redrawable(network, n_untrained)
