"""Where a run came from: versions, machine, threads, seeds, commit, checksum of the code."""

import functools
import hashlib
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..random_streams import stream_seeds
from ..settings import RunSettings
from ..system.installation import find_commit, find_processor, find_versions


def describe_provenance(settings: RunSettings) -> dict[str, Any]:
    """Facts that someone needs to repeat a run."""
    return {
        "versions": find_versions(),
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


def list_other_versions(provenance: Mapping[str, Any]) -> list[str]:
    """What a run was begun with that is another version here, as ``torch 2.12.0 then, 2.13.0 now``."""
    found = provenance.get("versions")
    then = found if isinstance(found, Mapping) else {}
    now = find_versions()
    changed = (name for name in now if name in then and then[name] != now[name])
    return [f"{name} {then[name]} then, {now[name]} now" for name in changed]


@functools.cache
def digest_code() -> str:
    """Checksum of the package's Python files, the same in a checkout and a wheel."""
    package, digest = Path(__file__).resolve().parent.parent, hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(package).as_posix()} {len(content)} ".encode() + content)
    return digest.hexdigest()
