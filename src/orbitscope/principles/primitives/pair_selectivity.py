"""Causal selectivity: whether what acts on one pair changes the rates of its own passages only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from ...circuit.influence import draw_matched_sets
from ...circuit.noise_subspaces import draw_equal_drive, measure_drive_share
from ...circuit.symbol_runs import find_switches
from ...dynamics.driving.driven_states import LARGEST_STATE
from ...interventions.common_noise_runs import follow_on_common_noise
from ...interventions.targets import Target
from ...network import NoiseRNN
from ...statistics import Estimate, Null, bootstrap_statistic, compute_permutation_p_value
from ...statistics.null import LEVEL
from ...statistics.verdicts import ALPHA
from ..region_cores import OUTSIDE, RegionCores, find_last_core

FAMILIES = ("noise removed", "noise doubled", "first neurons")
"""The direction of the noise of a pair with gain 0 and 2; recurrent gain 0 on the first neurons of a way."""

LEAST_EXPECTED = 5.0
"""Passages at the intact rate that must fit into the steps of a run: else it hardly visits the region."""

_N_NEAREST = 8
"""Neurons among which the match of each neuron is drawn."""


@dataclass(frozen=True, eq=False)
class Family:
    """Interventions of one kind, and random ones of equal size.

    Attributes
    ----------
    name : str
        One of ``FAMILIES``.
    gain : float
    targets : of each pair, or of each direction
    controls : sequence of Target
    """

    name: str
    gain: float
    targets: list[Target]
    controls: list[Target]

    def list_own(self, n_pairs: int) -> list[list[tuple[int, int]]]:
        """Of each pair, the targets that are its own with the direction that each is meant for."""
        is_shared = len(self.targets) == n_pairs  # one target for both ways
        return [
            [(pair if is_shared else direction, direction) for direction in (2 * pair, 2 * pair + 1)]
            for pair in range(n_pairs)
        ]


def build_noise_families(
    pair_direction: Float[np.ndarray, "pair input"],
    w_ih: Float[np.ndarray, "hidden input"] | None,
    names: Sequence[str],
    *,
    n_controls: int,
    rng: np.random.Generator,
) -> list[Family]:
    """Noise of each pair without it and doubled; controls carry as much drive as the pair with the most."""
    bases = [row[:, None] for row in pair_direction]
    targets = [_act_on(name, basis) for name, basis in zip(names, bases, strict=True)]
    controls: list[Target] = []
    if w_ih is not None and w_ih.shape[1] > 1:
        largest = max(bases, key=lambda basis: measure_drive_share(w_ih, basis))
        drawn = [draw_equal_drive(w_ih, largest, rng=rng) for _ in range(n_controls)]
        controls = [_act_on("control", basis) for basis in drawn]
    return [Family(FAMILIES[0], 0.0, targets, controls), Family(FAMILIES[1], 2.0, targets, controls)]


def _act_on(name: str, basis: Float[np.ndarray, "input _"]) -> Target:
    return Target(name, basis=basis, source="noise directions")


def build_neuron_family(
    network: NoiseRNN,
    hidden: Float[Tensor, "time trajectory hidden"],
    order: Int[np.ndarray, "direction hidden"],
    names: Sequence[str],
    *,
    n_first: int,
    n_controls: int,
    rng: np.random.Generator,
) -> Family:
    """First neurons of each direction; controls are as many others of like mean activity and readout."""
    size = network.hidden_size
    first = order[:, : min(n_first, size // 2)]
    targets = [Target(name, tuple(sorted(row))) for name, row in zip(names, first.tolist(), strict=True)]
    chosen = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(chosen, first, True, axis=1)
    activity = hidden.flatten(0, 1).mean(0).double().abs().cpu().numpy()
    readout = network.w_out.detach().norm(dim=0).double().cpu().numpy()
    features = np.broadcast_to(np.stack([activity, readout], axis=-1), (*order.shape, 2))
    n_sets = -(-n_controls // len(order))
    sets = draw_matched_sets(chosen, features, n_sets=n_sets, n_nearest=_N_NEAREST, rng=rng)
    rows = sets.reshape(-1, size)[:n_controls]
    controls = [Target("control", tuple(np.flatnonzero(row).tolist())) for row in rows]
    return Family(FAMILIES[2], 0.0, targets, controls)


@torch.no_grad()
def run_passages(
    networks: Sequence[NoiseRNN],
    cores: RegionCores,
    pairs: list[tuple[int, int]],
    *,
    n_trajectories: int,
    n_steps: int,
    burn_in: int,
    noise_std: float,
    generator: torch.Generator,
) -> tuple[Float[np.ndarray, "trajectory run 2 direction"], Bool[np.ndarray, " run"]]:
    """Count passages of networks on the same noise, each from where the first one has come to.

    Returns
    -------
    counts : (trajectory, run, 2, direction)
        Passages, and steps since which the core before was the last one.
    is_unbounded : (run,)
    """
    followed = follow_on_common_noise(
        networks,
        lambda network, start: _Followed(network, cores, start),
        n_trajectories=n_trajectories,
        n_steps=n_steps,
        burn_in=burn_in,
        noise_std=noise_std,
        generator=generator,
    )
    counts = [count_passages(each.list_cores(), pairs) for each in followed]
    return np.stack(counts, axis=1), np.array([each.is_unbounded for each in followed])


class _Followed:
    """One network on its way, and the cores that it comes through."""

    def __init__(self, network: NoiseRNN, cores: RegionCores, start: Float[Tensor, "trajectory state"]):
        self.network, self.cores, self.state = network, cores, start
        self.found: list[Tensor] = []
        self.is_unbounded = False

    @torch.no_grad()
    def advance(self, noise: Float[Tensor, "time trajectory input"]) -> None:
        """Follow the network through a chunk of noise; no further once activity has no bound."""
        if self.is_unbounded:
            self.found.append(torch.full(noise.shape[:2], OUTSIDE, dtype=torch.int8))
            return
        states = self.network.unroll(self.state, noise)
        self.state = states[-1].clone()
        self.is_unbounded = not bool(self.state.abs().max() <= LARGEST_STATE)  # nor for NaN
        hidden = self.network.show_hidden(states)
        self.found.append(self.cores.find_cores(hidden).to(torch.int8))

    def list_cores(self) -> Integer[np.ndarray, "trajectory time"]:
        """Cores of all steps."""
        return torch.cat([each.cpu() for each in self.found]).T.numpy()


def count_passages(
    core: Integer[np.ndarray, "trajectory time"], pairs: list[tuple[int, int]]
) -> Float[np.ndarray, "trajectory 2 direction"]:
    """Passages of each pair, there and back, and steps after which one could be seen."""
    last = find_last_core(core)
    switches = find_switches(last)
    counts = np.zeros((len(core), 2, 2 * len(pairs)))
    for i, (origin, target) in enumerate(both for a, b in pairs for both in ((a, b), (b, a))):
        rows = (switches.origin == origin) & (switches.target == target)
        np.add.at(counts[:, 0, i], switches.trajectory[rows], 1)
        counts[:, 1, i] = (last[:, :-1] == origin).sum(1)
    return counts


def compare_rates(
    totals: Float[np.ndarray, "*batch run 2 direction"], is_known: Bool[np.ndarray, "run direction"]
) -> Float[np.ndarray, "*batch run direction"]:
    """Log change of each rate over that of the first run: ½ passage is added to every count."""
    with np.errstate(invalid="ignore", divide="ignore"):
        log_rate = np.log((totals[..., 0, :] + 0.5) / totals[..., 1, :])
        change = log_rate - log_rate[..., :1, :]
    return np.where(is_known & np.isfinite(change), change, np.nan)


def find_known(
    totals: Float[np.ndarray, "run 2 direction"], is_unbounded: Bool[np.ndarray, " run"]
) -> Bool[np.ndarray, "run direction"]:
    """Rates that a run can tell: it spends steps enough in the region."""
    passages, steps = totals[:, 0], totals[:, 1]
    expected = steps * np.divide(passages[0], steps[0], out=np.zeros(steps.shape[1]), where=steps[0] > 0)
    return (expected >= LEAST_EXPECTED) & ~is_unbounded[:, None] & ~is_unbounded[0]


def compute_selectivity(
    change: Float[np.ndarray, "*batch direction"],
) -> Float[np.ndarray, "*batch direction"]:
    """|change| of each direction minus the mean |change| of those of other pairs; NaN without another one.

    Directions of a pair are neighbours.
    """
    size = np.abs(change)
    pair = np.arange(size.shape[-1]) // 2
    is_other = (pair[:, None] != pair).astype(float)
    known = np.isfinite(size).astype(float)
    total, number = np.nan_to_num(size) @ is_other, known @ is_other
    others = np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)
    return size - others


@dataclass(frozen=True, eq=False)
class Selectivity:
    """What interventions do to passages.

    Attributes
    ----------
    change, selectivity : Estimate, (run, direction)
        Of all targets of all families, in their order.
    pair_selectivity : Estimate, (family, pair)
        Of the way that is less selective.
    null : Null, (family, pair)
        Largest of all pairs under random interventions.
    control_selectivity : (family, control, direction)
    n_passages : (direction,)
        Of the intact network.
    notes : list of str
    """

    change: Estimate
    selectivity: Estimate
    pair_selectivity: Estimate
    null: Null
    control_selectivity: Float[np.ndarray, "family control direction"]
    n_passages: Int[np.ndarray, " direction"]
    notes: list[str]


def measure_selectivity(
    families: Sequence[Family],
    counts: Float[np.ndarray, "trajectory run 2 direction"],
    is_unbounded: Bool[np.ndarray, " run"],
    *,
    n_controls: int,
    rng: np.random.Generator,
    **resampling,
) -> Selectivity:
    """Selectivity of the targets of each family beside its controls; runs as in :func:`list_networks`."""
    n_targets = [len(family.targets) for family in families]
    n_runs, n_pairs = sum(n_targets), counts.shape[3] // 2
    is_known = find_known(counts.sum(0), is_unbounded)
    firsts = np.cumsum([1, *n_targets])[:-1]
    own = [
        [[(first + run, direction) for run, direction in ways] for ways in family.list_own(n_pairs)]
        for first, family in zip(firsts.tolist(), families, strict=True)
    ]
    cells = np.array(own)  # family, pair, way, (run, direction)

    def measure(totals: np.ndarray) -> np.ndarray:
        change = compare_rates(totals, is_known[: 1 + n_runs])
        selectivity = compute_selectivity(change)
        of_pairs = selectivity[:, cells[..., 0], cells[..., 1]].min(-1)
        parts = change[:, 1:], selectivity[:, 1:], of_pairs
        return np.concatenate([part.reshape(len(totals), -1) for part in parts], axis=1)

    found = bootstrap_statistic(counts[:, : 1 + n_runs], measure, rng=rng, **resampling).as_estimate()
    shapes = [(n_runs, 2 * n_pairs), (n_runs, 2 * n_pairs), (len(families), n_pairs)]
    change, selectivity, of_pairs = _split(found, shapes)

    controls = np.full((len(families), n_controls, 2 * n_pairs), np.nan)
    all_changes = compute_selectivity(compare_rates(counts.sum(0), is_known))
    at = 1 + n_runs
    for f, family in enumerate(families):
        controls[f, : len(family.controls)] = all_changes[at : at + len(family.controls)]
        at += len(family.controls)
    n_lost = int(is_unbounded.sum())
    notes = [f"in {n_lost} of {len(is_unbounded)} runs activity has no bound"] if n_lost else []
    return Selectivity(
        change,
        selectivity,
        of_pairs,
        _compare_with_controls(of_pairs.value, controls, [len(family.controls) for family in families]),
        controls,
        counts.sum(0)[0, 0].astype(int),
        notes,
    )


def list_networks(network: NoiseRNN, families: Sequence[Family]) -> list[NoiseRNN]:
    """The intact network, all targets of all families, then all controls."""
    targets = [target.scale(network, family.gain) for family in families for target in family.targets]
    controls = [target.scale(network, family.gain) for family in families for target in family.controls]
    return [network, *targets, *controls]


def _split(found: Estimate, shapes: list[tuple[int, int]]) -> list[Estimate]:
    """Parts of a flat estimate; NaN where some resamples leave it undefined."""
    is_known = np.isfinite(found.low) & np.isfinite(found.high)
    arrays = [np.where(is_known, x, np.nan) for x in (found.value, found.low, found.high)]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    parts = [np.split(x, ends) for x in arrays]
    return [Estimate(*(part[i].reshape(shape) for part in parts)) for i, shape in enumerate(shapes)]


def _compare_with_controls(
    observed: Float[np.ndarray, "family pair"],
    controls: Float[np.ndarray, "family control direction"],
    n_drawn: list[int],
) -> Null:
    """Largest selectivity of all pairs under each control; one that is not known counts as large.

    None where more than half of the controls are not known.
    """
    n_families, n_controls, _ = controls.shape
    of_pairs = controls.reshape(n_families, n_controls, -1, 2).min(-1)
    largest = np.where(np.isnan(of_pairs), -np.inf, of_pairs).max(-1, initial=-np.inf)
    draws = np.where(np.isfinite(largest), largest, np.nan)
    quantile, p_value = np.full(observed.shape, np.nan), np.full(observed.shape, np.nan)
    for f, n in enumerate(n_drawn):
        drawn = draws[f, :n]
        if n and np.isfinite(drawn).sum() > n / 2:
            quantile[f] = np.nanquantile(drawn, LEVEL)
            as_large = np.where(np.isnan(drawn), np.inf, drawn)
            is_known = np.isfinite(observed[f])
            tested = np.where(is_known, observed[f], 0.0)
            p_value[f] = np.where(is_known, compute_permutation_p_value(tested, as_large[:, None]), np.nan)
    spread = np.broadcast_to(draws.T[..., None], (n_controls, *observed.shape))
    return Null("random sets", quantile, p_value, spread)


def judge_pairs(
    selectivity: Estimate, p_value: Float[np.ndarray, " pair"]
) -> tuple[str, Int[np.ndarray, " pair"]]:
    """Whether a network is composed, and which pairs are selective: 1, 0, or −1 where it is not known.

    A pair is selective if the lower limit is above 0 and the p-value below ``ALPHA``. "composed": every pair
    is; "not composed": none is; "partly": some are. "one pair only": there is no other pair to spare. A pair
    that is not known counts as one that is not selective: an intervention that ends the visits to a region
    has taken a state away. "undefined" where no pair is known.
    """
    is_known = np.isfinite(selectivity.low) & np.isfinite(p_value)
    selective = (selectivity.low > 0) & (p_value < ALPHA)
    codes = np.where(is_known, selective, -1).astype(int)
    if len(codes) == 1:
        return "one pair only", codes
    if not is_known.any():
        return "undefined", codes
    if not (codes == 1).any():
        return "not composed", codes
    return ("composed" if (codes == 1).all() else "partly"), codes
