"""How much slower things get beside busy loops, one a core, with two threads; printed as ratios.

    python -m pytest benchmarks/test_busy_machine.py -s -p no:xdist

Twice the time is what two threads can have of two cores that two other processes want, too. Run it with
nothing else on the machine: the first side of each ratio is that of an idle one.
"""

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from comparisons import measure, report
from test_speed import draw_one_hot

from orbitscope.hmm import load_preset
from orbitscope.loss import SinkhornDivergence
from orbitscope.recipes import build_settings
from orbitscope.system.cores import count_usable_cores
from orbitscope.system.threads import use_threads
from orbitscope.training import BatchPlan, Trainer, initialise_training, prepare_task

N_ROUNDS = 5
N_TRAININGS = 4


def spin() -> None:
    """Want a core, for ever."""
    while True:
        pass


@contextlib.contextmanager
def make_busy() -> Iterator[None]:
    """One busy loop for each core, in processes of their own."""
    context = multiprocessing.get_context("spawn")
    loops = [context.Process(target=spin, daemon=True) for _ in range(count_usable_cores())]
    for loop in loops:
        loop.start()
    time.sleep(1)
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.join()


def compare_with_busy(work: Callable[[], object], label: str) -> None:
    """Medians of both conditions and their ratio."""
    with use_threads(2, in_operations=False):
        work()
        idle = np.median([measure(work) for _ in range(N_ROUNDS)])
        with make_busy():
            busy = np.median([measure(work) for _ in range(N_ROUNDS)])
    report(
        f"{label}: {idle:.3f} s with nothing beside, {busy:.3f} s beside busy loops, {busy / idle:.2f} times"
    )


@pytest.mark.parametrize(
    ("preset", "recipe", "batch_size"),
    [
        ("linear-2", "fast", 625),
        ("linear-2", "fast", 5000),
        ("linear-3", "fast", 1250),
        ("linear-2", "faithful", 125),
        ("linear-2", "faithful", 1000),
        ("linear-3", "faithful", 1000),
    ],
)
def test_update(preset, recipe, batch_size):
    settings = build_settings(preset, recipe=recipe, threads=2)
    task = prepare_task(load_preset(preset).hmm, settings)
    trainer, state = Trainer(task, settings), initialise_training(task, settings)
    batches = BatchPlan(batch_size, 1)
    compare_with_busy(
        lambda: trainer.run_update(state, batches), f"update, {preset} {recipe}, batch {batch_size}"
    )


def test_four_trainings_side_by_side():
    """Each with two threads, on however many cores there are, against the same one after another."""
    context = multiprocessing.get_context("spawn")

    def run(n_at_once: int) -> float:
        def run_round() -> None:
            trainings = [context.Process(target=train_a_little, args=(seed,)) for seed in range(n_at_once)]
            for training in trainings:
                training.start()
            for training in trainings:
                training.join()
                assert training.exitcode == 0

        return sum(measure(run_round) for _ in range(N_TRAININGS // n_at_once))

    pairs = [(run(N_TRAININGS), run(1)) for _ in range(2)]
    for together, apart in pairs:
        report(
            f"{N_TRAININGS} trainings, linear-3 fast, 6 epochs: {together:.1f} s side by side, {apart:.1f} s "
            f"one after another, {together / apart:.2f} times (target 1.15)"
        )


def train_a_little(seed: int) -> None:
    """Some epochs with two threads, in a process of its own."""
    settings = build_settings("linear-3", threads=2, seed=seed, changes={"train.epochs": 6})
    task = prepare_task(load_preset("linear-3").hmm, settings)
    with use_threads(2, in_operations=False):
        for _ in Trainer(task, settings).run_epochs(initialise_training(task, settings)):
            pass


def test_loss_and_gradient():
    x, y = (draw_one_hot("linear-3", 4096, seed) for seed in (0, 1))
    loss = SinkhornDivergence(y)

    def run() -> None:
        loss(x.clone().requires_grad_()).value.backward()

    compare_with_busy(run, "loss + gradient, N = 4096, T = 30")
