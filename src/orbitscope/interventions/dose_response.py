"""Dose-response: switching when carriers, or the deciding noise, are turned down or up."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped
from pydantic import Field

from ..circuit.noise_subspaces import UNBOUNDED
from ..circuit.noise_trials import count_steps, count_switches
from ..circuit.switches import replay_switches
from ..dynamics.driving.driven_states import DrivenPath
from ..dynamics.orbit.orbit_plane import find_symbol_direction, fit_orbit_plane
from ..errors import UndefinedAnalysisError
from ..network import NoiseRNN, spawn_rng
from ..part import Part
from ..part_settings import Drive, Resampling
from ..quantity import Quantity, known_value
from ..results import Result, axes, estimates
from ..statistics import Estimate, bootstrap_statistic
from ..subject import Subject
from .dose_definitions import DEFINITIONS
from .dose_runs import DoseRuns, run_doses
from .targets import Target, list_targets

TRAPPED = 0.2
"""Hazard ratio below which switching in a direction has ended."""

_N_TOP = 20
"""First neurons by effect from which subsets are drawn."""

_SHOWN = (0.0, 2.0)
"""Doses whose numbers are quoted."""


class InterventionSettings(Drive, Resampling):
    """Settings of the part ``interventions``."""

    n_trajectories: int = Field(
        default=50, ge=2, description="independent trajectories: the units of intervals"
    )
    n_steps: int = Field(default=400, ge=1, description="steps of each trajectory")
    burn_in: int = Field(default=200, ge=0, description="steps before these")
    n_doses: int = Field(default=11, ge=3, description="gains from 0 to 2, evenly; odd, so that 1 is one")
    n_controls: int = Field(default=5, ge=0, description="random sets of neurons that differ, as controls")
    n_subsets: int = Field(default=20, ge=0, description="random subsets of the first twenty, and of all")
    subset_size: int = Field(default=6, ge=1, description="neurons of a subset")


@dataclass(frozen=True, kw_only=True, eq=False)
class DoseResponse(Result):
    """Switching under gains on targets, beside random controls.

    ``status`` holds ``notes``: where activity has no bound.

    Attributes
    ----------
    target, target_size : (target,)
    dose : (dose,)
    direction, origin, target_symbol : (direction,)
    hazard : Estimate, (target, dose, direction)
        Ratio to the intact network; NaN without an interval.
    rate, occupancy, overshoot : Estimate, (target, dose)
    trapped : (target,)
        "both ways", "one way", "no" or "undefined".
    control_hazard : (control, dose, direction)
    trapping_subsets : (pool,)
    """

    target: Shaped[np.ndarray, " target"] = axes("target", description="what the gain acts on")
    target_size: Int[np.ndarray, " target"] = axes("target", description="its neurons, or directions")
    dose: Float[np.ndarray, " dose"] = axes("dose", description="gain")
    direction: Shaped[np.ndarray, " direction"] = axes("direction", description="direction of switching")
    origin: Int[np.ndarray, " direction"] = axes("direction", description="symbol before")
    target_symbol: Int[np.ndarray, " direction"] = axes("direction", description="symbol after")
    hazard: Estimate = estimates("target", "dose", "direction", description="hazard over that of the intact")
    rate: Estimate = estimates("target", "dose", description="rate of all switches over that of the intact")
    occupancy: Estimate = estimates("target", "dose", description="share of the most frequent symbol")
    overshoot: Estimate = estimates(
        "target", "dose", unit="sd", description="radius beyond that of the intact"
    )
    trapped: Shaped[np.ndarray, " target"] = axes("target", description="whether switching ends without it")
    control_hazard: Float[np.ndarray, "control dose direction"] = axes(
        "control", "dose", "direction", description="hazard ratio of random sets of neurons"
    )
    pool: Shaped[np.ndarray, " pool"] = axes("pool", description="neurons from which subsets are drawn")
    trapping_subsets: Float[np.ndarray, " pool"] = axes("pool", description="share of subsets that trap")

    def list_quantities(self) -> list[Quantity]:
        """Whether each target traps; hazards, rate, occupancy and overshoot at the extreme doses; subsets."""
        quantities = []
        for t, name in enumerate(self.target.tolist()):
            quantities.append(
                DEFINITIONS["trapped"].measure(index=name, name=name, word=str(self.trapped[t]))
            )
            for dose in _SHOWN:
                quantities += self._list_at(t, int(np.abs(self.dose - dose).argmin()))
        for pool, share in zip(self.pool.tolist(), self.trapping_subsets.tolist(), strict=True):
            quantities.append(
                DEFINITIONS["trapping_subsets"].measure(share, pool, name=pool.replace("_", " "))
            )
        return quantities

    def _list_at(self, t: int, at: int) -> list[Quantity]:
        """Numbers of a target at a dose."""
        index, words = f"{self.target[t]},{self.dose[at]:g}", f"{self.dose[at]:g} on {self.target[t]}"
        one = known_value("intact", 1.0)
        hazards = [
            DEFINITIONS["hazard"].measure(
                self.hazard[t, at, d],
                f"{index},{self.origin[d]}-{self.target_symbol[d]}",
                name=f"{words}, {name}",
                beside=one,
            )
            for d, name in enumerate(self.direction.tolist())
        ]
        others = [
            DEFINITIONS[key].measure(getattr(self, key)[t, at], index, name=words)
            for key in ("rate", "occupancy", "overshoot")
        ]
        return [*hazards, *others]


def compute_interventions(subject: Subject, settings: InterventionSettings) -> DoseResponse:
    """Run a network with its carriers and its deciding noise under gains from 0 to 2, on common noise.

    Raises
    ------
    UndefinedAnalysisError
        If there is no target, or the intact network has no bound.

    Notes
    -----
    Torre et al. 2025 scale the recurrent input of neurons by μ from 0 to 2 and show the total rate. Here each
    direction of switching has its hazard, all runs have the same noise, and intervals are over trajectories.
    """
    targets = list_targets(subject)
    if not targets:
        raise UndefinedAnalysisError("it needs carriers or deciding noise, and none was found.")
    generator = subject.start_generator("interventions")
    rng, network = spawn_rng(generator), subject.network
    path, _ = replay_switches(subject)
    plane = fit_orbit_plane(network.show_hidden(path.states), find_symbol_direction(network))

    doses = np.linspace(0.0, 2.0, settings.n_doses)
    n_neurons = max([target.size for target in targets if target.basis is None], default=settings.subset_size)
    differs = np.flatnonzero(_find_active(network, path))
    controls = [Target("control", _draw(differs, n_neurons, rng)) for _ in range(settings.n_controls)]
    pools = _list_pools(subject, differs)
    subsets = [
        Target(name, _draw(pool, settings.subset_size, rng))
        for name, pool in pools.items()
        for _ in range(settings.n_subsets)
    ]
    networks = [
        network,
        *(target.scale(network, dose) for target in (*targets, *controls) for dose in doses),
        *(subset.scale(network, 0.0) for subset in subsets),
    ]
    run = {"noise_std": subject.noise_std, "generator": generator}
    sizes = {name: getattr(settings, name) for name in ("n_trajectories", "n_steps", "burn_in")}
    runs = run_doses(networks, plane, **sizes, **run)
    return _summarise(subject, settings, runs, targets, doses, list(pools), rng)


def _find_active(network: NoiseRNN, path: DrivenPath) -> np.ndarray:
    """Neurons whose activity varies."""
    return network.show_hidden(path.states).flatten(0, 1).std(0).cpu().numpy() > 0


def _draw(pool: np.ndarray, n_drawn: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Some neurons of a pool, or all of a smaller one."""
    return tuple(sorted(rng.permutation(pool)[:n_drawn].tolist()))


def _list_pools(subject: Subject, differs: np.ndarray) -> dict[str, np.ndarray]:
    """Neurons from which subsets are drawn: the first by effect of all directions, and all that vary."""
    if "carriers" not in subject.found:
        return {"all": differs}
    effect = np.nan_to_num(subject.found["carriers"].effect.value).max(0)
    return {"first_20": np.argsort(-effect, kind="stable")[:_N_TOP], "all": differs}


def _summarise(
    subject: Subject,
    settings: InterventionSettings,
    runs: DoseRuns,
    targets: list[Target],
    doses: np.ndarray,
    pools: list[str],
    rng: np.random.Generator,
) -> DoseResponse:
    found, n_doses = subject.found["switches"], len(doses)
    pairs = list(zip(found.origin.tolist(), found.target.tolist(), strict=True))
    is_unbounded = (runs.symbol == UNBOUNDED).any((1, 2))
    if is_unbounded[0]:
        raise UndefinedAnalysisError(
            "activity of the intact network has no bound. Use fewer steps: `interventions.n_steps`."
        )
    counts = np.stack([count_switches(each, pairs) for each in runs.symbol], axis=1)
    steps = np.stack([count_steps(each, subject.network.n_symbols) for each in runs.symbol], axis=1)

    hazard = _bound(counts, lambda sums: _divide_by_intact(sums[:, :, 0] / sums[:, :, 1]), settings, rng)
    hazard = _leave_out(hazard, is_unbounded[:, None])
    rate = _leave_out(_bound(counts[:, :, 0].sum(2), _divide_by_intact, settings, rng), is_unbounded)
    share = _leave_out(_bound(steps, lambda sums: sums.max(2) / sums.sum(2), settings, rng), is_unbounded)
    over = runs.radius.T - runs.radius.T[:, :1]
    overshoot = _leave_out(_bound(over, lambda sums: sums / len(over), settings, rng), is_unbounded)

    first_control = 1 + len(targets) * n_doses
    first_subset = first_control + settings.n_controls * n_doses
    by_dose = slice(1, first_control)
    shape = (len(targets), n_doses)
    controls = hazard.value[first_control:first_subset].reshape(settings.n_controls, n_doses, -1)
    does_trap = (hazard.value[first_subset:] < TRAPPED).all(1).reshape(len(pools), -1)
    known = _reshape(hazard[by_dose], (*shape, len(pairs)))
    n_lost = int(is_unbounded.sum())
    return DoseResponse(
        settings=subject.record(settings) | {"trapped": TRAPPED},
        status={"notes": [f"in {n_lost} of {len(runs.symbol)} runs activity has no bound"] if n_lost else []},
        target=np.array([target.name for target in targets]),
        target_size=np.array([target.size for target in targets]),
        dose=doses,
        direction=np.array([found.name_direction(i) for i in range(len(pairs))]),
        origin=found.origin,
        target_symbol=found.target,
        hazard=known,
        rate=_reshape(rate[by_dose], shape),
        occupancy=_reshape(share[by_dose], shape),
        overshoot=_reshape(overshoot[by_dose], shape),
        trapped=np.array([judge_trap(known[t, 0]) for t in range(len(targets))]),
        control_hazard=controls,
        pool=np.array(pools),
        trapping_subsets=does_trap.mean(1) if settings.n_subsets else np.full(len(pools), np.nan),
    )


def _bound(
    sums: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    settings: InterventionSettings,
    rng: np.random.Generator,
) -> Estimate:
    """Statistic of sums over trajectories; NaN where some resamples leave it undefined."""

    def measure(total: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return statistic(total)

    found = bootstrap_statistic(sums, measure, rng=rng, **settings.resampling).as_estimate()
    is_known = np.isfinite(found.low) & np.isfinite(found.high)
    return Estimate(*(np.where(is_known, x, np.nan) for x in (found.value, found.low, found.high)))


def _divide_by_intact(values: Float[np.ndarray, "batch run *rest"]) -> Float[np.ndarray, "batch run *rest"]:
    """Every run over the first, which is the intact network; NaN where that is 0."""
    return np.where(values[:, :1] > 0, values / values[:, :1], np.nan)


def _leave_out(found: Estimate, is_unbounded: np.ndarray) -> Estimate:
    """NaN where activity has no bound."""
    return Estimate(*(np.where(is_unbounded, np.nan, x) for x in (found.value, found.low, found.high)))


def _reshape(found: Estimate, shape: tuple[int, ...]) -> Estimate:
    return Estimate(*(x.reshape(shape) for x in (found.value, found.low, found.high)))


def judge_trap(hazard: Estimate) -> str:
    """Whether switching has ended in every direction, in some, or in none, by the upper limits.

    A direction whose hazard is undefined, because its symbol is not visited any more, counts as ended if
    another one has: the network has left that symbol for good.
    """
    is_known = np.isfinite(hazard.high)
    if not is_known.any():
        return "undefined"
    has_ended = hazard.high[is_known] < TRAPPED
    if not has_ended.any():
        return "no"
    return "both ways" if has_ended.all() and is_known.all() else "one way"


PART = Part(
    name="interventions",
    question="what becomes of switching when carriers, or the deciding noise, are turned down or up?",
    result=DoseResponse,
    settings=InterventionSettings,
    compute=compute_interventions,
    definitions=DEFINITIONS,
    seconds=20.0,
    quick={
        "n_trajectories": 20,
        "n_steps": 200,
        "burn_in": 100,
        "n_doses": 5,
        "n_controls": 2,
        "n_subsets": 6,
    },
    needs=("switches", "noise_kernel", "carriers"),
    requires_noise=True,
    least_hidden=2,
)
