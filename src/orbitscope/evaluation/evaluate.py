"""Evaluate a network, or any other emulator, against the process that it should emulate."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import InputError
from ..hmm import HMM
from ..network import NoiseRNN, require_same_symbols
from ..random_streams import derive_seed
from ..settings import EvaluationSettings
from ..system.memory import require_memory
from .assembly import Comparison, assemble_result
from .expected_counts import measure_expected_counts
from .measures import UNDEFINED, Measured, average_replicates
from .observation import (
    Design,
    Observation,
    Start,
    UnboundedActivityError,
    observe_network,
    observe_process,
    plan_observation,
)
from .refit import can_compare_parameters, can_refit, measure_refit
from .result import EvaluationResult
from .sampled_laws import MAX_WORDS, measure_likelihood, measure_runs, measure_words
from .target import prepare_target, start_process
from .two_sample import measure_batches, measure_classifier

Progress = Callable[[float, str], None]
Observe = Callable[[Start, Design, int, Callable[[float], None]], Observation]
"""Observes an emulator: start, design, seed, and a callback for the share that is done."""

STAGES = (
    ("expected counts", measure_expected_counts),
    ("likelihood", measure_likelihood),
    ("words", measure_words),
    ("runs", measure_runs),
    ("classifier", measure_classifier),
    ("matching and loss", measure_batches),
    ("re-estimation", measure_refit),
)
SIMULATION_SHARE = 0.6
"""Share of the time that the simulation takes, for the progress."""

_STREAMS = {"emulator": 0, "floor": 1, "target": 2, "resampling": 3}


def evaluate_network(
    network: NoiseRNN,
    hmm: HMM,
    *,
    n_steps: int,
    settings: EvaluationSettings,
    noise_std: float = 1.0,
    seed: int,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Compare a network with the process that it should emulate, beside the floor of process samples.

    Parameters
    ----------
    network : NoiseRNN
    hmm : HMM
    n_steps : int >= 2
        Window T in steps: the length of the training sequences.
    settings : EvaluationSettings
        Sizes, levels and margins.
    noise_std : float >= 0
        Standard deviation of the input noise (dimensionless).
    seed : int >= 0
        Seed of the run; its "evaluation" stream is used. Same seed, same result.
    progress
        Called with the share that is done (0 … 1) and what is being done.

    Returns
    -------
    EvaluationResult

    Raises
    ------
    InputError
        If network and process differ in their symbols, the window is too short, or the activity overflows
        within the window from h_0 = 0. If it only does so later, the stationary start is left out.

    Notes
    -----
    Torre et al. 2025, evaluation. Differs from the authors' code: the window is that of
    training, the first symbol is emitted from h_1, and every measure stands beside its floor.
    """
    require_same_symbols(network, hmm)

    def observe(start: Start, design: Design, stream: int, report: Callable[[float], None]) -> Observation:
        generator = torch.Generator(network.w_out.device).manual_seed(stream)
        return observe_network(network, design, noise_std=noise_std, generator=generator, progress=report)

    result = evaluate_emulator(observe, hmm, n_steps=n_steps, settings=settings, seed=seed, progress=progress)
    return replace(result, settings=result.settings | {"noise_std": float(noise_std)})


def _check_memory(settings: EvaluationSettings, n_steps: int) -> None:
    """Refuse sizes whose sequences, states, distances or resamples alone would not fit."""
    n_sequences = settings.n_sequences + settings.n_entropy + settings.n_refitted * settings.n_refits
    n_bytes = 4 * n_steps * n_sequences + 400 * settings.n_trajectories
    n_bytes += 4 * settings.n_matched**2 + 80 * settings.n_resamples
    remedy = "Lower `evaluate.n_sequences` and the other sizes of `evaluate`."
    require_memory(n_bytes, "the evaluation", remedy)


def evaluate_emulator(
    observe: Observe,
    hmm: HMM,
    *,
    n_steps: int,
    settings: EvaluationSettings,
    seed: int,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Compare anything that can be observed like a process with the process; see `evaluate_network`.

    Parameters
    ----------
    observe
        Called as observe(start, design, seed, report); returns an `Observation`.
    hmm, n_steps, settings, seed, progress
        As in `evaluate_network`.
    """
    _check_memory(settings, n_steps)
    report = progress or (lambda done, label: None)
    processes, notes = _list_processes(hmm)
    notes += _list_limits(hmm, n_steps, settings)
    comparisons = []
    for index, (start, process) in enumerate(processes):
        span = _Span(report, index / len(processes), 1 / len(processes), start)
        try:
            comparisons.append(_compare(observe, process, start, n_steps, settings, seed, span))
        except UnboundedActivityError as error:
            if start == "zero":
                raise
            notes.append(f"start `{start}` left out: {error}")
    report(1.0, "done")
    status = {"notes": notes + _list_failures(comparisons)}
    record = {"evaluation": settings.model_dump(), "n_steps": n_steps, "seed": seed, "process": hmm.name}
    return assemble_result(comparisons, hmm, settings, record=record, status=status)


@dataclass(frozen=True)
class _Span:
    """The part of the progress that one start takes."""

    report: Progress
    first: float
    share: float
    start: Start

    def simulate(self, done: float) -> None:
        self(SIMULATION_SHARE * done, "simulation")

    def __call__(self, done: float, label: str) -> None:
        self.report(min(self.first + self.share * done, 1.0), f"{label} ({self.start} start)")


def _compare(
    observe: Observe,
    process: HMM,
    start: Start,
    n_steps: int,
    settings: EvaluationSettings,
    seed: int,
    span: _Span,
) -> Comparison:
    """Observe the emulator and the process by the same design, and measure both alike."""
    design = plan_observation(start, n_steps, settings)
    seeds = {name: derive_seed(seed, "evaluation", _index_stream(start, name)) for name in _STREAMS}
    span.simulate(0.0)
    emulator = observe(start, design, seeds["emulator"], span.simulate)
    floor = observe_process(process, design, rng=np.random.default_rng(seeds["floor"]))
    target = prepare_target(process, design, settings, rng=np.random.default_rng(seeds["target"]))
    rng = np.random.default_rng(seeds["resampling"])
    found_network: dict[str, Measured] = {}
    found_floor: dict[str, Measured] = {}
    for i, (label, measure) in enumerate(STAGES):
        span(SIMULATION_SHARE + (1 - SIMULATION_SHARE) * i / len(STAGES), label)
        found_network |= measure(emulator, target, settings, rng=rng)
        found_floor |= measure(floor, target, settings, rng=rng)
    _add_excess(found_network, found_floor, settings)
    return Comparison(start, emulator, floor, target, found_network, found_floor)


def _add_excess(
    network: dict[str, Measured], floor: dict[str, Measured], settings: EvaluationSettings
) -> None:
    """Differences from the floor, batch by batch: both are matched with the same batches of the process."""
    for name in ("matched_distance", "sinkhorn_loss"):
        difference = network[name].replicates - floor[name].replicates
        network[f"{name}_excess"] = average_replicates(difference, settings)
        floor[f"{name}_excess"] = UNDEFINED


def _list_processes(hmm: HMM) -> tuple[list[tuple[Start, HMM]], list[str]]:
    """The process from both starts; only from zero if it has no unique stationary distribution."""
    processes: list[tuple[Start, HMM]] = [("zero", start_process(hmm, "zero"))]
    try:
        processes.append(("stationary", start_process(hmm, "stationary")))
    except InputError as error:
        return processes, [f"start `stationary` left out: {error}"]
    return processes, []


def _list_limits(hmm: HMM, n_steps: int, settings: EvaluationSettings) -> list[str]:
    """Say which measures do not exist for this process and window."""
    lengths = range(1, settings.max_word_length + 1)
    notes = [
        f"{n}-grams left out: longer than the window, or more than {MAX_WORDS} kinds"
        for n in lengths
        if n > n_steps or hmm.n_symbols**n > MAX_WORDS
    ]
    if n_steps < 3:
        notes.append("runs and irreversibility left out: they need a window of 3 steps")
    if not can_refit(hmm, settings):
        notes.append(f"re-estimation left out: more than {settings.max_refit_states} states")
    elif not can_compare_parameters(hmm):
        notes.append("re-estimated parameters are not compared: the process is not identifiable")
    return notes


def _list_failures(comparisons: list[Comparison]) -> list[str]:
    """Say which classifiers were not fitted: their AUC is undefined."""
    return [
        f"start `{c.start}`: AUC of the {source} left out: the classifier did not converge"
        for c in comparisons
        for source, found in (("network", c.measured), ("floor", c.measured_floor))
        if math.isnan(float(found["classifier_auc"].estimate))
    ]


def _index_stream(start: Start, name: str) -> int:
    return 10 * (1 if start == "stationary" else 0) + _STREAMS[name]
