"""How processes and run folders are called where nobody has named them."""

import re
from pathlib import Path

from ..settings import RunSettings


def name_process(settings: RunSettings) -> str:
    """Name of the process that a run emulates, fit for a file; of a file its name without the ending."""
    is_file = settings.process.endswith(".toml")
    return make_file_name(Path(settings.process).stem if is_file else settings.process)


def name_run(settings: RunSettings) -> Path:
    """Folder of a run: process, recipe and seed."""
    return Path("runs") / f"{name_process(settings)}-{settings.recipe}-{settings.seed}"


def make_file_name(name: str) -> str:
    """A name as part of a file name: letters, digits, dots and dashes, nothing that leads elsewhere."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "unnamed"
