"""HMMs of hmmlearn, dynamax and ssm: live objects, mappings of their arrays, or saved arrays.

Nothing is imported from those libraries: an object is recognised by the names of its arrays. Where the
emissions have an axis for several outputs per step (dynamax, ssm), exactly one output is accepted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax

from orbitscope.errors import InputError
from orbitscope.hmm import HMM
from orbitscope.hmm.definition import SUM_TOLERANCE
from orbitscope.hmm.files import HMM_SUFFIXES, KEYS, load_hmm_file
from orbitscope.importers.file_checks import WEIGHT_SUFFIXES, read_first_bytes
from orbitscope.system.foreign_files import explain_damage, read_named_arrays, read_text
from orbitscope.system.plain_json import parse_json
from orbitscope.system.toml_text import parse_toml

from .matlab_files import read_matlab_file

ROUNDING = 1e-4  # rows of float32 arrays sum to 1 only to this; larger deviations are left for HMM to refuse
PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".dill", ".p")


@dataclass(frozen=True)
class _Layout:
    """Where a library keeps its three arrays, each with the other places where they may be found."""

    library: str
    initial: tuple[str, ...]
    transition: tuple[str, ...]
    emission: tuple[str, ...]
    is_log: bool = False


LAYOUTS = (
    _Layout("hmmlearn", ("startprob_",), ("transmat_",), ("emissionprob_",)),
    _Layout("dynamax", ("initial.probs",), ("transitions.transition_matrix",), ("emissions.probs",)),
    _Layout(
        "ssm",
        ("log_pi0", "init_state_distn.log_pi0"),
        ("log_Ps", "transitions.log_Ps"),
        ("logits", "observations.logits"),
        is_log=True,
    ),
    _Layout("orbitscope", ("initial_probs",), ("transition_matrix",), ("emission_probs",)),
)
COVARIATES = ("transitions.Ws", "transitions.Rs")  # ssm transitions that depend on inputs or data


def import_hmm(source: Any, *, name: str = "") -> HMM:
    """Turn a foreign hidden Markov model into ours.

    Parameters
    ----------
    source               one of: a fitted hmmlearn `CategoricalHMM`; dynamax parameters; an ssm `HMM` or its
                         `params`; a mapping with the same names, nested or joined by dots; three arrays
                         (initial, transition, emission), probabilities or log weights; the path of a file
                         (.npz, .json, .toml, .mat) that holds such a mapping; an HMM file of ours (.toml)
                         is read as :func:`load_hmm_file` does
    name : str           name of the result; default: the library, or the stem of the file

    Returns
    -------
    HMM                  `state_names` and `symbol_names` are taken over where the source has them

    Raises
    ------
    InputError           if the arrays are not found, have wrong shapes, or the file is a pickle

    Notes
    -----
    Arrays looked for: hmmlearn `startprob_`, `transmat_`, `emissionprob_`; dynamax `initial.probs`,
    `transitions.transition_matrix`, `emissions.probs`; ssm `log_pi0`, `log_Ps`, `logits` (log weights,
    normalised here by softmax); or our own names. Rows that sum to 1 within float32 rounding are
    renormalised.
    """
    if not isinstance(source, str | Path):
        return _build(source, name)
    path = Path(source)
    content = _read_file(path)
    if path.suffix.lower() == ".toml" and not KEYS.isdisjoint(content):
        hmm = load_hmm_file(path)
        return replace(hmm, name=name or hmm.name or path.stem)
    try:
        return _build(content, name or path.stem)
    except InputError as error:
        raise InputError(f"`{path}`: {error}") from None


def _build(source: Any, name: str) -> HMM:
    """Find the arrays by their names, and check them."""
    source = _name_arrays(source)
    layout = _find_layout(source)
    _refuse_probabilities(source, layout)
    _check_plain(source)
    initial, transition, emission = (
        _read_array(source, names, layout.is_log)
        for names in (layout.initial, layout.transition, layout.emission)
    )
    emission = _drop_output_axis(emission, layout.emission[0])
    _check_shapes(layout, initial, transition, emission)
    return HMM(
        initial_probs=_normalise(initial),
        transition_matrix=_normalise(transition),
        emission_probs=_normalise(emission),
        state_names=_read_names(source, "state_names"),
        symbol_names=_read_names(source, "symbol_names"),
        name=name or layout.library,
    )


def _read_file(path: Path) -> Mapping[str, Any]:
    if path.suffix.lower() in PICKLE_SUFFIXES:
        raise InputError(
            f"`{path}` must not be a pickle: loading one runs code. Save the arrays instead, e.g. `np.savez("
            "'hmm.npz', startprob_=m.startprob_, transmat_=m.transmat_, emissionprob_=m.emissionprob_)`."
        )
    if path.suffix.lower() not in HMM_SUFFIXES:
        is_network = path.suffix.lower() in WEIGHT_SUFFIXES
        advice = "A network is imported without --hmm" if is_network else "Save the arrays as .npz"
        raise InputError(f"`{path}` must end in {', '.join(HMM_SUFFIXES)}, got `{path.suffix}`. {advice}.")
    read_first_bytes(path)
    readers = {".npz": read_named_arrays, ".json": _read_json, ".toml": _read_toml, ".mat": read_matlab_file}
    requirement = f"be a readable {path.suffix} file without pickled objects"
    with explain_damage(path, requirement, "Save plain numeric arrays as .npz."):
        content = readers[path.suffix.lower()](path)
    if not isinstance(content, Mapping):
        raise InputError(f"`{path}` must hold named arrays, got {type(content).__name__}. Name each array.")
    return content


def _read_json(path: Path) -> Any:
    return parse_json(read_text(path))


def _read_toml(path: Path) -> Mapping[str, Any]:
    return parse_toml(read_text(path))


def _name_arrays(source: Any) -> Any:
    """Name three arrays without names: probabilities, or the log weights of `ssm.HMM.params`.

    Those are ((log_pi0,), (log_Ps,), logits).
    """
    is_named = isinstance(source, str | Mapping) or hasattr(source, "_fields")
    if is_named or not isinstance(source, Sequence) or len(source) != 3:
        return source
    arrays = [_unwrap(part, n_axes) for part, n_axes in zip(source, (1, 2, 0), strict=True)]
    flags = [_is_stochastic(array) for array in arrays]
    if any(flags) and not all(flags):
        raise InputError(
            "three arrays without names must be all probabilities or all log weights, got rows that sum to 1 "
            "in some of them only. Name them: initial_probs, transition_matrix, emission_probs, or log_pi0, "
            "log_Ps, logits."
        )
    names = LAYOUTS[-1] if all(flags) else LAYOUTS[-2]
    places = (names.initial, names.transition, names.emission)
    return {place[0]: array for place, array in zip(places, arrays, strict=True)}


def _unwrap(part: Any, n_axes: int) -> Any:
    """The array in a tuple of one, which ssm puts around arrays of so many axes."""
    is_wrapped = isinstance(part, list | tuple) and len(part) == 1
    inner = _make_array(part[0]) if is_wrapped and n_axes else None
    return part if inner is None or inner.ndim != n_axes else inner


def _make_array(values: Any) -> np.ndarray | None:
    """Real numbers as an array; None for what is none, such as rows of unequal length."""
    try:
        array = np.asarray(values)
        return None if array.dtype.kind == "c" else array.astype(float)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_stochastic(values: Any) -> bool:
    """Whether rows are probabilities: not negative, with sums of 1."""
    array = _make_array(values)
    if array is None:
        return False
    has_rows = array.ndim > 0 and array.size > 0
    return has_rows and bool((array >= 0).all() and (abs(array.sum(-1) - 1) < ROUNDING).all())


def _refuse_probabilities(source: Any, layout: _Layout) -> None:
    """Log weights whose rows sum to 1 are probabilities under the wrong name."""
    for places in (layout.initial, layout.transition) if layout.is_log else ():
        found = _find(source, places)
        if _is_stochastic(found) and np.asarray(found).shape[-1] > 1:
            raise InputError(
                f"`{places[0]}` must hold logarithms, got rows that sum to 1, as probabilities do. Take the "
                "logarithm, or name the arrays initial_probs, transition_matrix, emission_probs."
            )


def _find_layout(source: Any) -> _Layout:
    """The library all of whose arrays are there; name what is missing otherwise."""
    closest, missing = LAYOUTS[0], ["startprob_", "transmat_", "emissionprob_"]
    for layout in LAYOUTS:
        places = (layout.initial, layout.transition, layout.emission)
        absent = [names[0] for names in places if _find(source, names) is None]
        if not absent:
            return layout
        if len(absent) < len(missing):
            closest, missing = layout, absent
    known = "; ".join(f"{x.library}: {x.initial[0]}, {x.transition[0]}, {x.emission[0]}" for x in LAYOUTS)
    hint = f"`{'`, `'.join(missing)}` of {closest.library} missing" if len(missing) < 3 else "none of them"
    raise InputError(
        f"`source` must hold the arrays of a categorical HMM ({known}), got "
        f"{type(source).__name__} with {hint}. Fit the model first, or pass a mapping with these names."
    )


def _find(source: Any, names: tuple[str, ...]) -> Any:
    """The first of several dotted names that `source` has, as keys or attributes; None if it has none."""
    for dotted in names:
        found = source[dotted] if isinstance(source, Mapping) and dotted in source else source
        if found is source:
            for part in dotted.split("."):
                found = found.get(part) if isinstance(found, Mapping) else getattr(found, part, None)
        if found is not None:
            return found
    return None


def _check_plain(source: Any) -> None:
    """Refuse models of the same libraries that are no plain categorical HMM."""
    n_trials = _find(source, ("n_trials",))
    if n_trials is not None and not _holds_ones(n_trials):
        raise InputError(f"`n_trials` must be 1, got {n_trials}: it emits counts. Fit a CategoricalHMM.")
    for covariate in COVARIATES:
        weights = _find(source, (covariate,))
        array = _make_array(weights)
        if weights is not None and (array is None or array.size):
            raise InputError(
                f"transitions must not depend on inputs or data, got `{covariate}`. "
                "Fit ssm with transitions='standard'."
            )


def _holds_ones(values: Any) -> bool:
    array = _make_array(values)
    return array is not None and bool((array == 1).all())


def _read_array(source: Any, names: tuple[str, ...], is_log: bool) -> np.ndarray:
    array = _make_array(_find(source, names))
    if array is None:
        raise InputError(
            f"`{names[0]}` must be a numeric array of real numbers, got something else. Give rows of equal "
            "length."
        )
    if array.ndim == 0:
        raise InputError(f"`{names[0]}` must be an array, got the number {array}. Save it with its axes.")
    if array.size == 0:
        raise InputError(f"`{names[0]}` must hold numbers, got shape {array.shape}. Fit the model first.")
    return _exponentiate(names[0], array) if is_log else array


def _exponentiate(name: str, weights: np.ndarray) -> np.ndarray:
    """Probabilities of log weights; minus infinity is a probability of 0."""
    largest = weights.max(-1)
    if not np.isfinite(largest).all():
        raise InputError(
            f"`{name}` must hold log weights, the largest of each row finite, got {largest.min()}. Take the "
            "logarithm of probabilities whose rows are not all 0."
        )
    return np.exp(log_softmax(weights, axis=-1))


def _drop_output_axis(emission: np.ndarray, name: str) -> np.ndarray:
    """(state, 1, symbol) -> (state, symbol)."""
    if emission.ndim != 3:
        return emission
    if emission.shape[1] != 1:
        raise InputError(
            f"`{name}` must have one output per step, shape (state, 1, symbol), got {emission.shape}. "
            "Fit a model with one categorical output."
        )
    return emission[:, 0]


def _check_shapes(layout: _Layout, initial: np.ndarray, transition: np.ndarray, emission: np.ndarray) -> None:
    n_states = initial.shape[0]
    checks = (
        (layout.initial[0], "(state,)", initial, initial.shape == (n_states,)),
        (
            layout.transition[0],
            f"({n_states}, {n_states})",
            transition,
            transition.shape == (n_states, n_states),
        ),
        (
            layout.emission[0],
            f"({n_states}, symbol)",
            emission,
            emission.ndim == 2 and len(emission) == n_states,
        ),
    )
    for name, wanted, array, is_right in checks:
        if not is_right:
            raise InputError(
                f"`{name}` must have shape {wanted}, got {array.shape}. Check that states come first and "
                f"all arrays are of one model ({n_states} states by `{layout.initial[0]}`)."
            )


def _normalise(probs: np.ndarray) -> np.ndarray:
    """Mend rows of float32 numbers; smaller deviations are left to HMM, which keeps the bits of its files."""
    total = probs.sum(-1, keepdims=True)
    error = np.abs(total - 1)
    is_rounded = (error > SUM_TOLERANCE) & (error < ROUNDING)
    return np.where(is_rounded, probs / np.where(is_rounded, total, 1), probs)


def _read_names(source: Any, key: str) -> tuple[str, ...]:
    """Names that are given; whole numbers are names, too."""
    names = _find(source, (key,))
    if names is None:
        return ()
    listed = np.atleast_1d(names).tolist() if isinstance(names, np.ndarray | str) else names
    if not isinstance(listed, list | tuple) or not all(type(name) in (str, int) for name in listed):
        raise InputError(f'`{key}` must be a list of strings, got {names!r}. Write ["a", "b"].')
    return tuple(str(name) for name in listed)
