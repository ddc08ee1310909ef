"""The history of a run: what a damaged, cut or missing line costs, and that it is said."""

import dataclasses
import json
import logging
import zlib

import pytest

from orbitscope.errors import DamagedFileError, RunFolderError
from orbitscope.runs import RunFolder
from orbitscope.training import EpochRecord


def build_record(epoch):
    validation = (4.0 / epoch, 0.1 + 0.2) if epoch % 2 == 0 else (None, None)
    return EpochRecord(
        epoch=epoch,
        loss=5.0 / 3.0 / epoch,
        floor=float("inf"),
        plateau=1e-300,
        validation_loss=validation[0],
        validation_floor=validation[1],
        symbol_matrix_error=0.25,
        frequency_error=-0.0,
        memory=1 / 7,
        volatility=0.5,
        marginal_error=None,
        gradient_norm=12.0,
        batch_size=8,
        learning_rate=1e-3,
        self_weight=1.0,
        seconds=0.123456789012345678,
    )


RECORDS = [build_record(epoch) for epoch in range(1, 7)]


def test_lines_of_earlier_versions_lack_what_was_added(tmp_path):
    fields = dataclasses.asdict(RECORDS[0])
    del fields["margins_hold"]
    line = fields | {"crc32": f"{zlib.crc32(json.dumps(fields).encode()):08x}"}
    run = RunFolder(tmp_path)
    run.history.write_text(json.dumps(line) + "\n")
    assert run.read_history() == RECORDS[:1]
    assert RECORDS[0].margins_hold is None


@pytest.fixture
def run(tmp_path):
    """A run whose history has six epochs."""
    run = RunFolder(tmp_path)
    for record in RECORDS:
        run.append_history(record)
    return run


def read_lines(run):
    return run.history.read_bytes().splitlines(keepends=True)


def damage(run, *numbers):
    """Change the loss in some lines; numbers count from 1."""
    lines = read_lines(run)
    for number in numbers:
        lines[number - 1] = lines[number - 1].replace(b'"loss": ', b'"loss": 9')
    run.history.write_bytes(b"".join(lines))


def test_records_round_trip_as_json_lines(run, caplog):
    assert run.read_history() == RECORDS
    for line, record in zip(read_lines(run), RECORDS, strict=True):
        fields = json.dumps(dataclasses.asdict(record))
        assert json.loads(line) == json.loads(fields) | {"crc32": f"{zlib.crc32(fields.encode()):08x}"}
    content = run.history.read_bytes()
    run.write_history(RECORDS)
    assert run.history.read_bytes() == content
    assert caplog.text == ""


def test_no_history_is_empty(tmp_path, caplog):
    assert RunFolder(tmp_path).read_history() == []
    assert RunFolder(tmp_path).trim_history(0) == []
    assert caplog.text == ""


def test_no_flipped_bit_changes_a_record_unnoticed(run, caplog):
    content = b"".join(read_lines(run)[:3])
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << (position % 8)
        run.history.write_bytes(changed)
        caplog.clear()
        try:
            records = run.read_history()
        except DamagedFileError:
            continue
        is_of_newline = position == len(content) - 1  # the last line then has no end
        assert is_of_newline == ("line 3 has no end" in caplog.text)
        assert records == RECORDS[: 2 if is_of_newline else 3]


# ---- a last line without end: what a kill leaves


def test_a_line_cut_short_is_named_and_not_read(run, caplog):
    content = run.history.read_bytes()
    start = len(content) - len(read_lines(run)[-1])
    for length in range(start + 1, len(content) - 1, 7):
        run.history.write_bytes(content[:length])
        caplog.clear()
        assert run.read_history() == RECORDS[:5]
        (message,) = caplog.messages
        assert f"`{run.history}`: line 6 has no end, and the record of epoch 6 is lost" in message
    run.history.write_bytes(content[:start])
    caplog.clear()
    assert run.read_history() == RECORDS[:5]
    assert caplog.messages == []


def test_resuming_writes_a_line_cut_short_anew(run, caplog):
    content = run.history.read_bytes()
    run.history.write_bytes(content[:-20])
    assert run.trim_history(5) == RECORDS[:5]
    run.append_history(RECORDS[5])
    assert run.history.read_bytes() == content
    assert caplog.messages == []


def test_a_line_that_lacks_its_newline_only_is_whole(run, caplog):
    content = run.history.read_bytes()
    run.history.write_bytes(content[:-1])
    assert run.read_history() == RECORDS
    run.trim_history(6)
    assert run.history.read_bytes() == content
    assert caplog.messages == []


# ---- damaged lines


@pytest.mark.parametrize(
    ("numbers", "lines", "epochs", "deletion"),
    [
        ([1], "line 1 is", "Epoch 1 is", "1d"),
        ([3], "line 3 is", "Epoch 3 is", "3d"),
        ([6], "line 6 is", "Epoch 6 is", "6d"),
        ([2, 3, 4, 6], "lines 2 to 4, 6 are", "Epochs 2 to 4, 6 are", "2d;3d;4d;6d"),
        ([1, 2, 3, 4, 5, 6], "lines 1 to 6 are", "Epochs 1 to 6 are", "1d;2d;3d;4d;5d;6d"),
    ],
)
def test_a_damaged_line_is_named_with_what_it_costs_and_how_to_go_on(run, numbers, lines, epochs, deletion):
    damage(run, *numbers)
    with pytest.raises(DamagedFileError) as caught:
        run.read_history()
    message = str(caught.value)
    assert f"`{run.history}` must hold what was written, but {lines} damaged." in message
    assert f"{epochs} lost from the training curve" in message
    assert f"`sed -i '{deletion}' {run.history}`" in message


def test_a_lost_newline_costs_both_epochs(run):
    lines = read_lines(run)
    lines[2] = lines[2].replace(b"\n", b" ")
    run.history.write_bytes(b"".join(lines))
    with pytest.raises(DamagedFileError, match="line 3 is damaged. Epochs 3 to 4 are lost"):
        run.read_history()


def test_a_line_too_many_costs_nothing(run):
    lines = read_lines(run)
    run.history.write_bytes(b"".join([*lines[:3], b"\n", *lines[3:]]))
    with pytest.raises(DamagedFileError, match="line 4 is damaged. No epoch is lost"):
        run.read_history()
    assert run.trim_history(6) == RECORDS


def test_without_the_damaged_line_the_hole_is_said(run, caplog):
    lines = read_lines(run)
    run.history.write_bytes(b"".join([*lines[:1], *lines[2:3], *lines[5:]]))
    kept = [RECORDS[0], RECORDS[2], RECORDS[5]]
    assert run.read_history() == kept
    assert run.trim_history(6) == kept
    assert len(caplog.messages) == 2
    assert all("epochs 2, 4 to 5 are lost" in message for message in caplog.messages)


def test_resuming_trains_damaged_epochs_beyond_the_saved_state_again(run, caplog):
    damage(run, 5, 6)
    assert run.trim_history(4) == RECORDS[:4]
    (message,) = caplog.messages
    assert "lines 5 to 6 are damaged. Nothing is lost: training goes on from epoch 4." in message
    assert run.read_history() == RECORDS[:4]


@pytest.mark.parametrize("number", [1, 4, 5])
def test_resuming_refuses_to_drop_a_damaged_epoch_before_the_saved_state(run, number):
    damage(run, number, 6)
    before = run.history.read_bytes()
    with pytest.raises(DamagedFileError, match=f"lines {number}.* Epoch {number} is lost"):
        run.trim_history(5)
    assert run.history.read_bytes() == before


def test_a_history_that_ends_before_the_saved_state_is_said(run, caplog):
    with caplog.at_level(logging.WARNING):
        assert run.trim_history(8) == RECORDS
    (message,) = caplog.messages
    assert "epochs 7 to 8 are lost" in message


# ---- other versions


def test_lines_without_checksums_are_of_an_older_version(run):
    run.history.write_text("".join(json.dumps(dataclasses.asdict(record)) + "\n" for record in RECORDS))
    for read in (run.read_history, lambda: run.trim_history(3)):
        with pytest.raises(RunFolderError, match=r"line 1 has none: an older version.*convert_histories\.py"):
            read()


def test_whole_lines_with_other_fields_are_of_another_version(run, monkeypatch):
    monkeypatch.setattr("orbitscope.runs.history._FIELDS", {"epoch", "loss"} | {"size"})
    with pytest.raises(RunFolderError, match=r"line 1 differs in the fields .*, size, .*provenance\.json"):
        run.read_history()


def test_a_line_that_is_there_twice_is_damaged(run):
    lines = read_lines(run)
    run.history.write_bytes(b"".join([*lines[:3], lines[1], *lines[3:]]))
    with pytest.raises(DamagedFileError, match=r"line 4 is damaged"):
        run.read_history()
    run.history.write_bytes(b"".join([*lines, lines[-1]]))
    with pytest.raises(DamagedFileError, match=r"line 7 is damaged. No epoch is lost"):
        run.read_history()


def test_a_line_of_brackets_is_damaged(run):
    run.history.write_bytes(run.history.read_bytes() + b"[" * 5000 + b"\n")
    with pytest.raises(DamagedFileError, match=r"line 7 is damaged"):
        run.read_history()
