"""What training will need here: a few real updates are timed, the rest is scaled from them."""

import math
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import psutil
import torch
from torch.optim.swa_utils import AveragedModel

from ..hmm import HMM, load_process
from ..progress import Progress, ProgressCallback, ignore_progress
from ..settings import RunSettings
from ..system.cores import count_usable_cores
from . import BatchPlan, CostModel, Trainer, predict_epochs, prepare_task
from .memory_estimate import estimate_memory
from .trainer import TrainingState, draw_network

_SMALLEST_BATCH = 256
"""Batches are quartered down to about this size, so that something is timed on a slow machine."""

_LEAST_UNCERTAINTY = 1.15
"""Factor by which a run differs from its estimate where all was timed and nothing else runs."""

_SCALING_UNCERTAINTY = 1.4
"""Factor where all was scaled from batches of another size, see :class:`CostModel`."""


@dataclass(frozen=True)
class TrainingEstimate:
    """Needs of a training run on this machine.

    Attributes
    ----------
    process, recipe : str
    threads, epochs : int
    may_end_early : bool
        Whether training ends before that where all margins hold.
    memory_bytes, available_bytes : int
    fits : bool
        Whether the memory is available now.
    timed_sizes, scaled_sizes : tuple of int
        Sequences per update that were timed, and those of the run that were scaled from them.
    first_epoch_seconds, last_epoch_seconds, total_seconds : float
        Wall time of the second epoch (the first also computes floors), of the last one, and of all.
    total_seconds_low, total_seconds_high : float
        Range of all: wider if more was scaled and if a repeated update took longer. On a busy machine the
        low end is what is left if all else ends: less by the load of each core.
    """

    process: str
    recipe: str
    threads: int
    epochs: int
    may_end_early: bool
    memory_bytes: int
    available_bytes: int
    fits: bool
    timed_sizes: tuple[int, ...]
    scaled_sizes: tuple[int, ...]
    first_epoch_seconds: float
    last_epoch_seconds: float
    total_seconds: float
    total_seconds_low: float
    total_seconds_high: float


@dataclass(frozen=True)
class UpdateTimes:
    """Timed updates.

    Attributes
    ----------
    paces : dict
        Seconds for a unit of cost, by batch plan, in order of cost.
    repeat_ratio : float >= 1
        How much longer the first batch took at the end than at the beginning, or the other way round. Where
        there was no time to repeat it, the beginning is its very first update, which also loads code.
    """

    paces: dict[BatchPlan, float]
    repeat_ratio: float


def measure_training(
    settings: RunSettings,
    *,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
    progress: ProgressCallback = ignore_progress,
) -> TrainingEstimate:
    """Time real updates and extrapolate; NaN if they do not fit into memory.

    No batch is begun that is not expected to be timed by the deadline, a time of the clock, but the smallest.
    """
    load = psutil.getloadavg()[0] / count_usable_cores()
    hmm = load_process(settings.process)
    memory, available = estimate_memory(settings, hmm.n_symbols), psutil.virtual_memory().available
    model = CostModel(settings, hmm.n_symbols)
    work = model.list_work()
    planned = {epoch.batches for epoch in work}

    times, seconds, factor = UpdateTimes({}, 1.0), [math.nan] * len(work), 1.0
    if memory < available:
        run_update = _prepare_updates(settings, hmm, max(batches.size for batches in planned))
        times = time_updates(run_update, model, planned, deadline=deadline, clock=clock, progress=progress)
        seconds = predict_epochs(work, times.paces, other_pace=[*times.paces.values()][-1])
        scaled = sum(s for s, epoch in zip(seconds, work, strict=True) if epoch.batches not in times.paces)
        factor = compute_uncertainty(scaled / sum(seconds), repeat_ratio=times.repeat_ratio)
    return TrainingEstimate(
        process=settings.process,
        recipe=settings.recipe,
        threads=settings.threads,
        epochs=settings.train.epochs,
        may_end_early=settings.train.stop_after > 0,
        memory_bytes=memory,
        available_bytes=available,
        fits=memory < available,
        timed_sizes=_list_sizes(times.paces),
        scaled_sizes=_list_sizes(planned.difference(times.paces)),
        first_epoch_seconds=seconds[1 if len(seconds) > 1 else 0],
        last_epoch_seconds=seconds[-1],
        total_seconds=sum(seconds),
        total_seconds_low=sum(seconds) / factor / (1.0 + load),  # if what else runs should end
        total_seconds_high=sum(seconds) * factor,
    )


def time_updates(
    run_update: Callable[[BatchPlan], object],
    model: CostModel,
    planned: Collection[BatchPlan],
    *,
    deadline: float,
    clock: Callable[[], float],
    progress: ProgressCallback = ignore_progress,
) -> UpdateTimes:
    """Time updates from small to large, each twice, as long as the next one is expected to be in time.

    Parameters
    ----------
    run_update : callable
        Does one update.
    model : CostModel
        Tells how much longer the next batch will take.
    planned : collection of BatchPlan
        Batches of the run; quarters of the smallest are put before them.
    deadline : float
        Time of the clock. The smallest batch is timed in any case, and again if there is time.
    clock : callable
        Gives the time in seconds.
    progress : callable
        Called before every batch.
    """

    def measure_pace(batches: BatchPlan) -> float:
        started = clock()
        run_update(batches)
        return (clock() - started) / model.measure_update(*batches)

    first, *larger = candidates = _list_candidates(model, planned)
    early = measure_pace(first)  # gets memory, loads code
    paces = {first: measure_pace(first)}
    for index, batches in enumerate(larger, 1):
        expected = 2 * model.measure_update(*batches) * [*paces.values()][-1]
        if clock() + expected > deadline:
            break
        progress(
            Progress(
                "estimate", float(index), float(len(candidates)), f"batches of {batches.size} sequences", {}
            )
        )
        paces[batches] = min(measure_pace(batches), measure_pace(batches))
    is_late = len(paces) == 1 and clock() >= deadline
    again = (early if is_late else measure_pace(first)) / paces[first]
    return UpdateTimes(paces, max(again, 1 / again))


def compute_uncertainty(scaled_share: float, *, repeat_ratio: float) -> float:
    """Factor by which a run may take longer or shorter than its estimate while the machine stays as it is.

    Parameters
    ----------
    scaled_share : float
        Share of the time that was scaled from batches of another size.
    repeat_ratio : float
        As in :class:`UpdateTimes`.
    """
    return _LEAST_UNCERTAINTY * _SCALING_UNCERTAINTY**scaled_share * repeat_ratio


class _NoSteps(torch.optim.Adam):
    """In the place of Adam, whose step is a thousandth of an update, but loads seconds of code at first."""

    def __init__(self):  # not that of the base class, which loads it
        self.param_groups = []

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Nothing."""

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Nothing."""


def _prepare_updates(settings: RunSettings, hmm: HMM, largest_size: int) -> Callable[[BatchPlan], None]:
    """Trainer with no more sequences than two of the largest batches."""
    n_sequences = 3 * min(2 * largest_size, settings.data.n_per_split)
    small = settings.override({"data.n_sequences": n_sequences})
    task = prepare_task(hmm, small)
    trainer, network = Trainer(task, small), draw_network(task, small)
    state = TrainingState(network, _NoSteps(), AveragedModel(network))
    return lambda batches: trainer.run_update(state, batches)


def _list_candidates(model: CostModel, planned: Collection[BatchPlan]) -> list[BatchPlan]:
    """Batches of a run in order of cost, and quarters of the cheapest before them."""
    batches = sorted(planned, key=lambda batches: model.measure_update(*batches))
    while batches[0].size > _SMALLEST_BATCH:
        batches.insert(0, BatchPlan(batches[0].size // 4, batches[0].n_draws))
    return batches


def _list_sizes(batches: Iterable[BatchPlan]) -> tuple[int, ...]:
    return tuple(sorted({size for size, _ in batches}))
