"""How fast this machine is."""

import time

import torch


def measure_operations_per_second(*, seconds: float = 0.3) -> float:
    """Speed of matrix products of the size that training uses, on the current number of threads."""
    left, right = torch.ones(1024, 150), torch.ones(150, 150)
    operations, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(20):
            torch.mm(left, right)
        operations += 20 * 2 * 1024 * 150 * 150
    return operations / (time.perf_counter() - started)
