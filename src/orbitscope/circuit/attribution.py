"""Attribution: what patching each neuron does, in which twins, and what sets chosen on the other half do."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from ..dynamics.driving.driven_states import DrivenPath
from ..errors import UndefinedAnalysisError
from ..network import NoiseRNN, draw_seed
from ..subject import Subject
from .commitment import OUTCOME_STEPS
from .influence import average_halves, sum_by_unit
from .patching import Patches
from .switches import FEWEST_EVENTS
from .symbol_runs import Switches, draw_evenly
from .twins import Twins, build_twins


@dataclass(frozen=True)
class DirectedTwins:
    """Twins, and the directions of their switches.

    Attributes
    ----------
    twins : Twins
    pairs : (2, direction)
        Symbols before and after.
    direction : (twin,)
        Column of ``pairs``.
    n_units : int
        Trajectories.
    """

    twins: Twins
    pairs: Int[np.ndarray, "2 direction"]
    direction: Int[np.ndarray, " twin"]
    n_units: int

    @property
    def half(self) -> Int[np.ndarray, " twin"]:
        """Half of the trajectories that each twin belongs to."""
        return self.twins.owner % 2

    def select(self, chosen: Int[np.ndarray, " chosen"]) -> "DirectedTwins":
        """Some of the twins."""
        return replace(self, twins=self.twins.select(chosen), direction=self.direction[chosen])

    def patch(
        self,
        network: NoiseRNN,
        at: int,
        *,
        noise_std: float,
        generator: torch.Generator,
        placebo: bool = False,
    ) -> Patches:
        """Patches from the path that switches into one that stays, at one of the leads of the twins.

        For a placebo the donor is another path that stays.
        """
        twins = self.twins
        donor = twins.stayed_too if placebo else twins.switched
        n_steps = twins.lead[at] + OUTCOME_STEPS
        options = {"n_steps": n_steps, "noise_std": noise_std, "generator": generator}
        return Patches(network, twins.stayed[at], donor[at], twins.origin, **options)

    def measure_against_placebo(
        self,
        network: NoiseRNN,
        is_patched: Bool[np.ndarray, "set twin neuron"],
        *,
        n_rollouts: int,
        noise_std: float,
        generator: torch.Generator,
    ) -> Float[np.ndarray, "2 set twin"]:
        """Probability that the old symbol is gone: patched from the path that switches, and by a placebo.

        Both meet the same noise. Neurons of another path that stays change the outcome, too: two states are
        mixed. What a set does is the difference.
        """
        seed = draw_seed(generator)
        found = []
        for placebo in (False, True):
            source = torch.Generator(generator.device).manual_seed(seed)
            patches = self.patch(network, 0, noise_std=noise_std, generator=source, placebo=placebo)
            found.append(patches.measure_together(is_patched, n_rollouts=n_rollouts))
        return np.stack(found)

    def sum_up(
        self, values: Float[np.ndarray, "twin ..."]
    ) -> Float[np.ndarray, "unit half direction column"]:
        """Sums of each trajectory, half and direction, and the number of twins in the last column."""
        sizes = {"n_units": self.n_units, "n_directions": self.pairs.shape[1]}
        return sum_by_unit(values, self.twins.owner, self.direction, **sizes)

    def average(self, values: Float[np.ndarray, "twin neuron"]) -> Float[np.ndarray, "half direction neuron"]:
        """Means of each half and direction."""
        return average_halves(self.sum_up(values).sum(0))

    def assign(
        self, chosen: Bool[np.ndarray, "set half direction neuron"]
    ) -> Bool[np.ndarray, "set twin neuron"]:
        """Sets of each twin: those chosen on the other half, for its direction."""
        return chosen[:, 1 - self.half, self.direction]


def find_twins(
    subject: Subject,
    path: DrivenPath,
    switches: Switches,
    *,
    leads: tuple[int, ...],
    apart: int,
    n_twins: int,
    n_tries: int,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> DirectedTwins:
    """Twins of switches drawn evenly from all directions.

    Raises
    ------
    UndefinedAnalysisError
        If no direction has ``FEWEST_EVENTS`` twins, a third of that in each half of the trajectories.
    """
    ahead = max(leads) + apart
    is_whole = (switches.age >= ahead) & (switches.time >= ahead)
    is_whole &= switches.time + OUTCOME_STEPS < len(path.states)
    candidates = choose_candidates(switches.select(is_whole), n_twins, rng=rng)
    options = {"leads": leads, "apart": apart, "n_tries": n_tries, "noise_std": subject.noise_std}
    twins = build_twins(subject.network, path, candidates, **options, generator=generator)

    pairs, direction, counts = np.unique(
        np.stack([twins.origin, twins.target]), axis=1, return_inverse=True, return_counts=True
    )
    direction = direction.ravel()
    fewest = [
        min(int(((direction == d) & (twins.owner % 2 == half)).sum()) for half in (0, 1))
        for d in range(len(counts))
    ]
    is_often = (counts >= FEWEST_EVENTS) & (np.array(fewest, dtype=int) >= FEWEST_EVENTS // 3)
    if not is_often.any():
        raise UndefinedAnalysisError(
            f"some direction must have ≥ {FEWEST_EVENTS} switches after ≥ {ahead} steps of the old symbol, "
            f"with twins that do not switch, got at most {max(counts, default=0)}. Drive longer: "
            "`switches.n_trajectories`, `switches.n_steps`."
        )
    kept = is_often[direction]
    new = np.cumsum(is_often) - 1
    n_units = path.states.shape[1]
    return DirectedTwins(twins.select(kept), pairs[:, is_often].astype(int), new[direction[kept]], n_units)


def count_old(
    switches: Switches, pairs: Int[np.ndarray, "2 direction"], ahead: int
) -> Float[np.ndarray, " direction"]:
    """Share of the switches of each direction whose old symbol has lasted long enough to have twins."""
    shares = []
    for origin, target in pairs.T:
        is_direction = (switches.origin == origin) & (switches.target == target)
        shares.append((switches.age[is_direction] >= ahead).mean())
    return np.array(shares)


def name_directions(subject: Subject, found: DirectedTwins) -> list[str]:
    """Names of the directions that have twins."""
    names = subject.found["switches"]
    return [f"{names.name_symbol(a)} → {names.name_symbol(b)}" for a, b in found.pairs.T.tolist()]


def list_left_out(subject: Subject, found: DirectedTwins) -> list[str]:
    """Directions that switches have, and twins do not: too few, or too soon after the switch before."""
    names, kept = subject.found["switches"], found.pairs.T.tolist()
    pairs = zip(names.origin.tolist(), names.target.tolist(), strict=True)
    return [f"{names.name_symbol(a)} → {names.name_symbol(b)}" for a, b in pairs if [a, b] not in kept]


def choose_candidates(switches: Switches, n_drawn: int, *, rng: np.random.Generator) -> Switches:
    """Switches drawn at random, as many of each direction that has ``FEWEST_EVENTS``: twice that at least.

    Some have no twins, and those that are left must still be enough.
    """
    pairs = np.stack([switches.origin, switches.target]).astype(int)
    values, code = np.unique(pairs, axis=1, return_inverse=True)
    code = code.ravel()
    often = [d for d in range(values.shape[1]) if (code == d).sum() >= FEWEST_EVENTS]
    if not often:
        return switches.select(np.zeros(len(switches), dtype=bool))
    share = max(2 * FEWEST_EVENTS, n_drawn // len(often))
    return switches.select(draw_evenly(code, often, share, rng=rng))
