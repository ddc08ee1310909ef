"""The hidden Markov model: immutable, validated probabilities with named states and symbols."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from orbitscope.errors import InputError

SUM_TOLERANCE = 1e-6
"""Largest |sum - 1| of a row that is taken as rounding and mended by renormalisation."""


@dataclass(frozen=True, init=False, eq=False, repr=False)
class HMM:
    """Hidden Markov model with discrete symbols.

    At step 0 a state is drawn from `initial_probs` and emits the first symbol; each later step first moves by
    `transition_matrix`, then emits by `emission_probs`.

    Parameters
    ----------
    initial_probs : (state,)             probabilities of the state that emits the first symbol
    transition_matrix : (state, state)   row i: probabilities of the next state, given state i
    emission_probs : (state, symbol)     row i: probabilities of the symbol emitted in state i
    state_names : tuple of str           unique; default "0", "1", …
    symbol_names : tuple of str          unique; default "0", "1", …
    name : str                           label; not part of equality

    Anything array-like is accepted; it is copied to float64 and made read-only. Rows that sum to 1 within
    1e-6 are divided by their sum; a row whose sum is already 1 to rounding keeps its bits, so files
    round-trip exactly.

    Raises
    ------
    InputError                           negative, NaN or unnormalised rows, shapes or names that do not match

    Notes
    -----
    Paper: Torre et al. 2025, arXiv 2510.25674, target processes; no difference.
    Two HMMs are equal when their arrays, state names and symbol names are.
    """

    initial_probs: Float[np.ndarray, " state"]
    transition_matrix: Float[np.ndarray, "state state"]
    emission_probs: Float[np.ndarray, "state symbol"]
    state_names: tuple[str, ...]
    symbol_names: tuple[str, ...]
    name: str

    def __init__(
        self,
        initial_probs: Any,
        transition_matrix: Any,
        emission_probs: Any,
        state_names: Sequence[str] = (),
        symbol_names: Sequence[str] = (),
        name: str = "",
    ) -> None:
        initial = _check_array("initial_probs", initial_probs, n_axes=1)
        transition = _check_array("transition_matrix", transition_matrix, n_axes=2)
        emission = _check_array("emission_probs", emission_probs, n_axes=2)
        _check_shapes(initial, transition, emission)
        self._set(
            initial_probs=_normalise("initial_probs", initial),
            transition_matrix=_normalise("transition_matrix", transition),
            emission_probs=_normalise("emission_probs", emission),
            state_names=_check_names("state_names", state_names, initial.size),
            symbol_names=_check_names("symbol_names", symbol_names, emission.shape[1]),
            name=name,
        )

    def _set(self, **fields: object) -> None:
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    @property
    def n_states(self) -> int:
        """Number of hidden states."""
        return self.initial_probs.size

    @property
    def n_symbols(self) -> int:
        """Number of symbols."""
        return self.emission_probs.shape[1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HMM) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __repr__(self) -> str:
        return f"HMM(name={self.name!r}, n_states={self.n_states}, n_symbols={self.n_symbols})"

    def __reduce__(self):
        # Copies and pickles go through the constructor, so that their arrays are read-only too.
        arrays = self.initial_probs, self.transition_matrix, self.emission_probs
        return HMM, (*arrays, self.state_names, self.symbol_names, self.name)

    def _content(self) -> tuple:
        arrays = self.initial_probs, self.transition_matrix, self.emission_probs
        return (*(array.tobytes() for array in arrays), self.state_names, self.symbol_names)


def reorder_states(hmm: HMM, order: Integer[np.ndarray, " state"]) -> HMM:
    """Return the same process with its states (and their names) in another order.

    Parameters
    ----------
    hmm : HMM
    order : (state,)           a permutation; state i of the result is state order[i] of `hmm`

    Raises
    ------
    InputError                 if `order` is not a permutation of the states
    """
    if sorted(order.tolist()) != list(range(hmm.n_states)):
        raise InputError(
            f"`order` must be a permutation of 0 … {hmm.n_states - 1}, got {order.tolist()}. "
            "List every state once."
        )
    return HMM(
        hmm.initial_probs[order],
        hmm.transition_matrix[np.ix_(order, order)],
        hmm.emission_probs[order],
        state_names=tuple(hmm.state_names[i] for i in order),
        symbol_names=hmm.symbol_names,
        name=hmm.name,
    )


def _check_array(name: str, values: Any, *, n_axes: int) -> np.ndarray:
    """Copy to float64; refuse wrong axes and entries that are not probabilities."""
    if hasattr(values, "detach"):  # a tensor, which may require a gradient or lie on a GPU
        values = values.detach().cpu().numpy()
    wanted = "a list of numbers" if n_axes == 1 else "a table of numbers with rows of equal length"
    try:
        array = np.array(values)
    except ValueError as error:
        raise InputError(
            f"`{name}` must be {wanted}, got rows of unequal length. Complete the rows."
        ) from error
    if array.dtype.kind not in "iuf" or array.ndim != n_axes or array.size == 0:
        raise InputError(
            f"`{name}` must be {wanted}, got shape {array.shape} of type {array.dtype}. "
            "Give plain numbers, at least one."
        )
    array = array.astype(np.float64) + 0.0  # -0.0 becomes 0.0: equal values have equal bits
    is_bad = ~np.isfinite(array) | (array < 0)
    if is_bad.any():
        index = tuple(int(i) for i in np.argwhere(is_bad)[0])
        raise InputError(
            f"`{name}` must hold finite probabilities ≥ 0, got {array[index]} at {list(index)} "
            f"({_row_label(name, index[0], n_axes)}). {_advise_replacing(array)}."
        )
    return array


def _advise_replacing(array: np.ndarray) -> str:
    """What to do about entries that are no probabilities."""
    if (array <= 0).all():
        return "If these are logarithms, take np.exp"
    has_sums = bool((np.abs(array.sum(axis=-1) - 1) <= SUM_TOLERANCE).all())
    if np.isfinite(array).all() and not has_sums:
        return "If these are logits, take their softmax along each row; else replace it"
    return "Replace it, then make the row sum to 1"


def _check_shapes(initial: np.ndarray, transition: np.ndarray, emission: np.ndarray) -> None:
    n_states = initial.size
    if transition.shape[0] != transition.shape[1]:
        raise InputError(
            f"`transition_matrix` must be square, got shape {transition.shape}. Give one row and one column "
            "per state."
        )
    if transition.shape != (n_states, n_states):
        raise InputError(
            f"`transition_matrix` must have shape ({n_states}, {n_states}) to match `initial_probs`, got "
            f"{transition.shape}. Give one row and one column per state."
        )
    if emission.shape[0] != n_states:
        raise InputError(
            f"`emission_probs` must have {n_states} rows to match `transition_matrix`, "
            f"got shape {emission.shape}. "
            "Give one row per state and one column per symbol."
        )
    if emission.shape[1] < 2:
        raise InputError(
            f"`emission_probs` must have at least 2 columns (symbols), got {emission.shape[1]}. "
            "Add a column of zeros for a symbol that never occurs."
        )


def _normalise(name: str, array: np.ndarray) -> np.ndarray:
    """Divide rows by their sums; rows whose exact sum is 1 to two units of rounding keep their bits."""
    rows = np.atleast_2d(array)
    sums = np.array([math.fsum(row) for row in rows])
    wrong = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if wrong.size:
        raise InputError(
            f"`{name}` must sum to 1 within {SUM_TOLERANCE:g}, got {sums[wrong[0]]:.9g} "
            f"({_row_label(name, int(wrong[0]), array.ndim)}). {_advise(name, array, float(sums[wrong[0]]))}"
        )
    is_off = np.abs(sums - 1) > 2 * np.finfo(np.float64).eps
    normalised = np.where(is_off[:, None], rows / sums[:, None], rows).reshape(array.shape)
    normalised.setflags(write=False)
    return normalised


def _advise(name: str, array: np.ndarray, total: float) -> str:
    """What to do about a row whose sum is not 1."""
    if array.ndim == 2 and (np.abs(array.sum(axis=0) - 1) <= SUM_TOLERANCE).all():
        return "Its columns sum to 1: if they belong to states, give the transpose."
    if total > 0:
        return "Correct the entries, or divide the row by its sum."
    if name == "initial_probs":
        return "A process begins in some state: give the states that it can begin in a share."
    if name == "transition_matrix":
        return "A state without a way on cannot be: one that is never left has a 1 for itself."
    return "A row of zeros cannot be: fill it in, or leave its state out."


def _row_label(name: str, row: int, n_axes: int) -> str:
    return f"row {row}" if n_axes == 2 else f"`{name}` is a single row"


def _check_names(field: str, names: Sequence[str], n_names: int) -> tuple[str, ...]:
    is_list = isinstance(names, Iterable) and not isinstance(names, str)
    if not is_list or not all(isinstance(name, str) for name in names):
        raise InputError(f"`{field}` must be a list of strings, got {names!r}. Quote every name.")
    names = tuple(names) or tuple(str(i) for i in range(n_names))
    if len(names) != n_names or len(set(names)) != n_names:
        raise InputError(
            f"`{field}` must hold {n_names} different names, got {len(names)} ({len(set(names))} different): "
            f"{', '.join(names)}. Give one unique name each, or leave it out."
        )
    return names
