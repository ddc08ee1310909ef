"""What runs here: versions, commit, processor; found without loading torch."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("orbitscope", "torch", "numpy", "scipy", "xarray", "safetensors", "pydantic")


def find_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def find_commit() -> str | None:
    """Short commit of the checkout this package runs from, with ``+`` if it has changes.

    None when the package is installed elsewhere, even inside some other repository.
    """
    folder = Path(__file__).resolve().parent
    try:
        _run_git(folder, "ls-files", "--error-unmatch", Path(__file__).name)
        commit = _run_git(folder, "rev-parse", "--short", "HEAD")
        changed = _run_git(folder, "status", "--porcelain", "--untracked-files=no", "--", str(folder.parent))
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changed else "")


def find_processor() -> str:
    """Model name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _run_git(folder: Path, *arguments: str) -> str:
    """Output of git about a folder, whatever repository the environment names (it does within git hooks)."""
    command = ["git", "-C", str(folder), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return run.stdout.strip()
