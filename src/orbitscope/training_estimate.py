"""What training will need here: a few real updates are timed and extrapolated."""

import math
from dataclasses import dataclass

import psutil

from .hmm import HMM, load_process
from .progress import Progress, ProgressCallback, ignore_progress
from .resources import estimate_memory
from .settings import RunSettings
from .training import Trainer, initialise_training, plan_epoch, prepare_task

ASSUMED_PLATEAU_EPOCHS = 15
"""How long the plateau is taken to last once the network has settled on it."""


@dataclass(frozen=True)
class TrainingEstimate:
    """Needs of a training run on this machine.

    Attributes
    ----------
    process, recipe : str
    threads, epochs : int
    memory_bytes, available_bytes : int
    fits : bool
        Whether the memory is available now.
    first_epoch_seconds, last_epoch_seconds, total_seconds : float
        Wall time of the second epoch (the first also computes floors), of the last one, and of all.
    """

    process: str
    recipe: str
    threads: int
    epochs: int
    memory_bytes: int
    available_bytes: int
    fits: bool
    first_epoch_seconds: float
    last_epoch_seconds: float
    total_seconds: float


@dataclass(frozen=True)
class _BatchTimes:
    """Seconds for one batch of a size: an update, a validation, the floors computed once."""

    update: float
    validation: float
    floors: float


def measure_training(
    settings: RunSettings, *, progress: ProgressCallback = ignore_progress
) -> TrainingEstimate:
    """Time real updates of every batch size and add them up; NaN if they do not fit into memory."""
    hmm = load_process(settings.process)
    memory = estimate_memory(settings, hmm.n_symbols)
    available = psutil.virtual_memory().available
    seconds = [math.nan] * settings.train.epochs
    if memory < available:
        seconds = _predict_epochs(settings, _time_batch_sizes(settings, hmm, progress))
    return TrainingEstimate(
        process=settings.process,
        recipe=settings.recipe,
        threads=settings.threads,
        epochs=settings.train.epochs,
        memory_bytes=memory,
        available_bytes=available,
        fits=memory < available,
        first_epoch_seconds=seconds[1 if len(seconds) > 1 else 0],
        last_epoch_seconds=seconds[-1],
        total_seconds=sum(seconds),
    )


def list_batches(settings: RunSettings) -> list[tuple[int, int]]:
    """Sequences per update and draws per rollout of every epoch, if the plateau is left as usual.

    Settings of the plateau are taken to be in force while the network settles and for
    :data:`ASSUMED_PLATEAU_EPOCHS` epochs more.
    """
    exit_epoch = settings.train.settle_epochs + ASSUMED_PLATEAU_EPOCHS
    plans = (
        plan_epoch(settings.train, epoch, on_plateau=epoch <= exit_epoch)
        for epoch in range(1, settings.train.epochs + 1)
    )
    return [(min(plan.batch_size, settings.data.n_per_split), plan.n_draws) for plan in plans]


def _time_batch_sizes(
    settings: RunSettings, hmm: HMM, progress: ProgressCallback
) -> dict[tuple[int, int], _BatchTimes]:
    batches = sorted({*list_batches(settings), (_validation_size(settings), 1)})
    in_all = float(sum(size for size, _ in batches))
    times = {}
    for size, n_draws in batches:
        done = float(sum(size for size, _ in times))
        progress(Progress("estimate", done, in_all, f"batches of {size} sequences", {}))
        times[size, n_draws] = _time_batches(settings, hmm, size, n_draws)
    progress(Progress("estimate", in_all, in_all, "done", {}))
    return times


def _time_batches(settings: RunSettings, hmm: HMM, size: int, n_draws: int) -> _BatchTimes:
    """Train three epochs of a single batch: the first computes the floors, the last one validates."""
    changes = {
        "epochs": 3,
        "batch_size": size,
        "final_batch_size": None,
        "plateau_batch_size": size,
        "plateau_draws": n_draws,
        "validate_every": 3,
    }
    small = settings.override({"data": {"n_sequences": max(6, 3 * size)}, "train": changes})
    task = prepare_task(hmm, small)
    records = Trainer(task, small).run_epochs(initialise_training(task, small))
    first, second, third = (record.seconds for record in records)
    return _BatchTimes(second, max(0.0, third - second) / 2, max(0.0, first - second))


def _predict_epochs(settings: RunSettings, times: dict[tuple[int, int], _BatchTimes]) -> list[float]:
    """Seconds of every epoch: its updates, the floors of a batch size seen first, a validation when due."""
    train, n_sequences = settings.train, settings.data.n_per_split
    validation_size = _validation_size(settings)
    validation = times[validation_size, 1].validation * n_sequences / validation_size
    seconds, seen = [], set()
    for epoch, batch in enumerate(list_batches(settings), 1):
        size = batch[0]
        spent = times[batch].update + (0.0 if size in seen else times[batch].floors)
        is_validated = epoch % train.validate_every == 0 or epoch == train.epochs
        seconds.append(spent * n_sequences / size + validation * is_validated)
        seen.add(size)
    return seconds


def _validation_size(settings: RunSettings) -> int:
    train = settings.train
    return min(train.final_batch_size or train.batch_size, settings.data.n_per_split)
