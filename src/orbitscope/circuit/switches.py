"""Switches between symbols: how often, per direction, beside the process; events that other parts share."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Integer

from ..dynamics.driving.driven_states import DrivenPath, drive
from ..errors import UndefinedAnalysisError
from ..hmm import HMM, compute_ngram_law, decode_viterbi, sample_sequences
from ..network import NoiseRNN
from ..part import Part
from ..part_settings import Drive, Resampling
from ..quantity import Definition, Quantity, Reference, define
from ..results import Result, axes, estimates
from ..statistics import Estimate, bootstrap_statistic, divide_sums
from ..subject import Subject
from .symbol_runs import Switches, find_switches

FEWEST_EVENTS = 30
"""Switches that a direction needs to be looked at by other parts."""

MOST_DIRECTIONS = 60
"""Directions of switching that are looked at: the most frequent. Six symbols have 30, 300 have 89 700."""

_JITTER_REACH = 10
"""Steps within which a decoded switch belongs to a true one."""

_TESTS = "tests/circuit/test_switches.py"

DEFINITIONS = define(
    Definition(
        key="rate",
        label="switches per step",
        meaning="Steps at which the most probable symbol differs from the one before, per step.",
        equation="P(argmax w h_t ≠ argmax w h_{t−1})",
        reading="In processes whose states emit several symbols most switches are emissions, not changes of "
        "state: compare with the process.",
        test=f"{_TESTS}::test_hazards_of_a_telegraph_are_known",
        unit="1/step",
    ),
    Definition(
        key="hazard",
        label="{}: hazard",
        meaning="Switches from one symbol to another per step spent in the first.",
        equation="n(a → b) / n(steps in a)",
        reading="Interval over trajectories. Beside it the exact value of the process.",
        test=f"{_TESTS}::test_hazards_of_a_telegraph_are_known",
        unit="1/step",
    ),
    Definition(
        key="persistence",
        label="{}: new symbol lasts a second step",
        meaning="Share of the switches in one direction after which the new symbol lasts two steps or more.",
        equation="P(s_{t+1} = b | s_t = b, s_{t−1} = a)",
        reading="Low where symbols flicker: then a switch is an emission.",
        test=f"{_TESTS}::test_the_process_has_its_exact_values",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="decoder_jitter",
        label="jitter of the Viterbi decoder",
        meaning="Mean distance between a change of state and the decoded change nearest to it, among samples "
        "of the process whose states are known.",
        equation="⟨|τ_decoded − τ_true|⟩ over changes with a decoded one of their direction within 10 steps",
        reading="Leads that rest on decoded switches are blurred by so many steps.",
        test=f"{_TESTS}::test_a_decoder_that_sees_the_states_has_no_jitter",
        unit="steps",
        is_main=False,
    ),
    Definition(
        key="decoder_missed",
        label="changes of state that the decoder misses",
        meaning="Changes of state without a decoded one of the same direction within 10 steps.",
        equation="n(missed) / n(changes of state)",
        reading="Near 1 decoded switches say little about states.",
        test=f"{_TESTS}::test_a_decoder_that_sees_the_states_has_no_jitter",
        unit="share",
        is_main=False,
    ),
)


class SwitchSettings(Drive, Resampling):
    """Settings of the part ``switches``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SwitchResult(Result):
    """Switches of the most probable symbol.

    ``status`` holds ``few``, the directions with fewer than ``FEWEST_EVENTS`` switches, and ``dropped``, the
    number of those left out because ``MOST_DIRECTIONS`` others are more frequent.

    Attributes
    ----------
    origin, target : (direction,)
        Symbols before and after; only directions that occur, and of these the most frequent.
    n_events : (direction,)
        Switches.
    rate : Estimate, ()
        Switches per step, with their interval over trajectories.
    hazard, persistence : Estimate, (direction,)
        Switches per step in the first symbol, and share after which the new symbol lasts a second step.
    process_rate, process_hazard, process_persistence : (), (direction,), (direction,)
        The same of the symbols that the process emits, exact; NaN without an HMM.
    decoder_jitter, decoder_missed : ()
        Of the Viterbi decoder of the HMM; NaN without one, or where the HMM never changes state.
    symbol : (trajectory, time)
        Most probable symbol.
    """

    origin: Int[np.ndarray, " direction"] = axes("direction", description="symbol before")
    target: Int[np.ndarray, " direction"] = axes("direction", description="symbol after")
    n_events: Int[np.ndarray, " direction"] = axes("direction", description="switches")
    rate: Estimate = estimates(unit="1/step", description="switches per step")
    hazard: Estimate = estimates("direction", unit="1/step", description="switches per step in the symbol")
    persistence: Estimate = estimates("direction", description="share that lasts a second step")
    process_rate: Float[np.ndarray, ""] = axes(unit="1/step", description="switches per step of the process")
    process_hazard: Float[np.ndarray, " direction"] = axes(
        "direction", unit="1/step", description="hazard of the process"
    )
    process_persistence: Float[np.ndarray, " direction"] = axes(
        "direction", description="share of the process that lasts a second step"
    )
    decoder_jitter: Float[np.ndarray, ""] = axes(unit="steps", description="mean distance of decoded changes")
    decoder_missed: Float[np.ndarray, ""] = axes(description="share of changes that are not decoded")
    symbol: Integer[np.ndarray, "trajectory time"] = axes(
        "trajectory", "time", description="most probable symbol"
    )

    def name_direction(self, i: int) -> str:
        """Names of the symbols of a direction, with an arrow."""
        return f"{self.name_symbol(int(self.origin[i]))} → {self.name_symbol(int(self.target[i]))}"

    def list_quantities(self) -> list[Quantity]:
        """Rate, and hazard and persistence of each direction, beside those of the process."""
        rate = DEFINITIONS["rate"].measure(self.rate, beside=_of_process(float(self.process_rate), "1/step"))
        directions = []
        for i in range(len(self.origin)):
            index, name = f"{self.origin[i]}-{self.target[i]}", self.name_direction(i)
            for key, unit in (("hazard", "1/step"), ("persistence", "share")):
                beside = _of_process(float(getattr(self, f"process_{key}")[i]), unit)
                found = getattr(self, key)[i]
                directions.append(DEFINITIONS[key].measure(found, index, name=name, beside=beside))
        decoder = [
            DEFINITIONS[key].measure(getattr(self, key)) for key in ("decoder_jitter", "decoder_missed")
        ]
        return [rate, *directions, *(decoder if np.isfinite(self.decoder_missed) else [])]


def _of_process(value: float, unit: str) -> tuple[Reference, ...]:
    return (Reference("process", Estimate(value), unit),) if np.isfinite(value) else ()


def compute_switches(subject: Subject, settings: SwitchSettings) -> SwitchResult:
    """Count switches of the most probable symbol along driven trajectories, per direction.

    Raises
    ------
    UndefinedAnalysisError
        If there is no switch, or a single trajectory.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Own construction. The paper counts switches of one pair of symbols; in chains of more than two states and
    in the ring most switches of a symbol are emissions, so every number stands beside that of the process.
    """
    require_trajectories(settings.n_trajectories, "switches.n_trajectories")
    symbols = read_symbols(subject.network, drive_switches(subject, settings).states)
    switches = find_switches(symbols)
    if len(switches) == 0:
        raise UndefinedAnalysisError(
            f"the network must change its most probable symbol, but did not in {symbols.size} steps. Drive "
            "it longer, or look at how it is trained."
        )
    pairs, n_dropped = _find_directions(switches)
    found = _count(symbols, switches, pairs, subject.start_rng("switches"), settings)
    return SwitchResult(
        settings=subject.record(settings) | {"fewest_events": FEWEST_EVENTS},
        status={
            "few": [
                f"{a} → {b}"
                for (a, b), n in zip(pairs.T.tolist(), found["n_events"], strict=True)
                if n < FEWEST_EVENTS
            ],
            "dropped": n_dropped,
        },
        origin=pairs[0],
        target=pairs[1],
        **found,
        **_describe_process(subject.hmm, pairs),
        **_measure_decoder(subject.hmm, settings, subject.start_rng("switches: decoder")),
        symbol=symbols,
    )


def require_trajectories(n_trajectories: int, name: str) -> None:
    """Check that there are trajectories to take intervals over."""
    if n_trajectories < 2:
        raise UndefinedAnalysisError(
            f"`{name}` must be ≥ 2, got {n_trajectories}: intervals are over trajectories. Use 100 or more."
        )


def drive_switches(subject: Subject, settings: Drive) -> DrivenPath:
    """Trajectories whose switches are looked at, the same every time: driven once, if they are kept."""
    generator = subject.start_generator("switches")
    return subject.keep("switches", settings, lambda: drive(subject, settings, generator=generator))


def replay_switches(subject: Subject) -> tuple[DrivenPath, Switches]:
    """Trajectories and switches of the part ``switches`` of a subject, driven again."""
    found = subject.found["switches"]
    settings = SwitchSettings(**{key: found.settings[key] for key in SwitchSettings.model_fields})
    path = drive_switches(subject, settings)
    symbols = read_symbols(subject.network, path.states)
    if (symbols != found.symbol).mean() > 0.01:
        raise UndefinedAnalysisError(
            "the states of `switches` must come again from its settings, but their symbols differ. Compute "
            "it anew on this machine (`--redo`)."
        )
    return path, _select_directions(find_switches(symbols), found.origin, found.target)[0]


def _find_directions(switches: Switches) -> tuple[Int[np.ndarray, "2 direction"], int]:
    """Symbols before and after, of the most frequent directions; and how many others there are."""
    ends = np.stack([switches.origin, switches.target])
    pairs, counts = np.unique(ends, axis=1, return_counts=True)
    leading = np.sort(np.argsort(-counts, kind="stable")[:MOST_DIRECTIONS])
    return pairs[:, leading].astype(int), len(counts) - len(leading)


def _select_directions(
    switches: Switches, origin: Integer[np.ndarray, " direction"], target: Integer[np.ndarray, " direction"]
) -> tuple[Switches, Int[np.ndarray, " event"]]:
    """Switches of some directions, sorted as they are, and the place of each among these."""
    n_symbols = 1 + int(max(switches.origin.max(), switches.target.max()))
    place = np.full((n_symbols, n_symbols), -1)
    place[origin, target] = np.arange(len(origin))
    found = place[switches.origin, switches.target]
    return switches.select(found >= 0), found[found >= 0]


@torch.no_grad()
def read_symbols(
    network: NoiseRNN, states: Float[torch.Tensor, "time trajectory state"]
) -> Integer[np.ndarray, "trajectory time"]:
    """Most probable symbol of each state, trajectories first."""
    return network.compute_logits(states).argmax(-1).T.to(torch.int16).cpu().numpy()


def _count(
    symbols: np.ndarray,
    switches: Switches,
    pairs: np.ndarray,
    rng: np.random.Generator,
    settings: SwitchSettings,
) -> dict[str, Any]:
    """Rate, hazards and persistences with their intervals over trajectories."""
    n_trajectories, n_pairs = len(symbols), pairs.shape[1]
    n_switches = np.bincount(switches.trajectory, minlength=n_trajectories)
    switches, direction = _select_directions(switches, *pairs)
    is_seen = switches.time < symbols.shape[1] - 1  # whether there is a second step to look at
    lasts = (switches.stay >= 2) & is_seen

    def sum_up(weights: np.ndarray) -> np.ndarray:
        table = np.zeros((n_trajectories, n_pairs))
        np.add.at(table, (switches.trajectory, direction), weights)
        return table

    events = sum_up(np.ones(len(switches)))
    steps = np.stack([(symbols[:, :-1] == a).sum(1) for a in pairs[0]], axis=1)
    ratios = np.stack(
        [np.stack([events, sum_up(lasts)], axis=1), np.stack([steps, sum_up(is_seen)], axis=1)], axis=1
    )
    resample = partial(bootstrap_statistic, rng=rng, **settings.resampling)
    found = resample(ratios, divide_sums).as_estimate()
    total = np.stack([n_switches, np.full(n_trajectories, symbols.shape[1] - 1)], axis=1)
    return {
        "n_events": events.sum(0).astype(int),
        "rate": resample(total, divide_sums).as_estimate(),
        "hazard": found[0],
        "persistence": found[1],
    }


def _describe_process(hmm: HMM | None, pairs: np.ndarray) -> dict[str, Any]:
    """Exact rate, hazards and persistences of the symbols that a process emits when stationary."""
    if hmm is None:
        none = np.full(pairs.shape[1], np.nan)
        return {"process_rate": np.array(np.nan), "process_hazard": none, "process_persistence": none}
    a, b = pairs
    two, three = compute_ngram_law(hmm, 2), compute_ngram_law(hmm, 3)
    with np.errstate(invalid="ignore"):
        hazard, persistence = two[a, b] / two.sum(1)[a], three[a, b, b] / two[a, b]
    rate = np.array(1 - np.trace(two))
    return {"process_rate": rate, "process_hazard": hazard, "process_persistence": persistence}


def _measure_decoder(hmm: HMM | None, settings: SwitchSettings, rng: np.random.Generator) -> dict[str, Any]:
    """How far decoded changes of state are from the true ones, and how many are missed."""
    if hmm is None or hmm.n_states < 2:
        return {"decoder_jitter": np.array(np.nan), "decoder_missed": np.array(np.nan)}
    sample = sample_sequences(hmm, settings.n_trajectories, settings.n_steps, rng=rng)
    decoded = find_switches(decode_viterbi(hmm, sample.symbols).states)
    true = find_switches(sample.states.astype(int))
    distance = np.array([_find_distance(decoded, true, i) for i in range(len(true))])
    is_found = np.isfinite(distance)
    return {
        "decoder_jitter": np.array(distance[is_found].mean() if is_found.any() else np.nan),
        "decoder_missed": np.array(1 - is_found.mean() if len(true) else np.nan),
    }


def _find_distance(decoded: Switches, true: Switches, i: int) -> float:
    """Steps from a change of state to the nearest decoded one of its direction; infinite beyond the reach."""
    begin, end = np.searchsorted(decoded.trajectory, [true.trajectory[i], true.trajectory[i] + 1])
    same = (decoded.origin[begin:end] == true.origin[i]) & (decoded.target[begin:end] == true.target[i])
    distance = np.abs(decoded.time[begin:end][same] - true.time[i])
    return float(distance.min()) if len(distance) and distance.min() <= _JITTER_REACH else np.inf


PART = Part(
    name="switches",
    question="how often does the network switch, and which way?",
    result=SwitchResult,
    settings=SwitchSettings,
    compute=compute_switches,
    definitions=DEFINITIONS,
    seconds=3.0,
    quick={"n_resamples": 200},
    requires_noise=True,
)
