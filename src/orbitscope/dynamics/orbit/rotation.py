"""One-way rotation of driven activity in the orbit plane, against three nulls, and the output beside it."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field

from ...errors import InputError
from ...network import NoiseRNN, spawn_rng
from ...part import Part
from ...part_settings import Draws, Drive, Resampling, Untrained
from ...quantity import Definition, Quantity, Reference, define, known_value
from ...results import axes, estimates, nulls
from ...statistics import Estimate, Null, bootstrap_statistic, flip_signs
from ...subject import Subject
from ..driving.driven_states import drive
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

DEFINITIONS = define(
    Definition(
        key="area_rate",
        label="area rate |a|, {} activity",
        meaning="Area that the path of activity sweeps one way in its orbit plane, per step and in units in "
        "which the variance is the same in all directions.",
        equation="|a| = ½|⟨x_t y_{t+1} − y_t x_{t+1}⟩| / √det Σ",
        reading="0 where time has no direction. To be beyond chance it has to exceed all three nulls; "
        "untrained networks turn as well. A claim about turning should hold in both planes.",
        test="tests/dynamics/orbit/test_rotation.py::test_any_linear_network_against_its_lyapunov_equation",
        unit="1/step",
    ),
    Definition(
        key="winding",
        label="net turns",
        meaning="Net turns about the mean activity; positive in the sense of the orientation of the plane.",
        equation="Σ_t angle(z_t, z_{t+1}) / 2π per 100 steps",
        reading="0 where time has no direction. Paths that pass near the mean make it noisy.",
        test="tests/dynamics/orbit/test_rotation.py::test_a_steady_turn_winds_once_per_period",
        unit="turns per 100 steps",
    ),
    Definition(
        key="output_irreversibility",
        label="irreversibility of the output",
        meaning="Divergence of the triples of emitted symbols from those read backwards, without what chance "
        "gives.",
        equation="D = KL(P(abc) ‖ P(cba)) − its mean over sequences reversed at random",
        reading="0 if symbols have no direction. Activity may turn and the output not; with two symbols it "
        "says nothing.",
        test="tests/dynamics/orbit/test_output_reversal.py::test_a_chain_with_a_direction_has_the_d_of_its_law",
        unit="nat",
    ),
    Definition(
        key="plane_share",
        label="variance in the plane",
        meaning="Share of the variance of activity that the plane holds, in the units of its fit.",
        equation="(v₁ + v₂) / Σ_i v_i over the variances along the principal axes",
        reading="The rest of the activity may turn in other planes, which were not looked at.",
        test="tests/dynamics/orbit/test_rotation.py::test_the_share_of_the_plane_is_that_of_its_variances",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="n_untrained",
        label="untrained networks",
        meaning="Number of untrained networks beside the area rate. More are drawn while their p-value is "
        "too near .05 to call.",
        equation="B",
        reading="Their p-value is at least 1/(B + 1).",
        test="tests/dynamics/orbit/test_rotation.py::"
        "test_more_untrained_networks_are_drawn_where_the_p_value_is_near_the_level",
        is_main=False,
    ),
)


class RotationSettings(Drive, Resampling):
    """Settings of the parts ``rotation`` and ``rotation_standardised``."""

    n_untrained: Untrained = 100
    max_untrained: int = Field(
        default=1000, ge=0, description="up to so many while their p-value is too near .05 to call"
    )
    n_null: Draws = 999


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

    def list_quantities(self) -> list[Quantity]:
        """Area rate beside its nulls, winding, and irreversibility of the output; then the rest."""
        units = "standardised" if self.settings["standardise"] else "raw"
        reversible = known_value("if reversible", 0.0)
        output = (*reversible, self.output_null)
        first, second = self.plane.explained_variance_ratio.tolist()
        alone = (Reference("its first axis", Estimate(first), "share"),)
        return [
            DEFINITIONS["area_rate"].measure(self.area_rate, name=units, beside=self.area_rate_nulls),
            DEFINITIONS["winding"].measure(self.winding, beside=reversible),
            DEFINITIONS["output_irreversibility"].measure(self.output_irreversibility, beside=output),
            DEFINITIONS["plane_share"].measure(first + second, beside=alone),
            DEFINITIONS["n_untrained"].measure(len(self.untrained.draws)),
        ]


def compute_standardised_rotation(subject: Subject, settings: RotationSettings) -> RotationResult:
    """The same in the plane of activity in units of the standard deviation of each neuron.

    Neurons that are hardly ever active are left out (:func:`measure_active_scales`); untrained networks are
    treated likewise. All neurons count alike, and the result does not depend on the units of activity, which
    are arbitrary for a ReLU network.
    """
    return _compute(subject, settings, part="rotation_standardised", standardise=True)


def compute_rotation(
    subject: Subject, settings: RotationSettings, *, plane: OrbitPlane | None = None
) -> RotationResult:
    """Area rate and winding in the orbit plane, with three nulls, and the irreversibility of the symbols.

    Parameters
    ----------
    subject : Subject
        All driven states are held in memory (100 MB for 150 neurons).
    settings : RotationSettings
        At least 2 trajectories of 3 steps. The bootstrap fits the plane anew for the area rate unless it is
        given; that of the winding holds it fixed.
    plane : OrbitPlane, optional
        Two components. None fits it to the states that are measured; an intervened network is best seen in
        the plane of the intact one.

    Raises
    ------
    InputError
        If a number is out of range, or no untrained network can be drawn.
    UndefinedAnalysisError
        If activity varies along fewer than two directions.
    NoStationaryRegimeError
        If the network, or an untrained one, grows without bound or is silent.

    Notes
    -----
    Own construction; derivations in docs/methods/rotation.md. |a| is the primary number: the sign of a is
    that of the plane's orientation (:func:`fit_orbit_plane`), not of the direction of travel.
    """
    return _compute(subject, settings, part="rotation", plane=plane)


@torch.no_grad()
def _compute(
    subject: Subject,
    settings: RotationSettings,
    *,
    part: str,
    plane: OrbitPlane | None = None,
    standardise: bool = False,
) -> RotationResult:
    network, generator = subject.network, subject.start_generator(part)
    _check(network, plane, settings)
    states = drive(subject, settings, generator=generator).states
    hidden = network.show_hidden(states)
    scales = measure_active_scales(hidden) if standardise else None
    leading = plane or fit_leading_axes(hidden, find_symbol_direction(network), scales=scales)

    # The plane may turn between resamples, so that more axes than two are kept for these.
    y = leading.project(states).transpose(0, 1).cpu().numpy()
    z, rng = y[..., :2], spawn_rng(generator)
    resample = partial(bootstrap_statistic, rng=rng, **settings.resampling)
    area, turns = resample(collect_products(y), refit_area), accumulate_turns(z)
    winding = 100 * turns[:, -1] / (settings.n_steps - 1)
    turning = resample(winding, lambda sums: sums / settings.n_trajectories)

    observed = abs(float(area.estimate)) * (1 - _ROUNDING)
    contributions = share_area(collect_moments(z))
    flipped, still, coefficients = _draw_nulls(contributions, z, settings.n_null, rng)
    symbols = draw_symbols(network.compute_logits(states), generator=generator)
    n_null, confidence = settings.n_null, settings.confidence
    output = compare_with_reversed(symbols, network.n_symbols, n_null=n_null, confidence=confidence, rng=rng)
    untrained = draw_untrained_rates(
        network,
        observed,
        n_untrained=settings.n_untrained,
        max_untrained=settings.max_untrained,
        standardise=standardise,
        noise_std=subject.noise_std,
        generator=generator,
    )
    return RotationResult(
        settings=subject.record(settings) | {"standardise": standardise, "untrained_run": UNTRAINED_RUN},
        status={
            "plane": "fitted" if plane is None else "given",
            "reversible_coefficients": coefficients,
            "n_neurons": int(np.isfinite(scales).sum()) if scales is not None else network.hidden_size,
            "notes": _list_notes(network, settings.n_untrained),
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


def _draw_nulls(
    contributions: Float[np.ndarray, " trajectory"],
    z: Float[np.ndarray, "trajectory time 2"],
    n_null: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """|a| with random signs of trajectories and of a reversible VAR(1), and the coefficients of this."""
    n_trajectories, n_steps = z.shape[:2]
    coefficients = find_reversible_coefficients(z)
    spread = compute_reversible_spread(coefficients, n_trajectories=n_trajectories, n_steps=n_steps)
    flipped = np.abs(flip_signs(contributions, n_null, rng=rng)) / n_trajectories
    return flipped, np.abs(spread * rng.standard_normal(n_null)), coefficients.tolist()


def _list_notes(network: NoiseRNN, n_untrained: int) -> list[str]:
    notes = [] if n_untrained else ["untrained: no networks, so no quantile and no p-value"]
    if network.n_symbols < WORD_LENGTH:
        notes.append("output: the triples of two symbols are reversible in every stationary process")
    return notes


def _check(network: NoiseRNN, plane: OrbitPlane | None, settings: RotationSettings) -> None:
    for name, least in (("n_trajectories", 2), ("n_steps", WORD_LENGTH)):
        if (value := getattr(settings, name)) < least:
            raise InputError(f"`{name}` must be ≥ {least}, got {value}.")
    if plane is not None:
        require_plane(plane, network)
    require_redrawable(network, settings.n_untrained)


PART = Part(
    name="rotation",
    question="does activity turn one way, more than in untrained networks, and the output with it?",
    result=RotationResult,
    settings=RotationSettings,
    compute=compute_rotation,
    definitions=DEFINITIONS,
    seconds=6.0,
    quick={"n_trajectories": 30, "n_steps": 100, "n_untrained": 20, "max_untrained": 20, "n_null": 99},
    least_hidden=2,
)

STANDARDISED = replace(
    PART,
    name="rotation_standardised",
    question="does activity turn one way in the plane in which all neurons count alike, too?",
    compute=compute_standardised_rotation,
)
