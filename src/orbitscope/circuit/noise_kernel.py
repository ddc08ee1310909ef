"""The noise that decides: what it is before switches, in which direction, and what it does when replayed."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from pydantic import Field

from ..dynamics.driving.driven_states import DrivenPath
from ..errors import UndefinedAnalysisError
from ..network import spawn_rng
from ..part import Part
from ..part_settings import BurnIn, Resampling, Rollouts, Steps, Trajectories
from ..quantity import Quantity, Reference, known_value
from ..results import Result, axes, estimates, nulls
from ..statistics import Estimate, Null
from ..subject import Subject
from .commitment import OUTCOME_STEPS, choose_events
from .noise_kernel_definitions import DEFINITIONS
from .noise_subspaces import measure_drive_share
from .noise_trials import DOSES, build_subspaces, measure_removals, measure_replays
from .switch_kernels import SwitchKernels
from .switches import SwitchResult, replay_switches, require_trajectories
from .symbol_runs import Switches

SUBSPACES = ("leading", "all deciding", "rest")
"""The leading direction; as many as there are states less one, or the rank; all but the leading one."""

N_FOLDS = 10
"""Parts of the trajectories: what is replayed in one of them is fitted to all others."""

LEAST_IN_HALF = 5
"""Switches of a direction in even and in odd trajectories; fewer leave one half without a kernel."""

_IN_WORDS = {
    "leading": "the leading direction",
    "all deciding": "all deciding directions",
    "rest": "all but the leading one",
}


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
    origin, target : (direction,)
        Symbols before and after.
    direction : (direction,)
        Their names.
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
    deciding : (decided, input)
        Orthonormal, the leading one first but for its sign.
        Leading direction v of the noise, of length 1; the first direction of switching has a positive sum.
    projection : Estimate, (direction, lag)
        Kernels along v, which is that of the other half of the trajectories.
    pair : (pair,)
        Symbols between which there are switches both ways.
    pair_cosine : Estimate, (pair,)
        Cosine of the kernels of both ways in the space of the deciding directions.
    singular_value, singular_limit : (mode,), ()
        Of the kernels of all directions of switching, one below the other, weighted by √(n / n̄), n their
        switches; and the 95 % quantile of the largest one under the null.
    rank : ()
    input_cosine, drive_share : ()
        NaN for a cell without input weights.
    subspace, n_noise_directions : (subspace,)
        What is replayed and removed, and of how many dimensions.
    replay : Estimate, (subspace,)
        Subspaces are fitted to trajectories that are not replayed.
    removal : Estimate, (subspace, direction)
    rate_without : Estimate, (subspace,)
        Ratio of the rates of all switches.
    occupancy : ()
        Share of the steps in the most frequent symbol, with all noise.
    occupancy_without : Estimate, (subspace,)
        The same without a subspace.
    replay_equal : (control,)
        Replay of random subspaces that carry as much drive as v.
    removal_equal : (control, direction)
        Removal of these.
    dose : (dose,)
        Share of the noise along v that is taken away.
    removal_by_dose : Estimate, (dose, direction)
        Ratio of hazards by dose; 1 at dose 0.
    removal_equal_by_dose : (dose, control, direction)
        The same of the random subspaces.
    n_equal : (control,)
        Their dimensions.
    """

    lag: Int[np.ndarray, " lag"] = axes("lag", unit="steps", description="steps before the new symbol")
    origin: Int[np.ndarray, " direction"] = axes("direction", description="symbol before")
    target: Int[np.ndarray, " direction"] = axes("direction", description="symbol after")
    direction: Shaped[np.ndarray, " direction"] = axes("direction", description="direction of switching")
    kernel: Float[np.ndarray, "direction lag input"] = axes(
        "direction", "lag", "input", description="mean noise before switches, beyond controls"
    )
    lag_energy: Float[np.ndarray, " lag"] = axes("lag", description="cross-half energy of a lag")
    energy: Estimate = estimates(description="sum of these")
    swapped: Null = nulls("switches and controls exchanged", description="energy by chance")
    length: Float[np.ndarray, ""] = axes(unit="steps", description="lag of nine tenths of the energy")
    leading: Float[np.ndarray, " input"] = axes("input", description="leading direction of the noise")
    deciding: Float[np.ndarray, "decided input"] = axes(
        "decided", "input", description="all deciding directions of the noise"
    )
    projection: Estimate = estimates("direction", "lag", description="kernel along the leading direction")
    pair: Shaped[np.ndarray, " pair"] = axes(
        "pair", description="symbols between which switches go both ways"
    )
    pair_cosine: Estimate = estimates("pair", description="cosine of the kernels of both ways")
    singular_value: Float[np.ndarray, " mode"] = axes("mode", description="of the kernels")
    singular_limit: Float[np.ndarray, ""] = axes(description="95 % quantile of the largest one by chance")
    rank: Int[np.ndarray, ""] = axes(description="singular values above it")
    input_cosine: Float[np.ndarray, ""] = axes(description="agreement with the input weights")
    drive_share: Float[np.ndarray, ""] = axes(description="drive that the leading direction carries")
    subspace: Shaped[np.ndarray, " subspace"] = axes("subspace", description="what is replayed or removed")
    n_noise_directions: Int[np.ndarray, " subspace"] = axes("subspace", description="its dimensions")
    replay: Estimate = estimates("subspace", description="share of the effect of replaying all")
    removal: Estimate = estimates("subspace", "direction", description="ratio of hazards without it")
    rate_without: Estimate = estimates("subspace", description="ratio of the rates of all switches")
    occupancy: Float[np.ndarray, ""] = axes(description="share of the most frequent symbol")
    occupancy_without: Estimate = estimates("subspace", description="the same without a subspace")
    replay_equal: Float[np.ndarray, " control"] = axes("control", description="replay of equal drive")
    removal_equal: Float[np.ndarray, "control direction"] = axes(
        "control", "direction", description="ratio of hazards without equal drive"
    )
    dose: Float[np.ndarray, " dose"] = axes("dose", description="share of the leading direction taken away")
    removal_by_dose: Estimate = estimates("dose", "direction", description="ratio of hazards by dose")
    removal_equal_by_dose: Float[np.ndarray, "dose control direction"] = axes(
        "dose", "control", "direction", description="the same of equal drive"
    )
    n_equal: Int[np.ndarray, " control"] = axes("control", description="dimensions of equal drive")

    def list_quantities(self) -> list[Quantity]:
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
        pairs = [
            DEFINITIONS["pair_cosine"].measure(self.pair_cosine[i], f"{a}-{b}", name=name)
            for i, (a, b, name) in enumerate(self._list_pairs())
        ]
        return [*first, *pairs, *self._list_replays(), *self._list_removals(), *self._list_doses()]

    def _list_pairs(self) -> list[tuple[int, int, str]]:
        """Both symbols of each pair, and its name."""
        both = find_opposite(self.origin, self.target)
        places = zip(both, self.pair.tolist(), strict=True)
        return [(int(self.origin[i]), int(self.target[i]), name) for (i, _), name in places]

    def _list_replays(self) -> list[Quantity]:
        equal = _refer_to_equal(self.replay_equal, "share")
        return [
            DEFINITIONS["replay"].measure(
                self.replay[i], name.replace(" ", "_"), name=_IN_WORDS[name], beside=() if i else equal
            )
            for i, name in self.list_subspaces()
        ]

    def list_subspaces(self) -> list[tuple[int, str]]:
        """Places and names of subspaces that differ.

        Not all deciding directions where there is one only, nor the rest of a single input.
        """
        names, sizes = self.subspace.tolist(), self.n_noise_directions.tolist()
        is_named = [True, sizes[1] > 1, sizes[2] > 0]
        return [(i, names[i]) for i in range(len(names)) if is_named[i]]

    def _list_removals(self) -> list[Quantity]:
        quantities = []
        for j, direction in enumerate(self.direction.tolist()):
            controls = _refer_to_equal(self.removal_equal[:, j])
            for i, name in self.list_subspaces():
                index = f"{name.replace(' ', '_')},{self.origin[j]}-{self.target[j]}"
                label = f"{direction} without {_IN_WORDS[name]}"
                beside = (*known_value("if it does nothing", 1.0), *(() if i else controls))
                quantities.append(
                    DEFINITIONS["removal"].measure(self.removal[i, j], index, name=label, beside=beside)
                )
        for i, name in self.list_subspaces():
            index, words = name.replace(" ", "_"), _IN_WORDS[name]
            known = (Reference("with all noise", Estimate(self.occupancy), "share"),)
            quantities += [
                DEFINITIONS["rate_without"].measure(
                    self.rate_without[i], index, name=words, beside=known_value("if it does nothing", 1.0)
                ),
                DEFINITIONS["occupancy_without"].measure(
                    self.occupancy_without[i], index, name=words, beside=known
                ),
            ]
        return quantities

    def _list_doses(self) -> list[Quantity]:
        """Hazards by dose; those of none and of all are known and listed before."""
        return [
            DEFINITIONS["dose"].measure(
                self.removal_by_dose[i, j],
                f"{self.dose[i]:g},{self.origin[j]}-{self.target[j]}",
                name=f"{direction} without {self.dose[i]:g} of the leading direction",
                beside=_refer_to_equal(self.removal_equal_by_dose[i, :, j]),
            )
            for j, direction in enumerate(self.direction.tolist())
            for i in range(1, len(self.dose) - 1)
        ]


def _refer_to_equal(values: np.ndarray, unit: str = "1") -> tuple[Reference, ...]:
    """Subspaces of equal drive beside a quantity, where there are any."""
    known = values[np.isfinite(values)]
    return (Reference("equal drive", _span(known), unit),) if len(known) else ()


def _span(values: np.ndarray) -> Estimate:
    """Median of controls, and the range of all."""
    return Estimate(np.median(values), values.min(), values.max())


MOST_KEPT = 10
"""Deciding directions in whose space kernels of both ways are compared: memory grows with each."""


def compute_noise_kernel(subject: Subject, settings: NoiseKernelSettings) -> NoiseKernelResult:
    """Noise before switches against times of equal age, its directions, and their replay and removal.

    Raises
    ------
    UndefinedAnalysisError
        If no direction of switching has enough switches, or there are too few steps or trajectories.

    Notes
    -----
    Own construction. A cross-half product of two independent means has no bias from the number of switches.
    Controls of a direction of the noise are subspaces that carry as much of the drive: the leading direction
    is the one that the input weights amplify most, and one random direction carries far less.

    Subspaces that are replayed are fitted to the other nine tenths of the trajectories: fitted to the same
    noise they would replay more of it, the more so the fewer switches there are (docs/log.md, 2026-11-29).
    Removal is from noise of its own, so its subspaces are fitted to all switches.
    """
    network, generator = subject.network, subject.start_generator("noise_kernel")
    require_trajectories(settings.n_trajectories, "noise_kernel.n_trajectories")
    path, switches = replay_switches(subject)
    found, rng = subject.found["switches"], spawn_rng(generator)
    events, controls = _choose_late(found, switches, settings, rng)
    rows, code = _number_directions(events, found)
    kernels = _build_kernels(path, events, controls, code, settings.n_lags, subject.noise_std)
    swapped, limit = kernels.draw_null(settings.n_null, rng)
    leading, singular, energies = kernels.find_leading(), kernels.find_modes()[1], kernels.measure_energy()
    rank = int((singular > limit).sum())

    weights = network.cell.find_input_weights()
    w_ih = None if weights is None else weights.double().cpu().numpy()
    n_deciding = max(1, rank if subject.hmm is None else subject.hmm.n_states - 1)
    sizes = {"n_deciding": n_deciding, "n_controls": settings.n_controls, "rng": rng}
    whole = build_subspaces(kernels.find_modes()[0], w_ih, **sizes)
    n_folds = min(N_FOLDS, len(found.symbol))
    others = [
        build_subspaces(kernels.find_modes_without(fold, n_folds), w_ih, **sizes) for fold in range(n_folds)
    ]
    run = {"noise_std": subject.noise_std, "generator": generator, "rng": rng}
    replays = measure_replays(network, path, events, others, settings, **run)
    pairs = [(int(found.origin[i]), int(found.target[i])) for i in rows]
    removals = measure_removals(network, pairs, whole, settings, **run)
    n_kept = min(n_deciding, network.input_size, MOST_KEPT)
    across = kernels.project_across(n_kept, rng=rng, **settings.resampling)
    opposite = find_opposite(found.origin[rows], found.target[rows])
    names = [" ↔ ".join(found.name_symbol(symbol) for symbol in pairs[i]) for i, _ in opposite]
    why = "no input weights" if w_ih is None else "a single input"
    no_controls = "" if whole.equal else f"{why}: no subspaces of equal drive"
    return NoiseKernelResult(
        settings=subject.record(settings),
        status={"notes": [note for note in (no_controls, replays.note, removals.note) if note]},
        lag=np.arange(settings.n_lags),
        origin=found.origin[rows],
        target=found.target[rows],
        direction=np.array([found.name_direction(i) for i in rows]),
        kernel=kernels.average(),
        lag_energy=energies,
        energy=kernels.bound_energy(settings.confidence),
        swapped=swapped,
        length=np.array(find_length(energies)),
        leading=leading,
        deciding=whole.named[1].T,
        projection=kernels.project_across(1, rng=rng, **settings.resampling).as_estimate()[0, ..., 0],
        pair=np.array(names, dtype=str),
        pair_cosine=across.derive(lambda values: _compare_opposite(values[..., 1:, :, :, :], opposite)),
        singular_value=singular,
        singular_limit=np.array(limit),
        rank=np.array(rank),
        **_compare_with_input(w_ih, leading),
        subspace=np.array(SUBSPACES),
        n_noise_directions=np.array([basis.shape[1] for basis in whole.named]),
        replay=replays.named,
        removal=removals.named,
        rate_without=removals.rate,
        occupancy=np.array(removals.occupancy.value[0]),
        occupancy_without=removals.occupancy[1:],
        replay_equal=replays.equal,
        removal_equal=removals.equal,
        dose=np.array([0.0, *DOSES, 1.0]),
        removal_by_dose=removals.by_dose,
        removal_equal_by_dose=removals.equal_by_dose,
        n_equal=np.array([basis.shape[1] for basis in whole.equal], dtype=int),
    )


def replay_kernels(subject: Subject) -> SwitchKernels:
    """Kernels behind the result of the part, gathered again: to fit directions to some trajectories alone."""
    stored = subject.found["noise_kernel"].settings
    settings = NoiseKernelSettings(**{key: stored[key] for key in NoiseKernelSettings.model_fields})
    path, switches = replay_switches(subject)
    found, rng = subject.found["switches"], spawn_rng(subject.start_generator("noise_kernel"))
    events, controls = _choose_late(found, switches, settings, rng)
    code = _number_directions(events, found)[1]
    return _build_kernels(path, events, controls, code, settings.n_lags, subject.noise_std)


def _choose_late(
    found: SwitchResult, switches: Switches, settings: NoiseKernelSettings, rng: np.random.Generator
) -> tuple[Switches, tuple[np.ndarray, np.ndarray]]:
    """Switches, and controls of equal age, before which there is as much noise as is looked at."""
    first, n_steps = max(settings.n_lags, settings.replay_steps), found.symbol.shape[1]
    if n_steps <= first + OUTCOME_STEPS:
        raise UndefinedAnalysisError(
            f"`switches.n_steps` must be > {first + OUTCOME_STEPS} to look back {first} steps from a switch, "
            f"got {n_steps}. Drive longer, or lower `noise_kernel.n_lags` and `noise_kernel.replay_steps`."
        )
    events, controls = choose_events(found.symbol, switches, settings.n_events, earliest=first, rng=rng)

    # A kernel of one half needs switches in it.
    code = events.origin.astype(int) * (int(found.symbol.max()) + 1) + events.target
    counts = np.zeros((2, int(code.max()) + 1), dtype=int)
    np.add.at(counts, (events.trajectory % 2, code), 1)
    is_kept = counts.min(0)[code] >= LEAST_IN_HALF
    if not is_kept.any():
        raise UndefinedAnalysisError(
            f"some direction must have ≥ {LEAST_IN_HALF} switches in even and in odd trajectories, got at "
            f"most {counts.min(0).max()}. Drive more trajectories: `switches.n_trajectories`."
        )
    return events.select(is_kept), (controls[0][is_kept], controls[1][is_kept])


def _build_kernels(
    path: DrivenPath,
    events: Switches,
    controls: tuple[np.ndarray, np.ndarray],
    code: Int[np.ndarray, " event"],
    n_lags: int,
    noise_std: float,
) -> SwitchKernels:
    differences = _gather_noise(path.noise, events.trajectory, events.time, n_lags)
    differences -= _gather_noise(path.noise, *controls, n_lags)
    differences /= noise_std
    return SwitchKernels(differences, code, events.trajectory, path.states.shape[1])


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


def find_length(energies: Float[np.ndarray, " lag"]) -> float:
    """Lag by which nine tenths of the energy have come; NaN where there is none."""
    total = energies.sum()
    if not total > 0:
        return np.nan
    return float(np.flatnonzero(np.cumsum(energies) >= 0.9 * total)[0])


def find_opposite(
    origin: Int[np.ndarray, " direction"], target: Int[np.ndarray, " direction"]
) -> list[tuple[int, int]]:
    """Places of a → b and of b → a among directions that have both."""
    places = {pair: i for i, pair in enumerate(zip(origin.tolist(), target.tolist(), strict=True))}
    return [(i, places[b, a]) for (a, b), i in places.items() if a < b and (b, a) in places]


def _compare_opposite(
    halves: Float[np.ndarray, "... 2 direction lag kept"], opposite: list[tuple[int, int]]
) -> Float[np.ndarray, "... pair"]:
    """Cosine of the projected kernels of opposite directions, from products of two halves.

    The length of a kernel by itself holds the noise of its mean, which would pull the cosine towards 0. NaN
    where the halves of a kernel have no energy in common.
    """
    flat = halves.reshape(*halves.shape[:-2], -1)
    products = np.einsum("...if,...jf->...ij", flat[..., 0, :, :], flat[..., 1, :, :])
    i, j = (np.array([pair[k] for pair in opposite], dtype=int) for k in (0, 1))
    energies = products[..., i, i] * products[..., j, j]
    is_known = (products[..., i, i] > 0) & (products[..., j, j] > 0)
    lengths = np.sqrt(np.where(is_known, energies, np.nan))
    return np.clip((products[..., i, j] + products[..., j, i]) / 2 / lengths, -1, 1)


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
    seconds=9.0,
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
