"""The noise that decides: what it is before switches, in which direction, and what it does when replayed."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from pydantic import Field
from scipy.special import ndtri

from ..dynamics.driving.driven_states import DrivenPath
from ..network import NoiseRNN, draw_seed, fork_generator, spawn_rng
from ..part import Part
from ..part_settings import BurnIn, Resampling, Rollouts, Steps, Trajectories
from ..quantity import Definition, Quantity, Reference, define, known_value
from ..results import Result, axes, estimates, nulls
from ..statistics import Estimate, Null, bootstrap_statistic, compute_jackknife, divide_sums
from ..subject import Subject
from .commitment import OUTCOME_STEPS, choose_events
from .noise_subspaces import draw_equal_drive, measure_drive_share, replay_part, run_without
from .switches import FEWEST_EVENTS, SwitchResult, replay_switches
from .symbol_runs import Switches

SUBSPACES = ("leading", "all deciding", "rest")
"""The leading direction; as many as there are states less one, or the rank; all but the leading one."""

LEAST_EFFECT = 0.1
"""Of replaying all noise: below it a share of the effect says nothing, as where symbols flicker."""

_IN_WORDS = {
    "leading": "the leading direction",
    "all deciding": "all deciding directions",
    "rest": "all but the leading one",
}

_TESTS = "tests/circuit/test_noise_kernel.py"

DEFINITIONS = define(
    Definition(
        key="energy",
        label="energy of the noise before switches",
        meaning="Squared size of the mean noise before switches, minus that at times of equal age without "
        "one, summed over lags and directions of switching, in units of the noise.",
        equation="Σ_l k_l^A · k_l^B / σ², k_l = E[x_{τ−l} | switch] − E[x_{t−l} | no switch], halves A and B",
        reading="Above its null the noise before switches is not like other noise. It may be below 0.",
        test=f"{_TESTS}::test_the_kernel_of_a_threshold_unit_is_its_filter",
    ),
    Definition(
        key="length",
        label="length of the kernel",
        meaning="Lag by which nine tenths of this energy have come, counted back from the switch.",
        equation="smallest l with Σ_{l′≤l} e_{l′} ≥ .9 Σ e",
        reading="How long the noise is added up before a switch.",
        test=f"{_TESTS}::test_the_kernel_of_a_threshold_unit_is_its_filter",
        unit="steps",
    ),
    Definition(
        key="rank",
        label="directions of the noise before switches",
        meaning="Directions of the noise in which kernels differ from chance.",
        equation="n(singular values of the kernels above the 95 % quantile of the largest under the null)",
        reading="1: one direction times all switches. At most states − 1 are needed.",
        test=f"{_TESTS}::test_two_independent_latches_have_rank_two",
    ),
    Definition(
        key="input_cosine",
        label="leading direction and input weights, cosine",
        meaning="Agreement of the leading direction of the noise with the input direction that the weights "
        "amplify most.",
        equation="|v · u₁|, u₁ the leading right singular vector of W_ih",
        reading="Near 1 the input weights make the direction. Untrained networks have .05 to .16.",
        test=f"{_TESTS}::test_the_kernel_of_a_threshold_unit_is_its_filter",
    ),
    Definition(
        key="drive_share",
        label="drive that the leading direction carries",
        meaning="Share of the variance of the input drive W_ih x that comes from the leading direction.",
        equation="‖W_ih v‖² / ‖W_ih‖²",
        reading="Controls are subspaces that carry as much: one random direction carries far less.",
        test="tests/circuit/test_noise_subspaces.py::test_equal_drive_is_what_a_subspace_carries",
        unit="share",
    ),
    Definition(
        key="replay",
        label="replay of {}",
        meaning="Effect of the last steps of noise before a switch where only a subspace of it is replayed "
        "and the rest is fresh, as a share of the effect of replaying all.",
        equation="(P − P_none)/(P_full − P_none), P = P(old symbol gone)",
        reading="Near 1: this noise times the switch. Beside it random subspaces of equal drive.",
        test=f"{_TESTS}::test_only_the_direction_that_flips_the_latch_replays_it",
        unit="share",
    ),
    Definition(
        key="removal",
        label="hazard {}",
        meaning="Hazard of a direction of switching when the noise lacks a subspace, over that with all "
        "noise, on common random numbers.",
        equation="hazard(x − U Uᵀ x) / hazard(x)",
        reading="Near 0: without this noise there is no such switch. Isolation of a direction proves "
        "nothing: a network that scales with its noise is driven by any.",
        test=f"{_TESTS}::test_without_its_direction_a_latch_does_not_flip",
    ),
)


class NoiseKernelSettings(Resampling):
    """Settings of the part ``noise_kernel``."""

    n_events: int = Field(default=3000, ge=60, description="switches behind the kernel")
    n_lags: int = Field(default=20, ge=1, description="steps before a switch whose noise is looked at")
    n_null: int = Field(default=99, ge=19, description="draws of the null: switches and controls exchanged")
    n_replayed: int = Field(default=200, ge=30, description="switches whose noise is replayed")
    replay_steps: int = Field(default=15, ge=1, description="steps of noise that are replayed")
    n_rollouts: Rollouts = 20
    n_controls: int = Field(default=10, ge=1, description="random subspaces of equal drive")
    n_trajectories: Trajectories = 100
    n_steps: Steps = 400
    burn_in: BurnIn = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseKernelResult(Result):
    """Noise before switches, and what it does.

    ``status`` holds ``notes``: what could not be measured, and why.

    Attributes
    ----------
    lag : (lag,)
        Steps before the first step of the new symbol; the noise of lag 0 led to it.
    direction : (direction,)
        Directions of switching.
    kernel : (direction, lag, input)
        Mean noise before switches minus that before controls, in units of its standard deviation.
    lag_energy : (lag,)
        Cross-half energies e_l, summed over directions; not clamped at 0.
    energy : Estimate, ()
        Their sum, and its interval over trajectories.
    swapped : Null, ()
        The sum when switches and their controls are exchanged at random.
    length : ()
    leading : (input,)
        Leading direction v of the noise, of length 1; the first direction of switching has a positive sum.
    projection : Estimate, (direction, lag)
        Kernels along v, which is that of the other half of the trajectories.
    singular_value, singular_limit : (mode,), ()
        Of the kernels of all directions of switching, one below the other, and the 95 % quantile of the
        largest one under the null.
    rank : ()
    input_cosine, drive_share : ()
        NaN for a cell without input weights.
    subspace, n_noise_directions : (subspace,)
        What is replayed and removed, and of how many dimensions.
    replay : Estimate, (subspace,)
    removal : Estimate, (subspace, direction)
    replay_equal : (control,)
        Replay of random subspaces that carry as much drive as v.
    removal_equal : (control, direction)
        Removal of these.
    n_equal : (control,)
        Their dimensions.
    """

    lag: Int[np.ndarray, " lag"] = axes("lag", unit="steps", description="steps before the new symbol")
    direction: Shaped[np.ndarray, " direction"] = axes("direction", description="direction of switching")
    kernel: Float[np.ndarray, "direction lag input"] = axes(
        "direction", "lag", "input", description="mean noise before switches, beyond controls"
    )
    lag_energy: Float[np.ndarray, " lag"] = axes("lag", description="cross-half energy of a lag")
    energy: Estimate = estimates(description="sum of these")
    swapped: Null = nulls("switches and controls exchanged", description="energy by chance")
    length: Float[np.ndarray, ""] = axes(unit="steps", description="lag of nine tenths of the energy")
    leading: Float[np.ndarray, " input"] = axes("input", description="leading direction of the noise")
    projection: Estimate = estimates("direction", "lag", description="kernel along the leading direction")
    singular_value: Float[np.ndarray, " mode"] = axes("mode", description="of the kernels")
    singular_limit: Float[np.ndarray, ""] = axes(description="95 % quantile of the largest one by chance")
    rank: Int[np.ndarray, ""] = axes(description="singular values above it")
    input_cosine: Float[np.ndarray, ""] = axes(description="agreement with the input weights")
    drive_share: Float[np.ndarray, ""] = axes(description="drive that the leading direction carries")
    subspace: Shaped[np.ndarray, " subspace"] = axes("subspace", description="what is replayed or removed")
    n_noise_directions: Int[np.ndarray, " subspace"] = axes("subspace", description="its dimensions")
    replay: Estimate = estimates("subspace", description="share of the effect of replaying all")
    removal: Estimate = estimates("subspace", "direction", description="ratio of hazards without it")
    replay_equal: Float[np.ndarray, " control"] = axes("control", description="replay of equal drive")
    removal_equal: Float[np.ndarray, "control direction"] = axes(
        "control", "direction", description="ratio of hazards without equal drive"
    )
    n_equal: Int[np.ndarray, " control"] = axes("control", description="dimensions of equal drive")

    def headline(self) -> list[Quantity]:
        """Energy, length and rank; replay and removal beside subspaces of equal drive."""
        first = [
            DEFINITIONS["energy"].measure(self.energy, beside=(self.swapped,)),
            DEFINITIONS["length"].measure(float(self.length)),
            DEFINITIONS["rank"].measure(int(self.rank)),
        ]
        if np.isfinite(self.input_cosine):
            first += [
                DEFINITIONS["input_cosine"].measure(float(self.input_cosine)),
                DEFINITIONS["drive_share"].measure(float(self.drive_share)),
            ]
        return [*first, *self._list_replays(), *self._list_removals()]

    def _list_replays(self) -> list[Quantity]:
        equal = (
            (Reference("equal drive", _span(self.replay_equal), "share"),) if len(self.replay_equal) else ()
        )
        return [
            DEFINITIONS["replay"].measure(
                self.replay[i], name.replace(" ", "_"), name=_IN_WORDS[name], beside=() if i else equal
            )
            for i, name in self._list_different()
        ]

    def _list_different(self) -> list[tuple[int, str]]:
        """Subspaces; not all deciding directions where there is one only, the leading one."""
        is_same = self.n_noise_directions == self.n_noise_directions[0]
        return [(i, name) for i, name in enumerate(self.subspace.tolist()) if i == 0 or not is_same[i]]

    def _list_removals(self) -> list[Quantity]:
        quantities = []
        for j, direction in enumerate(self.direction.tolist()):
            equal = self.removal_equal[:, j]
            controls = (Reference("equal drive", _span(equal)),) if len(equal) else ()
            for i, name in self._list_different():
                index = f"{name.replace(' ', '_')},{direction.replace(' → ', '-')}"
                label = f"{direction} without {_IN_WORDS[name]}"
                beside = (*known_value("if it does nothing", 1.0), *(() if i else controls))
                quantities.append(
                    DEFINITIONS["removal"].measure(self.removal[i, j], index, name=label, beside=beside)
                )
        return quantities


def _span(values: np.ndarray) -> Estimate:
    """Median of controls, and the range of all."""
    return Estimate(np.median(values), values.min(), values.max())


def compute_noise_kernel(subject: Subject, settings: NoiseKernelSettings) -> NoiseKernelResult:
    """Noise before switches against times of equal age, its directions, and their replay and removal.

    Raises
    ------
    UndefinedAnalysisError
        If no direction of switching has enough switches.

    Notes
    -----
    Own construction. A cross-half product of two independent means has no bias from the number of switches.
    Controls of a direction of the noise are subspaces that carry as much of the drive: the leading direction
    is the one that the input weights amplify most, and one random direction carries far less.
    """
    network, generator = subject.network, subject.start_generator("noise_kernel")
    path, switches = replay_switches(subject)
    found, rng = subject.found["switches"], spawn_rng(generator)
    events, controls = choose_events(found.symbol, switches, settings.n_events, rng=rng)
    first = max(settings.n_lags, settings.replay_steps)
    is_late = (events.time >= first) & (controls[1] >= first)
    events, controls = events.select(is_late), (controls[0][is_late], controls[1][is_late])

    rows, code = _number_directions(events, found)
    lags = settings.n_lags
    before = _gather_noise(path.noise, events.trajectory, events.time, lags)
    differences = (before - _gather_noise(path.noise, *controls, lags)) / subject.noise_std
    kernel = _Kernel(differences, code, events.trajectory, len(found.symbol))
    energies, (leading, singular) = kernel.measure_energy(), kernel.find_leading()
    swapped, limit = kernel.draw_null(settings.n_null, rng)
    rank = int((singular > limit).sum())

    weights = network.cell.find_input_weights()
    w_ih = None if weights is None else weights.double().cpu().numpy()
    n_deciding = max(1, rank if subject.hmm is None else subject.hmm.n_states - 1)
    bases = _build_bases(kernel.find_modes()[0], min(n_deciding, network.input_size))
    equal = []
    if w_ih is not None:
        equal = [draw_equal_drive(w_ih, leading[:, None], rng=rng) for _ in range(settings.n_controls)]
    pairs = [(int(found.origin[i]), int(found.target[i])) for i in rows]
    replay = _Replay(network, path, events, settings, subject.noise_std, generator)
    removal = _Removal(network, pairs, settings, subject.noise_std, generator)
    return NoiseKernelResult(
        settings=subject.record(settings),
        status={
            "notes": [
                *([] if equal else ["no input weights: no subspaces of equal drive"]),
                *([replay.problem] if replay.problem else []),
            ]
        },
        lag=np.arange(lags),
        direction=np.array([found.name_direction(i) for i in rows]),
        kernel=kernel.average(),
        lag_energy=energies,
        energy=kernel.bound_energy(settings),
        swapped=swapped,
        length=np.array(_find_length(energies)),
        leading=leading,
        projection=kernel.project_across(settings, rng),
        singular_value=singular,
        singular_limit=np.array(limit),
        rank=np.array(rank),
        **_compare_with_input(w_ih, leading),
        subspace=np.array(SUBSPACES),
        n_noise_directions=np.array([basis.shape[1] for basis in bases]),
        replay=Estimate.stack([replay.measure(basis, rng) for basis in bases]),
        removal=Estimate.stack([removal.measure(basis, rng) for basis in bases]),
        replay_equal=np.array([float(replay.measure(basis, rng)) for basis in equal]),
        removal_equal=np.array([removal.measure(basis, rng).value for basis in equal]).reshape(-1, len(rows)),
        n_equal=np.array([basis.shape[1] for basis in equal], dtype=int),
    )


class _Kernel:
    """Differences of the noise before switches and before their controls, by direction and half."""

    def __init__(
        self,
        differences: Float[np.ndarray, "event lag input"],
        code: Int[np.ndarray, " event"],
        owner: Int[np.ndarray, " event"],
        n_trajectories: int,
    ):
        n_events, self.n_lags, self.n_inputs = differences.shape
        self.flat, self.code, self.owner = differences.reshape(n_events, -1), code, owner
        self.n_directions, self.n_trajectories = int(code.max()) + 1, n_trajectories
        self.half = owner % 2

    def average(self, half: int | None = None, signs: np.ndarray | None = None) -> np.ndarray:
        """Mean difference of each direction, (direction, lag, input), of one half or of all."""
        is_in = np.ones(len(self.code), dtype=bool) if half is None else self.half == half
        weights = (self.code[is_in] == np.arange(self.n_directions)[:, None]).astype(self.flat.dtype)
        counts = weights.sum(1, keepdims=True)
        weights = weights if signs is None else weights * signs[is_in]
        means = (weights @ self.flat[is_in]) / np.maximum(counts, 1)
        return means.reshape(self.n_directions, self.n_lags, self.n_inputs)

    def measure_energy(self, signs: np.ndarray | None = None) -> Float[np.ndarray, " lag"]:
        """Product of the kernels of both halves, summed over directions and inputs."""
        return (self.average(0, signs) * self.average(1, signs)).sum((0, 2))

    def find_modes(self, half: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Right singular vectors (mode, input) of all kernels, and singular values."""
        stacked = self.average(half).reshape(-1, self.n_inputs)
        _, values, vectors = np.linalg.svd(stacked.astype(float), full_matrices=True)
        return vectors, values

    def find_leading(self) -> tuple[Float[np.ndarray, " input"], Float[np.ndarray, " mode"]]:
        """Leading direction, along which the kernel of the first direction of switching is positive."""
        vectors, values = self.find_modes()
        leading = vectors[0]
        return leading * (1.0 if (self.average()[0] @ leading).sum() > 0 else -1.0), values

    def draw_null(self, n_null: int, rng: np.random.Generator) -> tuple[Null, float]:
        """Energy when switches and controls are exchanged at random, and the largest singular value then."""
        energies, largest = [], []
        for _ in range(n_null):
            signs = rng.choice(np.array([-1.0, 1.0], dtype=self.flat.dtype), size=len(self.code))
            energies.append(float(self.measure_energy(signs).sum()))
            stacked = self.average(None, signs).reshape(-1, self.n_inputs)
            largest.append(float(np.linalg.norm(stacked, 2)))
        observed = float(self.measure_energy().sum())
        null = Null.of_draws("switches and controls exchanged", observed, np.array(energies))
        return null, float(np.quantile(largest, 0.95))

    def bound_energy(self, settings: NoiseKernelSettings) -> Estimate:
        """Energy with a normal interval from the jackknife over trajectories."""
        rows = self.owner * 2 * self.n_directions + self.half * self.n_directions + self.code
        size = 2 * self.n_directions
        sums = np.zeros((self.n_trajectories * size, self.flat.shape[1] + 1))
        np.add.at(sums, rows, np.concatenate([self.flat, np.ones((len(rows), 1))], axis=1))

        def measure(total: np.ndarray) -> np.ndarray:
            total = total.reshape(-1, 2, self.n_directions, total.shape[-1])
            means = total[..., :-1] / np.maximum(total[..., -1:], 1)
            return (means[:, 0] * means[:, 1]).sum((1, 2))

        found = compute_jackknife(sums.reshape(self.n_trajectories, size, -1), measure)
        half_width = -float(ndtri((1 - settings.confidence) / 2)) * float(found.standard_error)
        value = float(found.estimate)
        return Estimate(value, value - half_width, value + half_width)

    def project_across(self, settings: NoiseKernelSettings, rng: np.random.Generator) -> Estimate:
        """Kernels along the leading direction of the other half, so that the direction is not fitted."""
        leading, _ = self.find_leading()
        values = np.empty((len(self.code), self.n_lags))
        for half in (0, 1):
            other = self.find_modes(1 - half)[0][0]
            other = other * (1.0 if other @ leading > 0 else -1.0)
            rows = self.half == half
            values[rows] = self.flat[rows].reshape(-1, self.n_lags, self.n_inputs) @ other
        is_in = self.code[:, None] == np.arange(self.n_directions)
        counted = np.broadcast_to(is_in[..., None], (*is_in.shape, self.n_lags))
        terms = np.stack([counted * values[:, None], counted], axis=1)
        sums = np.zeros((self.n_trajectories, *terms.shape[1:]))
        np.add.at(sums, self.owner, terms)
        return bootstrap_statistic(sums, divide_sums, rng=rng, **settings.resampling).as_estimate()


class _Replay:
    """Replays of parts of the noise before the same switches."""

    def __init__(
        self,
        network: NoiseRNN,
        path: DrivenPath,
        events: Switches,
        settings: NoiseKernelSettings,
        noise_std: float,
        generator: torch.Generator,
    ):
        rows = np.flatnonzero(events.age >= settings.replay_steps)
        spread = np.linspace(0, max(len(rows) - 1, 0), min(settings.n_replayed, len(rows)))
        rows = rows[np.unique(spread.round().astype(int))]
        chosen = events.select(rows)
        self.owner = chosen.trajectory
        self.network, self.settings = network, settings
        trajectory, time = torch.from_numpy(chosen.trajectory), torch.from_numpy(chosen.time)
        self.start = path.states[time - settings.replay_steps, trajectory]
        steps = torch.arange(1 - settings.replay_steps, 1)[:, None]
        self.noise = path.noise[time + steps, trajectory]
        self.origin = torch.from_numpy(chosen.origin.astype(int))
        self.options = {"n_rollouts": settings.n_rollouts, "noise_std": noise_std}
        self.source = fork_generator(generator)
        self.none, self.full = self._run(np.zeros((network.input_size, 0))), self._run(None)
        self.problem = self._find_problem()

    def _find_problem(self) -> str:
        """Why there is no share of the effect of replaying all; empty if there is one."""
        if len(self.owner) < FEWEST_EVENTS:
            return f"replay: {len(self.owner)} switches after runs of {self.settings.replay_steps} steps"
        effect = float((self.full - self.none).mean())
        if effect < LEAST_EFFECT:
            return f"replay: replaying all noise makes {effect:.2g} more switches that last, < {LEAST_EFFECT}"
        return ""

    def _run(self, basis: np.ndarray | None) -> Float[np.ndarray, " event"]:
        if len(self.owner) == 0:
            return np.empty(0)
        given = None if basis is None else torch.from_numpy(basis).to(self.start)
        options = {**self.options, "generator": fork_generator(self.source)}
        return replay_part(
            self.network, self.start, self.noise, given, self.origin, n_after=OUTCOME_STEPS, **options
        )

    def measure(self, basis: np.ndarray, rng: np.random.Generator) -> Estimate:
        """Share of the effect of replaying all; NaN without enough switches after long runs."""
        if self.problem:
            return Estimate(np.nan)
        found = self._run(basis)
        n_trajectories = int(self.owner.max()) + 1
        sums = np.zeros((n_trajectories, 2))
        np.add.at(sums, self.owner, np.stack([found - self.none, self.full - self.none], axis=1))
        return bootstrap_statistic(sums, divide_sums, rng=rng, **self.settings.resampling).as_estimate()


class _Removal:
    """Hazards without parts of the noise, on common random numbers."""

    def __init__(
        self,
        network: NoiseRNN,
        pairs: list[tuple[int, int]],
        settings: NoiseKernelSettings,
        noise_std: float,
        generator: torch.Generator,
    ):
        self.network, self.pairs, self.settings, self.noise_std = network, pairs, settings, noise_std
        self.seed, self.device = draw_seed(generator), generator.device
        self.intact = self._count(None)

    def _count(self, basis: np.ndarray | None) -> Float[np.ndarray, "trajectory 2 direction"]:
        """Switches in each direction, and steps spent in the symbol before, of every trajectory."""
        settings = self.settings
        symbols = run_without(
            self.network,
            None if basis is None else torch.from_numpy(basis).to(self.network.w_out),
            n_trajectories=settings.n_trajectories,
            n_steps=settings.n_steps,
            burn_in=settings.burn_in,
            noise_std=self.noise_std,
            generator=torch.Generator(self.device).manual_seed(self.seed),
        )
        before, after = symbols[:, :-1], symbols[:, 1:]
        events = [((before == a) & (after == b)).sum(1) for a, b in self.pairs]
        steps = [(before == a).sum(1) for a, _ in self.pairs]
        return np.stack([np.stack(events, axis=1), np.stack(steps, axis=1)], axis=1).astype(float)

    def measure(self, basis: np.ndarray, rng: np.random.Generator) -> Estimate:
        """Ratio of hazards of each direction, without the subspace and with all noise."""
        sums = np.stack([self._count(basis), self.intact], axis=1)

        def divide(total: np.ndarray) -> np.ndarray:
            with np.errstate(invalid="ignore", divide="ignore"):
                hazard = total[:, :, 0] / total[:, :, 1]
                return np.where(hazard[:, 1] > 0, hazard[:, 0] / hazard[:, 1], np.nan)

        return bootstrap_statistic(sums, divide, rng=rng, **self.settings.resampling).as_estimate()


def _number_directions(events: Switches, found: SwitchResult) -> tuple[list[int], Int[np.ndarray, " event"]]:
    """Rows of the directions of these switches in a result, and the place of each switch among them."""
    rows, code = [], np.full(len(events), -1)
    for i in range(len(found.origin)):
        is_in = (events.origin == found.origin[i]) & (events.target == found.target[i])
        if is_in.any():
            code[is_in] = len(rows)
            rows.append(i)
    return rows, code


def _gather_noise(
    noise: Float[torch.Tensor, "time trajectory input"],
    trajectory: Int[np.ndarray, " event"],
    time: Int[np.ndarray, " event"],
    n_lags: int,
) -> Float[np.ndarray, "event lag input"]:
    """Noise of the last steps up to given ones."""
    steps = torch.from_numpy(time)[:, None] - torch.arange(n_lags)
    return noise[steps, torch.from_numpy(trajectory)[:, None]].cpu().numpy()


def _find_length(energies: Float[np.ndarray, " lag"]) -> float:
    """Lag by which nine tenths of the energy have come; NaN where there is none."""
    total = energies.sum()
    if not total > 0:
        return np.nan
    return float(np.flatnonzero(np.cumsum(energies) >= 0.9 * total)[0])


def _build_bases(vectors: np.ndarray, n_deciding: int) -> list[Float[np.ndarray, "input direction"]]:
    """The leading direction, all deciding ones, and all but the leading one, as orthonormal columns."""
    return [vectors[:1].T, vectors[:n_deciding].T, vectors[1:].T]


def _compare_with_input(w_ih: np.ndarray | None, leading: np.ndarray) -> dict[str, np.ndarray]:
    """Cosine with the direction that the input weights amplify most, and the drive along the leading one."""
    if w_ih is None:
        return {"input_cosine": np.array(np.nan), "drive_share": np.array(np.nan)}
    amplified = np.linalg.svd(w_ih)[2][0]
    share = measure_drive_share(w_ih, leading[:, None])
    return {"input_cosine": np.array(abs(float(amplified @ leading))), "drive_share": np.array(share)}


PART = Part(
    name="noise_kernel",
    question="which noise makes the network switch?",
    result=NoiseKernelResult,
    settings=NoiseKernelSettings,
    compute=compute_noise_kernel,
    definitions=DEFINITIONS,
    seconds=14.0,
    quick={
        "n_events": 600,
        "n_null": 19,
        "n_replayed": 60,
        "n_rollouts": 10,
        "n_controls": 3,
        "n_trajectories": 40,
        "n_steps": 200,
        "n_resamples": 200,
    },
    needs=("switches",),
    requires_noise=True,
)
