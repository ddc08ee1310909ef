import math

import numpy as np
import pytest
import torch
from geomloss import SamplesLoss
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orbitscope.errors import InputError
from orbitscope.loss import SinkhornDivergence, Workspace, sinkhorn_divergence
from orbitscope.loss.cost import SequenceCost
from orbitscope.loss.kernel import GibbsKernel
from orbitscope.loss.sinkhorn import compute_duplicate_entropy
from orbitscope.system.threads import use_threads


def draw_symbols(n_sequences, n_steps, n_symbols, *, seed, probs=None):
    """Integer symbols (sequence, time); skewed `probs` make duplicates and symbols that never occur."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.choice(n_symbols, size=(n_sequences, n_steps), p=probs))


def encode(symbols, n_symbols, dtype=torch.float32):
    return torch.nn.functional.one_hot(symbols, n_symbols).to(dtype)


def draw_pair(n, m, n_steps, n_symbols, *, seed=0, dtype=torch.float32, probs=None):
    x = draw_symbols(n, n_steps, n_symbols, seed=2 * seed, probs=probs)
    y = draw_symbols(m, n_steps, n_symbols, seed=2 * seed + 1)
    return encode(x, n_symbols, dtype), encode(y, n_symbols, dtype)


def compute_value_and_gradient(loss, x):
    x = x.detach().clone().requires_grad_()
    value = loss(x)
    (gradient,) = torch.autograd.grad(value, x)
    return float(value.detach()), gradient


def compare_with_geomloss(x, y, blur):
    """Errors of value and gradient beside geomloss in float64, on the scale of the terms that cancel.

    The value is a difference of transport costs, each a sum of ε·log terms: its scale is OT_ε(α, β) + ε. The
    gradient is a difference of points x_i/N and means of points: its scale is ‖x‖/N.
    """

    def compute_expected(*, debias):
        reference = SamplesLoss("sinkhorn", p=2, blur=blur, debias=debias, backend="tensorized")
        target = y.double().flatten(1)
        return compute_value_and_gradient(lambda z: reference(z.flatten(1), target), x.double())

    value, gradient = compute_value_and_gradient(
        lambda z: sinkhorn_divergence(z, y, epsilon=blur**2).value, x
    )
    expected_value, expected_gradient = compute_expected(debias=True)
    transport_cost, _ = compute_expected(debias=False)
    value_error = abs(value - expected_value) / (transport_cost + blur**2)
    return value_error, float((gradient - expected_gradient).norm() / (x.norm() / len(x)))


def compute_reference(x, y, epsilon, *, n_updates=4000):
    """Converged divergence by textbook Sinkhorn in log-domain float64."""

    def transport(x, y):
        cost = (x.flatten(1)[:, None] - y.flatten(1)).square().sum(-1) / 2
        n, m = cost.shape
        f, g = torch.zeros(n, dtype=torch.float64), torch.zeros(m, dtype=torch.float64)
        for _ in range(n_updates):
            old = g
            f = -epsilon * (torch.logsumexp((g - cost) / epsilon, 1) - math.log(m))
            g = -epsilon * (torch.logsumexp((f[:, None] - cost) / epsilon, 0) - math.log(n))
            if float((g - old).abs().max()) < 1e-12:
                break
        return float(f.mean() + g.mean())

    x, y = x.double(), y.double()
    return transport(x, y) - 0.5 * transport(x, x) - 0.5 * transport(y, y)


# ---- geomloss

GRADIENT_TOLERANCES = {0.2: 5e-4, 1.0: 4e-5, 3.0: 4e-6}
"""In float32, by blur: rounding of the exponents cost/ε, which reach 1000 at blur .2, moves the plan."""


@pytest.mark.parametrize("blur", [0.2, 1.0, 3.0])
@pytest.mark.parametrize(
    ("n", "m", "n_steps", "n_symbols"),
    [(64, 64, 30, 3), (80, 50, 12, 3), (50, 80, 7, 5), (40, 40, 100, 3), (60, 60, 3, 2), (30, 30, 40, 12)],
)
def test_equals_geomloss_in_float32(n, m, n_steps, n_symbols, blur):
    x, y = draw_pair(n, m, n_steps, n_symbols)
    value_error, gradient_error = compare_with_geomloss(x, y, blur)
    assert value_error == pytest.approx(0, abs=2e-6)
    assert gradient_error == pytest.approx(0, abs=GRADIENT_TOLERANCES[blur])


@pytest.mark.parametrize("blur", [0.2, 1.0, 3.0])
def test_equals_geomloss_where_symbols_never_occur_and_sequences_repeat(blur):
    x, y = draw_pair(120, 90, 4, 4, probs=[0.8, 0.2, 0, 0], seed=3)
    y = encode(y.argmax(-1).clamp(max=2), 4)  # symbol 3 never, so the bounding box has no extent there
    y[:, 1] = y[0, 1]
    assert len(torch.unique(x, dim=0)) < 20  # 16 different sequences at most
    value_error, gradient_error = compare_with_geomloss(x, y, blur)
    assert value_error == pytest.approx(0, abs=2e-6)
    assert gradient_error == pytest.approx(0, abs=GRADIENT_TOLERANCES[blur])


def test_equals_geomloss_where_blur_exceeds_the_diameter():
    x, y = draw_pair(20, 25, 2, 2)
    errors = compare_with_geomloss(x.double(), y.double(), 3.0)
    assert errors == pytest.approx((0, 0), abs=1e-10)


@pytest.mark.parametrize("blur", [0.2, 1.0, 3.0])
def test_float64_equals_geomloss_to_rounding(blur):
    x, y = draw_pair(70, 55, 20, 3, dtype=torch.float64, seed=1)
    value_error, gradient_error = compare_with_geomloss(x, y, blur)
    assert value_error == pytest.approx(0, abs=1e-9)
    left_out = 1e-5 if blur == 0.2 else 1e-9  # at .2 the gradient of the self term is left out
    assert gradient_error == pytest.approx(0, abs=left_out)
    result = sinkhorn_divergence(x, y, epsilon=blur**2)
    assert result.value.dtype == torch.float64


def test_published_epsilon_is_the_default():
    x, y = draw_pair(30, 30, 10, 3)
    assert float(sinkhorn_divergence(x, y).value) == float(sinkhorn_divergence(x, y, epsilon=0.04).value)


# ---- oracles without geomloss


@pytest.mark.parametrize("epsilon", [0.04, 1.0, 9.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_converged_equals_textbook_sinkhorn(epsilon, dtype):
    x, y = draw_pair(40, 25, 6, 3, dtype=dtype, seed=5)
    found = sinkhorn_divergence(x, y, epsilon=epsilon, mode="converged", tolerance=1e-5, max_updates=5000)
    assert found.converged
    assert float(found.value) == pytest.approx(compute_reference(x, y, epsilon), rel=2e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_converged_is_right_where_potentials_travel_far(dtype):
    """Two distant clusters with other shares: entries that start negligible carry mass at the end."""
    x = encode((torch.arange(60) < 30).long()[:, None].expand(60, 12), 3, dtype)
    y = encode((torch.arange(60) < 6).long()[:, None].expand(60, 12), 3, dtype)
    found = sinkhorn_divergence(x, y, mode="converged", tolerance=1e-5)
    assert found.converged
    assert float(found.value) == pytest.approx(compute_reference(x, y, 0.04), rel=1e-4)


@pytest.mark.parametrize("epsilon", [0.5, 4.0])
def test_gradient_equals_finite_differences(epsilon):
    """Converged and off the one-hots, so that the general cost and the live self term are differentiated."""
    x, y = draw_pair(9, 7, 4, 3, dtype=torch.float64, seed=6)
    x = x + 0.1 * torch.rand(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    divergence = SinkhornDivergence(y, epsilon=epsilon, mode="converged", tolerance=1e-13, max_updates=20000)
    _, gradient = compute_value_and_gradient(lambda x: divergence(x).value, x)
    step = 1e-4
    for index in [(0, 0, 0), (3, 2, 1), (8, 3, 2), (5, 1, 0)]:
        shift = torch.zeros_like(x)
        shift[index] = step
        difference = float(divergence(x + shift).value - divergence(x - shift).value) / (2 * step)
        assert float(gradient[index]) == pytest.approx(difference, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("epsilon", [0.04, 1.0, 25.0])
@pytest.mark.parametrize("mode", ["published", "converged"])
@pytest.mark.parametrize("n_mismatches", [0, 1, 5])
def test_two_diracs_cost_their_mismatches(epsilon, mode, n_mismatches):
    y = torch.zeros(4, 8, dtype=torch.long)
    x = y.clone()
    x[:, :n_mismatches] = 2
    result = sinkhorn_divergence(encode(x, 3), encode(y, 3), epsilon=epsilon, mode=mode)
    assert float(result.value) == pytest.approx(n_mismatches, abs=1e-5)


@pytest.mark.parametrize("epsilon", [0.04, 1.0, 9.0])
@pytest.mark.parametrize("mode", ["published", "converged"])
def test_identical_batches_have_no_divergence(epsilon, mode):
    x, _ = draw_pair(50, 1, 8, 3, dtype=torch.float64)
    value, gradient = compute_value_and_gradient(
        lambda z: sinkhorn_divergence(z, x, epsilon=epsilon, mode=mode, tolerance=1e-10).value, x
    )
    assert value == pytest.approx(0, abs=1e-8)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-8)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, database=None)
@given(
    n=st.integers(1, 12),
    m=st.integers(1, 12),
    n_steps=st.integers(1, 6),
    n_symbols=st.integers(2, 4),
    epsilon=st.sampled_from([0.2, 1.0, 8.0]),
    seed=st.integers(0, 1000),
)
def test_converged_divergence_is_not_negative(n, m, n_steps, n_symbols, epsilon, seed):
    x, y = draw_pair(n, m, n_steps, n_symbols, seed=seed, dtype=torch.float64)
    result = sinkhorn_divergence(x, y, epsilon=epsilon, mode="converged", tolerance=1e-9, max_updates=20000)
    assume(result.converged)  # 6 of 15 600 draws need more than 20 000 updates
    assert float(result.value) >= -1e-8


def test_large_epsilon_compares_marginals_only():
    x, y = draw_pair(40, 30, 5, 3, dtype=torch.float64, probs=[0.6, 0.3, 0.1])
    expected = 0.5 * float((x.mean(0) - y.mean(0)).square().sum())
    found = sinkhorn_divergence(x, y, epsilon=1e6, mode="converged", tolerance=1e-12)
    assert float(found.value) == pytest.approx(expected, rel=1e-4)


# ---- self terms, marginal error


def test_duplicate_entropy_is_that_of_their_shares():
    symbols = draw_symbols(40, 9, 3, seed=4)
    symbols[10:] = symbols[0]  # 31 copies of one sequence, 9 of their own
    for sequences in (symbols, draw_symbols(40, 9, 3, seed=9)):
        shares = torch.unique(sequences, dim=0, return_counts=True)[1].double() / 40
        found = compute_duplicate_entropy(encode(sequences, 3))
        assert found == pytest.approx(-float((shares * shares.log()).sum()), rel=1e-9)


def test_closed_form_self_term_equals_the_computed_one():
    """ε = .04 takes the closed form for one-hots, the full computation a hair off them."""
    symbols = draw_symbols(40, 9, 3, seed=4)
    symbols[30:] = symbols[:10]
    x, y = encode(symbols, 3, torch.float64), encode(draw_symbols(40, 9, 3, seed=9), 3, torch.float64)
    off = x * (1 + 1e-12)
    assert not torch.equal(off, x)
    for mode in ("published", "converged"):
        closed = sinkhorn_divergence(x, y, mode=mode, tolerance=1e-10, max_updates=50)
        computed = sinkhorn_divergence(off, y, mode=mode, tolerance=1e-10, max_updates=50)
        assert float(closed.value) == pytest.approx(float(computed.value), rel=0, abs=1e-10)
        gradients = [
            compute_value_and_gradient(
                lambda z, m=mode: sinkhorn_divergence(z, y, mode=m, max_updates=50).value, z
            )[1]
            for z in (x, off)
        ]
        torch.testing.assert_close(*gradients, rtol=0, atol=1e-9)


def test_marginal_error_tells_published_from_converged():
    x, y = draw_pair(100, 100, 20, 3)
    published = sinkhorn_divergence(x, y)
    assert 0.1 < published.marginal_error < 1
    assert not published.converged
    converged = sinkhorn_divergence(x, y, epsilon=4.0, mode="converged", tolerance=1e-4)
    assert converged.marginal_error <= 1e-4
    assert converged.converged
    assert converged.n_updates > published.n_updates - 3
    stopped = sinkhorn_divergence(x, y, mode="converged", tolerance=1e-9, max_updates=3)
    assert not stopped.converged
    assert stopped.marginal_error > 1e-9


@pytest.mark.parametrize("blur", [0.2, 1.0])
def test_marginal_error_is_the_column_error_of_the_row_normalised_plan(blur):
    """Against geomloss's potentials g, from which its last extrapolation makes the rows of the plan."""
    x, y = draw_pair(60, 45, 8, 3, dtype=torch.float64)
    epsilon = blur**2
    cost = (x.flatten(1)[:, None] - y.flatten(1)).square().sum(-1) / 2
    f, g = (-level * torch.logsumexp(-cost / level, d) for d, level in ((1, 24.0), (0, 24.0)))
    f, g = f + 24 * math.log(45), g + 24 * math.log(60)
    levels = [24.0, *(24 / 4**k for k in range(9) if 24 / 4**k > epsilon), epsilon]
    for e in levels:
        new_f = -e * (torch.logsumexp((g - cost) / e, 1) - math.log(45))
        new_g = -e * (torch.logsumexp((f[:, None] - cost) / e, 0) - math.log(60))
        f, g = (f + new_f) / 2, (g + new_g) / 2
    plan = torch.softmax((g - cost) / epsilon, 1) * 45 / 60
    result = sinkhorn_divergence(x, y, epsilon=epsilon)
    assert result.n_updates == len(levels) + 1
    assert result.marginal_error == pytest.approx(float((plan.sum(0) - 1).abs().mean()), rel=1e-6)


# ---- computation: row blocks, wide integers, reuse, autograd


@pytest.mark.parametrize("epsilon", [0.04, 4.0])
@pytest.mark.parametrize("mode", ["published", "converged"])
def test_row_blocks_equal_the_stored_matrices(epsilon, mode):
    x, y = draw_pair(700, 900, 6, 3, dtype=torch.float64)  # 582 rows to a block: two blocks
    losses = [
        SinkhornDivergence(y, epsilon=epsilon, mode=mode, max_updates=20, memory_budget=budget)
        for budget in (2**30, 1, 800_000)
    ]
    stored, blocks, mixed = (compute_value_and_gradient(lambda z, d=d: d(z).value, x) for d in losses)
    for other in (blocks, mixed):
        assert other[0] == pytest.approx(stored[0], rel=1e-9)
        torch.testing.assert_close(other[1], stored[1], rtol=0, atol=1e-9)
    assert losses[0](x).marginal_error == pytest.approx(losses[1](x).marginal_error, rel=1e-6)


def test_row_blocks_take_any_input():
    x, y = draw_pair(30, 20, 6, 3, dtype=torch.float64)
    x = 0.9 * x
    values = [float(SinkhornDivergence(y, epsilon=1.0, memory_budget=b)(x).value) for b in (2**30, 1)]
    assert values[0] == pytest.approx(values[1], rel=1e-10)


@pytest.mark.parametrize("n_steps", [255, 256, 600])
def test_costs_beyond_one_byte_are_exact(n_steps):
    y = torch.zeros(3, n_steps, dtype=torch.long)
    assert float(sinkhorn_divergence(encode(y + 1, 2), encode(y, 2)).value) == pytest.approx(
        n_steps, rel=1e-5
    )
    x, y = draw_pair(20, 20, n_steps, 3)
    value_error, gradient_error = compare_with_geomloss(x, y, 0.2)
    assert value_error == pytest.approx(0, abs=2e-6)
    assert gradient_error == pytest.approx(0, abs=3 * GRADIENT_TOLERANCES[0.2])  # costs of hundreds


def test_kernel_is_computed_anew_after_a_chain_of_squarings():
    """Seven levels of squaring would be off by 4⁷ roundings; the last ones start from the cost again."""
    x, y = draw_pair(200, 200, 9, 3)
    cost = SequenceCost(x, y)
    kernel, zeros = GibbsKernel(cost, stored=True), torch.zeros(200)
    for level in range(8):
        found, _ = kernel.compute_sums(zeros, zeros, 4.0 ** (7 - level))
    mismatches = 9 - x.flatten(1).double() @ y.flatten(1).double().T
    torch.testing.assert_close(found.double(), torch.exp(-mismatches).sum(1), rtol=3e-6, atol=0)


def test_long_sequences_that_differ_in_one_step_are_no_duplicates():
    """100 ternary symbols take three integers; each has to be looked at."""
    symbols = torch.zeros(5, 100, dtype=torch.long)
    for sequence, step in enumerate((0, 39, 40, 99)):
        symbols[sequence, step] = 2
    assert compute_duplicate_entropy(encode(symbols, 3)) == pytest.approx(math.log(5), rel=1e-9)


@pytest.mark.parametrize("epsilon", [0.04, 4.0])
def test_divergences_that_share_a_workspace_do_not_disturb_each_other(epsilon):
    workspace = Workspace()
    pairs = [draw_pair(n, m, 6, 3, seed=n) for n, m in ((50, 40), (30, 70), (60, 20))]
    losses = [SinkhornDivergence(y, epsilon=epsilon, workspace=workspace) for _, y in pairs]
    for _ in range(2):
        for (x, y), loss in zip(pairs, losses, strict=True):
            found = compute_value_and_gradient(lambda z, d=loss: d(z).value, x)
            alone = compute_value_and_gradient(
                lambda z, y=y: sinkhorn_divergence(z, y, epsilon=epsilon).value, x
            )
            assert found[0] == alone[0]
            assert torch.equal(found[1], alone[1])


def test_a_divergence_can_be_called_again():
    """The cached target term belongs to one bounding box only."""
    y = encode(draw_symbols(50, 8, 2, seed=1), 3)  # symbol 2 never: the batch decides about the box
    first, _ = draw_pair(50, 1, 8, 3, seed=7)
    narrow = encode(torch.zeros(50, 8, dtype=torch.long), 3)
    divergence = SinkhornDivergence(y, epsilon=1.0)
    for x in (first, narrow, first):
        assert float(divergence(x).value) == float(sinkhorn_divergence(x, y, epsilon=1.0).value)


def test_gradient_flows_through_intermediate_tensors():
    x, y = draw_pair(20, 20, 5, 3)
    weight = torch.full((3, 3), 0.1).requires_grad_()
    generated = (x @ (torch.eye(3) + weight)).transpose(0, 1).transpose(0, 1)
    result = sinkhorn_divergence(generated, y, epsilon=1.0)
    (3 * result.value).backward()
    _, direct = compute_value_and_gradient(
        lambda z: sinkhorn_divergence(z, y, epsilon=1.0).value, generated.detach()
    )
    torch.testing.assert_close(weight.grad, 3 * torch.einsum("nti,ntj->ij", x, direct))


@pytest.mark.parametrize("epsilon", [0.04, 4.0])
@pytest.mark.parametrize("self_weight", [0.0, 0.3])
def test_self_weight_mixes_the_self_term_with_that_of_infinite_epsilon(epsilon, self_weight):
    """At ε = ∞ the self term is half the mean squared distance of pairs; geomloss gives the cross term."""
    x, y = draw_pair(20, 15, 5, 3, dtype=torch.float64)
    divergence = SinkhornDivergence(y, epsilon=epsilon)
    cross_term = SamplesLoss("sinkhorn", p=2, blur=epsilon**0.5, debias=False, backend="tensorized")

    def compute_blurred(z):
        mean_cost = 0.5 * (z[:, None] - z[None]).square().sum((2, 3)).mean()
        return cross_term(z.flatten(1), y.flatten(1)) - 0.5 * mean_cost

    plain = compute_value_and_gradient(lambda z: divergence(z).value, x)
    blurred = compute_value_and_gradient(compute_blurred, x)
    weighted = compute_value_and_gradient(lambda z: divergence(z, self_weight=self_weight).value, x)
    assert weighted[0] == plain[0]
    expected = self_weight * plain[1] + (1 - self_weight) * blurred[1]
    torch.testing.assert_close(weighted[1], expected, rtol=1e-6, atol=1e-9)


def test_no_gradient_where_none_is_wanted():
    x, y = draw_pair(10, 10, 5, 3)
    assert not sinkhorn_divergence(x, y).value.requires_grad
    with torch.no_grad():
        assert not sinkhorn_divergence(x.requires_grad_(), y).value.requires_grad


def test_second_derivatives_are_refused():
    x, y = draw_pair(10, 10, 5, 3)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(sinkhorn_divergence(x, y).value, x, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        gradient.sum().backward()


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": 0.0}, r"`epsilon` must be > 0, got 0.0\. The paper uses 0.04"),
        ({"epsilon": math.nan}, r"`epsilon` must be > 0, got nan"),
        ({"epsilon": math.inf}, r"`epsilon` must be > 0, got inf"),
    ],
)
def test_options_out_of_range_are_refused(arguments, message):
    x, y = draw_pair(5, 5, 4, 3)
    with pytest.raises(InputError, match=message):
        sinkhorn_divergence(x, y, **arguments)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (5, 4, 2),
            r"`generated` must have \(time, symbol\) = \(4, 3\) like the targets, got \(4, 2\)\. Gen",
        ),
        ((5, 3, 3), r"`generated` must have \(time, symbol\) = \(4, 3\) like the targets, got \(3, 3\)"),
        ((0, 4, 3), r"`generated` must be one-hot \(sequence, time, symbol\), got shape \(0, 4, 3\)\. Use "),
    ],
)
def test_batches_of_other_shape_are_refused(shape, message):
    _, y = draw_pair(5, 5, 4, 3)
    with pytest.raises(InputError, match=message):
        SinkhornDivergence(y)(torch.zeros(shape))


def test_batches_of_other_precision_are_refused():
    x, y = draw_pair(5, 5, 4, 3)
    with pytest.raises(
        InputError, match=r"`generated` must be torch.float32 on cpu .* got torch.float64 on cpu"
    ):
        SinkhornDivergence(y)(x.double())


def test_a_repr_shows_the_targets_and_the_options():
    divergence = SinkhornDivergence(torch.zeros(5, 4, 3), epsilon=4.0, mode="converged")
    assert repr(divergence) == "SinkhornDivergence(targets: (5, 4, 3), epsilon=4, mode='converged')"


# ---- threads


@pytest.mark.parametrize("memory_budget", [2**30, 1])
@pytest.mark.parametrize("epsilon", [0.04, 9.0])
def test_the_number_of_threads_changes_no_bit(epsilon, memory_budget):
    """Blocks of 16 rows of 61: four, the last of 13; inert and live self terms, a kernel stored and not."""
    x, y = draw_pair(61, 203, 9, 3)
    loss = SinkhornDivergence(y, epsilon=epsilon, memory_budget=memory_budget)
    found = []
    for n_threads in (1, 2, 8):
        with use_threads(n_threads, in_operations=False):
            found.append(compute_value_and_gradient(lambda z: loss(z).value, x))
    assert SequenceCost(x, y).block_rows == 16
    for value, gradient in found[1:]:
        assert value == found[0][0]
        assert torch.equal(gradient, found[0][1])


@pytest.mark.parametrize("epsilon", [0.04, 9.0])
def test_groups_of_several_blocks_have_the_sums_of_all(epsilon, monkeypatch):
    """Four blocks in groups of two, one and one, beside a group for each."""
    x, y = draw_pair(61, 203, 9, 3, dtype=torch.float64)

    def compute():
        loss = SinkhornDivergence(y, epsilon=epsilon)
        return *compute_value_and_gradient(lambda z: loss(z).value, x), loss(x).marginal_error

    expected = compute()
    monkeypatch.setattr("orbitscope.loss.cost._MOST_GROUPS", 2)
    assert [len(group) for group in SequenceCost(x, y).group_blocks()] == [2, 2]
    value, gradient, error = compute()
    assert value == pytest.approx(expected[0], rel=1e-9)
    torch.testing.assert_close(gradient, expected[1], rtol=0, atol=1e-12)
    assert error == pytest.approx(expected[2], rel=1e-9)


def test_blocks_are_small_enough_for_the_cache_and_four_at_least():
    for n, m, expected in ((61, 203, 16), (5000, 5000, 104), (625, 625, 157), (3, 100_000, 16)):
        x, y = (torch.zeros(size, 1, 1) for size in (n, m))
        cost = SequenceCost(x, y, memory_budget=1)
        assert cost.block_rows == expected
        rows = [row for block in cost.blocks() for row in range(block.start, block.stop)]
        assert rows == list(range(n))
        groups = cost.group_blocks()
        assert [block for group in groups for block in group] == cost.blocks()
        assert len(groups) <= 16
