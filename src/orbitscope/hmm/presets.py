"""The paper's six processes, and names for processes of any size.

Source: Torre et al. 2025, arXiv 2510.25674, target processes and training settings; no difference.
"""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from orbitscope.errors import InputError, unknown_name
from orbitscope.system.foreign_files import require_path

from .builders import build_fully_connected, build_linear_chain, build_random, build_ring
from .definition import HMM
from .files import load_hmm_file

_FORMS = (
    "linear-8, linear-8x4 (states x symbols), ring-6, fully-connected-5, random-6x4@7, sticky-6x4@7 "
    "(… @ seed)"
)

_LONGEST_NAME = 100


@dataclass(frozen=True)
class Preset:
    """One of the paper's processes with its training settings.

    Parameters
    ----------
    name : str
    hmm : HMM
    n_steps : int              length T of training sequences in steps
    n_epochs : int             epochs of the published recipe
    gradient_clip : float      largest gradient norm of the published recipe
    description : str          one line for tables
    """

    name: str
    hmm: HMM
    n_steps: int
    n_epochs: int
    gradient_clip: float
    description: str


def list_presets() -> tuple[str, ...]:
    """Names of the presets, in the order of the paper."""
    return tuple(_PRESETS)


def load_preset(name: str) -> Preset:
    """Return a preset by name.

    Raises
    ------
    InputError                 unknown name; the message lists the nearest and all valid ones
    """
    if name not in _PRESETS:
        raise unknown_name("preset", name, _PRESETS)
    return _PRESETS[name]


def parse_process_name(name: str) -> HMM:
    """Build the process that a generalised name stands for.

    Parameters
    ----------
    name : str                 FAMILY-STATES or FAMILY-STATESxSYMBOLS with FAMILY one of linear, ring (or
                               cyclic), fully-connected; or FAMILY-STATESxSYMBOLS@SEED with random (rows from
                               flat Dirichlet laws, little memory) or sticky (states last, symbols differ)

    Returns
    -------
    HMM                        with default options; linear and ring have 3 symbols, fully-connected one per
                               state

    Raises
    ------
    InputError                 a name of another form, or sizes out of range
    """
    match = re.fullmatch(r"([a-z-]+?)-(\d+)(?:x(\d+))?(?:@(\d+))?", name, re.ASCII)
    family = match[1] if match else re.split(r"-?\d", name, maxsplit=1)[0]
    if family not in (*_FAMILIES, *_DRAWN_FAMILIES):
        raise unknown_name("process family", family, (*_FAMILIES, *_DRAWN_FAMILIES))
    if match is None or (family in _DRAWN_FAMILIES) != (match[4] is not None):
        raise InputError(
            f"a process name must look like {_FORMS}, got `{name}`. Only random and sticky take, and need, a "
            "seed."
        )
    if len(name) > _LONGEST_NAME:
        raise InputError(
            f"a process name must have at most {_LONGEST_NAME} letters, got {len(name)}. Use smaller numbers."
        )
    n_states, n_symbols, seed = (None if part is None else int(part) for part in match.groups()[1:])
    if family in _DRAWN_FAMILIES:
        return _draw_by_name(name, n_states, n_symbols, seed, **_DRAWN_FAMILIES[family])
    sizes = (n_states,) if n_symbols is None else (n_states, n_symbols)
    return _FAMILIES[family](*sizes)


def load_process(name_or_path: str | Path) -> HMM:
    """Find a process by preset name, generalised name (`parse_process_name`) or TOML path, in this order.

    Raises
    ------
    InputError                 nothing of that name; the message lists presets and the forms of names
    """
    text = str(name_or_path)
    if text in _PRESETS:
        return _PRESETS[text].hmm
    if re.fullmatch(rf"({'|'.join((*_FAMILIES, *_DRAWN_FAMILIES))})-\d[\dx@]*", text, re.ASCII):
        return parse_process_name(text)
    if Path(text).suffix == ".toml" or require_path(text).exists():
        return load_hmm_file(text)
    error = unknown_name("process", text, _PRESETS)
    raise InputError(f"{error} Or a name such as {_FORMS}; or a TOML file, and no file has this name.")


def _draw_by_name(
    name: str, n_states: int | None, n_symbols: int | None, seed: int | None, **options: float
) -> HMM:
    if n_states is None or n_symbols is None:
        raise InputError(f"a random process needs states and symbols, got `{name}`. Write e.g. random-6x4@7.")
    drawn = build_random(n_states, n_symbols, rng=np.random.default_rng(seed), **options)
    return HMM(drawn.initial_probs, drawn.transition_matrix, drawn.emission_probs, name=name)


def _build_cyclic_preset() -> HMM:
    ring = build_ring(4)
    return HMM(ring.initial_probs, ring.transition_matrix, ring.emission_probs, name="cyclic-4")


_FAMILIES = {
    "linear": build_linear_chain,
    "ring": build_ring,
    "cyclic": build_ring,
    "fully-connected": build_fully_connected,
}

_DRAWN_FAMILIES: dict[str, dict[str, float]] = {
    "random": {},
    "sticky": {"stay_prob": 0.9, "emission_concentration": 0.3},
}
"""Families drawn at random, with the options of :func:`build_random`."""

_chain_preset = partial(Preset, n_epochs=500, gradient_clip=0.9)

_PRESETS = {
    preset.name: preset
    for preset in (
        _chain_preset(
            "linear-2", build_linear_chain(2), n_steps=100, description="two states, rare switches"
        ),
        _chain_preset("linear-3", build_linear_chain(3), n_steps=30, description="chain of three states"),
        _chain_preset("linear-4", build_linear_chain(4), n_steps=30, description="chain of four states"),
        _chain_preset("linear-5", build_linear_chain(5), n_steps=40, description="chain of five states"),
        Preset(
            "fully-connected-3", build_fully_connected(3), 30, 1000, 0.3, "three states, each leads to each"
        ),
        Preset("cyclic-4", _build_cyclic_preset(), 40, 500, 0.3, "four states in a ring"),
    )
}
