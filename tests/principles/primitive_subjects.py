"""Networks with their metastable regions, and sizes at which their pairs are looked at."""

from test_metastable_regions import SIZES as REGION_SIZES

from orbitscope.principles.metastable_regions import PART as REGIONS
from orbitscope.principles.metastable_regions import MetastableSettings
from orbitscope.subject import Subject

SIZES = {
    "n_trajectories": 60,
    "n_steps": 400,
    "burn_in": 20,
    "n_lags": 4,
    "n_first": 1,
    "n_null": 19,
    "n_surrogates": 1,
    "n_runs": 30,
    "run_steps": 200,
    "n_resamples": 100,
}


def find_regions(network):
    subject = Subject(network)
    subject.found["metastable_regions"] = REGIONS.run(
        subject, MetastableSettings(**REGION_SIZES | {"n_resamples": 20, "n_splits": 1})
    )
    return subject
