"""Small copies of finished runs: what analyses need, without what only resuming needs."""

import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DamagedFileError, InputError, RunFolderError
from ..system.atomic_files import build_folder
from ..system.commands import format_command
from .checkpoints import load_tensors
from .folder import RunFolder


def choose_epochs(kept: Collection[int], *, drop: int | None, n_most: int = 16) -> list[int]:
    """Choose which checkpoints to keep: half of them log-spaced, the others around the drop of the loss.

    Parameters
    ----------
    kept : collection of int
        Epochs that have a checkpoint.
    drop : int, optional
        Epoch of the second drop; without one all are log-spaced.
    n_most : int >= 2
        Largest number of epochs; the first and the last are always among them.

    Returns
    -------
    list of int
        In increasing order.
    """
    if n_most < 2:
        raise InputError(f"`n_most` must be ≥ 2, got {n_most}. The first and the last epoch are kept.")
    epochs = sorted(kept)
    if len(epochs) <= n_most:
        return epochs
    n_spaced = n_most if drop is None else max(2, n_most // 2)
    wanted = np.geomspace(1.0, epochs[-1] - epochs[0] + 1.0, n_spaced) - 1.0 + epochs[0]
    spaced = {min(epochs, key=lambda epoch: abs(epoch - target)) for target in wanted}
    if drop is None:
        return sorted(spaced)
    nearest = sorted(set(epochs) - spaced, key=lambda epoch: abs(epoch - drop))
    return sorted(spaced | set(nearest[: n_most - len(spaced)]))


def pack_run(
    source: RunFolder,
    target: str | Path,
    *,
    epochs: Collection[int] = (),
    notes: Mapping[str, Any] | None = None,
) -> RunFolder:
    """Copy a finished run without its training state: weights, history, results, some checkpoints.

    Parameters
    ----------
    source : RunFolder
    target : path
        New folder; it appears whole or not at all.
    epochs : collection of int
        Checkpoints to keep, in half precision: error below 5e-4 of a weight, or 3e-8 where that is more.
    notes : mapping, optional
        Facts to add to ``provenance.json``.

    Raises
    ------
    RunFolderError
        If the run has no final weights, or the target exists.
    """
    if not source.weights.is_file():
        raise RunFolderError(
            f"`{source.path}` must be trained to the end, but has no weights.safetensors yet. Continue it "
            f"with `{format_command('train', '--resume', source.path)}`."
        )
    with build_folder(Path(target)) as folder:
        packed = RunFolder(folder)
        packed.create(
            source.read_settings(), source.read_process(), source.read_provenance() | dict(notes or {})
        )
        for file in (source.history, source.status, source.weights, *source.results.glob("*.nc")):
            if file.is_file():
                copy = folder / file.relative_to(source.path)
                copy.parent.mkdir(exist_ok=True)
                shutil.copyfile(file, copy)
        for epoch in epochs:
            packed.save_checkpoint(_load_in_half_precision(source.find_checkpoint(epoch)), epoch)
    return RunFolder(target)


def copy_run(source: RunFolder, target: str | Path) -> RunFolder:
    """Copy a whole run folder; the copy appears whole or not at all."""
    with build_folder(Path(target)) as folder:
        shutil.copytree(source.path, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))
    return RunFolder(target)


def _load_in_half_precision(path: Path) -> dict[str, Tensor]:
    weights = {name: tensor.to(torch.float16) for name, tensor in load_tensors(path).tensors.items()}
    for name, tensor in weights.items():
        if not bool(tensor.isfinite().all()):
            raise DamagedFileError(
                f"`{path}`: `{name}` must fit half precision (below 65 504), but does not. Keep it whole."
            )
    return weights
