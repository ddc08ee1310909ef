"""A threshold on filtered noise: the probability of a switch as a Gaussian tail, fitted and judged."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import log_ndtr, ndtr, ndtri

from .filtered_noise import DrivenSteps, find_at_risk

LARGEST_SCORE = 8.0
"""Standard deviations beyond which a score is cut."""

N_BINS = 320
"""Bins of scores: a twentieth of a standard deviation each."""

RIDGE = 0.01
"""Penalty ½ β² on the slope, in units of sd(z): without it a perfect threshold has no finite slope."""

_EDGES = np.linspace(-LARGEST_SCORE, LARGEST_SCORE, N_BINS + 1)
CENTRES = (_EDGES[1:] + _EDGES[:-1]) / 2

_LARGEST_STEP = 5.0
"""Of intercept and slope at once: from far away Newton's step is too long."""


@dataclass(frozen=True)
class ProbitFit:
    """P(event | z) = Φ(α + β z), one fit for each row of counts.

    Attributes
    ----------
    intercept, slope : (batch,)
    converged : bool
    """

    intercept: Float[np.ndarray, " batch"]
    slope: Float[np.ndarray, " batch"]
    converged: bool


def fit_probit(
    steps: Float[np.ndarray, "batch bin"],
    events: Float[np.ndarray, "batch bin"],
    *,
    start: tuple[float, float] | None = None,
    max_steps: int = 100,
) -> ProbitFit:
    """Fit a Gaussian tail to counts of scores by Newton's method, each row alone.

    Parameters
    ----------
    steps, events : (batch, bin)
        Steps with a score in each bin of ``CENTRES``, and those of them with an event.
    start : (intercept, slope), optional
    max_steps : int

    Notes
    -----
    Maximises Σ_k e_k log Φ(η_k) + (n_k − e_k) log Φ(−η_k) − ½ ``RIDGE`` β², η = α + β z: it is concave.
    """
    used = steps.sum(0) > 0
    z, n, e = CENTRES[used], steps[:, used], events[:, used]
    rate = (e.sum(1) + 0.5) / (n.sum(1) + 1.0)
    alpha = ndtri(rate) if start is None else np.full(len(n), start[0])
    beta = np.zeros(len(n)) if start is None else np.full(len(n), start[1])
    is_done = False
    for _ in range(max_steps):
        eta = alpha[:, None] + beta[:, None] * z
        up, down = _inverse_mills(eta), _inverse_mills(-eta)
        first = e * up - (n - e) * down
        second = e * up * (eta + up) + (n - e) * down * (down - eta)  # minus the second derivative
        gradient = np.stack([first.sum(1), first @ z - RIDGE * beta])
        a, b, c = second.sum(1) + 1e-9, second @ z, second @ z**2 + RIDGE
        step = np.stack([c * gradient[0] - b * gradient[1], a * gradient[1] - b * gradient[0]])
        step /= a * c - b**2
        step *= np.minimum(1.0, _LARGEST_STEP / np.maximum(np.abs(step).max(0), 1e-12))
        alpha, beta = alpha + step[0], beta + step[1]
        is_done = bool(np.abs(step).max() < 1e-6)
        if is_done:
            break
    return ProbitFit(alpha, beta, is_done)


def _inverse_mills(eta: np.ndarray) -> np.ndarray:
    """φ(η)/Φ(η), without underflow."""
    return np.exp(-0.5 * eta**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(eta))


@dataclass(frozen=True)
class ThresholdModel:
    """A switch in one direction as filtered noise that crosses a threshold.

    Attributes
    ----------
    weights : (lag, input)
    is_scaled : bool
        Whether filtered noise is divided by the size of the state before it.
    mean, spread : float
        Of the filtered noise over the steps behind the fit.
    intercept, slope : float
        P(switch) = Φ(intercept + slope · z), z = (filtered noise − mean)/spread.
    converged : bool
    """

    weights: Float[np.ndarray, "lag input"]
    is_scaled: bool
    mean: float
    spread: float
    intercept: float
    slope: float
    converged: bool

    def score(self, steps: DrivenSteps) -> Float[np.ndarray, "trajectory step"]:
        """Filtered noise in units of its standard deviation, z."""
        return standardise(filter_noise(steps, self.weights, self.is_scaled), self.mean, self.spread)

    def predict(self, score: Float[np.ndarray, "trajectory step"]) -> Float[np.ndarray, "trajectory step"]:
        """Probability of a switch at each score."""
        return ndtr(self.intercept + self.slope * score)


def filter_noise(
    steps: DrivenSteps, weights: Float[np.ndarray, "lag input"], is_scaled: bool
) -> Float[np.ndarray, "trajectory step"]:
    """Filtered noise, over the size of the state before the first of it if asked for."""
    filtered = steps.filter(weights)[0]
    return filtered / steps.find_size(len(weights)) if is_scaled else filtered


def standardise(values: np.ndarray, mean: float, spread: float) -> np.ndarray:
    """In units of a standard deviation, cut at ``LARGEST_SCORE``."""
    largest = LARGEST_SCORE * (1 - 1e-12)  # within the last bin
    return np.clip((values - mean) / spread, -largest, largest)


def fit_model(
    steps: DrivenSteps,
    weights: Float[np.ndarray, "lag input"],
    pair: tuple[int, int],
    *,
    is_scaled: bool,
    chosen: Bool[np.ndarray, " trajectory"] | None = None,
) -> ThresholdModel:
    """Fit the threshold of one direction of switching, origin → target, to some trajectories."""
    values = filter_noise(steps, weights, is_scaled)
    is_in = find_at_risk(steps, pair[0], chosen)
    mean, spread = float(values[is_in].mean()), float(values[is_in].std())
    table = count_scores(standardise(values, mean, spread), is_in, steps.after == pair[1]).sum(0)
    fit = fit_probit(table[:1], table[1:2])
    return ThresholdModel(
        weights, is_scaled, mean, spread, float(fit.intercept[0]), float(fit.slope[0]), fit.converged
    )


def count_scores(
    score: Float[np.ndarray, "trajectory step"],
    is_in: Bool[np.ndarray, "trajectory step"],
    is_event: Bool[np.ndarray, "trajectory step"],
    *others: Float[np.ndarray, "trajectory step"],
) -> Float[np.ndarray, "trajectory channel bin"]:
    """Steps and events of each trajectory by score, and sums of other values over these steps."""
    place = np.clip(((score + LARGEST_SCORE) / (2 * LARGEST_SCORE) * N_BINS).astype(int), 0, N_BINS - 1)
    rows = np.broadcast_to(np.arange(len(score))[:, None], score.shape)
    flat = (rows * N_BINS + place)[is_in]
    size = len(score) * N_BINS
    columns = [None, is_event[is_in].astype(float), *(other[is_in] for other in others)]
    tables = [np.bincount(flat, column, minlength=size) for column in columns]
    return np.stack(tables, axis=1).reshape(len(score), N_BINS, -1).transpose(0, 2, 1).astype(float)


def measure_auc(tables: Float[np.ndarray, "*batch channel bin"]) -> Float[np.ndarray, "*batch"]:
    """Probability that a step with an event has a higher score than one without; NaN without either.

    Ties within a bin count one half.
    """
    events = tables[..., 1, :]
    others = tables[..., 0, :] - events
    below = np.cumsum(others, axis=-1) - others / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((events * below).sum(-1) / (events.sum(-1) * others.sum(-1)))


def measure_tail(
    tables: Float[np.ndarray, "batch channel bin"], *, start: tuple[float, float] | None = None
) -> Float[np.ndarray, "batch 4"]:
    """Threshold, softness, tail and excess kurtosis of scores, see the definitions of these quantities.

    Notes
    -----
    Φ(α + β z) is the probability that z + r > −α/β with a Gaussian rest r of standard deviation 1/β. If z is
    Gaussian with mean m and standard deviation s, that has the probability Φ((α + β m)/√(1 + β² s²)).
    """
    steps, events = tables[:, 0], tables[:, 1]
    fit = fit_probit(steps, events, start=start)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = steps.sum(1)
        mean = steps @ CENTRES / total
        offsets = CENTRES - mean[:, None]
        variance = (steps * offsets**2).sum(1) / total
        kurtosis = (steps * offsets**4).sum(1) / total / variance**2 - 3

        spread, is_rising = np.sqrt(variance), fit.slope > 0
        threshold = np.where(is_rising, (-fit.intercept / fit.slope - mean) / spread, np.nan)
        softness = np.where(is_rising, 1 / (fit.slope * spread), np.nan)
        tail = ndtr((fit.intercept + fit.slope * mean) / np.sqrt(1 + fit.slope**2 * variance))
    found = np.stack([threshold, softness, tail, kurtosis], axis=1)
    return np.where(np.isfinite(found), found, np.nan)
