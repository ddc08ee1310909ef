"""The Sinkhorn divergence between generated and target sequences, as a loss with a gradient."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from .cost import DEFAULT_MEMORY_BUDGET, SequenceCost, is_one_hot
from .known_gradient import attach_gradient
from .sinkhorn import (
    Transport,
    compute_duplicate_entropy,
    compute_epsilon_levels,
    compute_squared_diameter,
    solve_self_transport,
    solve_transport,
)
from .workspace import Workspace

PUBLISHED_EPSILON = 0.04
"""ε = blur² with blur = 0.2 (Torre et al. 2025, appendix on training)."""

_INERT_SELF_TERM = 1e-5
"""Share of off-diagonal plan below which a self term is ε·H(duplicates) and has no gradient."""

LossMode = Literal["published", "converged"]


@dataclass(frozen=True)
class DivergenceResult:
    """A Sinkhorn divergence and how far its solution is from the exact one.

    Attributes
    ----------
    value : scalar tensor
        S = OT_ε(α, β) − ½OT_ε(α, α) − ½OT_ε(β, β), in mismatched symbols per sequence; differentiable
        with respect to the generated batch.
    marginal_error : float
        Mean |column sum − 1| of the cross plan (0.5-0.9 in published mode at ε = 0.04).
    n_updates : int
        Updates of the cross potentials.
    converged : bool
        Cross and self terms met the tolerance.
    """

    value: Tensor
    marginal_error: float
    n_updates: int
    converged: bool


class SinkhornDivergence:
    """Sinkhorn divergence to a fixed target batch.

    Parameters
    ----------
    targets : (sequence, time, symbol)
        One-hot target sequences; their dtype (float32 or float64) is the precision of the computation.
    epsilon : float > 0
        Regularisation ε = blur², in units of the cost (mismatched symbols).
    mode : "published" or "converged"
        One pass of annealing as in the paper, or the same followed by updates until ``tolerance``.
    tolerance : float
        Mean marginal error accepted as converged.
    max_updates : int
        Updates at the last ε before giving up; ``converged`` tells.
    memory_budget : int
        Bytes for the matrices; above it they are recomputed block by block.
    workspace : Workspace, optional
        Memory for the matrices; divergences that are evaluated in turn may share one.

    Raises
    ------
    InputError
        If a batch is not (sequence, time, symbol), or ε or the mode is out of range.

    Notes
    -----
    Paper: Torre et al. 2025, appendix on training. Equal to ``geomloss.SamplesLoss(p=2, blur=√ε)`` in
    published mode. Where N·exp(−1/ε) is negligible the self term is ε times the entropy over duplicates and
    its gradient vanishes; it is then computed in closed form.
    """

    def __init__(
        self,
        targets: Float[Tensor, "sequence time symbol"],
        *,
        epsilon: float = PUBLISHED_EPSILON,
        mode: LossMode = "published",
        tolerance: float = 1e-3,
        max_updates: int = 1000,
        memory_budget: int = DEFAULT_MEMORY_BUDGET,
        workspace: Workspace | None = None,
    ):
        _check_options(epsilon, mode)
        self.targets = _check_batch(targets, "targets")
        self.epsilon, self.mode, self.memory_budget = float(epsilon), mode, memory_budget
        self.workspace = workspace or Workspace()
        self._options = {
            "converge": mode == "converged",
            "tolerance": tolerance,
            "max_updates": max_updates,
            "memory_budget": memory_budget,
        }
        self._target_terms: dict[float, Transport] = {}

    def __repr__(self) -> str:
        options = f"epsilon={self.epsilon:g}, mode={self.mode!r}"
        return f"SinkhornDivergence(targets: {tuple(self.targets.shape)}, {options})"

    def __call__(
        self, generated: Float[Tensor, "other time symbol"], *, self_weight: float = 1.0
    ) -> DivergenceResult:
        """Divergence of a generated batch from the targets, with its gradient.

        Parameters
        ----------
        generated : (other, time, symbol)
            One-hot sequences.
        self_weight : float
            Share λ of the self term OT_ε(α, α) in the gradient; the rest is the self term at ε = ∞, whose
            plan is uniform. The gradient is (λ·x_i + (1 − λ)·x̄ − Σ_j P_ij y_j)/N where the self term is
            inert, with x̄ the mean of the batch: it corrects the symbol frequencies of each step as at λ = 1,
            but drives a sequence less away from its own symbols. The value returned is that of λ = 1, the
            paper's.
        """
        generated = _check_batch(generated, "generated")
        if generated.shape[1:] != self.targets.shape[1:]:
            raise InputError(
                f"`generated` must have (time, symbol) = {tuple(self.targets.shape[1:])} like the targets, "
                f"got {tuple(generated.shape[1:])}. Generate sequences of the targets' length and symbols."
            )
        if (generated.dtype, generated.device) != (self.targets.dtype, self.targets.device):
            raise InputError(
                f"`generated` must be {self.targets.dtype} on {self.targets.device} like the targets, got "
                f"{generated.dtype} on {generated.device}. Convert one of them with .to()."
            )
        needs_gradient = generated.requires_grad and torch.is_grad_enabled()
        with torch.no_grad():
            cross, own, target = self._solve(generated.detach(), needs_gradient)
            value = cross.value - 0.5 * own.value - 0.5 * target.value
            gradient = self._compute_gradient(generated, cross, own, self_weight) if needs_gradient else None
        if gradient is not None:
            value = attach_gradient(generated, value, gradient)
        return DivergenceResult(
            value,
            cross.marginal_error,
            cross.n_updates,
            cross.converged and own.converged and target.converged,
        )

    def _solve(self, generated: Tensor, needs_gradient: bool) -> tuple[Transport, Transport, Transport]:
        squared_diameter = compute_squared_diameter(generated.flatten(1), self.targets.flatten(1))
        levels = compute_epsilon_levels(squared_diameter, self.epsilon)
        cost = self._compute_cost(generated, self.targets)
        features = _encode_features(self.targets) if needs_gradient else None
        cross = solve_transport(cost, levels, features=features, **self._options)
        own = self._solve_self(generated, levels, needs_gradient)
        if squared_diameter not in self._target_terms:
            self._target_terms = {squared_diameter: self._solve_self(self.targets, levels, False)}
        return cross, own, self._target_terms[squared_diameter]

    def _solve_self(self, x: Tensor, levels: list[float], needs_gradient: bool) -> Transport:
        if len(x) * math.exp(-1.0 / self.epsilon) < _INERT_SELF_TERM and is_one_hot(x):
            entropy = compute_duplicate_entropy(x)
            return Transport(x.new_tensor(self.epsilon * entropy), None, 0.0, 0, True)
        cost = self._compute_cost(x, x)
        features = _encode_features(x) if needs_gradient else None
        return solve_self_transport(cost, levels, features=features, **self._options)

    def _compute_cost(self, x: Tensor, y: Tensor) -> SequenceCost:
        return SequenceCost(x, y, memory_budget=self.memory_budget, workspace=self.workspace)

    def _compute_gradient(
        self, generated: Tensor, cross: Transport, own: Transport, self_weight: float
    ) -> Tensor:
        """(x_i − Σ_j P_ij y_j)/N minus the same with the self plan, or its mixture with the uniform plan."""
        assert cross.barycenters is not None
        means = generated if own.barycenters is None else _decode_means(own.barycenters, generated)
        if self_weight != 1.0:
            means = means.lerp(generated.mean(0).expand_as(means), 1.0 - self_weight)
        return (means - _decode_means(cross.barycenters, generated)) / len(generated)


def sinkhorn_divergence(
    x: Float[Tensor, "sequence time symbol"],
    y: Float[Tensor, "other time symbol"],
    *,
    epsilon: float = PUBLISHED_EPSILON,
    mode: LossMode = "published",
    tolerance: float = 1e-3,
    max_updates: int = 1000,
) -> DivergenceResult:
    """Sinkhorn divergence of one batch from another; see :class:`SinkhornDivergence`."""
    divergence = SinkhornDivergence(
        y, epsilon=epsilon, mode=mode, tolerance=tolerance, max_updates=max_updates
    )
    return divergence(x)


def _encode_features(x: Tensor) -> Tensor:
    """Sequences as rows; one-hots without their last symbol, which is what the others leave of 1."""
    return (x[..., :-1] if is_one_hot(x) else x).flatten(1)


def _decode_means(means: Tensor, like: Tensor) -> Tensor:
    """Means of such rows as (sequence, time, symbol)."""
    if means.shape[1] == like.shape[1] * like.shape[2]:
        return means.view_as(like)
    others = means.unflatten(1, (like.shape[1], like.shape[2] - 1))
    return torch.cat([others, 1.0 - others.sum(-1, keepdim=True)], -1)


def _check_options(epsilon: float, mode: str) -> None:
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise InputError(f"`epsilon` must be > 0, got {epsilon}. The paper uses 0.04 (blur 0.2).")
    if mode not in ("published", "converged"):
        raise InputError(f"`mode` must be `published` or `converged`, got `{mode}`.")


def _check_batch(batch: Tensor, name: str) -> Tensor:
    if not isinstance(batch, Tensor):
        raise InputError(
            f"`{name}` must be a torch.Tensor, got {type(batch).__name__}. Use torch.as_tensor on it."
        )
    if batch.ndim != 3 or min(batch.shape) < 1:
        raise InputError(
            f"`{name}` must be one-hot (sequence, time, symbol), got shape {tuple(batch.shape)}. "
            "Use torch.nn.functional.one_hot on integer symbols."
        )
    if not batch.is_floating_point():
        raise InputError(f"`{name}` must be floating point, got {batch.dtype}. Call .float() on it.")
    return batch
