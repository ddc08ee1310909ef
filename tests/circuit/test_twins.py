import itertools
from dataclasses import replace

import numpy as np
import pytest
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


def build_without_noise(chosen, path, network, *, shift, leads=(1,), apart=1):
    """Twins of steps before real switches; the path had noise, the twins have none."""
    options = {"leads": leads, "apart": apart, "n_tries": 2, "noise_std": 1e-12}
    moved = replace(chosen, time=chosen.time - shift)
    return build_twins(network, path, moved, **options, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def line():
    """A delay line of 20 units, which knows the next symbols, and the switches after long runs."""
    network = start_saturated(make_latch(delay=20))
    generator = torch.Generator().manual_seed(0)
    path = run_driven(network, 100, 200, burn_in=30, noise_std=1.0, generator=generator)
    switches = find_switches(network.compute_logits(path.states).argmax(-1).numpy().T)
    return network, path, switches.select((switches.age >= 12) & (switches.time < 190))


def test_twins_keep_the_symbol_up_to_the_outcome_and_no_longer(line):
    network, path, switches = line
    late, early = (build_without_noise(switches, path, network, shift=OUTCOME_STEPS + k) for k in (1, 0))
    assert len(late) == len(switches) > 30
    assert len(early) == 0
    short = switches.select(switches.stay == 1)  # the old symbol is back at the outcome
    assert len(short) > 3
    assert len(build_without_noise(short, path, network, shift=OUTCOME_STEPS - 1)) == 0


def test_both_twins_are_seen_at_the_same_step(line):
    """Units that no noise since the common state has reached are those of the path, step by step."""
    network, path, switches = line
    twins = build_without_noise(switches, path, network, shift=3, leads=LEADS, apart=2)
    assert len(twins) == len(switches)
    beyond = max(LEADS) + 2 + 1
    for i, lead in enumerate(LEADS):
        known = path.states[switches.time - 3 - lead, switches.trajectory][:, beyond:]
        for states in (twins.switched, twins.stayed, twins.stayed_too):
            np.testing.assert_allclose(states[i, :, beyond:], known, atol=1e-6)


def test_the_common_state_is_apart_from_the_first_lead(line):
    """Without noise a twin is what the network makes of that state."""
    network, path, switches = line
    twins = build_without_noise(switches, path, network, shift=3, leads=LEADS, apart=2)
    state = path.states[switches.time - 3 - max(LEADS) - 2, switches.trajectory]
    alone = network.unroll(state, torch.zeros(6, len(state), 1).double()).detach()
    for i, lead in enumerate(LEADS):
        np.testing.assert_allclose(twins.stayed[i], alone[6 - lead - 1], atol=1e-6)


def test_latches_of_twins_part_where_the_path_flips():
    """The latch flips three steps before the symbol: the twins' latches agree before, and differ after.

    But for those that flip back, .06 by the last lead; of 40 twins .75 is five standard errors from that.
    """
    network = start_saturated(make_latch(delay=3))
    _, _, twins = build(network)
    latch = {lead: twins.switched[i, :, 0] * twins.stayed[i, :, 0] for i, lead in enumerate(LEADS)}
    assert (latch[4] > 0).float().mean() > 0.75
    assert (latch[2] < 0).float().mean() > 0.75
    assert (latch[1] < 0).float().mean() > 0.75


def test_both_stayers_are_paths_of_their_own():
    network, _, _ = make_triggered_latch(1, 1)
    _, _, twins = build(network)
    for one, other in itertools.combinations((twins.switched, twins.stayed, twins.stayed_too), 2):
        assert (one != other).any(2).all()


def test_a_switch_with_one_path_that_stays_is_left_out():
    network, _, _ = make_triggered_latch(1, 1)
    _, switches, twins = build(network, n_tries=2)
    assert 0 < len(twins) < len(switches)
    assert (twins.stayed_too != 0).any(2).all()


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
