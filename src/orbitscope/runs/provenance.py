"""Where a run came from: versions, machine, threads, seeds, commit, checksum of the code."""

import functools
import hashlib
import platform
import sys
from pathlib import Path
from typing import Any

import torch

from ..random_streams import stream_seeds
from ..settings import RunSettings
from ..system.installation import find_commit, find_processor, find_versions


def describe_provenance(settings: RunSettings) -> dict[str, Any]:
    """Facts that someone needs to repeat a run."""
    return {
        "versions": {"python": platform.python_version(), **find_versions()},
        "platform": platform.platform(),
        "processor": find_processor(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": settings.device,
        "threads": settings.threads,
        "seed": settings.seed,
        "stream_seeds": stream_seeds(settings.seed),
        "commit": find_commit(),
        "command": sys.argv,
    }


@functools.cache
def digest_code() -> str:
    """Checksum of the package's Python files, the same in a checkout and a wheel."""
    package, digest = Path(__file__).resolve().parent.parent, hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(package).as_posix()} {len(content)} ".encode() + content)
    return digest.hexdigest()
