"""The history of a run: one JSON line for each epoch, with a checksum of its own.

No network depends on it: a lost record is a hole in the training curve.
"""

import dataclasses
import json
import logging
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DamagedFileError, RunFolderError
from ..system.commands import quote
from ..system.plain_json import parse_json
from ..training import EpochRecord

_LOGGER = logging.getLogger(__name__)
_CHECKSUM = "crc32"
_FIELDS = {item.name for item in dataclasses.fields(EpochRecord)}
_ADDED_FIELDS = {"margins_hold"}
"""Fields that lines of earlier versions lack: they have their defaults then."""


def format_line(record: EpochRecord) -> str:
    """Write a record as one line: its fields, and the CRC-32 of their JSON text in hexadecimal digits."""
    fields = dataclasses.asdict(record)
    return json.dumps(fields | {_CHECKSUM: _compute_checksum(fields)}) + "\n"


def read_records(path: Path) -> list[EpochRecord]:
    """Records in order; what the file lacks is logged as a warning.

    A last line without end is what a kill leaves, or a run that is writing it now: its epoch is lacking, too.

    Raises
    ------
    DamagedFileError
        If a line is not what was written, or is there twice.
    RunFolderError
        If the file was written by another version.
    """
    lines = _read_lines(path)
    if lines.unfinished is not None:
        _LOGGER.warning(
            "`%s`: line %d has no end, and the record of epoch %d is lost with it: training was killed while "
            "it wrote, or is writing now. `orbitscope train --resume` trains that epoch again.",
            *(path, lines.unfinished, lines.last_epoch + 1),
        )
    lost = _find_lost(lines.records, lines.last_epoch)
    if lines.damaged:
        raise _damaged(path, lines.damaged, lost)
    _warn_of_holes(path, lost)
    return lines.records


def read_records_until(path: Path, last_epoch: int) -> list[EpochRecord]:
    """Records up to the epoch that training resumes from; what lies beyond it is trained again.

    A damaged line beyond it is logged as a warning.

    Raises
    ------
    DamagedFileError
        If a damaged line has cost the record of one of these epochs.
    RunFolderError
        If the file was written by another version.
    """
    lines = _read_lines(path)
    records = [record for record in lines.records if record.epoch <= last_epoch]
    lost = _find_lost(records, last_epoch)
    if lines.damaged and lost:
        raise _damaged(path, lines.damaged, lost)
    if lines.damaged:
        numbers = _format_numbers("line", lines.damaged)
        _LOGGER.warning(
            "`%s`: %s damaged. Nothing is lost: training goes on from epoch %d.", path, numbers, last_epoch
        )
    _warn_of_holes(path, lost)
    return records


@dataclass
class _Lines:
    """What the lines of a file hold: records, numbers of damaged lines, and of a last line without end."""

    records: list[EpochRecord] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    unfinished: int | None = None
    last_epoch: int = 0
    """Epoch of the last line that has an end; a damaged line counts as the epoch after the line before it, a
    repeated one as none."""


def _read_lines(path: Path) -> _Lines:
    found = _Lines()
    if not path.is_file():
        return found
    *whole, rest = path.read_bytes().split(b"\n")
    for number, line in enumerate([*whole, rest] if rest else whole, start=1):
        record = _parse_line(path, number, line)
        is_repeated = record is not None and bool(found.records) and record.epoch <= found.records[-1].epoch
        if record is not None and not is_repeated:
            found.records.append(record)
            found.last_epoch = record.epoch
        elif number > len(whole):
            found.unfinished = number
        else:
            found.damaged.append(number)
            found.last_epoch += not is_repeated
    return found


def _parse_line(path: Path, number: int, line: bytes) -> EpochRecord | None:
    """Record of a line, None if the line is not what was written."""
    try:
        fields = parse_json(line.decode("utf-8"))
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    checksum = fields.pop(_CHECKSUM, None)
    if checksum is None and fields.keys() <= _FIELDS:
        raise RunFolderError(
            f"`{path}` must have a checksum in each line, but line {number} has none: an older version wrote "
            f"it. Add them with `python experiments/convert_histories.py {quote(path)}` in a checkout of "
            "orbitscope."
        )
    if checksum != _compute_checksum(fields):
        return None
    if not _FIELDS - _ADDED_FIELDS <= fields.keys() <= _FIELDS:
        raise RunFolderError(
            f"`{path}` must hold the records of this version, but line {number} differs in the fields "
            f"{', '.join(sorted(fields.keys() ^ _FIELDS))}. Use the version in the run's provenance.json."
        )
    return EpochRecord(**fields)


def _compute_checksum(fields: dict[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(fields).encode()):08x}"


def _find_lost(records: list[EpochRecord], last_epoch: int) -> list[int]:
    return sorted(set(range(1, last_epoch + 1)) - {record.epoch for record in records})


def _damaged(path: Path, lines: list[int], lost: list[int]) -> DamagedFileError:
    deletion = ";".join(f"{number}d" for number in lines)
    return DamagedFileError(
        f"`{path}` must hold what was written, but {_format_numbers('line', lines)} damaged. "
        f"{_format_numbers('epoch', lost).capitalize()} lost from the training curve; the network does not "
        "depend on it. `orbitscope train --resume` trains again what is later than the last saved state. To "
        f"go on without earlier epochs, delete what is damaged: `sed -i '{deletion}' {quote(path)}`."
    )


def _warn_of_holes(path: Path, lost: list[int]) -> None:
    if lost:
        _LOGGER.warning(
            "`%s`: %s lost, so the training curve has a hole; the network does not depend on it.",
            *(path, _format_numbers("epoch", lost)),
        )


def _format_numbers(noun: str, numbers: list[int]) -> str:
    """Subject and verb: "line 3 is", "epochs 3, 5 to 7 are", "no epoch is"."""
    if not numbers:
        return f"no {noun} is"
    if len(numbers) == 1:
        return f"{noun} {numbers[0]} is"
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    parts = [str(a) if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True)]
    return f"{noun}s {', '.join(parts)} are"
