"""The process of a run in its folder: ``hmm.toml``, ``sequences.npz``, or neither for a network without one.

``sequences.npz`` holds all sequences end to end (`symbols`), their `lengths`, `symbol_names`,
`sequence_names` and `name`, and nothing pickled.
"""

from pathlib import Path

import numpy as np

from ..errors import DamagedFileError, InputError
from ..hmm.definition import HMM
from ..hmm.files import dump_hmm, load_hmm_file
from ..system.atomic_files import remove_file, replace_file, write_text
from ..system.foreign_files import explain_damage, read_named_arrays
from .recorded import RecordedSequences, cut_sequences

HMM_FILE = "hmm.toml"
SEQUENCES_FILE = "sequences.npz"


def save_process(process: HMM | RecordedSequences | None, folder: Path) -> None:
    """Write the file of a process, and remove one that a start that was killed has left.

    Parameters
    ----------
    process : HMM, RecordedSequences or None
        None writes nothing.
    folder : path
        Run folder.
    """
    for name in (HMM_FILE, SEQUENCES_FILE):
        remove_file(folder / name)
    if isinstance(process, HMM):
        write_text(folder / HMM_FILE, dump_hmm(process))
    elif process is not None:
        _save_recorded(process, folder / SEQUENCES_FILE)


def read_process(folder: Path) -> HMM | RecordedSequences | None:
    """Read what :func:`save_process` wrote; None where there is no such file.

    Raises
    ------
    InputError
        If ``hmm.toml`` is not an HMM file.
    DamagedFileError
        If ``sequences.npz`` is not whole, or both files are there.
    """
    file = find_process_file(folder)
    if file is None:
        return None
    return load_hmm_file(file) if file.name == HMM_FILE else load_recorded(file)


def find_process_file(folder: Path) -> Path | None:
    """File of the process of a run, None for a network without one.

    Raises
    ------
    DamagedFileError
        If there are two.
    """
    found = [folder / name for name in (HMM_FILE, SEQUENCES_FILE) if (folder / name).is_file()]
    if len(found) > 1:
        raise DamagedFileError(
            f"`{folder}` must have one process, but has {HMM_FILE} and {SEQUENCES_FILE}. "
            "Move away the one that its network was not trained on."
        )
    return found[0] if found else None


def load_recorded(path: Path) -> RecordedSequences:
    """Read recorded sequences from the ``sequences.npz`` of a run.

    Raises
    ------
    DamagedFileError
        If the file is not whole.
    """
    remedy = "Restore the file, or import the network again."
    with explain_damage(path, "hold the recorded sequences of a run", remedy, kind=DamagedFileError):
        return _build_recorded(read_named_arrays(path))


def _build_recorded(arrays: dict[str, np.ndarray]) -> RecordedSequences:
    try:
        return RecordedSequences(
            cut_sequences(arrays["symbols"], arrays["lengths"]),
            arrays["symbol_names"].tolist(),
            arrays["sequence_names"].tolist(),
            str(arrays["name"]),
        )
    except InputError as error:  # the file is at fault, not the caller
        raise ValueError(str(error)) from None


def _save_recorded(recorded: RecordedSequences, path: Path) -> None:
    with replace_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            symbols=np.concatenate(recorded.sequences),
            lengths=recorded.lengths,
            symbol_names=np.array(recorded.symbol_names),
            sequence_names=np.array(recorded.sequence_names),
            name=np.array(recorded.name),
        )
