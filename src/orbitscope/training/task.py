"""What a network is trained on: target sequences in thirds and the exact laws of the process."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..hmm import (
    HMM,
    compute_ngram_law,
    compute_step_frequencies,
    compute_symbol_frequencies,
    sample_sequences,
)
from ..random_streams import derive_seed
from ..settings import RunSettings


@dataclass(frozen=True)
class EmulationTask:
    """Target sequences in thirds, one-hot (sequence, time, symbol), and exact laws over the same window.

    ``memoryless`` are the independent sequences with every step shuffled across sequences by itself.
    ``symbol_pairs`` are the joint probabilities P(s_t = a, s_{t+1} = b), ``memoryless_pairs`` those of
    independent symbols with the same frequencies at each step.
    """

    hmm: HMM
    training: Float[Tensor, "sequence time symbol"]
    validation: Float[Tensor, "sequence time symbol"]
    independent: Float[Tensor, "sequence time symbol"]
    memoryless: Float[Tensor, "sequence time symbol"]
    symbol_pairs: Float[Tensor, "symbol symbol"]
    memoryless_pairs: Float[Tensor, "symbol symbol"]
    frequencies: Float[Tensor, " symbol"]


def prepare_task(hmm: HMM, settings: RunSettings) -> EmulationTask:
    """Sample the target sequences of a run from its data stream."""
    rng = np.random.default_rng(derive_seed(settings.seed, "data"))
    sampled = sample_sequences(hmm, 3 * settings.data.n_per_split, settings.data.n_steps, rng=rng)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(sampled.symbols.astype(np.int64)), hmm.n_symbols)
    training, validation, independent = one_hot.to(torch.float32).to(settings.device).chunk(3)
    n_steps = settings.data.n_steps
    pairs = torch.from_numpy(compute_ngram_law(hmm, 2, n_steps=n_steps).copy())
    by_step = torch.from_numpy(compute_step_frequencies(hmm, n_steps))
    memoryless = by_step[:-1].T @ by_step[1:] / (n_steps - 1)
    frequencies = torch.from_numpy(compute_symbol_frequencies(hmm, n_steps=n_steps).copy())
    shuffled = _shuffle_steps(independent, derive_seed(settings.seed, "data", 1))
    return EmulationTask(hmm, training, validation, independent, shuffled, pairs, memoryless, frequencies)


def _shuffle_steps(sequences: Tensor, seed: int) -> Tensor:
    """Shuffle every step across sequences by itself: frequencies stay, dependence between steps goes."""
    n_sequences, n_steps = sequences.shape[:2]
    rng = np.random.default_rng(seed)
    order = rng.permuted(np.tile(np.arange(n_sequences), (n_steps, 1)), axis=1)
    return sequences[torch.from_numpy(order), torch.arange(n_steps)[:, None]].transpose(0, 1)
