"""What the results of a run follow from: its weights, its process, and the code itself."""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..runs import RunFolder, digest_code


def describe_origin(folder: RunFolder) -> dict[str, Any]:
    """Checksums of weights, process and code; the commit can change without the code."""
    process = folder.find_process_file()
    return {
        "weights": digest_file(folder.weights),
        "process": None if process is None else digest_file(process),
        "version": version("orbitscope"),
        "code": digest_code(),
    }


def digest_file(file: Path) -> str:
    """SHA-256 of what a file holds."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
