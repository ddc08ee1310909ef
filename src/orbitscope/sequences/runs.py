"""Runs of one symbol: found, counted by length, and summed per sequence."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer

from orbitscope.errors import InputError
from orbitscope.sequences.counting import check_symbols


@dataclass(frozen=True)
class Runs:
    """Maximal stretches of one symbol, one entry per run.

    Attributes
    ----------
    symbol : (run,)      the repeated symbol
    length : (run,)      number of steps
    sequence : (run,)    index of the sequence it lies in
    """

    symbol: Integer[np.ndarray, " run"]
    length: Int[np.ndarray, " run"]
    sequence: Int[np.ndarray, " run"]


def find_complete_runs(sequences: Integer[np.ndarray, "sequence time"]) -> Runs:
    """Find the runs whose both ends are seen: all but the first and the last of each sequence.

    Parameters
    ----------
    sequences : (sequence, time)    symbols

    Returns
    -------
    Runs                            in order of sequence and time; empty if no sequence has three runs

    Raises
    ------
    InputError                      if the sequences have no steps

    Notes
    -----
    A window of `time` steps favours short runs: one of length l fits into it at max(time - 1 - l, 0) places.
    """
    if sequences.shape[1] == 0:
        raise InputError(
            "`sequences` must have at least one step, got none. Load sequences that are not empty."
        )
    begins = np.ones(sequences.shape, dtype=bool)
    begins[:, 1:] = sequences[:, 1:] != sequences[:, :-1]
    start = np.flatnonzero(begins)
    length = np.diff(start, append=sequences.size)
    sequence, time = np.divmod(start, sequences.shape[1])
    complete = (time > 0) & (time + length < sequences.shape[1])
    return Runs(
        symbol=sequences.ravel()[start][complete], length=length[complete], sequence=sequence[complete]
    )


def count_run_lengths(
    sequences: Integer[np.ndarray, "sequence time"], n_symbols: int, max_length: int
) -> Int[np.ndarray, "symbol length"]:
    """Count complete runs by symbol and length.

    Parameters
    ----------
    sequences : (sequence, time)    symbols 0 .. n_symbols - 1
    n_symbols : int >= 1            size of the alphabet
    max_length : int >= 1           longest length counted (steps); longer runs are left out, and none exists
                                    beyond time - 2

    Returns
    -------
    (symbol, length) int64          number of complete runs; column j holds length j + 1

    Raises
    ------
    InputError                      if a symbol lies outside the alphabet or `max_length` is below 1

    Notes
    -----
    Under a stationary process the expected count of length l is n_sequences · max(time - 1 - l, 0) ·
    P(s_{t-1} ≠ s, s_t = s) · P(length = l): a run starts at step 1 or later and ends at step time - 2 or
    earlier.
    """
    check_symbols(sequences, n_symbols)
    if max_length < 1:
        raise InputError(
            f"`max_length` must be ≥ 1, got {max_length}. Use time - 2 to count every complete run."
        )
    runs = find_complete_runs(sequences)
    kept = runs.length <= max_length
    codes = runs.symbol[kept].astype(np.int64) * max_length + runs.length[kept] - 1
    return np.bincount(codes, minlength=n_symbols * max_length).reshape(n_symbols, max_length)


def sum_run_powers(
    runs: Runs, n_sequences: int, n_symbols: int
) -> Float[np.ndarray, "sequence symbol power"]:
    """Sum the powers 0, 1, 2 of run lengths per sequence and symbol.

    Parameters
    ----------
    runs                        complete runs
    n_sequences : int           number of sequences they were found in
    n_symbols : int             size of the alphabet

    Returns
    -------
    (sequence, symbol, power)   number of runs, Σ length, Σ length²: what mean and CV need, ready for the
                                bootstrap
    """
    codes = runs.sequence * n_symbols + runs.symbol.astype(np.int64)
    size = n_sequences * n_symbols
    length = runs.length.astype(float)
    sums = [np.bincount(codes, weights=length**power, minlength=size) for power in range(3)]
    return np.stack(sums, axis=-1).reshape(n_sequences, n_symbols, 3)
