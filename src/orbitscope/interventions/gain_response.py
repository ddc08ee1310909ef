"""Gain response: switching when carriers, or the deciding noise, are turned down or up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from pydantic import Field

from ..circuit.switches import replay_switches
from ..dynamics.orbit.orbit_plane import OrbitPlane, find_symbol_direction, fit_orbit_plane
from ..errors import UndefinedAnalysisError
from ..network import NoiseRNN, spawn_rng
from ..part import Part
from ..part_settings import Drive, Resampling
from ..quantity import Quantity, Reference
from ..results import Result, axes, estimates, nulls
from ..statistics import Estimate, Null
from ..subject import Subject
from .common_noise_runs import CommonNoiseRuns, run_on_common_noise
from .control_sets import draw_control_sets, find_fall
from .critical_pairs import CRITICAL_GAINS, bound_means, count_critical_pairs, draw_kick_states
from .gain_definitions import DEFINITIONS
from .gain_measures import TRAPPED, measure_gains
from .targets import Target, list_targets
from .trap_verdicts import WAYS

EXTREMES = (0.0, 2.0)
"""Gains whose numbers are quoted."""


class InterventionSettings(Drive, Resampling):
    """Settings of the part ``interventions``."""

    n_trajectories: int = Field(
        default=50, ge=2, description="independent trajectories: the units of intervals"
    )
    n_steps: int = Field(default=400, ge=1, description="steps of each trajectory")
    burn_in: int = Field(default=200, ge=0, description="steps before these")
    n_gains: int = Field(default=11, ge=2, description="gains from 0 to 2, evenly; 0, 1, 1.9 and 2 are added")
    n_matched: int = Field(default=19, ge=0, description="matched sets of neurons, as a null at gain 0")
    n_subsets: int = Field(default=20, ge=0, description="random subsets of the first twenty, and of all")
    subset_size: int = Field(default=6, ge=1, description="neurons of a subset")


@dataclass(frozen=True, kw_only=True, eq=False)
class GainResponse(Result):
    """Switching under gains on targets, beside matched sets of neurons.

    ``status`` holds ``notes``: where activity has no bound.

    Attributes
    ----------
    target, target_size, source : (target,)
    gain : (gain,)
    direction, origin, target_symbol : (direction,)
    hazard : Estimate, (target, gain, direction)
        Ratio to the intact network; NaN where the symbol before is hardly visited.
    rate, occupancy, overshoot : Estimate, (target, gain)
    is_judged : (direction,)
        1 for directions that the intact network takes often enough for a verdict.
    trapped : (target, gain)
        "both ways", "one way", "no", "diverges" or "undefined".
    fall : (target,)
        1 − smallest hazard ratio at gain 0.
    matched : Null, (target,)
        The same of matched sets; NaN for the noise, for targets of more than half of the neurons, and for
        those of a single direction.
    critical_gain : (critical_gain,)
    critical_pairs, critical_pairs_kick : Estimate, (target, critical_gain)
    pool, way : (pool,), (way,)
    trapping_subsets : Estimate, (pool, way)
        Share of subsets, and its interval (Wilson).
    """

    target: Shaped[np.ndarray, " target"] = axes("target", description="what the gain acts on")
    target_size: Int[np.ndarray, " target"] = axes("target", description="its neurons, or directions")
    source: Shaped[np.ndarray, " target"] = axes("target", description="what of the network is scaled")
    gain: Float[np.ndarray, " gain"] = axes("gain", description="gain")
    direction: Shaped[np.ndarray, " direction"] = axes("direction", description="direction of switching")
    origin: Int[np.ndarray, " direction"] = axes("direction", description="symbol before")
    target_symbol: Int[np.ndarray, " direction"] = axes("direction", description="symbol after")
    hazard: Estimate = estimates("target", "gain", "direction", description="hazard over that of the intact")
    rate: Estimate = estimates("target", "gain", description="rate of all switches over that of the intact")
    occupancy: Estimate = estimates("target", "gain", description="share of the most frequent symbol")
    overshoot: Estimate = estimates(
        "target", "gain", unit="sd", description="radius beyond that of the intact"
    )
    is_judged: Int[np.ndarray, " direction"] = axes(
        "direction", description="1 for directions that are judged"
    )
    trapped: Shaped[np.ndarray, "target gain"] = axes(
        "target", "gain", description="in which directions switching ends"
    )
    fall: Float[np.ndarray, " target"] = axes("target", description="1 − smallest hazard ratio at gain 0")
    matched: Null = nulls("matched sets", "target", description="the same of matched sets of neurons")
    critical_gain: Float[np.ndarray, " critical_gain"] = axes(
        "critical_gain", description="gain at which critical pairs are counted"
    )
    critical_pairs: Estimate = estimates(
        "target", "critical_gain", description="critical pairs of the noise-free map at visited states"
    )
    critical_pairs_kick: Estimate = estimates(
        "target", "critical_gain", description="the same at kick states of the intact network"
    )
    pool: Shaped[np.ndarray, " pool"] = axes("pool", description="neurons from which subsets are drawn")
    way: Shaped[np.ndarray, " way"] = axes("way", description="in which directions subsets end switching")
    trapping_subsets: Estimate = estimates("pool", "way", description="share of subsets that trap")

    def list_quantities(self) -> list[Quantity]:
        """Whether each target traps; hazards, rate, occupancy, overshoot, critical pairs; subsets."""
        quantities = []
        for t in range(len(self.target)):
            quantities += [self._judge(t, gain) for gain in self.list_extremes()]
            quantities += self._list_of_target(t)
        for p, pool in enumerate(self.pool.tolist()):
            for w, way in enumerate(self.way.tolist()):
                index, words = f"{pool},{way}".replace(" ", "_"), f"{way}, of {pool}"
                share = self.trapping_subsets[p, w]
                quantities.append(DEFINITIONS["trapping_subsets"].measure(share, index, name=words))
        return quantities

    def find_gain(self, gain: float) -> int:
        """Index of the gain nearest to a gain."""
        return int(np.abs(self.gain - gain).argmin())

    def list_extremes(self) -> list[float]:
        """Gains of 0 and 2, where they are among those that were tried."""
        return [gain for gain in EXTREMES if gain in self.gain.tolist()]

    def _judge(self, t: int, gain: float) -> Quantity:
        """Whether a target traps at a gain, beside all hazards."""
        hazards = self.hazard[t, self.find_gain(gain)]
        beside = tuple(
            Reference(f"hazard {name}", hazards[d])
            for d, name in enumerate(self.direction.tolist())
            if np.isfinite(hazards[d].value)
        )
        return DEFINITIONS["trapped"].measure(
            index=f"{self._index(t)},{gain:g}",
            name=f"gain {gain:g} on {self.target[t]}",
            word=str(self.trapped[t, self.find_gain(gain)]),
            beside=beside,
        )

    def _list_of_target(self, t: int) -> list[Quantity]:
        name, index = str(self.target[t]), self._index(t)
        null = (self.matched[t],) if np.isfinite(self.matched.quantile[t]) else ()
        found = [DEFINITIONS["fall"].measure(float(self.fall[t]), index, name=name, beside=null)]
        for gain in self.list_extremes():
            at, words, place = self.find_gain(gain), f"gain {gain:g} on {name}", f"{index},{gain:g}"
            for d, direction in enumerate(self.direction.tolist()):
                key = f"{place},{self.origin[d]}-{self.target_symbol[d]}"
                hazard = self.hazard[t, at, d]
                found.append(DEFINITIONS["hazard"].measure(hazard, key, name=f"{words}, {direction}"))
            for key in ("rate", "occupancy", "overshoot"):
                found.append(DEFINITIONS[key].measure(getattr(self, key)[t, at], place, name=words))
        for c, gain in enumerate(self.critical_gain.tolist()):
            for key in ("critical_pairs", "critical_pairs_kick"):
                value, words = getattr(self, key)[t, c], f"gain {gain:g} on {name}"
                found.append(DEFINITIONS[key].measure(value, f"{index},{gain:g}", name=words))
        return found

    def _index(self, t: int) -> str:
        """Name of a target in keys."""
        return str(self.target[t]).replace("→", "-")


def compute_interventions(subject: Subject, settings: InterventionSettings) -> GainResponse:
    """Run a network with its carriers and its deciding noise under gains from 0 to 2, on common noise.

    Raises
    ------
    UndefinedAnalysisError
        If there is no target, or activity of the intact network has no bound.

    Notes
    -----
    Torre et al. 2025 scale the recurrent input of neurons by μ from 0 to 2 and show the total rate. Here each
    direction of switching has its hazard, all runs have the same noise, and intervals are over trajectories.
    """
    targets = list_targets(subject)
    if not targets:
        raise UndefinedAnalysisError("it needs carriers or deciding noise, and none was found.")
    gains = sorted({*np.linspace(0.0, 2.0, settings.n_gains).round(6).tolist(), *CRITICAL_GAINS})
    compared = [target for target in targets if not target.is_of_one_direction]
    return respond(subject, targets, gains, settings, compared=compared)


def respond(
    subject: Subject,
    targets: Sequence[Target],
    gains: Sequence[float],
    settings: InterventionSettings,
    *,
    compared: Sequence[Target],
) -> GainResponse:
    """Response of a network to gains on targets.

    Parameters
    ----------
    subject : Subject
        With its ``switches``, and ``carriers`` if subsets of the first neurons are wanted.
    targets : sequence of Target
    gains : sequence of float
        Critical pairs are counted at those of ``CRITICAL_GAINS`` that are among them.
    settings : InterventionSettings
    compared : sequence of Target
        Those that stand beside matched sets, if 0 is among the gains.

    Raises
    ------
    UndefinedAnalysisError
        If activity of the intact network has no bound.
    """
    network, generator = subject.network, subject.start_generator("interventions")
    rng = spawn_rng(generator)
    path, _ = replay_switches(subject)
    plane = fit_orbit_plane(network.show_hidden(path.states), find_symbol_direction(network))
    has_zero = 0 in gains
    n_matched = [settings.n_matched * (has_zero and target in compared) for target in targets]
    controls = draw_control_sets(
        subject,
        path,
        targets,
        n_matched=n_matched,
        n_subsets=settings.n_subsets * has_zero,
        subset_size=settings.subset_size,
        rng=rng,
    )
    scaled = [(target, gain) for target in targets for gain in gains]
    networks = [
        network,
        *(target.scale(network, gain) for target, gain in scaled),
        *(target.scale(network, 0.0) for target in controls.list_all()),
    ]
    runs = _run(networks, plane, subject, settings, generator)
    found = subject.found["switches"]
    pairs = list(zip(found.origin.tolist(), found.target.tolist(), strict=True))
    measures = measure_gains(runs, pairs, network.n_symbols, rng=rng, **settings.resampling)

    shape = (len(targets), len(gains))
    hazard = _shape(measures.hazard[: len(scaled)], (*shape, len(pairs)))
    falls = find_fall(measures.hazard.value[:, measures.is_judged])
    unknown = np.full(len(targets), np.nan)
    fall = falls[: len(scaled)].reshape(shape)[:, list(gains).index(0)] if has_zero else unknown
    first_subset = len(scaled) + controls.n_matched
    critical = [i for i, (_, gain) in enumerate(scaled, 1) if gain in CRITICAL_GAINS]
    return GainResponse(
        settings=subject.record(settings) | {"trapped": TRAPPED},
        status={"notes": _list_problems(runs)},
        target=np.array([target.name for target in targets]),
        target_size=np.array([target.size for target in targets]),
        source=np.array([target.source for target in targets]),
        gain=np.array(gains, dtype=float),
        direction=np.array([found.name_direction(i) for i in range(len(pairs))]),
        origin=found.origin,
        target_symbol=found.target,
        hazard=hazard,
        rate=_shape(measures.rate[: len(scaled)], shape),
        occupancy=_shape(measures.occupancy[: len(scaled)], shape),
        overshoot=_shape(measures.overshoot[: len(scaled)], shape),
        is_judged=measures.is_judged.astype(int),
        trapped=measures.trapped[: len(scaled)].reshape(shape),
        fall=fall,
        matched=controls.compare_falls(fall, falls[len(scaled) : first_subset]),
        critical_gain=np.array([gain for gain in CRITICAL_GAINS if gain in gains]),
        **_count_pairs(subject, runs, networks, critical, len(targets), rng, generator, settings),
        pool=np.array(list(controls.subsets)),
        way=np.array(WAYS[:2]),
        trapping_subsets=controls.find_shares(measures.trapped[first_subset:], WAYS[:2]),
    )


def _count_pairs(
    subject: Subject,
    runs: CommonNoiseRuns,
    networks: list[NoiseRNN],
    chosen: list[int],
    n_targets: int,
    rng: np.random.Generator,
    generator: torch.Generator,
    settings: InterventionSettings,
) -> dict[str, Estimate]:
    """Critical pairs of some networks at the states that they visit, and at kick states of the intact one."""
    options, shape = {"rng": rng, **settings.resampling}, (n_targets, len(chosen) // n_targets)
    under = [networks[i] for i in chosen]
    visited = count_critical_pairs(under, [runs.state[i] for i in chosen])
    visited[:, runs.is_unbounded[chosen]] = np.nan
    kick = draw_kick_states(subject.network, noise_std=subject.noise_std, generator=generator)
    at_kick = count_critical_pairs(under, [kick] * len(chosen))
    return {
        "critical_pairs": _shape(bound_means(visited, **options), shape),
        "critical_pairs_kick": _shape(bound_means(at_kick, **options), shape),
    }


def _run(
    networks: list[NoiseRNN],
    plane: OrbitPlane,
    subject: Subject,
    settings: InterventionSettings,
    generator: torch.Generator,
) -> CommonNoiseRuns:
    """Runs of all networks; that of the first must have a bound."""
    runs = run_on_common_noise(
        networks,
        plane,
        n_trajectories=settings.n_trajectories,
        n_steps=settings.n_steps,
        burn_in=settings.burn_in,
        noise_std=subject.noise_std,
        generator=generator,
    )
    if runs.is_unbounded[0]:
        raise UndefinedAnalysisError(
            "activity of the intact network has no bound. Use fewer steps: `interventions.n_steps`."
        )
    return runs


def _list_problems(runs: CommonNoiseRuns) -> list[str]:
    n_lost = int(runs.is_unbounded.sum())
    return [f"in {n_lost} of {len(runs.symbol)} runs activity has no bound"] if n_lost else []


def _shape(found: Estimate, shape: tuple[int, ...]) -> Estimate:
    return Estimate(*(np.asarray(x).reshape(shape) for x in (found.value, found.low, found.high)))


PART = Part(
    name="interventions",
    question="what becomes of switching when carriers, or the deciding noise, are turned down or up?",
    result=GainResponse,
    settings=InterventionSettings,
    compute=compute_interventions,
    definitions=DEFINITIONS,
    seconds=20.0,
    quick={
        "n_trajectories": 20,
        "n_steps": 200,
        "burn_in": 100,
        "n_gains": 5,
        "n_matched": 5,
        "n_subsets": 6,
    },
    needs=("switches", "noise_kernel", "carriers", "populations"),
    requires_noise=True,
    least_hidden=2,
)
