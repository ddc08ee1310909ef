"""How processes and run folders are called where nobody has named them."""

from pathlib import Path

from ..settings import RunSettings


def name_process(settings: RunSettings) -> str:
    """Name of the process that a run emulates; of a file its name without the ending."""
    return Path(settings.process).stem if settings.process.endswith(".toml") else settings.process


def name_run(settings: RunSettings) -> Path:
    """Folder of a run: process, recipe and seed."""
    return Path("runs") / f"{name_process(settings)}-{settings.recipe}-{settings.seed}"
