"""Whether all margins hold for a network that is being trained, from draws that no evaluation reports."""

import math
from dataclasses import replace

import numpy as np
import torch

from ..hmm import HMM
from ..network import NoiseRNN
from ..random_streams import derive_seed
from ..settings import EvaluationSettings
from ..training import CHECKED_SHARE
from .expected_counts import measure_expected_counts
from .measures import UNDEFINED_VERDICT, Measured, judge, list_measures
from .observation import UnboundedActivityError, observe_network, plan_observation
from .sampled_laws import measure_likelihood, measure_runs
from .target import draw_windows, prepare_target, start_process
from .two_sample import measure_classifier

_JUDGED = (measure_expected_counts, measure_likelihood, measure_runs, measure_classifier)
"""What measures that have a margin come from."""


class MarginCheck:
    """Tests of equivalence against the margins of an evaluation, from h₀ = 0 over the training window.

    Parameters
    ----------
    hmm : HMM
        What the network should emulate.
    n_steps : int >= 2
        Window in steps.
    settings : EvaluationSettings
        Margins, levels, and sizes, of which a check has :data:`CHECKED_SHARE`.
    noise_std : float >= 0
        Standard deviation of the input noise (dimensionless).
    seed : int >= 0
        Seed of the run; its "stopping" stream is used.
    """

    def __init__(
        self, hmm: HMM, *, n_steps: int, settings: EvaluationSettings, noise_std: float = 1.0, seed: int
    ):
        names = ("n_symbols_total", "n_sequences")
        sizes = {name: math.ceil(getattr(settings, name) * CHECKED_SHARE) for name in names}
        self._settings = settings.model_copy(update=sizes)
        self._design = plan_observation("zero", n_steps, self._settings)
        rng = np.random.default_rng(derive_seed(seed, "stopping"))
        self._target = prepare_target(start_process(hmm, "zero"), self._design, self._settings, rng=rng)
        self._noise_std, self._seed = noise_std, seed

    def __call__(self, network: NoiseRNN, epoch: int) -> bool:
        """Whether the whole interval of every measure lies within its margin; see :meth:`judge`."""
        verdicts = self.judge(network, epoch)
        decided = {verdict for name, verdict in verdicts.items() if not _is_lacking(name, verdict)}
        return decided == {"equivalent"}

    def judge(self, network: NoiseRNN, epoch: int) -> dict[str, str]:
        """Verdict on each measure that has a margin, from draws of this epoch; none if activity overflows.

        The sequences that the classifier tells the network's from are drawn anew, too. Only the sample of the
        block entropy is the same in all epochs.
        """
        seed = derive_seed(self._seed, "stopping", epoch)
        generator = torch.Generator(network.w_out.device).manual_seed(seed)
        try:
            observation = observe_network(
                network, self._design, noise_std=self._noise_std, generator=generator
            )
        except UnboundedActivityError:
            return {}
        rng = np.random.default_rng(seed)
        target = replace(self._target, windows=draw_windows(self._target.hmm, self._design, rng=rng))
        found: dict[str, Measured] = {}
        for measure in _JUDGED:
            found |= measure(observation, target, self._settings, rng=rng)
        judged = [measure for measure in list_measures(self._settings) if np.isfinite(measure.margin)]
        return {measure.name: judge(found[measure.name], measure) for measure in judged}


def _is_lacking(name: str, verdict: str) -> bool:
    """Whether process or window lack a measure; a classifier that was not fitted is no such case."""
    return verdict == UNDEFINED_VERDICT and name != "classifier_auc"
