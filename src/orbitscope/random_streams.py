"""Independent random streams derived from one run seed, so that each can be replayed alone."""

from typing import Literal

import numpy as np

StreamName = Literal["data", "weights", "training", "validation", "evaluation", "analysis", "stopping"]

_STREAM_KEYS: dict[str, int] = {
    "data": 1,
    "weights": 2,
    "training": 3,
    "validation": 4,
    "evaluation": 5,
    "analysis": 6,
    "stopping": 7,
}


def derive_seed(run_seed: int, stream: StreamName, index: int = 0) -> int:
    """Seed of one stream of a run.

    Parameters
    ----------
    run_seed : int >= 0
        The run's seed.
    stream : str
        What the stream is used for.
    index : int
        Distinguishes replays of the same stream, such as epochs.

    Returns
    -------
    int
        63-bit seed for NumPy or torch; differs for every (run_seed, stream, index).
    """
    sequence = np.random.SeedSequence(run_seed, spawn_key=(_STREAM_KEYS[stream], index))
    return int(sequence.generate_state(1, np.uint64)[0] >> 1)


def stream_seeds(run_seed: int) -> dict[str, int]:
    """Seed of every stream (index 0), for the record."""
    return {name: derive_seed(run_seed, name) for name in _STREAM_KEYS}  # type: ignore[arg-type]
