"""Parts and their methods as functions of keyword settings and one given generator, as tests call them."""

from functools import partial

from orbitscope.dynamics.noise_free.noise_free_exponents import (
    NoiseFreeExponentsSettings,
    measure_free_exponents,
)
from orbitscope.dynamics.orbit import orbit_paths, orbit_size, rotation
from orbitscope.dynamics.over_training.training_evolution import TrainingEvolutionSettings, measure_evolution
from orbitscope.dynamics.regions import (
    noise_sensitivity,
    regional_exponents,
    regions,
    slow_clusters,
)
from orbitscope.dynamics.stability import lyapunov
from orbitscope.subject import Subject


class SeededSubject(Subject):
    """A subject whose parts all draw from the generator that a test gives."""

    def start_generator(self, part):
        return self.found["generator"]


def compute(part, network, *, generator, noise_std=1.0, hmm=None, found=(), plane=None, **settings):
    """Compute a part; ``plane`` goes where a part takes one."""
    given = {"generator": generator, **dict(found)}
    subject = SeededSubject(network, hmm, noise_std=noise_std, found=given)
    options = {} if plane is None else {"plane": plane}
    return part.compute(subject, part.settings(**settings), **options)


def compute_rotation(network, *, standardise=False, **options):
    return compute(rotation.STANDARDISED if standardise else rotation.PART, network, **options)


def compute_orbit_size(network, noise_stds=None, **options):
    given = {} if noise_stds is None else {"noise_stds": noise_stds}
    return compute(orbit_size.PART, network, **given, **options)


def compute_regional_exponents(network, exponents, **options):
    return compute(regional_exponents.PART, network, found={"exponents": exponents}, **options)


def compute_noise_free_exponents(network, states, *, generator, **settings):
    return measure_free_exponents(
        network, states, NoiseFreeExponentsSettings(**settings), generator=generator
    )


def compute_training_evolution(checkpoints, course, *, noise_std=1.0, generator, **settings):
    chosen = TrainingEvolutionSettings(**settings)
    return measure_evolution(checkpoints, course, chosen, noise_std=noise_std, generator=generator)


def measure_sensitivity(network, states, label, *, noise_std=1.0, generator, **settings):
    chosen = noise_sensitivity.FanSettings(**settings)
    noise = {"noise_std": noise_std, "generator": generator}
    return noise_sensitivity.measure_sensitivity(network, states, label, chosen, **noise)


def find_slow_clusters(network, states, is_slow, *, hmm=None, rng, **settings):
    chosen = slow_clusters.ClusterSettings(**{"n_reclustered": 4} | settings)
    return slow_clusters.find_slow_clusters(network, states, is_slow, chosen, hmm=hmm, rng=rng)


compute_regions = partial(compute, regions.PART)
compute_orbit_paths = partial(compute, orbit_paths.PART)
compute_lyapunov_exponents = partial(compute, lyapunov.PART)
compute_noise_sensitivity = partial(compute, noise_sensitivity.PART)
compute_slow_clusters = partial(compute, slow_clusters.PART, n_reclustered=4)
