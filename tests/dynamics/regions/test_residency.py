import numpy as np
import pytest
import torch

from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.regions import residency
from orbitscope.dynamics.regions.residency import _SignCounter, compute_residency
from orbitscope.errors import InputError
from orbitscope.network import build_network, fork_generator
from orbitscope.system.threads import use_threads


def make_network(*, seed=0, hidden_size=10):
    generator = torch.Generator().manual_seed(seed)
    return build_network(3, hidden_size=hidden_size, input_size=4, generator=generator).double()


def make_telegraph(threshold):
    """Two symbols; each step is the noise alone, and the first symbol wins where it is below the threshold.

    h = ReLU(x, -x): logits are (threshold, x), so states do not remember and switch with a fixed chance.
    """
    network = build_network(
        2, hidden_size=3, input_size=1, bias=True, generator=torch.Generator().manual_seed(0)
    ).double()
    with torch.no_grad():
        network.cell.w_hh.zero_()
        network.cell.w_ih.copy_(torch.tensor([[1.0], [-1.0], [0.0]]))
        network.cell.bias.copy_(torch.tensor([0.0, 0.0, 1.0]))
        network.w_out.copy_(torch.tensor([[0.0, 0.0, threshold], [1.0, -1.0, 0.0]]))
        network.out_bias.zero_()
    return network


def follow_one(network, state, noises):
    """One rollout by hand: steps, censored, sign changes of the logit and of the margin."""
    logits = [network.compute_logits(state[None])[0]]
    symbol = int(logits[0].argmax())
    for noise in noises:
        state = network.step(state[None], noise[None])[0]
        logits.append(network.compute_logits(state[None])[0])
        if int(logits[-1].argmax()) != symbol:
            break
    series = torch.stack(logits).numpy()
    ended = int(series[-1].argmax()) != symbol
    margins = series[:, symbol] - np.delete(series, symbol, 1).max(1)
    changes = [int((np.diff(np.sign(np.diff(s))) != 0).sum()) for s in (series[:, symbol], margins)]
    return [len(series) - 1, 0.0 if ended else 1.0, *changes]


def test_rollouts_against_a_loop():
    network, n_rollouts, max_steps = make_network(), 3, 7
    states = run_driven(network, 6, 1, burn_in=20, generator=torch.Generator().manual_seed(1)).states[0]
    found = compute_residency(
        network,
        states,
        max_steps=max_steps,
        n_rollouts=n_rollouts,
        generator=torch.Generator().manual_seed(2),
    )
    generator = fork_generator(torch.Generator().manual_seed(2))
    alive, noises = list(range(18)), [[] for _ in range(18)]
    with torch.no_grad():
        for _ in range(max_steps):
            drawn = torch.empty(len(alive), 4, dtype=torch.float64).normal_(generator=generator)
            for index, noise in zip(alive, drawn, strict=True):
                noises[index].append(noise)
            results = [follow_one(network, states[i // n_rollouts], noises[i]) for i in range(18)]
            alive = [i for i in alive if results[i][1] == 1.0]
    expected = np.array(results).reshape(6, n_rollouts, 4).mean(1)
    np.testing.assert_array_equal(found.symbol, network.compute_logits(states).argmax(1))
    np.testing.assert_allclose(found.mean_steps, expected[:, 0])
    np.testing.assert_allclose(found.censored_share, expected[:, 1])
    np.testing.assert_allclose(found.logit_sign_changes, expected[:, 2])
    np.testing.assert_allclose(found.margin_sign_changes, expected[:, 3])
    assert 0 < expected[:, 1].mean() < 1
    assert expected[:, 2:].max() > 0


def test_chunks_have_noise_of_their_own_whatever_the_number_of_threads(monkeypatch):
    """Many copies of one state in chunks of five: the same result with one and two threads, no two alike."""
    monkeypatch.setattr(residency, "_CHUNK_ROLLOUTS", 100)
    network = make_network()
    state = run_driven(network, 1, 1, burn_in=20, generator=torch.Generator().manual_seed(1)).states[0]
    found = []
    for n_threads in (1, 2):
        with use_threads(n_threads):
            generator = torch.Generator().manual_seed(2)
            found.append(compute_residency(network, state.expand(40, -1), n_rollouts=20, generator=generator))
    assert found[0] == found[1]
    chunks = found[0].mean_steps.reshape(8, 5)
    assert len(np.unique(chunks, axis=0)) == 8


def test_states_are_followed_until_their_residency_is_sure_to_be_enough():
    """Of a telegraph: the same share of states above the limit, those above it stop just there."""
    network, limit = make_telegraph(0.5), 3.0
    states = torch.tensor([[0.0, 0.0, 1.0]]).double().expand(20_000, -1)
    whole, brief = (
        compute_residency(
            network, states, n_rollouts=2, enough=enough, generator=torch.Generator().manual_seed(seed)
        )
        for seed, enough in ((0, None), (1, limit))
    )
    assert (brief.mean_steps > limit).mean() == pytest.approx((whole.mean_steps > limit).mean(), abs=0.02)
    assert brief.mean_steps.max() == limit + 1
    is_below = [found.mean_steps <= limit for found in (whole, brief)]
    counts = [
        np.bincount((2 * found.mean_steps[below]).astype(int), minlength=7)
        for found, below in zip((whole, brief), is_below, strict=True)
    ]
    np.testing.assert_allclose(*counts, atol=5 * np.sqrt(2 * max(counts[0])))
    assert brief.settings["enough"] == limit


def test_a_flat_step_between_rise_and_fall_hides_no_change_of_sign():
    counter = _SignCounter(torch.tensor([0.0, 0.0, 0.0]))
    for values in ([1.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 3.0, 1.0], [1.0, 3.0, 0.0]):
        counter.add(torch.tensor(values))
    assert counter.count.tolist() == [2, 0, 1]


@pytest.mark.parametrize("threshold", [0.5, -0.3])
def test_residency_of_a_random_telegraph_is_known(threshold):
    """Switching with probability p a step: mean (1 − q^max)/p, censored q^max, with q = 1 − p."""
    network = make_telegraph(threshold)
    states = torch.tensor([[0.0, 0.0, 1.0], [2.0, 0.0, 1.0]]).double()
    found = compute_residency(
        network, states, max_steps=5, n_rollouts=20_000, generator=torch.Generator().manual_seed(0)
    )
    below = torch.distributions.Normal(0.0, 1.0).cdf(torch.tensor(threshold)).item()
    assert found.symbol.tolist() == [0 if threshold > 0 else 1, 1]
    for point, symbol in enumerate(found.symbol):
        stays = below if symbol == 0 else 1 - below
        assert found.censored_share[point] == pytest.approx(stays**5, abs=0.015)
        assert found.mean_steps[point] == pytest.approx((1 - stays**5) / (1 - stays), abs=0.04)
        survival = stays ** np.arange(5)
        variance = ((2 * np.arange(5) + 1) * survival).sum() - survival.sum() ** 2
        assert found.standard_error[point] == pytest.approx(np.sqrt(variance / 20_000), rel=0.05)


def test_residency_does_not_depend_on_the_noise_of_a_network_that_scales_with_it():
    network = make_network()
    states = run_driven(network, 20, 1, burn_in=20, generator=torch.Generator().manual_seed(1)).states[0]
    plain, scaled = (
        compute_residency(
            network, s * states, noise_std=s, max_steps=20, generator=torch.Generator().manual_seed(2)
        )
        for s in (1.0, 8.0)
    )
    for name in ("mean_steps", "censored_share", "logit_sign_changes", "margin_sign_changes"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(scaled, name))


def test_margins_and_residency_do_not_depend_on_a_vector_common_to_all_symbols():
    network = make_network()
    states = run_driven(network, 20, 1, burn_in=20, generator=torch.Generator().manual_seed(1)).states[0]
    found = [compute_residency(network, states, generator=torch.Generator().manual_seed(2))]
    with torch.no_grad():
        network.w_out += torch.linspace(-3, 3, 10)
    found.append(compute_residency(network, states, generator=torch.Generator().manual_seed(2)))
    np.testing.assert_array_equal(found[0].mean_steps, found[1].mean_steps)
    np.testing.assert_array_equal(found[0].margin_sign_changes, found[1].margin_sign_changes)
    assert (found[0].logit_sign_changes != found[1].logit_sign_changes).any()


def test_without_noise_all_rollouts_agree():
    network = make_network()
    states = run_driven(network, 20, 1, burn_in=20, generator=torch.Generator().manual_seed(1)).states[0]
    found = compute_residency(network, states, noise_std=0.0, generator=torch.Generator().manual_seed(2))
    assert set(found.censored_share) <= {0.0, 1.0}
    np.testing.assert_array_equal(found.mean_steps, found.mean_steps.round())
    np.testing.assert_array_equal(found.standard_error, np.zeros(20))
    single = compute_residency(network, states, n_rollouts=1, generator=torch.Generator().manual_seed(2))
    assert np.isnan(single.standard_error).all()


@pytest.mark.parametrize(
    ("states", "options", "message"),
    [
        (torch.zeros(2, 3), {}, r"must be \(point, 10\) with at least one point, got shape \(2, 3\)"),
        (torch.zeros(0, 10), {}, r"at least one point, got shape \(0, 10\)"),
        (torch.full((2, 10), torch.nan), {}, "must be finite, got NaN"),
        (torch.zeros(2, 10), {"max_steps": 0}, "`max_steps` must be ≥ 1, got 0"),
        (torch.zeros(2, 10), {"n_rollouts": 0}, "`n_rollouts` must be ≥ 1, got 0"),
        (torch.zeros(2, 10), {"noise_std": -1.0}, "`noise_std` must be ≥ 0, got -1"),
    ],
)
def test_bad_input_is_named(states, options, message):
    with pytest.raises(InputError, match=message):
        compute_residency(make_network(), states.double(), generator=torch.Generator(), **options)
