"""The TOML form of a hidden Markov model.

::

    name = "door"                                # optional
    state_names = ["shut", "open"]               # optional: "0", "1", …
    symbol_names = ["dark", "dim", "bright"]     # optional: "0", "1", …
    initial_probs = [0.5, 0.5]                   # optional: the stationary distribution of the chain
    transition_matrix = [[0.95, 0.05], [0.05, 0.95]]
    emission_probs = [[0.99, 0.01, 0.0], [0.0, 0.01, 0.99]]

Rows of `transition_matrix` and `emission_probs` belong to states, columns of `emission_probs` to symbols.
Floats are written with the shortest digits that read back to the same bits.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from jaxtyping import Float

from orbitscope.errors import InputError, unknown_name
from orbitscope.system.commands import format_command
from orbitscope.system.foreign_files import read_text, require_path
from orbitscope.system.toml_text import parse_toml

from .definition import HMM
from .exact import compute_stationary_probs

REQUIRED_KEYS = ("transition_matrix", "emission_probs")
OPTIONAL_KEYS = ("name", "state_names", "symbol_names", "initial_probs")
KEYS = frozenset(("initial_probs", *REQUIRED_KEYS))
"""Names of the arrays of an HMM file."""

HMM_SUFFIXES = (".npz", ".json", ".toml", ".mat")
"""How names of files with an HMM end."""

OTHER_SUFFIXES = tuple(suffix for suffix in HMM_SUFFIXES if suffix != ".toml")
"""How those with HMMs of other libraries end."""

SEQUENCE_SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".txt", ".h5")
"""How names of files with recorded sequences end, which are no HMM either."""


def load_hmm_file(path: str | Path) -> HMM:
    """Read an HMM from a TOML file; the form is documented at the top of this module.

    Raises
    ------
    InputError                 no such file, not TOML, unknown or missing keys, invalid probabilities;
                               the message starts with the path
    """
    path = require_path(path)
    refuse_other_formats(path)
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: must be a readable text file, got: {error}. Check the path.") from error
    try:
        return parse_hmm(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def refuse_other_formats(path: Path) -> None:
    """Refuse a file with an HMM of another library, or with sequences, and say what to do with it."""
    if path.is_file() and (advice := advise_on_format(path)):
        raise InputError(f"`{path}` must be an HMM file (.toml), got `{path.suffix}`. {advice}")


def advise_on_format(path: Path) -> str:
    """What to do with a file that may hold an HMM of another library, or sequences; else nothing."""
    suffix, advice = path.suffix.lower(), []
    if suffix in OTHER_SUFFIXES:
        command = format_command("import", "--hmm", path, "--out", path.with_suffix(".toml"))
        advice.append(f"If it holds an HMM of another library, convert it: `{command}`.")
    if suffix in SEQUENCE_SUFFIXES:
        command = format_command("import", "FILE.pt", "--sequences", path)
        advice.append(
            f"If it holds recorded sequences, they can accompany weights: `{command}`. Training needs an "
            "HMM: fit one to them, for example with hmmlearn, and bring it in with `orbitscope import --hmm`."
        )
    return " ".join(advice)


def parse_hmm(source: str | Mapping[str, Any]) -> HMM:
    """Build an HMM from TOML text, or from the mapping that such text stands for.

    Without `initial_probs` the stationary distribution of the transition matrix is used, if it visits every
    state.

    Raises
    ------
    InputError                 not TOML, unknown or missing keys, invalid probabilities
    """
    table = _parse_toml(source) if isinstance(source, str) else dict(source)
    _check_keys(table)
    if "initial_probs" not in table:
        table["initial_probs"] = _find_initial_probs(table)
    return HMM(**table)


def dump_hmm(hmm: HMM) -> str:
    """Return the TOML text of an HMM; `parse_hmm` restores it bit for bit."""
    table: dict[str, Any] = {"name": hmm.name} if hmm.name else {}
    table["state_names"] = list(hmm.state_names)
    table["symbol_names"] = list(hmm.symbol_names)
    arrays = [_format_rows(key, getattr(hmm, key)) for key in ("transition_matrix", "emission_probs")]
    return tomli_w.dumps(table | {"initial_probs": hmm.initial_probs.tolist()}) + "".join(arrays)


def _format_rows(key: str, rows: Float[np.ndarray, "state column"]) -> str:
    """One line per state, which `tomli_w` would spread over as many lines as numbers."""
    lines = [f"    [{', '.join(map(repr, row))}],\n" for row in rows.tolist()]
    return f"{key} = [\n{''.join(lines)}]\n"


def _parse_toml(text: str) -> dict[str, Any]:
    try:
        return parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"an HMM file must be TOML, got: {error}. Correct that line.") from error


def _check_keys(table: Mapping[str, Any]) -> None:
    for key in table:
        if key not in REQUIRED_KEYS + OPTIONAL_KEYS:
            raise unknown_name("key of an HMM file", str(key), REQUIRED_KEYS + OPTIONAL_KEYS)
    missing = ", ".join(key for key in REQUIRED_KEYS if key not in table)
    if missing:
        raise InputError(
            f"an HMM file must have the keys {' and '.join(REQUIRED_KEYS)}, got none for {missing}. "
            "Add a table with one row per state."
        )
    if not isinstance(table.get("name", ""), str):
        raise InputError(f"`name` must be a string, got {table['name']!r}. Quote it.")
    for key in ("state_names", "symbol_names"):
        names = table.get(key, ())
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise InputError(f'`{key}` must be a list of strings, got {names!r}. Write ["a", "b"].')


def _find_initial_probs(table: Mapping[str, Any]) -> Any:
    """Stationary distribution of the chain; the uniform start only serves to validate the arrays first."""
    rows = table["transition_matrix"]
    n_states = max(1, len(rows)) if hasattr(rows, "__len__") else 1
    hmm = HMM(np.full(n_states, 1 / n_states), rows, table["emission_probs"])
    try:
        initial = compute_stationary_probs(hmm)
    except InputError as error:
        reason = str(error).partition(". ")[0]
        raise InputError(f"`initial_probs` must be given, since {reason}. Say where it starts.") from error
    if (initial == 0).any():
        names = tuple(table.get("state_names") or hmm.state_names)
        never = ", ".join(f"`{names[i]}`" for i in np.flatnonzero(initial == 0) if i < len(names))
        raise InputError(
            f"`initial_probs` must be given, since the chain leaves {never} for good, and so never visits it "
            "in its stationary distribution. Say where it starts, or drop the state."
        )
    return initial
