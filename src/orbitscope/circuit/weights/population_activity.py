"""Activity ahead of switches: its ramp, and whether populations tell more than readout and first neurons."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

from ...dynamics.driving.driven_states import DrivenPath
from ...network import NoiseRNN
from ...statistics import Estimate
from ..symbol_runs import Switches

_RIDGE = 1e-3
"""Of the discriminant, per sample: features are in standard deviations."""


@dataclass(frozen=True)
class ActivityAhead:
    """Activity ahead of switches in one direction, and as long before times of equal age without a switch.

    Attributes
    ----------
    switched, stayed : (event, lag, neuron)
        In standard deviations of each neuron.
    owner : (event,)
        Trajectory of the switch.
    stayed_owner : (event,)
        Trajectory of its control.
    """

    switched: Float[np.ndarray, "event lag neuron"]
    stayed: Float[np.ndarray, "event lag neuron"]
    owner: Int[np.ndarray, " event"]
    stayed_owner: Int[np.ndarray, " event"]

    def select_half(self, half: int) -> "ActivityAhead":
        """Switches and controls of even or of odd trajectories alone: no half sees the other."""
        kept = (self.owner % 2 == half) & (self.stayed_owner % 2 == half)
        return replace(self, **{name: values[kept] for name, values in vars(self).items()})

    def find_rise(self, lag: int) -> Float[np.ndarray, " neuron"]:
        """How much higher the activity is at a lag ahead of switches; 0 without any."""
        if len(self.owner) == 0:
            return np.zeros(self.switched.shape[2])
        return (self.switched[:, lag] - self.stayed[:, lag]).mean(0).astype(float)


def gather_activity(
    network: NoiseRNN,
    path: DrivenPath,
    events: Switches,
    controls: tuple[Int[np.ndarray, " event"], Int[np.ndarray, " event"]],
    *,
    n_lags: int,
    sd: Float[np.ndarray, " neuron"],
    neurons: Int[np.ndarray, " chosen"],
) -> ActivityAhead:
    """Activity of some neurons at lags 0 … n_lags before switches and before their controls."""
    found = []
    for trajectory, time in ((events.trajectory, events.time), controls):
        steps = torch.from_numpy(time)[:, None] - torch.arange(n_lags + 1)
        hidden = network.show_hidden(path.states[steps, torch.from_numpy(trajectory)[:, None]])
        found.append(hidden[..., torch.from_numpy(neurons)].cpu().numpy() / sd[neurons])
    return ActivityAhead(found[0], found[1], events.trajectory, controls[0])


@dataclass(frozen=True)
class Discrimination:
    """How well switches are told from controls by linear discriminants fitted to the other half.

    Attributes
    ----------
    wins, pairs : (2, unit, unit), (unit, unit)
        Of switches of one trajectory against controls of another: pairs in which the switch has the higher
        score, and all of them; of the base alone, and with the first set.
    auc : (model,)
        Of the base alone, and with each set.
    """

    wins: Float[np.ndarray, "2 unit unit"]
    pairs: Float[np.ndarray, "unit unit"]
    auc: Float[np.ndarray, " model"]

    def bound_gain(self, *, n_resamples: int, confidence: float, rng: np.random.Generator) -> Estimate:
        """AUC with the first set minus that of the base, with its interval over trajectories."""
        n_units = len(self.pairs)
        drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_resamples).astype(float)
        gained = self.wins[1] - self.wins[0]
        above, below = (((drawn @ table) * drawn).sum(1) for table in (gained, self.pairs))
        samples = np.divide(above, below, out=np.full(n_resamples, np.nan), where=below > 0)
        low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
        return Estimate(self.auc[1] - self.auc[0], low, high)


def discriminate(
    halves: list[ActivityAhead],
    lag: int,
    base: Float[np.ndarray, "neuron base"],
    sets: Float[np.ndarray, "half set neuron added"],
    *,
    n_units: int,
) -> Discrimination:
    """Tell switches from controls at a lag, by base features alone and with those of each set.

    Parameters
    ----------
    halves : list of ActivityAhead
        Of even and of odd trajectories.
    lag : int
    base : (neuron, base)
        Features as weights of neurons: the readout, single neurons.
    sets : (half, set, neuron, added)
        Features that each set adds; those of a half are used where the other half is fitted and it is told.
    n_units : int
        Trajectories.

    Notes
    -----
    Fisher's linear discriminant by least squares. AUC: share of pairs, of a switch and a control of the same
    half, in which the switch has the higher score.
    """
    n_sets = sets.shape[1]
    above, below = np.zeros(n_sets + 1), 0.0
    wins, pairs = np.zeros((2, n_units, n_units)), np.zeros((n_units, n_units))
    for half, told in enumerate(halves):
        fitted = halves[1 - half]
        activity, labels = _stack(fitted, lag)
        coefficients = _fit_discriminants(activity, labels, base, sets[half])
        scores = _stack(told, lag)[0] @ coefficients
        n = len(told.owner)
        above += _measure_auc(scores, n) * n**2
        below += n**2
        for model in (0, 1):
            wins[model] += _count_wins(scores[:, model], told, n_units)
        pairs += _count_pairs(told, n_units)
    return Discrimination(wins, pairs, above / below if below else np.full(n_sets + 1, np.nan))


def _stack(
    ahead: ActivityAhead, lag: int
) -> tuple[Float[np.ndarray, "sample neuron"], Bool[np.ndarray, " sample"]]:
    """Activity of switches, then of controls, and which is which."""
    activity = np.concatenate([ahead.switched[:, lag], ahead.stayed[:, lag]]).astype(float)
    return activity, np.arange(len(activity)) < len(ahead.owner)


def _fit_discriminants(
    activity: Float[np.ndarray, "sample neuron"],
    labels: Bool[np.ndarray, " sample"],
    base: Float[np.ndarray, "neuron base"],
    sets: Float[np.ndarray, "set neuron added"],
) -> Float[np.ndarray, "neuron model"]:
    """Weights of neurons in the score of each model, the base alone first.

    All models share the products of activity, so that a thousand of them cost little.
    """
    centred = activity - activity.mean(0)
    gram, right = centred.T @ centred, centred.T @ np.where(labels, 1.0, -1.0)
    ridge = _RIDGE * len(activity)

    base_products = gram @ base

    def solve(added: Float[np.ndarray, "neuron added"]) -> Float[np.ndarray, " neuron"]:
        features = np.concatenate([base, added], axis=1)
        products = np.concatenate([base_products, gram @ added], axis=1)
        scale = np.sqrt(np.maximum((features * products).sum(0) / len(activity), 1e-12))
        matrix = (features / scale).T @ (products / scale) + ridge * np.eye(len(scale))
        return features @ (np.linalg.solve(matrix, features.T @ right / scale) / scale)

    models = [solve(base[:, :0]), *(solve(added) for added in sets)]
    return np.stack(models, axis=1)


def _measure_auc(scores: Float[np.ndarray, "sample model"], n: int) -> Float[np.ndarray, " model"]:
    """AUC of each model, the first n samples being switches, by their ranks."""
    ranks = rankdata(scores, axis=0)
    return (ranks[:n].sum(0) - n * (n + 1) / 2) / (n * (len(scores) - n)) if n else np.zeros(scores.shape[1])


def _count_wins(
    scores: Float[np.ndarray, " sample"], told: ActivityAhead, n_units: int
) -> Float[np.ndarray, "unit unit"]:
    """Pairs in which the switch has the higher score, ties by half, by trajectories."""
    n = len(told.owner)
    switched, stayed = scores[:n, None], scores[n:]
    outcome = (switched > stayed) + 0.5 * (switched == stayed)
    by_unit = np.zeros((n_units, n))
    np.add.at(by_unit, told.owner, outcome)
    table = np.zeros((n_units, n_units))
    np.add.at(table.T, told.stayed_owner, by_unit.T)
    return table


def _count_pairs(told: ActivityAhead, n_units: int) -> Float[np.ndarray, "unit unit"]:
    counts = (np.bincount(owner, minlength=n_units) for owner in (told.owner, told.stayed_owner))
    return np.outer(*counts).astype(float)
