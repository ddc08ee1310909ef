"""What the results of a run follow from: its weights, its process, and the code itself."""

from importlib.metadata import version
from typing import Any

from ..runs import RunFolder, digest_code
from ..system.checksums import digest_file


def describe_origin(folder: RunFolder) -> dict[str, Any]:
    """Checksums of weights, process and code; the commit can change without the code."""
    process = folder.find_process_file()
    return {
        "weights": digest_file(folder.weights),
        "process": None if process is None else digest_file(process),
        "version": version("orbitscope"),
        "code": digest_code(),
    }
