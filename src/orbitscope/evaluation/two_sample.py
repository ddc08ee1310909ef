"""Measures that compare two samples: classifier, one-to-one matching, Sinkhorn loss."""

import math

import numpy as np
import torch
from jaxtyping import Float, Integer
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from ..hmm import HMM, compute_log_likelihood
from ..loss import SinkhornDivergence
from ..sequences import count_ngrams_by_sequence, find_complete_runs, sum_run_powers
from ..settings import EvaluationSettings
from ..statistics import fit_logistic_regression
from .measures import UNDEFINED, Measured, average_replicates, bracket_normal, measure_value
from .observation import Observation
from .target import Target

MAX_FEATURES = 200
"""Longer n-grams are left out of the classifier's features when there would be more of them."""


def measure_classifier(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Measured]:
    """Held-out AUC of a logistic regression that tells the sample from sequences of the process.

    Notes
    -----
    Classifier two-sample test (Lopez-Paz & Oquab 2017) on the features of `describe_sequences`. Trajectories,
    not sequences, are split into halves for training and test, and the standard error averages DeLong's
    placement values within trajectories first. Undefined if the fit did not converge: a classifier that was
    not fitted tells nothing about the sample.
    """
    samples = [observation.windows, target.windows]
    features = [_describe_windows(windows, target.hmm) for windows in samples]
    halves = [_split_half(rows, rng) for rows in features]
    train = [first.reshape(-1, first.shape[-1]) for first, _ in halves]
    pooled = np.concatenate(train)
    mean, scale = pooled.mean(axis=0), pooled.std(axis=0)
    scale[scale == 0] = 1.0
    labels = np.repeat([True, False], [len(train[0]), len(train[1])])
    fit = fit_logistic_regression((pooled - mean) / scale, labels)
    if not fit.converged:
        return {"classifier_auc": UNDEFINED}
    positive, negative = ((second - mean) / scale @ fit.weights for _, second in halves)
    auc, error = compute_clustered_auc(positive, negative)

    def bracket(tail: float) -> tuple[float, float]:
        low, high = bracket_normal(auc, error)(tail)
        return max(low, 0.0), min(high, 1.0)

    return {"classifier_auc": measure_value(auc, bracket, settings, n_units=len(positive) + len(negative))}


def measure_batches(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Measured]:
    """Matched distance and Sinkhorn loss between disjoint batches of the sample and of the process.

    Notes
    -----
    Paper: Torre et al. 2025, evaluation (i). The published matching is many-to-one; ours is one-to-one and
    minimises the mean Euclidean distance √(2 · mismatches) between one-hots. Both values depend on the size
    of the batch and are meaningful beside their floor only. The loss is the published one (ε = 0.04, annealed
    once).
    """
    sample, reference = _list_batches(observation.windows, settings), _list_batches(target.windows, settings)
    pairs = list(zip(sample, reference, strict=True))
    n_symbols = len(target.frequencies)
    distances = np.array([compute_matched_distance(x, y, n_symbols) for x, y in pairs])
    losses = np.array([_compute_loss(x, y, n_symbols) for x, y in pairs])
    return {
        "matched_distance": average_replicates(distances, settings),
        "sinkhorn_loss": average_replicates(losses, settings),
    }


def describe_sequences(
    sequences: Integer[np.ndarray, "sequence time"], hmm: HMM
) -> Float[np.ndarray, "sequence feature"]:
    """Features of sequences for the classifier.

    Parameters
    ----------
    sequences : (sequence, time)
    hmm : HMM
        Process whose log-likelihood is a feature.

    Returns
    -------
    (sequence, feature)
        Counts of 1-, 2- and 3-grams (as far as there are at most 200), first and last symbol, number, total
        and squared lengths of complete runs by symbol, length of the first run, log-likelihood per symbol
        with its square, and whether the sequence is impossible.
    """
    n_symbols, n_steps = hmm.n_symbols, sequences.shape[1]
    lengths = [n for n in (1, 2, 3) if n <= n_steps and (n == 1 or n_symbols**n <= MAX_FEATURES)]
    words = [count_ngrams_by_sequence(sequences, n, n_symbols) for n in lengths]
    runs = find_complete_runs(sequences)
    powers = np.zeros((len(sequences), n_symbols, 3))
    if len(runs.length):
        powers = sum_run_powers(runs, len(sequences), n_symbols)
    ends = np.eye(n_symbols)[sequences[:, [0, -1]]]
    first_run = np.where(sequences != sequences[:, :1], np.arange(n_steps), n_steps).min(axis=1)
    log_likelihood = compute_log_likelihood(hmm, sequences) / n_steps
    impossible = np.isneginf(log_likelihood)
    typical = 0.0 if impossible.all() else log_likelihood[~impossible].mean()
    filled = np.where(impossible, typical, log_likelihood)
    columns = [*words, powers, ends, first_run, filled, filled**2, impossible]
    return np.concatenate([c.reshape(len(sequences), -1).astype(float) for c in columns], axis=1)


def compute_clustered_auc(
    positive: Float[np.ndarray, "cluster window"], negative: Float[np.ndarray, "other window2"]
) -> tuple[float, float]:
    """Area under the ROC curve and its standard error when scores come in independent clusters.

    Parameters
    ----------
    positive : (cluster, window)
        Scores of one class.
    negative : (other, window)
        Scores of the other class.

    Returns
    -------
    auc, standard_error : float
        The error is DeLong's for clusters of one score (Obuchowski 1997 for larger ones).

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson (1988); placement values from midranks as in Sun & Xu (2014).
    """
    n_positive, n_negative = positive.size, negative.size
    ranks = rankdata(np.concatenate([positive.ravel(), negative.ravel()]))
    placed_positive = (ranks[:n_positive] - rankdata(positive)) / n_negative
    placed_negative = 1 - (ranks[n_positive:] - rankdata(negative)) / n_positive
    means = [placed_positive.reshape(positive.shape).mean(1), placed_negative.reshape(negative.shape).mean(1)]
    return float(placed_positive.mean()), math.sqrt(sum(m.var(ddof=1) / len(m) for m in means))


def compute_matched_distance(
    sequences: Integer[np.ndarray, "sequence time"],
    others: Integer[np.ndarray, "sequence time"],
    n_symbols: int,
) -> float:
    """Mean Euclidean distance between one-hots after the best one-to-one matching of two batches.

    Parameters
    ----------
    sequences, others : (sequence, time)
        Batches of equal size.
    n_symbols : int

    Returns
    -------
    float
        Mean of √(2 · mismatches) over matched pairs.
    """
    one_hot = np.eye(n_symbols, dtype=np.float32)
    n_sequences, n_steps = sequences.shape
    x, y = one_hot[sequences].reshape(n_sequences, -1), one_hot[others].reshape(n_sequences, -1)
    distance = np.sqrt(2 * (n_steps - x @ y.T))
    rows, columns = linear_sum_assignment(distance)
    return float(distance[rows, columns].mean())


def list_batches(
    windows: Integer[np.ndarray, "cluster window time"], batch_size: int, n_batches: int
) -> list[Integer[np.ndarray, "sequence time"]]:
    """Disjoint batches that take one window of every trajectory before they take a second one."""
    flat = windows.swapaxes(0, 1).reshape(-1, windows.shape[-1])
    size = min(batch_size, len(flat))
    return [flat[i * size : (i + 1) * size] for i in range(min(n_batches, len(flat) // size))]


def _list_batches(windows: np.ndarray, settings: EvaluationSettings) -> list[np.ndarray]:
    return list_batches(windows, settings.n_matched, settings.n_matches)


def _compute_loss(sequences: np.ndarray, others: np.ndarray, n_symbols: int) -> float:
    one_hots = [torch.from_numpy(np.eye(n_symbols, dtype=np.float32)[s]) for s in (sequences, others)]
    return float(SinkhornDivergence(one_hots[1])(one_hots[0]).value)


def _describe_windows(windows: np.ndarray, hmm: HMM) -> Float[np.ndarray, "cluster window feature"]:
    features = describe_sequences(windows.reshape(-1, windows.shape[-1]), hmm)
    return features.reshape(*windows.shape[:2], -1)


def _split_half(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    order = rng.permutation(len(rows))
    return rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]
