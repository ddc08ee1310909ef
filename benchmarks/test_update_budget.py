"""What an update must cost at least on this processor, beside what it costs; printed.

    python -m pytest benchmarks/test_update_budget.py -s -p no:xdist

The least is measured here, by two threads with work of their own: products at the speed of those that the
network has, normal numbers, and exponentials. What is above it are passes through memory, small operations
and waiting.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from comparisons import measure, report

from orbitscope.hmm import load_preset
from orbitscope.recipes import build_settings
from orbitscope.system.threads import map_parallel, use_threads
from orbitscope.training import BatchPlan, Trainer, initialise_training, prepare_task

N_THREADS, N_ROWS, N_ROUNDS = 2, 250, 5


def time_side_by_side(work: Callable[[], object], n_calls: int) -> float:
    """Seconds of a call in each thread, the best of some rounds."""

    def repeat(_: int) -> None:
        for _ in range(n_calls):
            work()

    return min(measure(lambda: map_parallel(repeat, range(N_THREADS))) / n_calls for _ in range(N_ROUNDS))


def measure_rates(hidden: int, n_inputs: int) -> dict[str, float]:
    """Operations of all threads in a second: of products, normal numbers, exponentials."""
    state, weights, drive = torch.rand(N_ROWS, hidden), torch.rand(hidden, hidden), torch.rand(N_ROWS, hidden)
    product = time_side_by_side(lambda: torch.addmm(drive, state, weights), 300)
    numbers = torch.empty(N_ROWS, n_inputs)
    normal = time_side_by_side(lambda: torch.empty_like(numbers).normal_(generator=torch.Generator()), 100)
    block = torch.rand(100, 5000) * -30
    exponential = time_side_by_side(lambda: torch.exp(block), 20)
    return {
        "products": N_THREADS * 2 * N_ROWS * hidden**2 / product,
        "normals": N_THREADS * numbers.numel() / normal,
        "exponentials": N_THREADS * block.numel() / exponential,
    }


@pytest.mark.parametrize(
    ("preset", "recipe", "batch_size"),
    [
        ("linear-2", "fast", 625),
        ("linear-2", "fast", 5000),
        ("linear-2", "faithful", 125),
        ("linear-2", "faithful", 1000),
        ("linear-3", "faithful", 1000),
    ],
)
def test_update(preset, recipe, batch_size):
    settings = build_settings(preset, recipe=recipe, threads=N_THREADS)
    hidden, n_inputs = settings.model.hidden_size, settings.model.input_size
    task = prepare_task(load_preset(preset).hmm, settings)
    trainer, state = Trainer(task, settings), initialise_training(task, settings)
    n_steps = settings.data.n_steps
    with use_threads(N_THREADS, in_operations=False):
        rates = measure_rates(hidden, n_inputs)
        trainer.run_update(state, BatchPlan(batch_size, 1))
        times = [
            measure(lambda: trainer.run_update(state, BatchPlan(batch_size, 1))) for _ in range(N_ROUNDS)
        ]
    # Forward: both products. Backward: the gradient of states, and of both matrices.
    n_weights = hidden * (hidden + n_inputs)
    n_operations = 2 * batch_size * n_steps * (n_weights + n_weights + hidden**2)
    least = {
        "products": n_operations / rates["products"],
        "normals": batch_size * n_steps * n_inputs / rates["normals"],
    }
    if recipe == "fast":  # one fresh exponential of each pair at the coarsest and at the finest level
        least["exponentials"] = 2 * batch_size**2 / rates["exponentials"]
    whole, found = sum(least.values()), float(np.median(times))
    parts = ", ".join(f"{name} {1e3 * seconds:.0f} ms" for name, seconds in least.items())
    report(
        f"update, {preset} {recipe}, batch {batch_size}: {1e3 * found:.0f} ms, at least {1e3 * whole:.0f} ms "
        f"({parts}; {rates['products'] / 1e9:.0f} GFLOP/s, {1e9 / rates['normals']:.1f} ns a normal number), "
        f"{found / whole:.1f} times"
    )
