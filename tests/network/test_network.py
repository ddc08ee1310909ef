import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from torch import nn

from orbitscope.errors import InputError
from orbitscope.network import (
    CELLS,
    Cell,
    NoiseRNN,
    build_cell,
    build_network,
    draw_noise_,
    fork_generator,
    iterate_rollout,
    rollout,
    sample_gumbel,
    sample_relaxed_symbols,
    sample_symbols,
    spawn_rng,
)

ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}


def make_generator(seed=0):
    return torch.Generator().manual_seed(seed)


def make_network(cell="relu", *, bias=False, n_symbols=3, seed=0, dtype=torch.float32, gain=1.0):
    network = build_network(
        n_symbols, cell=cell, hidden_size=12, input_size=5, bias=bias, generator=make_generator(seed)
    ).to(dtype)
    network.cell.w_hh.data *= gain
    return network


def draw(*shape, seed=1, dtype=torch.float64):
    return torch.randn(*shape, generator=make_generator(seed), dtype=dtype)


class LSTMCell(Cell):
    """What a colleague would write: state = (hidden, memory), one class, only `step`."""

    name = "lstm"

    def __init__(self, hidden_size, input_size, *, generator):
        super().__init__(hidden_size, input_size, state_size=2 * hidden_size)
        draw_weights = lambda *shape: nn.Parameter(torch.randn(shape, generator=generator) / 3)  # noqa: E731
        self.w_ih = draw_weights(4 * hidden_size, input_size)
        self.w_hh = draw_weights(4 * hidden_size, hidden_size)

    def step(self, state, noise):
        hidden, memory = state.chunk(2, -1)
        gates = noise @ self.w_ih.T + hidden @ self.w_hh.T
        take, keep, new, show = gates.chunk(4, -1)
        memory = keep.sigmoid() * memory + take.sigmoid() * new.tanh()
        return torch.cat([show.sigmoid() * memory.tanh(), memory], -1)


def make_lstm_network(dtype=torch.float32):
    generator = make_generator(3)
    return NoiseRNN(LSTMCell(7, 5, generator=generator), 3, generator=generator).to(dtype)


# ---- the update


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("cell", "activate"), [("relu", torch.relu), ("tanh", torch.tanh)])
def test_a_step_is_the_nonlinearity_of_the_preactivation(cell, activate, bias):
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, cell=cell, hidden_size=6, input_size=4, bias=bias, generator=generator)
    state, noise = torch.rand(5, 6, generator=generator), torch.randn(5, 4, generator=generator)
    before = network.cell.find_preactivation(state, noise)
    expected = state @ network.cell.w_hh.T + noise @ network.cell.w_ih.T + (network.cell.bias if bias else 0)
    torch.testing.assert_close(before, expected)
    torch.testing.assert_close(activate(before), network.step(state, noise))


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("bias", [False, True])
def test_one_step_is_the_formula(cell, bias):
    network = make_network(cell, bias=bias, dtype=torch.float64)
    h, x = draw(4, 12, seed=1), draw(4, 5, seed=2)
    w = {name: value.numpy() for name, value in network.state_dict().items()}
    assert len(w) == (5 if bias else 3)
    z = h.numpy() @ w["cell.w_hh"].T + x.numpy() @ w["cell.w_ih"].T + w.get("cell.bias", 0)
    expected = ACTIVATIONS[cell](z)
    found = network.step(h, x).detach()
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
    logits = expected @ w["w_out"].T + w.get("out_bias", 0)
    np.testing.assert_allclose(network.compute_logits(found).detach(), logits, rtol=1e-12)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(network.compute_probabilities(found).detach(), probabilities, rtol=1e-13)


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("n_steps", "block_rows"), [(1, 512), (6, 512), (7, 16), (6, 3)])
def test_unroll_and_its_gradient_equal_autograd_through_step(cell, bias, n_steps, block_rows, monkeypatch):
    """In one block of steps, in four of two and one, and in blocks of a single step."""
    monkeypatch.setattr("orbitscope.network.cells.elementwise._BLOCK_ROWS", block_rows)
    network = make_network(cell, bias=bias, dtype=torch.float64, gain=2.0)
    noise, weighting = draw(n_steps, 8, 5, seed=2), draw(n_steps, 8, 12, seed=3)

    def run(unroll):
        network.zero_grad()
        start = draw(8, 12, seed=4).requires_grad_()
        states = unroll(start, noise)
        (states * weighting).sum().backward()
        gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
        return states.detach(), gradients | {"start": start.grad}

    states, gradients = run(network.unroll)
    expected_states, expected = run(lambda state, x: Cell.unroll(network.cell, state, x))
    torch.testing.assert_close(states, expected_states, rtol=1e-12, atol=1e-14)
    assert gradients.keys() == expected.keys() >= {"cell.w_hh", "cell.w_ih", "start"}
    compare_gradients(gradients, expected)


def compare_gradients(gradients, expected):
    assert gradients.keys() == expected.keys()
    for name in expected:
        assert expected[name].abs().max() > 0
        torch.testing.assert_close(gradients[name], expected[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("part", ["both", "logits", "kept"])
@pytest.mark.parametrize(("n_steps", "block_rows"), [(1, 512), (7, 16), (6, 3)])
def test_logits_and_kept_states_and_their_gradients_equal_autograd(
    cell, bias, part, n_steps, block_rows, monkeypatch
):
    monkeypatch.setattr("orbitscope.network.cells.elementwise._BLOCK_ROWS", block_rows)
    network = make_network(cell, bias=bias, dtype=torch.float64, gain=2.0)
    noise, kept_steps = draw(n_steps, 8, 5, seed=2), (n_steps // 2, -1)

    def run(unroll):
        network.zero_grad()
        start = draw(8, 12, seed=4).requires_grad_()
        read = unroll(start, noise)
        weightings = [draw(*x.shape, seed=5 + i) for i, x in enumerate(read)]
        terms = {name: (x * w).sum() for name, x, w in zip(("logits", "kept"), read, weightings, strict=True)}
        (sum(terms.values()) if part == "both" else terms[part]).backward()
        gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
        return [x.detach() for x in read], gradients | {"start": start.grad}

    def read_by_hand(start, noise):
        states = Cell.unroll(network.cell, start, noise)
        return network.compute_logits(states), torch.stack([states[step] for step in kept_steps])

    found, gradients = run(lambda start, noise: network.unroll_logits(start, noise, kept_steps))
    expected_read, expected = run(read_by_hand)
    torch.testing.assert_close(found, expected_read, rtol=1e-12, atol=1e-14)
    compare_gradients({name: g for name, g in gradients.items() if name in expected}, expected)
    assert all(not g.any() for name, g in gradients.items() if name not in expected)


def test_cells_without_a_method_of_their_own_read_the_same():
    """An LSTM, whose state is wider than what it shows."""
    network = make_lstm_network(torch.float64)
    noise, start = draw(4, 3, 5), network.initial_state(3)
    logits, kept = network.unroll_logits(start, noise, (2, -1))
    states = network.unroll(start, noise)
    torch.testing.assert_close(logits, network.compute_logits(states))
    torch.testing.assert_close(kept, states[[2, 3]])


def test_unroll_passes_gradients_to_noise_that_wants_them():
    network = make_network(dtype=torch.float64)
    noise = draw(4, 3, 5).requires_grad_()
    (gradient,) = torch.autograd.grad(network.unroll(network.initial_state(3), noise).sum(), noise)
    shift = torch.zeros_like(noise)
    shift[1, 2, 3] = 1e-6
    with torch.no_grad():
        states = [network.unroll(network.initial_state(3), noise + sign * shift).sum() for sign in (1, -1)]
    assert float(gradient[1, 2, 3]) == pytest.approx(float(states[0] - states[1]) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_equals_torch_rnn_with_the_same_weights(cell):
    network = make_network(cell)
    reference = nn.RNN(5, 12, nonlinearity=cell, bias=False)
    reference.weight_ih_l0.data.copy_(network.cell.w_ih.data)
    reference.weight_hh_l0.data.copy_(network.cell.w_hh.data)
    noise, weighting = draw(20, 6, 5, dtype=torch.float32), draw(20, 6, 12, dtype=torch.float32, seed=2)
    states = network.unroll(network.initial_state(6), noise)
    expected, _ = reference(noise)
    torch.testing.assert_close(states, expected, rtol=1e-5, atol=1e-6)
    (states * weighting).sum().backward()
    (expected * weighting).sum().backward()
    torch.testing.assert_close(network.cell.w_hh.grad, reference.weight_hh_l0.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.cell.w_ih.grad, reference.weight_ih_l0.grad, rtol=1e-4, atol=1e-4)


def test_second_derivatives_of_the_hand_written_gradient_are_refused():
    network = make_network()
    states = network.unroll(network.initial_state(3), draw(4, 3, 5, dtype=torch.float32))
    (gradient,) = torch.autograd.grad(states.square().sum(), network.cell.w_hh, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


# ---- identities of the bias-free ReLU network


@pytest.mark.parametrize("scale", [2.0**-7, 2.0, 2.0**20])
def test_scaling_with_the_noise_is_exact_for_powers_of_two(scale):
    network = make_network(gain=1.5)
    noise, start = draw(30, 8, 5, dtype=torch.float32), draw(8, 12, dtype=torch.float32).abs()
    with torch.no_grad():
        assert torch.equal(network.unroll(scale * start, scale * noise), scale * network.unroll(start, noise))


@pytest.mark.parametrize("scale", [0.3, 7.1, 1e4])
def test_scaling_with_the_noise_holds_to_rounding_for_any_positive_scale(scale):
    network = make_network(gain=1.5, dtype=torch.float64)
    noise, start = draw(30, 8, 5), draw(8, 12).abs()
    with torch.no_grad():
        scaled, states = network.unroll(scale * start, scale * noise), network.unroll(start, noise)
        flipped = network.unroll(-start, -noise)
    torch.testing.assert_close(scaled, scale * states, rtol=1e-12, atol=1e-12 * scale)
    assert not torch.allclose(flipped, -states)  # negative scales are not covered


def test_rollouts_scale_with_noise_std():
    network = make_network(gain=1.5)
    small, large = (
        rollout(network, 6, 40, noise_std=noise_std, generator=make_generator(1)) for noise_std in (0.5, 4.0)
    )
    assert small.states.abs().max() > 0
    assert torch.equal(large.states, 8 * small.states)
    assert torch.equal(large.logits, 8 * small.logits)


@pytest.mark.parametrize("broken_by", ["bias", "tanh"])
def test_bias_and_tanh_do_not_scale_with_the_noise(broken_by):
    network = make_network("tanh") if broken_by == "tanh" else make_network(bias=True)
    noise = draw(10, 4, 5, dtype=torch.float32)
    with torch.no_grad():
        states, doubled = (network.unroll(network.initial_state(4), s * noise) for s in (1, 2))
    assert not torch.allclose(doubled, 2 * states, rtol=0.01)


def test_gauge_transformations_give_the_same_symbols():
    network, other = make_network(gain=1.5, dtype=torch.float64), make_network(dtype=torch.float64)
    d = torch.exp(draw(12, seed=5))
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    other.load_state_dict(
        {
            "cell.w_hh": d[:, None] * weights["cell.w_hh"] / d,
            "cell.w_ih": d[:, None] * weights["cell.w_ih"],
            "w_out": weights["w_out"] / d + draw(12, seed=6),  # and 1 vᵀ
        }
    )
    symbols = [sample_symbols(n, 50, 40, generator=make_generator(2)) for n in (network, other)]
    assert torch.equal(*symbols)
    assert len(symbols[0].unique()) == 3
    states = [rollout(n, 9, 40, generator=make_generator(2)).states for n in (network, other)]
    torch.testing.assert_close(states[1], d * states[0], rtol=1e-10, atol=1e-10)


# ---- rollouts


@pytest.mark.parametrize("chunk_steps", [1, 7, 50, 1000])
def test_rollout_does_not_depend_on_chunks(chunk_steps):
    network = make_network(gain=1.5)
    whole = rollout(network, 9, 50, generator=make_generator(3))
    chunks = list(
        iterate_rollout(
            network, 50, start=network.initial_state(9), generator=make_generator(3), chunk_steps=chunk_steps
        )
    )
    assert [chunk.first_step for chunk in chunks] == list(range(0, 50, chunk_steps))
    torch.testing.assert_close(torch.cat([chunk.states for chunk in chunks]).swapaxes(0, 1), whole.states)
    noise = torch.cat([chunk.noise for chunk in chunks])
    assert torch.equal(noise, draw_noise_(torch.empty(50, 9, 5), 1.0, make_generator(3)))
    assert torch.equal(noise.swapaxes(0, 1), whole.noise)


def test_a_recorded_step_leads_from_state_to_state():
    """Weights that only pick and halve, so that every order of summation gives the same bits."""
    network = make_network(bias=True)
    order = torch.randperm(12, generator=make_generator(2))
    network.cell.w_hh.data.copy_(torch.eye(12)[order] / 2)
    network.cell.w_ih.data.copy_(torch.eye(5).repeat(3, 1)[:12])
    run = rollout(network, 7, 30, start=draw(7, 12, dtype=torch.float32), generator=make_generator(3))
    assert (run.states > 0).flatten(0, 1).any(0).all()  # no unit is silent throughout
    with torch.no_grad():
        for t in range(1, 30):
            assert torch.equal(network.step(run.states[:, t - 1], run.noise[:, t]), run.states[:, t])
        first = network.step(draw(7, 12, dtype=torch.float32), run.noise[:, 0])
    assert torch.equal(first, run.states[:, 0])


def test_a_recorded_rollout_has_trajectories_first_without_a_copy():
    run = rollout(make_network(), 7, 30, noise_std=2.0, generator=make_generator(3))
    assert [tuple(array.shape) for array in vars(run).values()] == [(7, 30, 12), (7, 30, 3), (7, 30, 5)]
    assert all(array.swapaxes(0, 1).is_contiguous() for array in vars(run).values())
    assert float(run.noise.std()) == pytest.approx(2.0, rel=0.1)


def test_a_repr_shows_sizes_not_numbers():
    network = make_network("tanh", bias=True)
    sizes = "hidden_size=12, input_size=5, n_symbols=3"
    assert repr(network) == f"NoiseRNN(cell='tanh', {sizes}, bias=True)"
    assert repr(make_network()) == f"NoiseRNN(cell='relu', {sizes}, bias=False)"
    assert repr(make_lstm_network()).startswith("NoiseRNN(cell='lstm', hidden_size=7")
    run = rollout(network, 7, 30, generator=make_generator())
    assert repr(run) == "Rollout(states: (7, 30, 12), logits: (7, 30, 3), noise: (7, 30, 5))"
    chunk = next(iterate_rollout(network, 4, start=network.initial_state(2), generator=make_generator()))
    assert repr(chunk) == "RolloutChunk(first_step=0, states: (4, 2, 12), noise: (4, 2, 5))"


def test_chunk_noise_led_to_the_chunk_states():
    network = make_network()
    chunks = iterate_rollout(
        network, 6, start=network.initial_state(4), generator=make_generator(0), chunk_steps=3
    )
    state = network.initial_state(4)
    for chunk in chunks:
        for noise, expected in zip(chunk.noise, chunk.states, strict=True):
            state = network.step(state, noise).detach()
            torch.testing.assert_close(state, expected)


def test_chunks_have_no_graph_though_the_caller_keeps_its_own():
    network = make_network()
    chunks = iterate_rollout(
        network, 6, start=network.initial_state(4), generator=make_generator(0), chunk_steps=3
    )
    for chunk in chunks:
        assert not chunk.states.requires_grad
        assert network.compute_logits(chunk.states).requires_grad


def test_noise_has_the_standard_deviation_asked_for():
    noise = draw_noise_(torch.empty(50, 40, 50), 3.0, make_generator(0))
    n = noise.numel()
    assert float(noise.mean()) == pytest.approx(0, abs=5 * 3 / math.sqrt(n))
    assert float(noise.std()) == pytest.approx(3.0, abs=5 * 3 / math.sqrt(2 * n))
    network = make_network()
    chunk = next(
        iterate_rollout(
            network, 200, start=network.initial_state(50), noise_std=0.1, generator=make_generator(1)
        )
    )
    assert float(chunk.noise.std()) == pytest.approx(0.1, rel=0.02)


def test_without_noise_the_network_iterates_its_map():
    network = make_network(dtype=torch.float64)
    start = draw(3, 12).abs()
    result = rollout(network, 3, 4, start=start, noise_std=0.0, generator=make_generator(0))
    h = start.numpy()
    for state in result.states.unbind(1):
        h = np.maximum(h @ network.cell.w_hh.detach().numpy().T, 0)
        np.testing.assert_allclose(state, h, rtol=1.1e-12)
    still = rollout(network, 3, 4, noise_std=0.0, generator=make_generator(0))
    assert not still.states.any()  # the origin is a fixed point
    assert not still.states.requires_grad


def test_a_given_start_continues_a_rollout():
    network = make_network()
    generator = make_generator(5)
    first = rollout(network, 20, 10, generator=generator)
    second = rollout(network, 20, 5, start=first.states[:, -1], generator=generator)
    whole = rollout(network, 20, 15, generator=make_generator(5))
    torch.testing.assert_close(torch.cat([first.states, second.states], 1), whole.states)
    torch.testing.assert_close(whole.logits, network.compute_logits(whole.states).detach())


def test_same_seed_same_rollout():
    network = make_network()
    first, again, other = (rollout(network, 4, 5, generator=make_generator(s)).states for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise_std": -1.0}, r"`noise_std` must be ≥ 0, got -1\.0\. Use 0 to run without noise\."),
        ({"noise_std": math.nan}, r"`noise_std` must be ≥ 0, got nan"),
        ({"n_steps": 0}, r"`n_steps` must be ≥ 1, got 0"),
        (
            {"start": torch.zeros(4, 9)},
            r"`start` must be \(trajectory, 12\) for this network, got shape \(4, 9",
        ),
        (
            {"start": torch.zeros(1, 12)},
            r"`start` must have one row for each of the 4 trajectories, got 1\. Use",
        ),
        ({"n_trajectories": 0}, r"at least 1 trajectory, got 0"),
    ],
)
@pytest.mark.parametrize("function", [rollout, sample_symbols])
def test_bad_rollouts_are_refused(function, arguments, message):
    options = {"n_trajectories": 4, "n_steps": 3, "generator": make_generator()} | arguments
    n_trajectories, n_steps = options.pop("n_trajectories"), options.pop("n_steps")
    with pytest.raises(InputError, match=message):
        function(make_network(), n_trajectories, n_steps, **options)


# ---- symbols


def chi_square(counts, probabilities):
    expected = counts.sum() * probabilities
    return float(((counts - expected) ** 2 / expected).sum())


def test_sampled_symbols_follow_the_softmax_probabilities():
    network = make_network("tanh", bias=True, gain=2.0)  # every row alike without noise
    n_sequences = 60_000
    symbols = sample_symbols(network, n_sequences, 3, noise_std=0.0, generator=make_generator(4))
    assert symbols.dtype == torch.uint8
    states = rollout(network, 1, 3, noise_std=0.0, generator=make_generator(0)).states
    for step, probabilities in enumerate(network.compute_probabilities(states).detach()[0].numpy()):
        counts = np.bincount(symbols[:, step], minlength=3)
        assert chi_square(counts, probabilities) < chi2.ppf(1 - 1e-4, 2)


def test_first_symbol_is_read_after_one_step_and_draws_are_independent():
    """From a zero state the readout is uniform: with a drive that settles it, step 1 must not be."""
    network = make_network(dtype=torch.float64)
    network.cell.w_ih.data.zero_()
    network.cell.w_hh.data.copy_(torch.eye(12))
    network.w_out.data.copy_(torch.tensor([[0.0], [0.0], [20.0]]).expand(3, 12))
    start = torch.ones(50, 12, dtype=torch.float64)
    assert (sample_symbols(network, 50, 4, start=start, generator=make_generator(1)) == 2).all()
    uniform = sample_symbols(network, 4000, 2, generator=make_generator(1)).long()
    counts = torch.bincount(3 * uniform[:, 0] + uniform[:, 1], minlength=9).numpy()
    assert chi_square(counts, np.full(9, 1 / 9)) < chi2.ppf(1 - 1e-4, 8)


def test_sampled_symbols_use_the_rollout_of_the_same_generator():
    """Sharp logits: the symbols are the largest logits of the rollout that follows the fork."""
    network = make_network(gain=1.5)
    network.w_out.data *= 1e6
    generator = make_generator(7)
    symbols = sample_symbols(network, 30, 20, generator=generator)
    again = make_generator(7)
    torch.randint(2**62, (), generator=again)
    expected = rollout(network, 30, 20, generator=again).logits.argmax(-1)
    assert (symbols == expected).double().mean() > 0.99
    assert torch.equal(sample_symbols(network, 30, 20, generator=make_generator(7)), symbols)


def test_spawned_streams_stay_as_they_were():
    """One draw of the generator seeds the stream, so that results with a seed stay the same."""
    generator, again = make_generator(3), make_generator(3)
    for _ in range(2):
        seed = int(torch.randint(2**62, (), generator=again))
        np.testing.assert_array_equal(spawn_rng(generator).random(5), np.random.default_rng(seed).random(5))
    seed = int(torch.randint(2**62, (), generator=again))
    expected = torch.randn(5, generator=make_generator(seed))
    assert torch.equal(torch.randn(5, generator=fork_generator(generator)), expected)


@pytest.mark.parametrize("spawn", [spawn_rng, fork_generator])
def test_seeds_of_streams_are_drawn_where_the_generator_is(monkeypatch, spawn):
    devices = []
    randint = torch.randint

    def record(*arguments, **options):
        devices.append(options.get("device"))
        return randint(*arguments, **options)

    monkeypatch.setattr(torch, "randint", record)
    generator = make_generator()
    spawn(generator)
    assert devices == [generator.device]


def test_more_than_256_symbols_are_kept():
    network = build_network(300, hidden_size=4, input_size=2, generator=make_generator())
    network.w_out.data[:-1].zero_()
    network.w_out.data[-1] = 1e6
    start = torch.ones(5, 4)
    network.cell.w_hh.data.copy_(torch.eye(4))
    symbols = sample_symbols(network, 5, 3, start=start, noise_std=0.0, generator=make_generator())
    assert symbols.dtype == torch.int16
    assert (symbols == 299).all()


@pytest.mark.parametrize("temperature", [0.1, 1.0, 5.0])
def test_relaxed_symbols_are_exact_categorical_samples_at_any_temperature(temperature):
    probabilities = torch.tensor([0.6, 0.3, 0.09, 0.01])
    logits = (probabilities.log() + 3).expand(100_000, 4)
    symbols = sample_relaxed_symbols(logits, temperature=temperature, generator=make_generator(1))
    assert torch.equal(symbols.sum(-1), torch.ones(100_000))
    assert ((symbols == 0) | (symbols == 1)).all()
    assert chi_square(symbols.sum(0).numpy(), probabilities.numpy()) < chi2.ppf(1 - 1e-4, 3)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_relaxed_symbols_have_the_gradient_of_the_tempered_softmax(temperature):
    logits, weighting = draw(6, 2, 4), draw(6, 2, 4, seed=9)
    logits.requires_grad_()
    symbols = sample_relaxed_symbols(logits, temperature=temperature, generator=make_generator(2))
    (found,) = torch.autograd.grad((symbols * weighting).sum(), logits)
    gumbel = sample_gumbel((6, 2, 4), generator=make_generator(2)).double()
    soft = torch.softmax((logits + gumbel) / temperature, -1)
    assert torch.equal(symbols.argmax(-1), soft.argmax(-1))
    (expected,) = torch.autograd.grad((soft * weighting).sum(), logits)
    torch.testing.assert_close(found, expected)


def test_gumbel_noise_has_its_distribution():
    gumbel = sample_gumbel((200_000,), generator=make_generator(0)).double()
    assert float(gumbel.mean()) == pytest.approx(0.5772157, abs=5 * 1.2825 / math.sqrt(200_000))
    for quantile in (0.01, 0.5, 0.99):
        share = float((gumbel < -math.log(-math.log(quantile))).double().mean())
        assert share == pytest.approx(quantile, abs=5 * math.sqrt(quantile * (1 - quantile) / 200_000))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(InputError, match=r"`temperature` must be > 0, got .*\. The paper uses 1\."):
        sample_relaxed_symbols(torch.zeros(2, 3), temperature=temperature, generator=make_generator())


# ---- building


def test_initial_weights_are_uniform_within_pytorchs_bound():
    network = build_network(3, hidden_size=64, input_size=40, bias=True, generator=make_generator(0))
    weights = {name: p.detach() for name, p in network.named_parameters()}
    assert {name: tuple(w.shape) for name, w in weights.items()} == {
        "cell.w_hh": (64, 64),
        "cell.w_ih": (64, 40),
        "cell.bias": (64,),
        "w_out": (3, 64),
        "out_bias": (3,),
    }
    for name in ("cell.w_hh", "cell.w_ih"):
        assert 0.124 < float(weights[name].abs().max()) <= 1 / 8
        assert float(weights[name].std()) == pytest.approx(1 / 8 / math.sqrt(3), rel=0.05)
    assert all(float(w.abs().max()) <= 1 / 8 for w in weights.values())
    again = build_network(3, hidden_size=64, input_size=40, bias=True, generator=make_generator(0))
    assert all(torch.equal(a, b) for a, b in zip(weights.values(), again.parameters(), strict=True))
    plain = build_network(3, hidden_size=64, input_size=40, generator=make_generator(0))
    assert set(dict(plain.named_parameters())) == {"cell.w_hh", "cell.w_ih", "w_out"}
    assert (plain.hidden_size, plain.input_size, plain.n_symbols) == (64, 40, 3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda g: build_network(1, generator=g), r"`n_symbols` must be ≥ 2, got 1\."),
        (
            lambda g: build_network(3, hidden_size=0, generator=g),
            r"`hidden_size` must be ≥ 1, got 0\. The paper",
        ),
        (lambda g: build_network(3, input_size=0, generator=g), r"`input_size` must be ≥ 1, got 0\."),
        (
            lambda g: build_cell("rellu", 3, 2, generator=g),
            r"unknown cell `rellu`\. Did you mean `relu`\?.*Valid",
        ),
    ],
)
def test_bad_sizes_and_names_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build(make_generator())


# ---- a cell written elsewhere


def test_a_new_cell_runs_without_touching_callers():
    network = make_lstm_network(torch.float64)
    reference = nn.LSTM(5, 7, bias=False).double()
    reference.weight_ih_l0.data.copy_(network.cell.w_ih.data)
    reference.weight_hh_l0.data.copy_(network.cell.w_hh.data)
    generator = make_generator(1)
    chunks = list(
        iterate_rollout(network, 12, start=network.initial_state(4), generator=generator, chunk_steps=5)
    )
    expected, (_, memory) = reference(torch.cat([chunk.noise for chunk in chunks]))
    result = rollout(network, 4, 12, generator=make_generator(1))
    assert result.states.shape == (4, 12, 14)
    expected = expected.detach().swapaxes(0, 1)
    torch.testing.assert_close(result.states[..., :7], expected)
    torch.testing.assert_close(result.states[:, -1, 7:], memory[0].detach())
    torch.testing.assert_close(torch.cat([chunk.states for chunk in chunks]).swapaxes(0, 1), result.states)
    torch.testing.assert_close(result.logits, (expected @ network.w_out.T).detach())


def test_a_new_cell_samples_symbols_and_learns():
    network = make_lstm_network()
    symbols = sample_symbols(network, 2000, 6, generator=make_generator(2))
    assert symbols.shape == (2000, 6)
    states = rollout(network, 2000, 6, generator=make_generator(3)).states
    frequencies = torch.bincount(symbols.flatten().long(), minlength=3) / symbols.numel()
    expected = network.compute_probabilities(states).detach().mean((0, 1))
    torch.testing.assert_close(frequencies, expected, rtol=0, atol=0.02)
    noise = draw_noise_(torch.empty(6, 50, 5), 1.0, make_generator(4))
    logits = network.compute_logits(network.unroll(network.initial_state(50), noise))
    relaxed = sample_relaxed_symbols(logits, generator=make_generator(5))
    relaxed[..., 0].sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_a_patched_state_has_some_neurons_of_the_donor():
    network = make_network()
    generator = make_generator()
    state, donor = (torch.randn(4, 12, generator=generator) for _ in range(2))
    is_patched = torch.rand(4, 12, generator=generator) < 0.5
    patched = network.patch_hidden(state, donor, is_patched)
    np.testing.assert_array_equal(patched[is_patched], donor[is_patched])
    np.testing.assert_array_equal(patched[~is_patched], state[~is_patched])


def test_a_shuffled_network_has_the_same_weights_in_other_places():
    network = make_network()
    before = network.cell.w_hh.detach().clone()
    shuffled = network.shuffle_recurrent(make_generator())
    found = shuffled.cell.w_hh.detach()
    np.testing.assert_array_equal(found.flatten().sort().values, before.flatten().sort().values)
    assert (found != before).float().mean() > 0.9
    for axis in (0, 1):  # not rows or columns as a whole
        was, now = (weights.sum(axis).sort().values for weights in (before, found))
        assert (was - now).abs().max() > 1e-2
    np.testing.assert_array_equal(network.cell.w_hh.detach(), before)
    for name in ("w_out", "cell.w_ih"):
        np.testing.assert_array_equal(
            shuffled.get_parameter(name).detach(), network.get_parameter(name).detach()
        )


def test_a_cell_says_that_it_has_no_shuffled_copy():
    class Plain(Cell):
        name = "plain"

        def step(self, state, noise):
            return state

    network = NoiseRNN(Plain(2, 1, 2), 2, generator=make_generator())
    with pytest.raises(InputError, match="shuffle_recurrent.*n_shuffles=0"):
        network.shuffle_recurrent(make_generator())


@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_other_recurrent_weights_are_those_of_the_step(cell):
    """Without noise and bias the drive of a neuron is what the weights say."""
    network = build_network(2, cell=cell, hidden_size=4, input_size=3, bias=True, generator=make_generator())
    weights = torch.randn(4, 4, generator=make_generator())
    replaced = network.replace_recurrent(weights)
    state, noise = torch.rand(5, 4, generator=make_generator()), torch.zeros(5, 3)
    before, after = (n.cell.find_preactivation(state, noise) for n in (network, replaced))
    own = network.cell.find_recurrent_weights()
    np.testing.assert_allclose(after - before, state @ (weights - own).T, atol=1.7e-6)
    np.testing.assert_array_equal(replaced.cell.find_recurrent_weights(), weights)
    assert not torch.equal(own, weights)


def test_a_cell_says_that_it_has_no_recurrent_weights_to_replace():
    class Plain(Cell):
        name = "plain"

        def step(self, state, noise):
            return state

    network = NoiseRNN(Plain(2, 1, 2), 2, generator=make_generator())
    assert network.cell.find_recurrent_weights() is None
    with pytest.raises(InputError, match="got `Plain`. Write its methods `find_recurrent_weights"):
        network.replace_recurrent(torch.zeros(2, 2))
