"""Threads: those of torch do the work, the BLAS of NumPy and SciPy has one; independent work has one each."""

import contextlib
import functools
import importlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

from ..errors import InputError
from .cores import THREAD_LIMIT

Item = TypeVar("Item")
Value = TypeVar("Value")

_LOGGER = logging.getLogger(__name__)

_is_fork = False
"""Whether this process is a fork: threads of OpenMP do not survive one, and waiting for them never ends."""


def _keep_to_one_thread() -> None:
    """What a fork does first."""
    global _is_fork
    _is_fork = True
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_keep_to_one_thread)


def require_threads(n_threads: int) -> None:
    """Check a number of threads, before anything is copied or computed."""
    if not 1 <= n_threads <= THREAD_LIMIT:
        limit = "≥ 1" if n_threads < 1 else f"≤ {THREAD_LIMIT}"
        raise InputError(f"`threads` must be {limit}, got {n_threads}. Leave it out for the default.")


@contextlib.contextmanager
def use_threads(n_threads: int) -> Iterator[None]:
    """Run with a number of threads and put the old one back; a fork of another process has one."""
    require_threads(n_threads)
    if _is_fork and n_threads > 1:
        _LOGGER.warning(
            "A forked process has one thread, not %d: those of OpenMP do not survive a fork. Start processes "
            'with multiprocessing.get_context("spawn") to have more.',
            n_threads,
        )
        n_threads = 1
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with limit_blas():
            yield
    finally:
        torch.set_num_threads(before)


def map_parallel(function: Callable[[Item], Value], items: Iterable[Item]) -> list[Value]:
    """Value of a function for each item, in their order: as many at once as torch has threads.

    Each call has a single thread, in which small products are as fast as in many, and what has no threads of
    its own, random numbers and Python itself, is done side by side. Each item needs a source of randomness of
    its own; values then depend on the number of threads by rounding only. One item, or one thread, is a plain
    loop, and so is a call within a call. After an error no further item is begun.
    """
    items, n_threads, has_grad = list(items), torch.get_num_threads(), torch.is_grad_enabled()
    if n_threads == 1 or len(items) < 2:
        with limit_blas():
            return [function(item) for item in items]

    def call(item: Item) -> Value:
        with torch.set_grad_enabled(has_grad):
            return function(item)

    try:
        with (
            limit_blas(),
            ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        ):
            return _collect([pool.submit(call, item) for item in items])
    finally:
        torch.set_num_threads(n_threads)  # that of a worker is the default of threads to come


def _collect(futures: list[Future[Value]]) -> list[Value]:
    """Results in order; those that are not begun are cancelled at the first error, or when interrupted."""
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
    finally:
        for future in futures:
            future.cancel()
    return [future.result() for future in futures]


def limit_blas() -> contextlib.AbstractContextManager[object]:
    """One thread for the BLAS of NumPy and SciPy.

    It has a pool of its own beside that of torch. Where calls of the two alternate, as in many small
    covariances, each pool waits for cores on which threads of the other one spin: two threads each took four
    times as long as one (docs/log.md, 2026-11-28).
    """
    return _find_blas().limit(limits=1)


@functools.cache
def _find_blas() -> ThreadpoolController:
    """Libraries of NumPy and SciPy, not one that comes with torch."""
    importlib.import_module("scipy.linalg")  # which loads its library
    everything = ThreadpoolController()
    of_torch = Path(torch.__file__).parent
    pools = (pool for pool in everything.info() if pool["user_api"] == "blas")
    files = [pool["filepath"] for pool in pools if of_torch not in Path(pool["filepath"]).parents]
    return everything.select(filepath=files)
