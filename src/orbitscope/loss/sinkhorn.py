"""Entropic optimal transport between uniform measures: published annealing, and the same run to convergence.

Convention, stated once: cost c = ½‖x − y‖², regularisation ε = blur², entropy relative to the product
measure, so that P_ij = exp((f_i + g_j − C_ij)/ε)/(N·M), and softmin of h: −ε log mean_j exp((h_j − C_ij)/ε).
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InputError
from .cost import DEFAULT_MEMORY_BUDGET, SequenceCost
from .kernel import GibbsKernel

LEVEL_RATIO = 4.0
"""Each annealing level divides ε by this (geomloss: scaling 0.5 in blur)."""


@dataclass(frozen=True)
class Transport:
    """Solution of one entropic transport problem between N and M sequences.

    Attributes
    ----------
    value : float
        OT_ε in units of the cost (mismatched symbols).
    barycenters : (sequence, feature) or None
        Plan-weighted mean of the other batch's features for each sequence.
    marginal_error : float
        Mean |column sum − 1| of the row-normalised plan; 0 when converged.
    n_updates : int
        Updates of the potentials.
    converged : bool
        The marginal error met the tolerance (``marginal_error`` may exceed it by the rounding of one pass).
    """

    value: Tensor
    barycenters: Float[Tensor, "sequence feature"] | None
    marginal_error: float
    n_updates: int
    converged: bool


def compute_epsilon_levels(squared_diameter: float, epsilon: float) -> list[float]:
    """Annealing levels ε₀, ε₀, ε₀/4, … above ε, then ε itself (Feydy et al. 2019; geomloss's schedule).

    Raises
    ------
    InputError
        If ε is not positive, or one of both is not finite: there would be no last level.
    """
    if not (math.isfinite(squared_diameter) and math.isfinite(epsilon) and epsilon > 0):
        raise InputError(
            f"ε must be > 0 and sequences finite, got ε = {epsilon:g} and a squared diameter of "
            f"{squared_diameter:g}. Check the batches for NaN and infinity."
        )
    levels = [squared_diameter or epsilon]
    level = levels[0]
    while level > epsilon:
        levels.append(level)
        level /= LEVEL_RATIO
    return [*levels, epsilon]


def compute_squared_diameter(
    x: Float[Tensor, "sequence feature"], y: Float[Tensor, "other feature"]
) -> float:
    """Squared diagonal of the bounding box of both batches: T·K when every symbol occurs at every step."""
    lowest = torch.minimum(x.amin(0), y.amin(0))
    highest = torch.maximum(x.amax(0), y.amax(0))
    return float((highest - lowest).square().sum())


def solve_transport(
    cost: SequenceCost,
    levels: list[float],
    *,
    features: Float[Tensor, "other feature"] | None,
    converge: bool,
    tolerance: float,
    max_updates: int,
    memory_budget: int = DEFAULT_MEMORY_BUDGET,
) -> Transport:
    """Solve OT_ε(α, β) between two different batches.

    Each level makes one symmetrised update; ``converge`` then alternates full updates at the last ε until
    the marginal error is at most ``tolerance``. A last extrapolation gives value and plan.
    """
    n, m = cost.shape
    kernel, epsilon = _make_kernel(cost, memory_budget), levels[-1]
    f = torch.zeros(n, dtype=cost.dtype, device=cost.device)
    g = torch.zeros(m, dtype=cost.dtype, device=cost.device)
    f, g = _softmins(kernel, f, g, levels[0])
    for level in levels:
        new_f, new_g = _softmins(kernel, f, g, level, exact=level == epsilon)
        f, g = 0.5 * (f + new_f), 0.5 * (g + new_g)
    n_updates, met = len(levels) + 1, False
    if converge:
        f, g, n_more, met = _alternate(kernel, f, g, epsilon, tolerance=tolerance, max_updates=max_updates)
        n_updates += n_more
    sums = kernel.compute_plan(f, g, epsilon, features)
    new_f = f - epsilon * torch.log(sums.rows / m)
    new_g = g if converge else g - epsilon * torch.log(sums.columns / n)
    error = float((sums.normalised_columns * (m / n) - 1).abs().mean())
    met = met or error <= tolerance
    return Transport(new_f.mean() + new_g.mean(), sums.row_means, error, n_updates, met)


def solve_self_transport(
    cost: SequenceCost,
    levels: list[float],
    *,
    features: Float[Tensor, "other feature"] | None,
    converge: bool,
    tolerance: float,
    max_updates: int,
    memory_budget: int = DEFAULT_MEMORY_BUDGET,
) -> Transport:
    """Solve OT_ε(α, α), whose two potentials are equal and whose averaged updates converge fast."""
    n, epsilon = cost.shape[0], levels[-1]
    kernel = _make_kernel(cost, memory_budget)
    f = torch.zeros(n, dtype=cost.dtype, device=cost.device)
    f = _softmins(kernel, f, f, levels[0])[0]
    met, n_updates = False, 1
    for level in [*levels, *([epsilon] * max_updates if converge else [])]:
        rows, _ = kernel.compute_sums(f, f, level, exact=level == epsilon and n_updates == len(levels))
        change = torch.log(rows / n)
        error = float(change.exp().sub_(1).abs().mean())
        met = n_updates > len(levels) and error <= tolerance
        if met:
            break
        f = f - 0.5 * level * change
        n_updates += 1
    plan = kernel.compute_plan(f, f, epsilon, features)
    new_f = f - epsilon * torch.log(plan.rows / n)
    error = float((plan.normalised_columns - 1).abs().mean())
    value = f.mean() + new_f.mean() if converge else 2 * new_f.mean()
    return Transport(value, plan.row_means, error, n_updates, met or error <= tolerance)


def compute_duplicate_entropy(x: Float[Tensor, "sequence time symbol"]) -> float:
    """Entropy, in nat, over the classes of identical one-hot sequences: log N when all differ."""
    n_symbols = x.shape[2]
    digits = int(62 / max(1.0, math.log2(n_symbols)))
    parts = x.argmax(-1).split(digits, dim=1)
    labels = _label(_read_as_number(parts[0], n_symbols))
    for part in parts[1:]:
        labels = _label(labels * len(x) + _label(_read_as_number(part, n_symbols)))
    counts = torch.bincount(labels).double()
    shares = counts / counts.sum()
    return float(-(shares * shares.log()).sum())


def _label(numbers: Int[Tensor, " sequence"]) -> Int[Tensor, " sequence"]:
    """Labels 0, 1, 2 … of equal numbers."""
    return torch.unique(numbers, return_inverse=True)[1]


def _read_as_number(symbols: Int[Tensor, "sequence time"], n_symbols: int) -> Int[Tensor, " sequence"]:
    """Symbols as the digits of one integer: sorting it is faster than sorting sequences."""
    weights = n_symbols ** torch.arange(symbols.shape[1], device=symbols.device)
    return (symbols * weights).sum(1)


def _make_kernel(cost: SequenceCost, memory_budget: int) -> GibbsKernel:
    """Keep the kernel between updates if cost and kernel together fit into the budget."""
    n, m = cost.shape
    kernel_bytes = n * m * cost.dtype.itemsize
    return GibbsKernel(cost, stored=cost.stored_bytes + kernel_bytes <= memory_budget)


def _softmins(kernel: GibbsKernel, f: Tensor, g: Tensor, epsilon: float, *, exact: bool = False):
    """New f from g and new g from f, both at once."""
    rows, columns = kernel.compute_sums(f, g, epsilon, exact=exact)
    n, m = kernel.cost.shape
    return f - epsilon * torch.log(rows / m), g - epsilon * torch.log(columns / n)


def _alternate(
    kernel: GibbsKernel, f: Tensor, g: Tensor, epsilon: float, *, tolerance: float, max_updates: int
):
    """Alternate exact updates of f and g (Sinkhorn's algorithm) until the other marginal holds too."""
    n, m = kernel.cost.shape
    for update in range(max_updates):
        rows, columns = kernel.compute_sums(f, g, epsilon)
        if update % 2 == 0:
            f = f - epsilon * torch.log(rows / m)
        elif float((columns / n - 1).abs().mean()) <= tolerance:
            return f, g, update + 1, True
        else:
            g = g - epsilon * torch.log(columns / n)
    return f, g, max_updates, False
