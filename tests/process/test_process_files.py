"""The file of a process in a run folder: which one there is, and what is refused."""

import numpy as np
import pytest

from orbitscope.errors import DamagedFileError, InputError
from orbitscope.hmm import load_preset
from orbitscope.importers import load_sequences
from orbitscope.process import (
    RecordedSequences,
    find_process_file,
    load_recorded,
    read_process,
    save_process,
)

HMM = load_preset("linear-3").hmm
RECORDED = RecordedSequences([[0, 1, 1], [1], [2, 0]], ["sun", "rain", "snow"], ["mon", "tue", "wed"], "week")


@pytest.mark.parametrize(
    ("process", "name"), [(HMM, "hmm.toml"), (RECORDED, "sequences.npz"), (None, None)], ids=str
)
def test_a_process_is_read_back(tmp_path, process, name):
    save_process(process, tmp_path)
    assert read_process(tmp_path) == process
    assert [file.name for file in tmp_path.iterdir()] == [name] * (name is not None)
    found = find_process_file(tmp_path)
    assert (found and found.name) == name


def test_recorded_sequences_keep_their_names_and_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_process(RECORDED, tmp_path / name)
    first, second = (tmp_path / name / "sequences.npz" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    loaded = load_recorded(first)
    assert loaded.name == "week"
    assert loaded.sequence_names == ("mon", "tue", "wed")
    assert load_sequences(first) == RECORDED  # not symbols and lengths as two sequences


def test_the_file_that_a_killed_start_left_goes(tmp_path):
    save_process(RECORDED, tmp_path)
    save_process(HMM, tmp_path)
    assert read_process(tmp_path) == HMM


def test_two_processes_are_one_too_many(tmp_path):
    save_process(HMM, tmp_path)
    (tmp_path / "sequences.npz").touch()
    with pytest.raises(
        DamagedFileError, match=r"must have one process, but has hmm\.toml and seq.*Move away"
    ):
        read_process(tmp_path)


def test_a_file_that_is_not_whole_is_named(tmp_path):
    save_process(RECORDED, tmp_path)
    file = tmp_path / "sequences.npz"
    whole = file.read_bytes()
    for length in (0, 1, 40, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError, match=r"sequences\.npz` must hold .*, but: .*\. Restore"):
            read_process(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lengths": [3, 1, 1]}, "lengths sum to 5, and it holds 6 symbols"),
        ({"symbols": [0, 1, 1, 1, 9, 0]}, "got 3 names for 10"),
        ({"symbol_names": np.array(["sun", None, "snow"], dtype=object)}, "allow_pickle=False"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, changes, message):
    save_process(RECORDED, tmp_path)
    with np.load(tmp_path / "sequences.npz") as arrays:
        content = dict(arrays) | changes
    np.savez(tmp_path / "sequences.npz", **content)
    with pytest.raises(DamagedFileError, match=message):
        read_process(tmp_path)


def test_a_damaged_hmm_file_is_named(tmp_path):
    (tmp_path / "hmm.toml").write_text("transition_matrix = ")
    with pytest.raises(InputError, match=r"hmm\.toml: an HMM file must be TOML"):
        read_process(tmp_path)


@pytest.mark.parametrize("lengths", [[-1, 7], [6.0], [[6]], [0, 6]])
def test_lengths_that_cannot_be_do_not_cut(tmp_path, lengths):
    save_process(RECORDED, tmp_path)
    with np.load(tmp_path / "sequences.npz") as arrays:
        content = dict(arrays) | {"lengths": np.array(lengths)}
    np.savez(tmp_path / "sequences.npz", **content)
    with pytest.raises(DamagedFileError, match="lengths must be whole numbers ≥ 1"):
        read_process(tmp_path)
