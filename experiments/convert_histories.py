"""Add a checksum to each line of histories that were written before lines had one.

    python experiments/convert_histories.py
    python experiments/convert_histories.py runs/*/history.jsonl

Without arguments: the histories that come with the repository. Lines that have a checksum stay as they are,
and so do lines that are no record: whoever reads the history is told. Whether the older records are what was
written cannot be known.
"""

import argparse
import json
from pathlib import Path

from orbitscope.runs.history import format_line
from orbitscope.system.atomic_files import write_text
from orbitscope.training import EpochRecord

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (ROOT / "src" / "orbitscope" / "zoo_networks", ROOT / "experiments")


def main() -> None:
    """Convert the histories that are named, or all of the repository."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path)
    found = sorted(file for folder in FOLDERS for file in folder.rglob("history.jsonl"))
    files = parser.parse_args().files or found
    print(f"{sum(map(convert, files))} of {len(files)} histories had lines without checksum")


def convert(path: Path) -> bool:
    """Add the checksums that a history lacks; returns whether it lacked any."""
    before = path.read_bytes().decode("utf-8")
    after = "".join(convert_line(line) for line in before.splitlines(keepends=True))
    if after != before:
        write_text(path, after)
    return after != before


def convert_line(line: str) -> str:
    """Line with its checksum, if it is a record without one."""
    try:
        return format_line(EpochRecord(**json.loads(line)))
    except (ValueError, TypeError):
        return line


if __name__ == "__main__":
    main()
