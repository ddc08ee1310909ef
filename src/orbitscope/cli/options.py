"""Options and checks that several commands share. No torch import here."""

import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.help import DefaultFormatter, HelpPanel
from rich.console import Console, ConsoleOptions

from ..errors import InputError
from ..settings import merge_settings
from ..system.foreign_files import read_text, require_path
from ..system.toml_text import parse_toml

Json = Annotated[bool, Parameter(name="--json", negative=())]
"""Print one JSON document on standard output instead of text."""


HELP_ALL: ContextVar[bool] = ContextVar("HELP_ALL", default=False)
"""Whether help lists every setting (``--help-all``), or only how many there are (``--help``)."""

IS_COMMAND: ContextVar[bool] = ContextVar("IS_COMMAND", default=False)
"""Whether this process is the command, so that its age is the time that a user has waited."""


def fold_settings(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
    """Show a table of settings in the help of a command as one line, unless all is asked for."""
    if HELP_ALL.get():
        DefaultFormatter()(console, options, panel)
        return
    first = panel.entries[0].names[0]
    count = "1 setting" if len(panel.entries) == 1 else f"{len(panel.entries)} settings"
    console.print(f"{panel.title}: {count} like {first}; --help-all lists them.")


class UsageError(InputError):
    """Options that are missing or do not go together; exit code 2."""


def read_settings_file(path: Path | None) -> dict[str, Any]:
    """Settings from a TOML file in the form of a run's config.toml; any part of it may be left out."""
    if path is None:
        return {}
    try:
        text = read_text(require_path(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"`{path}` must be a readable text file, got: {error}. Check the path.") from None
    try:
        return parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"`{path}` must be TOML, got: {error}. Correct that line.") from None


def collect_changes(file: Path | None, overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    """Settings of a file with the options of the command line on top."""
    return merge_settings(read_settings_file(file), overrides or {})


def require_new_file(path: Path) -> Path:
    """Refuse to overwrite."""
    if require_path(path).exists():
        raise InputError(f"`{path}` must be a new file, but it exists. Delete it or choose another `--out`.")
    return path


def require_at_most(most: int, **options: int | None) -> None:
    """Refuse numbers that are too large; those that were left out are None."""
    for name, value in options.items():
        if value is not None and value > most:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"`{option}` must be ≤ {most}, got {value}. Leave it out for the default.")


def require_at_least(least: int, **options: int | None) -> None:
    """Refuse numbers that are too small; those that were left out are None."""
    for name, value in options.items():
        if value is not None and value < least:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"`{option}` must be ≥ {least}, got {value}. Leave it out for the default.")
