"""Arrays of MATLAB files, read in a process of its own, which some damaged files end."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..system.plain_json import parse_json

_MOST_SECONDS = 120


def read_matlab_file(path: Path) -> Mapping[str, Any]:
    """Values by name: arrays and cells as lists, structures as mappings.

    Raises
    ------
    ValueError
        If the file is damaged, or of a version that SciPy does not read.
    """
    command = [sys.executable, "-P", "-m", __name__, str(path.absolute())]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError(f"nothing was read in {_MOST_SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(
            lines[-1] if lines and done.returncode > 0 else "its reader broke down: it is damaged"
        )
    return parse_json(done.stdout)


def main() -> None:
    """Write the values of a file as JSON on standard output."""
    from scipy.io import loadmat

    content = loadmat(sys.argv[1], simplify_cells=True)
    sys.stdout.write(json.dumps(_list_values(content), default=str))


def _list_values(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _list_values(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        # MATLAB fills up the strings of an array to one length.
        return _list_values((np.char.rstrip(value) if value.dtype.kind == "U" else value).tolist())
    if isinstance(value, list | tuple):
        return [_list_values(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


if __name__ == "__main__":
    main()
