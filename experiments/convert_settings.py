"""Add the names of the symbols to the settings of runs that were made before settings held them.

    python experiments/convert_settings.py
    python experiments/convert_settings.py runs/*/config.toml

Without arguments: the settings that come with the repository. The names are those of the hmm.toml beside
each file. Settings that name symbols stay as they are, and nothing else in a file changes.
"""

import argparse
import tomllib
from pathlib import Path

import tomli_w

from orbitscope.hmm import load_hmm_file
from orbitscope.settings import RunSettings
from orbitscope.system.atomic_files import write_text

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (ROOT / "src" / "orbitscope" / "zoo_networks", ROOT / "experiments")


def main() -> None:
    """Convert the settings that are named, or all of the repository."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path)
    found = sorted(file for folder in FOLDERS for file in folder.rglob("config.toml"))
    files = parser.parse_args().files or found
    print(f"{sum(map(convert, files))} of {len(files)} settings had no names of symbols")


def convert(path: Path) -> bool:
    """Add the names of the symbols that settings lack; returns whether they lacked them."""
    text = path.read_text(encoding="utf-8")
    if "symbol_names" in tomllib.loads(text):
        return False
    names = load_hmm_file(path.with_name("hmm.toml")).symbol_names
    lines = text.splitlines(keepends=True)
    place = 1 + next(number for number, line in enumerate(lines) if line.startswith("process = "))
    converted = "".join([*lines[:place], tomli_w.dumps({"symbol_names": names}), *lines[place:]])
    assert RunSettings.from_toml(converted) == RunSettings.from_toml(text).override({"symbol_names": names})
    write_text(path, converted)
    return True


if __name__ == "__main__":
    main()
