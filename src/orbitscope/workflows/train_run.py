"""Training of run folders: from settings to weights, resumable at any moment."""

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import OrbitscopeError, RunFolderError, StorageError
from ..evaluation import MarginCheck
from ..hmm import HMM, load_process
from ..progress import Progress, ProgressCallback, ignore_progress
from ..recipes import IMPORTED
from ..runs import RunFolder, describe_provenance, list_other_versions
from ..runs.zoo import open_run
from ..settings import RunSettings
from ..statistics import ChangePoint
from ..system.commands import format_command
from ..system.threads import use_threads
from ..training import (
    CostModel,
    EmulationTask,
    EpochRecord,
    Trainer,
    TrainingDivergedError,
    TrainingState,
    find_transition,
    initialise_training,
    predict_seconds_left,
    prepare_task,
)
from ..training.memory_estimate import check_memory

_LOGGER = logging.getLogger(__name__)

_SECONDS_BETWEEN_STATES = 2.0
"""Training states are saved this often at most; a killed run repeats what came after the last one."""


class TrainingInterruptedError(OrbitscopeError):
    """The user or the system asked training to stop; the run can be resumed."""


@dataclass(frozen=True)
class TrainedRun:
    """A finished training run.

    Attributes
    ----------
    folder : RunFolder
    history : list of EpochRecord
    best_epoch : int
        Epoch whose weights are the run's: that with the lowest validation loss, or the last one if training
        ended because all margins held.
    transition : ChangePoint
        Plateau and second drop of the loss.
    margins_held : bool
        Whether all margins held in as many validations in a row as training ends after.
    """

    folder: RunFolder
    history: list[EpochRecord] = field(repr=False)
    best_epoch: int
    transition: ChangePoint
    margins_held: bool = False


def train_run(
    settings: RunSettings,
    out: str | Path,
    *,
    hmm: HMM | None = None,
    progress: ProgressCallback = ignore_progress,
) -> TrainedRun:
    """Train a new run into a new folder.

    Parameters
    ----------
    settings : RunSettings
        See :func:`orbitscope.build_settings`.
    out : path
        Folder of the run; must be new or empty.
    hmm : HMM, optional
        The process, when ``settings.process`` is only its name and not a preset or a file.
    progress : callable
        Called after every epoch.

    Raises
    ------
    RunFolderError
        If the folder is in use.
    TrainingDivergedError, TrainingInterruptedError
        If training stopped early; the folder holds the last good state.
    """
    process = load_process(settings.process) if hmm is None else hmm
    check_memory(settings, process.n_symbols)
    folder = RunFolder(out)
    folder.require_vacant()  # before a lock file is made in it
    with folder.lock():
        folder.create(settings, process, describe_provenance(settings))
        return _train(folder, settings, process, progress)


def resume_run(path: str | Path, *, progress: ProgressCallback = ignore_progress) -> TrainedRun:
    """Continue a run from its last good state; a finished run is returned as it is.

    On the same machine the weights end bit-identical to an uninterrupted run.
    """
    folder = open_run(path)
    settings = folder.read_settings()
    if settings.recipe == IMPORTED:
        raise RunFolderError(
            f"`{path}` must be a training run, but its network was trained elsewhere. Look inside with "
            f"`{format_command('analyse', path)}`. {folder.advise_import()}"
        )
    if folder.weights.is_file() and not folder.has_training_state():
        raise RunFolderError(
            f"`{path}` must be a training run, but holds a finished network without a training state. "
            f"Look inside with `{format_command('analyse', path)}`."
        )
    hmm = folder.read_hmm("to be trained")
    folder.require_unedited()
    if others := list_other_versions(folder.read_provenance() if folder.provenance.is_file() else {}):
        _LOGGER.warning(
            "`%s` was begun with other versions (%s). It goes on, but its weights may differ from those of a "
            "run that was not interrupted.",
            *(folder.path, "; ".join(others)),
        )
    with folder.lock():
        return _train(folder, settings, hmm, progress)


def _train(folder: RunFolder, settings: RunSettings, hmm: HMM, progress: ProgressCallback) -> TrainedRun:
    with use_threads(settings.threads, in_operations=False), _stop_on_sigterm(), _say_how_to_go_on(folder):
        task = prepare_task(hmm, settings)
        state = initialise_training(task, settings)
        for damage in folder.restore_state(state):
            _LOGGER.warning("%s Training goes on from epoch %d.", damage, state.epoch)
        history = folder.trim_history(state.epoch)
        folder.write_status("running", state.epoch)
        if state.epoch == 0:
            folder.save_checkpoint(state.network.state_dict(), 0)
        trainer = _build_trainer(task, settings)
        try:
            _run_epochs(folder, trainer, state, history, progress)
        except KeyboardInterrupt:
            raise _interrupted(folder) from None
        except TrainingDivergedError as error:
            folder.write_status("diverged", folder.find_saved_epoch(), str(error))
            raise
        folder.save_weights(state.best_weights, {"epoch": state.best_epoch})
        folder.write_status("finished", state.epoch)
    return TrainedRun(
        folder,
        history,
        state.best_epoch,
        find_transition(history),
        margins_held=trainer.holds_often_enough(state),
    )


def _build_trainer(task: EmulationTask, settings: RunSettings) -> Trainer:
    """A trainer that ends when margins hold, if the settings ask for that."""
    if not settings.train.stop_after:
        return Trainer(task, settings)
    holds = MarginCheck(
        task.hmm,
        n_steps=settings.data.n_steps,
        settings=settings.evaluate,
        noise_std=settings.model.noise_std,
        seed=settings.seed,
    )
    return Trainer(task, settings, holds=holds)


def _run_epochs(
    folder: RunFolder,
    trainer: Trainer,
    state: TrainingState,
    history: list[EpochRecord],
    progress: ProgressCallback,
) -> None:
    train = trainer.settings.train
    model = CostModel(trainer.settings, trainer.task.hmm.n_symbols)
    last_saved = time.monotonic()
    for record in trainer.run_epochs(state):
        history.append(record)
        folder.append_history(record)
        is_last = trainer.has_ended(state)
        if is_checkpoint_epoch(record.epoch, train.checkpoint_every) or is_last:
            folder.save_checkpoint(state.network.state_dict(), record.epoch)
        if time.monotonic() - last_saved >= _SECONDS_BETWEEN_STATES or is_last:
            folder.save_state(state)
            last_saved = time.monotonic()
        last, left = record.epoch, 0.0
        if not is_last:
            last = train.epochs
            left = predict_seconds_left(model, history, plateau_exit_epoch=state.plateau_exit_epoch)
        progress(_describe_epoch(history, last, left, state.n_holding))


def is_checkpoint_epoch(epoch: int, every: int) -> bool:
    """Keep powers of two before the first regular checkpoint, then every ``every`` epochs."""
    return epoch % every == 0 or (epoch < every and epoch & (epoch - 1) == 0)


def _describe_epoch(history: list[EpochRecord], epochs: int, seconds_left: float, n_holding: int) -> Progress:
    record, phase = history[-1], find_transition(history).status
    details = {
        "loss": record.loss,
        "floor": record.floor,
        "plateau": record.plateau,
        "symbol_matrix_error": record.symbol_matrix_error,
        "phase": phase,
        "seconds": record.seconds,
        "n_holding": n_holding,
    }
    return Progress(
        "train",
        float(record.epoch),
        float(epochs),
        f"epoch {record.epoch}",
        details,
        seconds_spent=math.fsum(record.seconds for record in history),
        seconds_left=seconds_left,
    )


def _interrupted(folder: RunFolder) -> TrainingInterruptedError:
    saved = folder.find_saved_epoch()
    reason = (
        f"training stopped; the state after epoch {saved} is saved" if saved else "training stopped at once"
    )
    folder.write_status("interrupted", saved, reason)
    command = format_command("train", "--resume", folder.path)
    return TrainingInterruptedError(f"{reason}. Continue with `{command}`.")


@contextlib.contextmanager
def _say_how_to_go_on(folder: RunFolder) -> Iterator[None]:
    """Where the run cannot be written, say how to go on; its status says so too, if that fits."""
    try:
        yield
    except StorageError as error:
        saved = folder.find_saved_epoch()
        with contextlib.suppress(StorageError):
            folder.write_status("interrupted", saved, str(error))
        command = format_command("train", "--resume", folder.path)
        raise StorageError(f"{error} Training goes on from epoch {saved} with `{command}`.") from None


@contextlib.contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    """Let SIGTERM interrupt like Ctrl-C; only the main thread may install handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
