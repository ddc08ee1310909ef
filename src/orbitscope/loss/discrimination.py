"""How well the Sinkhorn divergence tells a process from wrong ones, and the ε at which it does so best."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..hmm import (
    HMM,
    compute_step_frequencies,
    mix_emissions,
    sample_sequences,
    scale_rarest_symbol,
    scale_switching,
)
from ..progress import Progress, ProgressCallback, ignore_progress
from ..results import Result, axes
from ..system.memory import require_memory
from .divergence import SinkhornDivergence
from .workspace import Workspace

DEFAULT_BLURS = (0.2, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 20.0)
"""√ε of the candidates: the paper's 0.2, and up to where only the means of the sequences count."""

NEARLY_RIGHT: Mapping[str, Callable[[HMM], HMM]] = {
    "a fifth more switches": lambda hmm: scale_switching(hmm, 1.2),
    "2 % of the symbols flicker": lambda hmm: mix_emissions(hmm, 0.02),
    "rarest symbol half as often": lambda hmm: scale_rarest_symbol(hmm, 0.5),
}
"""What a network late in training may be like instead of the process; the choice of ε goes by these."""

_BYTES_PER_ENTRY = 12
"""Of one-hot symbols: whole numbers of 8 bytes, then floats."""

INDEPENDENT_SYMBOLS = "independent symbols"
"""What a network on the plateau is like; shown, but easy to tell at every ε worth having."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EpsilonChoice(Result):
    """Loss of wrong processes in units of the loss of the process itself, by ε.

    Attributes
    ----------
    epsilon : (epsilon,)
        Candidates.
    alternative : (alternative,)
        Wrong processes.
    ratio : (alternative, epsilon)
        Mean S(alternative, process) / mean S(process, process) between fresh batches; at 1 the loss cannot
        tell them apart, and below 1 it prefers the wrong one.
    ratio_error : (alternative, epsilon)
        Standard error over the repeats.
    """

    epsilon: Float[np.ndarray, " epsilon"] = axes(
        "epsilon", unit="mismatched symbols", description="regularisation"
    )
    alternative: np.ndarray = axes("alternative", description="process that is not the right one")
    ratio: Float[np.ndarray, "alternative epsilon"] = axes(
        "alternative", "epsilon", description="loss relative to that of the process itself"
    )
    ratio_error: Float[np.ndarray, "alternative epsilon"] = axes(
        "alternative", "epsilon", description="standard error of the ratio over repeats"
    )

    @property
    def typical_ratio(self) -> Float[np.ndarray, " epsilon"]:
        """Geometric mean of the ratios of the nearly right processes, (epsilon,)."""
        return np.exp(np.log(self.ratio[self.alternative != INDEPENDENT_SYMBOLS]).mean(axis=0))

    @property
    def chosen(self) -> float:
        """The ε whose typical ratio is largest, among those where it is a number.

        Raises
        ------
        InputError
            If it is none anywhere: the process itself has a loss of 0, so nothing can be compared with it.
        """
        typical = self.typical_ratio
        if not np.isfinite(typical).any():
            raise InputError(
                "the process must vary for an ε to be chosen, but batches of it are all alike, so its own "
                "loss is 0. Choose ε by hand."
            )
        return float(self.epsilon[np.nanargmax(np.where(np.isfinite(typical), typical, np.nan))])


def choose_epsilon(
    hmm: HMM,
    n_steps: int,
    batch_size: int,
    *,
    epsilons: Sequence[float] = tuple(blur**2 for blur in DEFAULT_BLURS),
    n_repeats: int = 4,
    seed: int = 0,
    progress: ProgressCallback = ignore_progress,
) -> EpsilonChoice:
    """Find the ε at which the loss of a batch best tells the process from nearly right ones.

    Parameters
    ----------
    hmm : HMM
    n_steps : int >= 2
        Length of the sequences.
    batch_size : int >= 2
        Sequences in each batch, generated and target.
    epsilons : sequence of float > 0
        Candidates.
    n_repeats : int >= 2
        Pairs of fresh batches; the same random numbers draw every process.
    seed : int
    progress : callable
        Called after each candidate.

    Returns
    -------
    EpsilonChoice
        ``chosen`` is the ε to use.

    Raises
    ------
    InputError
        If there is no candidate or only one repeat.

    Notes
    -----
    Own criterion. The paper uses ε = 0.04 (blur 0.2) for every process, where the self terms are inert and a
    process of lower diversity has a lower loss than the right one.
    """
    if not epsilons or n_repeats < 2:
        raise InputError(
            f"`epsilons` must hold at least one value and `n_repeats` be ≥ 2, got {list(epsilons)} and "
            f"{n_repeats}. The defaults are good for most processes."
        )
    n_batches = n_repeats * (len(NEARLY_RIGHT) + 3)
    require_memory(
        _BYTES_PER_ENTRY * n_batches * batch_size * n_steps * hmm.n_symbols,
        "choosing ε",
        "Lower the size of batches, the number of steps or of repeats.",
    )
    batches = [_draw_batches(hmm, n_steps, batch_size, (seed, repeat)) for repeat in range(n_repeats)]
    losses, workspace = [], Workspace()
    for index, epsilon in enumerate(epsilons):
        progress(Progress("choose ε", float(index), float(len(epsilons)), f"ε = {epsilon:g}", {}))
        losses.append([_measure(targets, others, epsilon, workspace) for targets, others in batches])
    progress(Progress("choose ε", float(len(epsilons)), float(len(epsilons)), "done", {}))
    ratio, error = _compute_ratios(np.array(losses))
    return EpsilonChoice(
        settings={
            "process": hmm.name,
            "n_steps": n_steps,
            "batch_size": batch_size,
            "n_repeats": n_repeats,
            "seed": seed,
        },
        status={},
        epsilon=np.array(epsilons, dtype=np.float64),
        alternative=np.array([INDEPENDENT_SYMBOLS, *NEARLY_RIGHT]),
        ratio=ratio,
        ratio_error=error,
    )


def _draw_batches(
    hmm: HMM, n_steps: int, batch_size: int, seed: tuple[int, int]
) -> tuple[Tensor, list[Tensor]]:
    """Target batch; batches of the process itself, of independent symbols and of nearly right processes."""
    targets = _draw(hmm, n_steps, batch_size, (*seed, 0))
    processes = [hmm, *(change(hmm) for change in NEARLY_RIGHT.values())]
    own, *others = (_draw(process, n_steps, batch_size, (*seed, 1)) for process in processes)
    rng = np.random.default_rng((*seed, 2))
    return targets, [own, _draw_independent(hmm, n_steps, batch_size, rng), *others]


def _draw(hmm: HMM, n_steps: int, n_sequences: int, seed: tuple[int, ...]) -> Tensor:
    sampled = sample_sequences(hmm, n_sequences, n_steps, rng=np.random.default_rng(seed))
    return _encode(sampled.symbols, hmm.n_symbols)


def _draw_independent(hmm: HMM, n_steps: int, n_sequences: int, rng: np.random.Generator) -> Tensor:
    columns = [rng.choice(hmm.n_symbols, n_sequences, p=p) for p in compute_step_frequencies(hmm, n_steps)]
    return _encode(np.stack(columns, axis=1), hmm.n_symbols)


def _encode(symbols: np.ndarray, n_symbols: int) -> Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(symbols.astype(np.int64)), n_symbols).float()


def _measure(targets: Tensor, others: list[Tensor], epsilon: float, workspace: Workspace) -> list[float]:
    divergence = SinkhornDivergence(targets, epsilon=epsilon, workspace=workspace)
    return [float(divergence(x).value) for x in others]


def _compute_ratios(losses: Float[np.ndarray, "epsilon repeat process"]) -> tuple[np.ndarray, np.ndarray]:
    """Ratios of the means over repeats, (alternative, epsilon), and their standard errors (linearised)."""
    means = losses.mean(axis=1)
    own = np.where(means[:, :1] > 0, means[:, :1], np.nan)
    ratio = means[:, 1:] / own
    residuals = (losses[:, :, 1:] - ratio[:, None, :] * losses[:, :, :1]) / own[:, None]
    error = residuals.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    return ratio.T, error.T
