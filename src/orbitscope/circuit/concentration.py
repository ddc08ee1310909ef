"""Concentration by chance: what the strongest neurons carry in copies with shuffled recurrent weights."""

import numpy as np
import torch
from jaxtyping import Bool, Float

from ..errors import UndefinedAnalysisError
from ..network import draw_seed, fork_generator, spawn_rng
from ..subject import Subject
from ..system.threads import map_parallel
from .attribution import DirectedTwins, find_twins
from .commitment import CommitmentSettings, compute_commitment
from .influence import choose_first, rank
from .switches import FEWEST_EVENTS, SwitchSettings, compute_switches, replay_switches

LEAST_EFFECT = 0.1
"""Of patching all neurons: below it there is nothing to attribute."""

_SWITCHES = {"n_trajectories": 60, "n_steps": 300, "burn_in": 100, "n_resamples": 1}
_COMMITMENT = {"n_events": 80, "n_rollouts": 8, "max_lead": 10, "n_labelled": 1, "n_resamples": 1}
_N_TWINS, _N_TRIES, _N_CONTEXTS, _N_ROLLOUTS = 120, 20, 80, 10
"""Sizes of the search in a copy, and in the network itself where it is compared with its copies."""


def choose_lead(half_lead: float) -> int:
    """Lead at which neurons are patched: the half-lead, rounded, and one step at least."""
    return max(1, round(half_lead)) if np.isfinite(half_lead) else 1


def search_share(subject: Subject, *, n_together: int, apart: int, generator: torch.Generator) -> float:
    """Share of the strongest neurons in the effect of all, with few rollouts; 0 where it is undefined.

    Everything is searched for anew: switches, the half-lead, twins, and the neurons that are strongest on
    one half of the trajectories. Their share is measured on the other half.
    """
    own = Subject(subject.network, noise_std=subject.noise_std, seed=draw_seed(generator) % 2**31)
    try:
        own.found["switches"] = compute_switches(own, SwitchSettings(**_SWITCHES))
        if not _has_long_runs(own, 1 + apart):
            return 0.0
        own.found["commitment"] = compute_commitment(own, CommitmentSettings(**_COMMITMENT))
        return _measure_share(own, n_together, apart, generator)
    except UndefinedAnalysisError:
        return 0.0


def measure_share(
    own: Subject,
    found: DirectedTwins,
    chosen: Bool[np.ndarray, "half direction neuron"],
    n_rollouts: int,
    *,
    generator: torch.Generator,
) -> float:
    """Effect of sets chosen on the other half over that of all neurons; 0 where all have hardly any."""
    none = np.zeros((len(found.twins), chosen.shape[-1]), dtype=bool)
    sets = np.stack([none, ~none, found.assign(chosen[None])[0]])
    options = {"n_rollouts": n_rollouts, "noise_std": own.noise_std, "generator": generator}
    patched, placebo = found.measure_against_placebo(own.network, sets, **options)
    effect = (patched - placebo).mean(1)
    return float(effect[2] / effect[1]) if effect[1] > LEAST_EFFECT else 0.0


def draw_shuffled(
    subject: Subject, *, n_shuffles: int, n_together: int, apart: int, generator: torch.Generator
) -> tuple[float, Float[np.ndarray, " draw"]]:
    """Concentration of a network, and of copies with shuffled recurrent weights, found in the same way.

    Under shuffling the network is one of its copies: a p-value from these draws is exact.

    Raises
    ------
    InputError
        If the cell has no such copy.
    """
    copies = [subject.network.shuffle_recurrent(generator) for _ in range(n_shuffles)]
    networks = [subject.network, *copies]
    jobs = [(subject.replace_network(network), fork_generator(generator)) for network in networks]

    def measure(job: tuple[Subject, torch.Generator]) -> float:
        return search_share(job[0], n_together=n_together, apart=apart, generator=job[1])

    observed, *draws = map_parallel(measure, jobs)
    return observed, np.array(draws)


def _has_long_runs(own: Subject, n_steps: int) -> bool:
    """Whether enough switches follow runs of so many steps, before the time of a search is spent."""
    _, switches = replay_switches(own)
    return int((switches.age >= n_steps).sum()) >= FEWEST_EVENTS


def _measure_share(own: Subject, n_together: int, apart: int, generator: torch.Generator) -> float:
    lead = choose_lead(float(own.found["commitment"].half_lead.value[0]))
    path, switches = replay_switches(own)
    options = {"rng": spawn_rng(generator), "generator": generator, "n_tries": _N_TRIES, "n_twins": _N_TWINS}
    found = find_twins(own, path, switches, leads=(lead,), apart=apart, **options)
    patches = found.patch(own.network, 0, noise_std=own.noise_std, generator=generator)
    effects = found.average(patches.measure_in_context(n_contexts=_N_CONTEXTS).mean(0))
    first = choose_first(rank(effects), n_together)
    return measure_share(own, found, first, _N_ROLLOUTS, generator=generator)
