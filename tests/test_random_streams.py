import itertools

import numpy as np

from orbitscope.random_streams import derive_seed, stream_seeds

STREAMS = ("data", "weights", "training", "validation", "evaluation", "analysis", "stopping")


def test_every_stream_of_every_run_has_its_own_seed():
    keys = list(itertools.product(range(20), STREAMS, range(20)))
    seeds = [derive_seed(run, stream, index) for run, stream, index in keys]
    assert len(set(seeds)) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)
    bits = (np.array(seeds, dtype=np.uint64)[:, None] >> np.arange(63, dtype=np.uint64)) & 1
    np.testing.assert_allclose(bits.mean(0), 0.5, atol=5 * 0.5 / np.sqrt(len(seeds)))


def test_seeds_never_change():
    """A record of seeds is of use only while the derivation stays; NumPy guarantees SeedSequence."""
    assert (
        derive_seed(0, "data")
        == int(np.random.SeedSequence(0, spawn_key=(1, 0)).generate_state(1, "u8")[0]) >> 1
    )
    assert [derive_seed(7, stream, 3) for stream in STREAMS] == [
        int(np.random.SeedSequence(7, spawn_key=(key, 3)).generate_state(1, "u8")[0]) >> 1
        for key in range(1, 8)
    ]


def test_the_record_names_every_stream():
    assert stream_seeds(5) == {stream: derive_seed(5, stream) for stream in STREAMS}
