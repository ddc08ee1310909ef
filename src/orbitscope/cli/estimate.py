"""What training will need here: a few real updates are timed and extrapolated."""

import math
from dataclasses import dataclass

import psutil

from ..hmm import HMM, load_process
from ..progress import Progress, ProgressCallback, ignore_progress
from ..resources import estimate_training
from ..settings import RunSettings
from ..training import Trainer, initialise_training, plan_epoch, prepare_task


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
        Wall time; the first and the last epoch differ when the batch size grows.
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
    memory = estimate_training(settings, hmm.n_symbols).memory_bytes
    available = psutil.virtual_memory().available
    seconds = [math.nan] * settings.train.epochs
    if memory < available:
        seconds = _predict_epochs(settings, _time_sizes(settings, hmm, progress))
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


def _time_sizes(settings: RunSettings, hmm: HMM, progress: ProgressCallback) -> dict[int, _BatchTimes]:
    epochs = range(1, settings.train.epochs + 1)
    sizes = sorted(
        {plan_epoch(settings.train, epoch).batch_size for epoch in epochs} | {_validation_size(settings)}
    )
    times = {}
    for size in sizes:
        progress(
            Progress("estimate", float(sum(times)), float(sum(sizes)), f"batches of {size} sequences", {})
        )
        times[size] = _time_batches(settings, hmm, size)
    progress(Progress("estimate", float(sum(sizes)), float(sum(sizes)), "done", {}))
    return times


def _time_batches(settings: RunSettings, hmm: HMM, size: int) -> _BatchTimes:
    """Train three epochs of a single batch: the first computes the floors, the last one validates."""
    changes = {"epochs": 3, "batch_size": size, "final_batch_size": None, "validate_every": 3}
    small = settings.override({"data": {"n_sequences": max(6, 3 * size)}, "train": changes})
    task = prepare_task(hmm, small)
    records = Trainer(task, small).run_epochs(initialise_training(task, small))
    first, second, third = (record.seconds for record in records)
    return _BatchTimes(second, max(0.0, third - second) / 2, max(0.0, first - second))


def _predict_epochs(settings: RunSettings, times: dict[int, _BatchTimes]) -> list[float]:
    """Seconds of every epoch: its updates, the floors of a batch size seen first, a validation when due."""
    train, n_sequences = settings.train, settings.data.n_per_split
    validation = times[_validation_size(settings)].validation * n_sequences / _validation_size(settings)
    seconds, seen = [], set()
    for epoch in range(1, train.epochs + 1):
        size = plan_epoch(train, epoch).batch_size
        batch = times[size].update + (0.0 if size in seen else times[size].floors)
        is_validated = epoch % train.validate_every == 0 or epoch == train.epochs
        seconds.append(batch * n_sequences / size + validation * is_validated)
        seen.add(size)
    return seconds


def _validation_size(settings: RunSettings) -> int:
    train = settings.train
    return min(train.final_batch_size or train.batch_size, settings.data.n_per_split)
