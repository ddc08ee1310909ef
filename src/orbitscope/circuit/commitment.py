"""Commitment: how many steps ahead a switch is decided, whatever noise is still to come."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from pydantic import Field
from torch import Tensor

from ..dynamics.driving.driven_states import DrivenPath
from ..dynamics.regions.region_labels import REGIONS, label_states
from ..errors import UndefinedAnalysisError
from ..hmm import HMM, sample_sequences
from ..network import NoiseRNN, draw_noise_, fork_generator, spawn_rng
from ..part import Part
from ..part_settings import Resampling, Rollouts
from ..quantity import Quantity, Reference
from ..results import Result, axes, estimates
from ..statistics import Estimate, bootstrap_statistic
from ..subject import Subject
from ..system.threads import map_parallel
from .commitment_definitions import DEFINITIONS
from .switches import FEWEST_EVENTS, SwitchResult, replay_switches
from .symbol_runs import Switches, draw_evenly, find_switches, match_by_age

OUTCOME_STEPS = 2
"""Steps after the first one of the new symbol at which it is asked whether the old one is gone."""

TRACE_STEPS = 15
"""Steps before and after a switch along which the margin is followed."""


class CommitmentSettings(Resampling):
    """Settings of the part ``commitment``."""

    n_events: int = Field(default=400, ge=FEWEST_EVENTS, description="switches that are looked at")
    n_rollouts: Rollouts = 20
    max_lead: int = Field(default=15, ge=1, description="largest number of steps before a switch")
    n_labelled: int = Field(default=100, ge=1, description="switches whose states ahead get a region")


@dataclass(frozen=True, kw_only=True, eq=False)
class CommitmentResult(Result):
    """How far ahead switches are decided.

    ``status`` holds ``left_out``, directions with too few switches, and ``notes``.

    Attributes
    ----------
    lead : (lead,)
        Steps before the first step of the new symbol.
    group : (group,)
        "all" and the directions.
    origin, target : (group,)
        Symbols before and after; −1 for all.
    n_switches : (group, lead)
        Switches with a state of the old symbol, and a control, at this lead.
    committed, by_age : Estimate, (group, lead)
        C and C₀: probability that the old symbol is gone at the outcome, from states before a switch and from
        states of the same age in runs without one.
    decided : Estimate, (group, lead)
        E = (C − C₀)/(1 − C₀).
    half_lead : Estimate, (group,)
    process_decided, process_half_lead : (group, lead), (group,)
        The same of the process, from its hidden state: exact probabilities, averaged over sampled switches.
        NaN without an HMM, or where it hardly ever switches like this.
    offset : (offset,)
        Steps from the first step of the new symbol.
    margin : Estimate, (offset,)
        Margin of the new symbol over the old one, 0 in states of the old symbol and 1 in those of the new.
    rise_time, lead_over_rise : Estimate, ()
    region : (region,)
    region_share : Estimate, (lead, region)
        Share of the states at each lead in each region.
    decided_in : Estimate, (region,)
        The same at the half-lead of all switches, rounded.
    """

    lead: Int[np.ndarray, " lead"] = axes("lead", unit="steps", description="steps before a switch")
    group: Shaped[np.ndarray, " group"] = axes("group", description="all switches, or a direction")
    origin: Int[np.ndarray, " group"] = axes("group", description="symbol before; -1 for all")
    target: Int[np.ndarray, " group"] = axes("group", description="symbol after; -1 for all")
    n_switches: Int[np.ndarray, "group lead"] = axes("group", "lead", description="switches with a control")
    committed: Estimate = estimates("group", "lead", description="P(old symbol gone), before a switch")
    by_age: Estimate = estimates("group", "lead", description="the same from states of equal age")
    decided: Estimate = estimates("group", "lead", description="share that is decided")
    half_lead: Estimate = estimates("group", unit="steps", description="lead at which half is decided")
    process_decided: Float[np.ndarray, "group lead"] = axes(
        "group", "lead", description="share decided of the process"
    )
    process_half_lead: Float[np.ndarray, " group"] = axes(
        "group", unit="steps", description="half-lead of the process"
    )
    offset: Int[np.ndarray, " offset"] = axes("offset", unit="steps", description="steps from the switch")
    margin: Estimate = estimates("offset", description="normalised margin of the new symbol")
    rise_time: Estimate = estimates(unit="steps", description="from a tenth to nine tenths")
    lead_over_rise: Estimate = estimates(description="half-lead over rise time")
    region: Shaped[np.ndarray, " region"] = axes("region", description="region by residency")
    region_share: Estimate = estimates("lead", "region", description="share of states in a region")
    decided_in: Estimate = estimates("region", description="share at the half-lead")

    def list_quantities(self) -> list[Quantity]:
        """Half-leads beside the process, rise time, their ratio, and where it is decided."""
        leads = [
            DEFINITIONS["half_lead"].measure(
                self.half_lead[i],
                f"{self.origin[i]}-{self.target[i]}" if i else "all",
                name=name if i else "all switches",
                beside=_of_process(float(self.process_half_lead[i])),
            )
            for i, name in enumerate(self.group.tolist())
        ]
        regions = [
            DEFINITIONS["decided_in"].measure(self.decided_in[i], name)
            for i, name in enumerate(self.region.tolist())
        ]
        pace = [DEFINITIONS[key].measure(getattr(self, key)) for key in ("rise_time", "lead_over_rise")]
        return [*leads, *pace, *regions]


def _of_process(value: float) -> tuple[Reference, ...]:
    return (Reference("process", Estimate(value), "steps"),) if np.isfinite(value) else ()


def compute_commitment(subject: Subject, settings: CommitmentSettings) -> CommitmentResult:
    """How many steps before a switch it is decided, per direction, beside the process.

    Raises
    ------
    UndefinedAnalysisError
        If no direction has ``FEWEST_EVENTS`` switches with a control.

    Notes
    -----
    Own construction. Fresh noise from h(τ − ℓ) on shows what the state has decided by then; twins that are
    chosen because they never switch would bias it. Controls are states in runs of the same symbol that have
    lasted as long and go on: a network that switches after a fixed time is not committed by its age.
    """
    network, generator = subject.network, subject.start_generator("commitment")
    path, switches = replay_switches(subject)
    symbols, rng = subject.found["switches"].symbol, spawn_rng(generator)
    events, controls = choose_events(symbols, switches, settings.n_events, rng=rng)
    groups = _group(events, subject.found["switches"])
    noise = {"noise_std": subject.noise_std, "n_rollouts": settings.n_rollouts}
    gone = _roll_out(network, path, events, controls, settings.max_lead, **noise, generator=generator)
    margin = _follow_margin(network, path, symbols, events)
    labels = _label_ahead(network, path, events, settings, noise_std=subject.noise_std, generator=generator)

    shapes = _Shapes(len(groups), settings.max_lead + 1, margin.shape[1])
    sums = _sum_by_trajectory(events, groups, gone, margin, labels, len(symbols))
    found = bootstrap_statistic(sums, shapes.average, rng=rng, **settings.resampling)
    curves = found.derive(lambda values: shapes.split(values)[0])
    half_lead = found.derive(lambda values: find_half_lead(shapes.split(values)[0][..., 2, :, :]))
    origin, target = _find_pairs(events, groups)
    process = measure_process(
        subject.hmm, (origin[1:], target[1:]), symbols.shape, max_lead=settings.max_lead, rng=rng
    )
    is_known = bool(np.isfinite(half_lead.value[0]))
    nearest = int(np.clip(np.rint(half_lead.value[0]), 0, settings.max_lead)) if is_known else 0
    return CommitmentResult(
        settings=subject.record(settings) | {"outcome_steps": OUTCOME_STEPS},
        status={"left_out": _list_left_out(subject.found["switches"], groups)},
        lead=np.arange(settings.max_lead + 1),
        group=np.array(list(groups)),
        origin=origin,
        target=target,
        n_switches=np.stack([np.isfinite(gone[rows, :, 0]).sum(0) for rows in groups.values()]),
        committed=curves[0],
        by_age=curves[1],
        decided=curves[2],
        half_lead=half_lead,
        process_decided=process,
        process_half_lead=find_half_lead(process),
        offset=np.arange(-TRACE_STEPS, TRACE_STEPS + 1),
        margin=found.derive(lambda values: shapes.split(values)[1]),
        rise_time=found.derive(lambda values: find_rise_time(shapes.split(values)[1])),
        lead_over_rise=found.derive(lambda values: _divide_by_rise(shapes, values)),
        region=np.array(REGIONS),
        region_share=found.derive(lambda values: shapes.split(values)[2]),
        decided_in=found.derive(
            lambda values: np.where(is_known, shapes.split(values)[2][..., nearest, :], np.nan)
        ),
    )


def choose_events(
    symbols: np.ndarray,
    switches: Switches,
    n_events: int,
    *,
    earliest: int = 0,
    rng: np.random.Generator,
) -> tuple[Switches, tuple[np.ndarray, np.ndarray]]:
    """Draw switches, as many of each direction as there are, and a control of equal age for each.

    Parameters
    ----------
    symbols : (trajectory, time)
    switches : Switches
    n_events : int
        Switches, shared among directions.
    earliest : int
        First step of switches and of controls.
    rng
        Source of the choice.

    Returns
    -------
    events : Switches
        Only those whose age is known, whose outcome is seen, and that have a control.
    controls : trajectory, time
        (event,) each.

    Raises
    ------
    UndefinedAnalysisError
        If no direction has ``FEWEST_EVENTS`` of these.
    """
    is_whole = (switches.age >= 1) & (switches.time + OUTCOME_STEPS < symbols.shape[1])
    known = switches.select(is_whole & (switches.time >= earliest))
    controls = match_by_age(symbols, known, stay=OUTCOME_STEPS + 1, earliest=earliest, rng=rng)
    has_control = controls[0] >= 0
    known, controls = known.select(has_control), [part[has_control] for part in controls]

    code = known.origin.astype(int) * (int(symbols.max()) + 1) + known.target
    counts = {value: int((code == value).sum()) for value in np.unique(code).tolist()}
    often = [value for value, count in counts.items() if count >= FEWEST_EVENTS]
    if not often:
        raise UndefinedAnalysisError(
            f"some direction must have ≥ {FEWEST_EVENTS} switches with a control of equal age, got at most "
            f"{max(counts.values(), default=0)}. Drive longer: `switches.n_trajectories`, `switches.n_steps`."
        )
    share = max(FEWEST_EVENTS, n_events // len(often))
    rows = draw_evenly(code, often, share, rng=rng)
    return known.select(rows), (controls[0][rows], controls[1][rows])


def find_half_lead(decided: Float[np.ndarray, "... lead"]) -> Float[np.ndarray, "..."]:
    """Lead at which a curve that starts at lead 0 falls through ½; 0 where it is below ½ at lead 1 already.

    Between leads it is interpolated. A curve that stays above ½ has the last lead at which it is known.
    NaN if it is not known at lead 1.
    """
    n_leads = decided.shape[-1]
    below = ~(decided >= 0.5)  # a lead without events ends the curve, too
    below[..., 0] = False
    first = np.where(below.any(-1), below.argmax(-1), n_leads)
    before = np.take_along_axis(decided, np.maximum(first - 1, 0)[..., None], -1)[..., 0]
    after = np.take_along_axis(decided, np.minimum(first, n_leads - 1)[..., None], -1)[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(np.isfinite(after) & (first < n_leads), (before - 0.5) / (before - after), 0.0)
    half_lead = np.where(first == 1, 0.0, first - 1 + np.clip(part, 0.0, 1.0))
    return np.where(np.isnan(decided[..., 1]), np.nan, half_lead)


def find_rise_time(margin: Float[np.ndarray, "... offset"]) -> Float[np.ndarray, "..."]:
    """Steps from the last crossing of .1 before the switch to the first of .9 after it; NaN without one."""
    flat = margin.reshape(-1, margin.shape[-1])
    return np.array([_measure_rise(curve) for curve in flat]).reshape(margin.shape[:-1])


def _measure_rise(curve: Float[np.ndarray, " offset"]) -> float:
    middle = len(curve) // 2
    low = np.flatnonzero(curve[: middle + 1] <= 0.1)
    high = np.flatnonzero(curve[middle - 1 :] >= 0.9)
    if not len(low) or not len(high):
        return np.nan
    begin, end = low[-1], middle - 1 + high[0]
    start = begin + (0.1 - curve[begin]) / (curve[begin + 1] - curve[begin])
    stop = end - (curve[end] - 0.9) / (curve[end] - curve[end - 1])
    return float(stop - start)


def _group(events: Switches, found: SwitchResult) -> dict[str, Bool[np.ndarray, " event"]]:
    """Which events belong to all, and to each direction that has some."""
    groups = {"all": np.ones(len(events), dtype=bool)}
    for i in range(len(found.origin)):
        is_in = (events.origin == found.origin[i]) & (events.target == found.target[i])
        if is_in.any():
            groups[found.name_direction(i)] = is_in
    return groups


def _find_pairs(events: Switches, groups: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Symbols before and after of each group; −1 for all."""
    firsts = [int(np.flatnonzero(rows)[0]) for rows in groups.values()][1:]
    origin, target = (symbols[firsts].astype(int) for symbols in (events.origin, events.target))
    return np.concatenate([[-1], origin]), np.concatenate([[-1], target])


def _list_left_out(found: SwitchResult, groups: dict[str, np.ndarray]) -> list[str]:
    names = [found.name_direction(i) for i in range(len(found.origin))]
    return [name for name in names if name not in groups]


def _roll_out(
    network: NoiseRNN,
    path: DrivenPath,
    events: Switches,
    controls: tuple[np.ndarray, np.ndarray],
    max_lead: int,
    *,
    noise_std: float,
    n_rollouts: int,
    generator: torch.Generator,
) -> Float[np.ndarray, "event lead 2"]:
    """Probability that the old symbol is gone at the outcome, from states ahead and from their controls."""
    places = ((events.trajectory, events.time), controls)
    found = np.full((len(events), max_lead + 1, 2), np.nan)
    jobs = []
    for lead in range(max_lead + 1):
        rows = np.flatnonzero(events.age >= lead)
        if len(rows):
            jobs += [(lead, kind, rows, fork_generator(generator)) for kind in (0, 1)]

    def measure(job: tuple[int, int, np.ndarray, torch.Generator]) -> np.ndarray:
        lead, kind, rows, source = job
        trajectory, time = (part[rows] for part in places[kind])
        states = path.states[torch.from_numpy(time - lead), torch.from_numpy(trajectory)]
        origin = torch.from_numpy(events.origin[rows].astype(int))
        noise = {"noise_std": noise_std, "n_rollouts": n_rollouts, "generator": source}
        return measure_gone(network, states, origin, lead + OUTCOME_STEPS, **noise)

    for (lead, kind, rows, _), values in zip(jobs, map_parallel(measure, jobs), strict=True):
        found[rows, lead, kind] = values
    return found


@torch.no_grad()
def measure_gone(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    origin: Int[Tensor, " point"],
    n_steps: int,
    *,
    noise_std: float,
    n_rollouts: int,
    generator: torch.Generator,
) -> Float[np.ndarray, " point"]:
    """Share of rollouts under fresh noise in which the symbol is another one after some steps."""
    state = states.repeat_interleave(n_rollouts, 0)
    for _ in range(n_steps):
        noise = draw_noise_(state.new_empty(1, len(state), network.input_size), noise_std, generator)[0]
        state = network.step(state, noise)
    symbol = network.compute_logits(state).argmax(1)
    is_gone = symbol.reshape(-1, n_rollouts) != origin.to(symbol.device)[:, None]
    return is_gone.double().mean(1).cpu().numpy()


@torch.no_grad()
def _follow_margin(
    network: NoiseRNN, path: DrivenPath, symbols: np.ndarray, events: Switches
) -> Float[np.ndarray, "event offset"]:
    """Margin of the new symbol over the old one around each switch, in units of its way; else NaN."""
    logits = network.compute_logits(path.states).transpose(0, 1).double().cpu().numpy()
    offsets = np.arange(-TRACE_STEPS, TRACE_STEPS + 1)
    time = events.time[:, None] + offsets
    is_in = (offsets >= -events.age[:, None]) & (offsets < events.stay[:, None])
    at = logits[events.trajectory[:, None], np.clip(time, 0, symbols.shape[1] - 1)]
    rows = np.arange(len(events))[:, None]
    margin = at[rows, np.arange(len(offsets)), events.target[:, None]]
    margin = margin - at[rows, np.arange(len(offsets)), events.origin[:, None]]

    scaled = np.full(margin.shape, np.nan)
    for a, b in set(zip(events.origin.tolist(), events.target.tolist(), strict=True)):
        before, after = (
            float((logits[..., b] - logits[..., a])[symbols == symbol].mean()) for symbol in (a, b)
        )
        chosen = (events.origin == a) & (events.target == b)
        scaled[chosen] = (margin[chosen] - before) / (after - before)
    return np.where(is_in & (time >= 0) & (time < symbols.shape[1]), scaled, np.nan)


def _label_ahead(
    network: NoiseRNN,
    path: DrivenPath,
    events: Switches,
    settings: CommitmentSettings,
    *,
    noise_std: float,
    generator: torch.Generator,
) -> Int[np.ndarray, "event lead"]:
    """Region of the states at each lead, of some switches evenly among all; −1 elsewhere."""
    labels = np.full((len(events), settings.max_lead + 1), -1)
    few = np.unique(np.linspace(0, len(events) - 1, settings.n_labelled).round().astype(int))
    rows, leads = np.nonzero(events.age[few, None] >= np.arange(settings.max_lead + 1))
    time = torch.from_numpy(events.time[few[rows]] - leads)
    states = path.states[time, torch.from_numpy(events.trajectory[few[rows]])]
    labels[few[rows], leads] = label_states(network, states, noise_std=noise_std, generator=generator)
    return labels


def _sum_by_trajectory(
    events: Switches,
    groups: dict[str, np.ndarray],
    gone: np.ndarray,
    margin: np.ndarray,
    labels: np.ndarray,
    n_trajectories: int,
) -> Float[np.ndarray, "trajectory sums"]:
    """What each trajectory adds to every mean, side by side, so that all share their resamples."""
    is_known = np.isfinite(gone).all(-1)
    per_group = []
    for rows in groups.values():
        counted = is_known & rows[:, None]
        terms = [np.where(counted, gone[..., kind], 0.0) for kind in (0, 1)]
        per_group.append(np.stack([*terms, counted], axis=1))
    curves = np.stack(per_group, axis=2)
    seen = np.isfinite(margin)
    traces = np.stack([np.where(seen, margin, 0.0), seen], axis=1)
    regions = labels[..., None] == np.arange(len(REGIONS))
    counts = np.concatenate([regions, (labels >= 0)[..., None]], axis=-1)
    flat = np.concatenate([part.reshape(len(events), -1) for part in (curves, traces, counts)], axis=1)
    sums = np.zeros((n_trajectories, flat.shape[1]))
    np.add.at(sums, events.trajectory, flat)
    return sums


@dataclass(frozen=True)
class _Shapes:
    """Lengths of the parts of the sums: curves by group and lead, traces by offset, regions by lead."""

    n_groups: int
    n_leads: int
    n_offsets: int

    def average(self, sums: np.ndarray) -> np.ndarray:
        """Means of all parts, side by side: C, C₀, E; normalised margin; shares of regions."""
        n_curves, n_traces = 3 * self.n_groups * self.n_leads, 2 * self.n_offsets
        curves, traces, counts = np.split(sums, [n_curves, n_curves + n_traces], axis=1)
        curves = curves.reshape(-1, 3, self.n_groups, self.n_leads)
        traces = traces.reshape(-1, 2, self.n_offsets)
        counts = counts.reshape(-1, self.n_leads, len(REGIONS) + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            committed, by_age = curves[:, 0] / curves[:, 2], curves[:, 1] / curves[:, 2]
            left = np.where(by_age < 1, 1 - by_age, np.nan)  # nothing to decide where age decides all
            decided = (committed - by_age) / left
            parts = [
                np.stack([committed, by_age, decided], axis=1),
                traces[:, 0] / traces[:, 1],
                counts[..., :-1] / counts[..., -1:],
            ]
        return np.concatenate([part.reshape(len(sums), -1) for part in parts], axis=1)

    def split(self, means: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The three parts of means, whose leading axes stay."""
        n_curves = 3 * self.n_groups * self.n_leads
        curves, margin, regions = np.split(means, [n_curves, n_curves + self.n_offsets], axis=-1)
        shape = means.shape[:-1]
        return (
            curves.reshape(*shape, 3, self.n_groups, self.n_leads),
            margin,
            regions.reshape(*shape, self.n_leads, len(REGIONS)),
        )


def _divide_by_rise(shapes: _Shapes, means: np.ndarray) -> np.ndarray:
    curves, margin, _ = shapes.split(means)
    return np.asarray(find_half_lead(curves[..., 2, :, :])[..., 0] / find_rise_time(margin))


def measure_process(
    hmm: HMM | None,
    pairs: tuple[Int[np.ndarray, " direction"], Int[np.ndarray, " direction"]],
    shape: tuple[int, int],
    *,
    max_lead: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "group lead"]:
    """E of the process for given directions of switching, all of them first, from its hidden state.

    Parameters
    ----------
    hmm : HMM, optional
    pairs : (direction,) each
        Symbols before and after.
    shape : trajectories, steps
        Of the sample in which switches are found; what follows a state is exact.
    max_lead : int
    rng
        Source of the sample and of the controls.

    Returns
    -------
    (group, lead)
        NaN without an HMM, and where fewer than ``FEWEST_EVENTS`` switches have a control.
    """
    decided = np.full((1 + len(pairs[0]), max_lead + 1), np.nan)
    if hmm is None:
        return decided
    sample = sample_sequences(hmm, *shape, rng=rng)
    symbols = sample.symbols.astype(int)
    switches = find_switches(symbols)
    is_wanted = ((switches.origin[:, None] == pairs[0]) & (switches.target[:, None] == pairs[1])).any(1)
    switches = switches.select(is_wanted)
    try:
        chosen, controls = choose_events(symbols, switches, len(switches), rng=rng)
    except UndefinedAnalysisError:
        return decided

    stay_probs = _leave(hmm, hmm.emission_probs, OUTCOME_STEPS)
    groups = [np.ones(len(chosen), dtype=bool)]
    groups += [(chosen.origin == a) & (chosen.target == b) for a, b in zip(*pairs, strict=True)]
    for lead in range(max_lead + 1):
        for i, is_in in enumerate(groups):
            rows = is_in & (chosen.age >= lead)
            if rows.any():
                places = ((chosen.trajectory[rows], chosen.time[rows]), [part[rows] for part in controls])
                states = [sample.states[trajectory, time - lead] for trajectory, time in places]
                gone = [float((1 - stay_probs[state, chosen.origin[rows]]).mean()) for state in states]
                decided[i, lead] = (gone[0] - gone[1]) / (1 - gone[1]) if gone[1] < 1 else np.nan
        stay_probs = _leave(hmm, stay_probs, 1)
    return decided


def _leave(hmm: HMM, probs: Float[np.ndarray, "state symbol"], n_steps: int) -> np.ndarray:
    """Probabilities of symbols from each state, so many steps later."""
    return np.linalg.matrix_power(hmm.transition_matrix, n_steps) @ probs


PART = Part(
    name="commitment",
    question="how many steps ahead is a switch decided?",
    result=CommitmentResult,
    settings=CommitmentSettings,
    compute=compute_commitment,
    definitions=DEFINITIONS,
    seconds=9.0,
    quick={"n_events": 100, "n_rollouts": 10, "n_labelled": 20, "n_resamples": 200},
    needs=("switches",),
    requires_noise=True,
)
