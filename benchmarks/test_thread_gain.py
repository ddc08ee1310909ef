"""What a second thread of Python gains, by the length of the operations of torch that both call; printed.

    python -m pytest benchmarks/test_thread_gain.py -s -p no:xdist

Between two operations a thread holds the interpreter, and the other one waits for it.
"""

import threading
from collections.abc import Callable

import pytest
import torch
from comparisons import measure, report

from orbitscope.system.threads import use_threads

SECONDS = 0.4
"""Of each thread, about."""


def scale_in_place(n_rows: int, n_columns: int) -> Callable[[], object]:
    """A product of each entry with a number."""
    x = torch.rand(n_rows, n_columns)
    return lambda: x.mul_(1.0)


def exponentiate(n_rows: int, n_columns: int) -> Callable[[], object]:
    """An exponential of each entry, and a product that makes it 0 again."""
    x = torch.rand(n_rows, n_columns)
    return lambda: torch.exp(x, out=x).mul_(0.0)


def multiply(n_rows: int, n_columns: int) -> Callable[[], object]:
    """A product with a square matrix, as in a step of the network."""
    x, weights = torch.rand(n_rows, n_columns), torch.rand(n_columns, n_columns)
    out = torch.empty_like(x)
    return lambda: torch.mm(x, weights, out=out)


@pytest.mark.parametrize(
    ("make", "n_rows", "n_columns"),
    [
        (scale_in_place, 125, 3),
        (scale_in_place, 250, 1000),
        (exponentiate, 250, 1000),
        (multiply, 62, 150),
        (multiply, 250, 150),
    ],
)
def test_two_threads(make, n_rows, n_columns):
    operations = [make(n_rows, n_columns) for _ in range(2)]

    def repeat(operation: Callable[[], object]) -> None:
        for _ in range(n_calls):
            operation()

    def work_at_once() -> None:
        threads = [threading.Thread(target=repeat, args=(operation,)) for operation in operations]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with use_threads(1):
        n_calls = 500
        seconds = measure(lambda: repeat(operations[0])) / n_calls
        n_calls = max(1, int(SECONDS / seconds))
        in_turn = measure(lambda: [repeat(operation) for operation in operations])
        at_once = measure(work_at_once)
    report(
        f"{make.__name__}, {n_rows} x {n_columns}, {1e6 * in_turn / n_calls / 2:.0f} µs: two threads are "
        f"{in_turn / at_once:.2f} times as fast as one"
    )
