import itertools

import numpy as np
import torch
from latches import make_latch, start_saturated
from planted import make_triggered_latch

from orbitscope.circuit.commitment import OUTCOME_STEPS
from orbitscope.circuit.symbol_runs import find_switches
from orbitscope.circuit.twins import build_twins
from orbitscope.dynamics.driving.driven_states import run_driven

LEADS, APART = (2, 1, 4), 6


def build(network, *, noise_std=1.0, n_tries=20):
    generator = torch.Generator().manual_seed(0)
    path = run_driven(network, 80, 60, burn_in=10, noise_std=noise_std, generator=generator)
    symbols = network.compute_logits(path.states).argmax(-1).numpy().T
    switches = find_switches(symbols)
    is_whole = (switches.age >= 10) & (switches.time + OUTCOME_STEPS < 60)
    options = {"leads": LEADS, "apart": APART, "n_tries": n_tries, "noise_std": noise_std}
    twins = build_twins(network, path, switches.select(is_whole), **options, generator=generator)
    return path, switches.select(is_whole), twins


def test_twins_are_seen_at_their_leads():
    network = start_saturated(make_latch(delay=3))
    path, switches, twins = build(network)
    assert len(twins) > 0.9 * len(switches)
    assert twins.lead == LEADS
    for i, lead in enumerate(LEADS):
        known = path.states[switches.time - lead, torch.from_numpy(switches.trajectory)]
        before = {(t, *np.sign(row)) for t, row in zip(switches.trajectory, known.tolist(), strict=True)}
        seen = zip(twins.owner, twins.switched[i].tolist(), strict=True)
        assert {(t, *np.sign(row)) for t, row in seen} <= before
        for stayed in (twins.stayed, twins.stayed_too):
            symbol = network.compute_logits(stayed[i]).argmax(1).numpy()
            np.testing.assert_array_equal(symbol, twins.origin)


def test_latches_of_twins_part_where_the_path_flips():
    """The latch flips three steps before the symbol: the twins' latches agree before, and differ after."""
    network = start_saturated(make_latch(delay=3))
    _, _, twins = build(network)
    latch = {lead: twins.switched[i, :, 0] * twins.stayed[i, :, 0] for i, lead in enumerate(LEADS)}
    assert (latch[4] > 0).float().mean() > 0.9
    assert (latch[2] < 0).float().mean() > 0.9
    assert (latch[1] < 0).float().mean() > 0.9


def test_both_stayers_are_paths_of_their_own():
    network, _, _ = make_triggered_latch(1, 1)
    _, _, twins = build(network)
    for one, other in itertools.combinations((twins.switched, twins.stayed, twins.stayed_too), 2):
        assert (one != other).any(2).all()


def test_where_every_path_switches_there_are_no_twins():
    """Without noise the other paths are the same path."""
    network = make_latch(delay=1)
    with torch.no_grad():
        network.cell.w_hh[0, 0] *= -1  # alternates
        network.cell.w_hh[1, 1] = 0
    _, switches, twins = build(start_saturated(network), noise_std=1e-9)
    assert len(twins) == 0


def test_chosen_twins_keep_their_facts():
    network = start_saturated(make_latch(delay=3))
    _, _, twins = build(network)
    some = twins.select(np.arange(len(twins)) % 2 == 0)
    np.testing.assert_array_equal(some.owner, twins.owner[::2])
    np.testing.assert_array_equal(some.switched, twins.switched[:, ::2])
    np.testing.assert_array_equal(some.stayed_too, twins.stayed_too[:, ::2])
