"""Checksums of files."""

import hashlib
from pathlib import Path


def digest_file(file: Path) -> str:
    """SHA-256 of what a file holds."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
