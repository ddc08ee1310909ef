import numpy as np
import pytest
import torch
from known_networks import make_ring
from latches import make_latch, start_saturated

from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError
from orbitscope.network import build_network, rollout
from orbitscope.principles.dwell.emitted_symbols import emit_symbols


def emit(network, n_trajectories=6, n_steps=40, *, burn_in=10, noise_std=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    run = {"burn_in": burn_in, "noise_std": noise_std, "generator": generator}
    return emit_symbols(network, n_trajectories, n_steps, **run)


def test_leading_symbols_are_those_of_a_rollout():
    """The burn-in, one step to the start, and then the steps that are kept, with a stream of their own."""
    network, generator = make_ring(), torch.Generator().manual_seed(0)
    found = emit(network)
    start = rollout(network, 6, 11, generator=generator).states[:, -1]
    torch.randint(2**62, (), generator=generator)
    kept = rollout(network, 6, 40, start=start, generator=generator)
    np.testing.assert_array_equal(found.leading, kept.logits.argmax(-1).numpy())


def test_symbols_are_drawn_from_their_probabilities():
    """Logits (0, 0, ±1): the sign is that of a unit which noise saturates."""
    network = build_network(
        3, cell="tanh", hidden_size=1, input_size=1, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        network.w_out.copy_(torch.tensor([[0.0], [0.0], [1.0]]))
        network.cell.w_hh.zero_()
        network.cell.w_ih.fill_(1e4)
    found = emit(network, 400, 100)
    is_up = found.leading == 2
    for chosen, logit in ((is_up, 1.0), (~is_up, -1.0)):
        expected = np.exp([0, 0, logit]) / np.exp([0, 0, logit]).sum()
        shares = np.bincount(found.drawn[chosen], minlength=3) / chosen.sum()
        np.testing.assert_allclose(shares, expected, atol=5 * 0.5 / np.sqrt(chosen.sum()))
    assert 0.4 < is_up.mean() < 0.6


def test_results_do_not_depend_on_chunks(monkeypatch):
    whole = emit(make_ring())
    monkeypatch.setattr("orbitscope.network.model._CHUNK_BYTES", 2000)
    parts = emit(make_ring())
    np.testing.assert_array_equal(whole.drawn, parts.drawn)
    np.testing.assert_array_equal(whole.leading, parts.leading)


def test_a_network_that_scales_with_its_noise_has_the_same_leading_symbols_at_every_scale():
    network = build_network(3, hidden_size=10, input_size=4, generator=torch.Generator().manual_seed(0))
    one, half, double = (emit(network, noise_std=noise_std) for noise_std in (1.0, 0.5, 2.0))
    np.testing.assert_array_equal(one.leading, half.leading)
    np.testing.assert_array_equal(one.leading, double.leading)
    assert (one.drawn != double.drawn).any()


def test_common_random_numbers_are_those_of_a_seed():
    network = start_saturated(make_latch(flip=0.1))
    np.testing.assert_array_equal(emit(network).drawn, emit(network).drawn)
    assert (emit(network).leading != emit(network, seed=1).leading).any()


@pytest.mark.parametrize("burn_in", [0, 10, 60])
def test_activity_without_bound_has_no_symbols(burn_in):
    network = build_network(2, hidden_size=8, input_size=4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.cell.w_hh.mul_(20)
    with pytest.raises(NoStationaryRegimeError, match="activity must stay below"):
        emit(network, burn_in=burn_in)
