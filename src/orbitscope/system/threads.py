"""Threads: independent work has one each, in which torch and the BLAS of NumPy and SciPy have a single one.

Threads inside an operation of torch meet at its end, thousands of times a second. Where other processes
hold the cores, all of them wait each time for the one that is not running. Threads with work of their own
meet only where results are put together. They run side by side: torch computes without the interpreter.
"""

import contextlib
import contextvars
import functools
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Generic, TypeVar

import torch
from threadpoolctl import ThreadpoolController

from ..errors import InputError
from .cores import THREAD_LIMIT

Item = TypeVar("Item")
Value = TypeVar("Value")

_SWITCH_INTERVAL = 2e-4
"""Seconds after which a thread that computes in NumPy, which keeps the interpreter, makes way for one that
comes from an operation of torch; the default of Python is 5 ms, as long as a hundred such operations."""

_LOGGER = logging.getLogger(__name__)

_is_fork = False
"""Whether this process is a fork: threads of OpenMP do not survive one, and waiting for them never ends."""


def require_threads(n_threads: int) -> None:
    """Check a number of threads, before anything is copied or computed."""
    if not 1 <= n_threads <= THREAD_LIMIT:
        limit = "≥ 1" if n_threads < 1 else f"≤ {THREAD_LIMIT}"
        raise InputError(f"`threads` must be {limit}, got {n_threads}. Leave it out for the default.")


def count_threads() -> int:
    """Threads that :func:`map_parallel` has here: those of :func:`use_threads`, else as many as torch."""
    crew = _crew.get()
    return torch.get_num_threads() if crew is None else crew.n_threads


@contextlib.contextmanager
def use_threads(n_threads: int, *, in_operations: bool = True) -> Iterator[None]:
    """Run with a number of threads and put the old one back; a fork of another process has one.

    Parameters
    ----------
    n_threads : int
    in_operations : bool
        Whether an operation of torch has all of them, too, outside of :func:`map_parallel`. Without, results
        are the same to the last bit with any number of threads, and what is not divided has a single one.
    """
    require_threads(n_threads)
    if _is_fork and n_threads > 1:
        _LOGGER.warning(
            "A forked process has one thread, not %d: those of OpenMP do not survive a fork. Start processes "
            'with multiprocessing.get_context("spawn") to have more.',
            n_threads,
        )
        n_threads = 1
    before, crew = torch.get_num_threads(), _Crew(n_threads)
    torch.set_num_threads(n_threads if in_operations else 1)
    token = _crew.set(crew)
    try:
        with limit_blas():
            yield
    finally:
        _crew.reset(token)
        crew.dismiss()
        torch.set_num_threads(1 if _is_fork else before)


@contextlib.contextmanager
def run_tasks(n_threads: int) -> "Iterator[Tasks]":
    """Begin pieces of work one by one, which go on side by side in as many threads.

    An error, or an interruption, stops what is under way at its next call of :func:`map_parallel` or
    :func:`raise_if_stopped`; that is waited for.
    """
    require_threads(n_threads)
    crew = _Crew(1 if _is_fork else n_threads, n_helpers=n_threads)
    token, interval = _crew.set(crew), sys.getswitchinterval()
    try:
        sys.setswitchinterval(min(interval, _SWITCH_INTERVAL))
        yield Tasks(crew)
    except BaseException:
        crew.stop()
        raise
    finally:
        _crew.reset(token)
        try:
            crew.dismiss()
        finally:
            sys.setswitchinterval(interval)


class Tasks:
    """Pieces of work that go on side by side, each with a single thread of torch.

    Calls of :func:`map_parallel` in them have the help of threads that have nothing else to do.
    """

    def __init__(self, crew: "_Crew"):
        self._crew = crew

    def begin(self, function: Callable[[], Value]) -> "Future[Value]":
        """Begin a piece of work; with one thread it is done at once, by the caller."""
        has_grad, is_inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

        def run() -> Value:
            torch.set_num_threads(1)
            with torch.inference_mode(is_inference), torch.set_grad_enabled(has_grad):
                return function()

        if self._crew.n_threads > 1:
            return self._crew.helpers.submit(contextvars.copy_context().run, run)
        done: Future[Value] = Future()
        before = torch.get_num_threads()
        try:
            done.set_result(run())
        except Exception as error:
            done.set_exception(error)
        finally:
            torch.set_num_threads(before)
        return done


class StoppedError(BaseException):
    """Work is not wanted any more: another piece of it failed, or was interrupted."""


def raise_if_stopped() -> None:
    """Raise :class:`StoppedError` in a piece of work that is not wanted any more."""
    crew = _crew.get()
    if crew is not None and crew.is_stopped:
        raise StoppedError


def map_parallel(function: Callable[[Item], Value], items: Iterable[Item]) -> list[Value]:
    """Value of a function for each item, in their order: as many at once as there are threads.

    Each item needs a source of randomness of its own; values then do not depend on the number of threads. One
    item, or one thread, is a plain loop, and so is a call within a call. After an error no further item is
    begun. Calls record gradients, or are in inference mode, as the caller is; autocast and other settings of
    a thread are not handed on.
    """
    items, crew = list(items), _crew.get()
    if crew is not None and not _is_fork:
        return crew.work_on(function, items)
    with limit_blas():
        return _find_standing_crew(torch.get_num_threads()).work_on(function, items)


class _Crew:
    """The calling thread and helpers, which wait without a core of their own until there is work."""

    def __init__(self, n_threads: int, *, n_helpers: int | None = None, parent: "_Crew | None" = None):
        self.n_threads = n_threads
        self._is_stopped, self._parent = False, parent
        self._n_helpers = n_threads - 1 if n_helpers is None else n_helpers
        self._executor: ThreadPoolExecutor | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether its work is not wanted any more, or that of which it is a piece."""
        return self._is_stopped or (self._parent is not None and self._parent.is_stopped)

    def stop(self) -> None:
        """Say so."""
        self._is_stopped = True

    @property
    def helpers(self) -> ThreadPoolExecutor:
        """The helpers, who come when they are first asked for."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._n_helpers)
        return self._executor

    def work_on(self, function: Callable[[Item], Value], items: list[Item]) -> list[Value]:
        """Values of all items; each thread takes the next one when it is done with the last."""
        if self.n_threads == 1 or len(items) < 2:
            return [self._call(function, item) for item in items]
        job, helping = _Job(function, items, crew=_Crew(1, parent=self)), list[Future[None]]()
        before, token = torch.get_num_threads(), _crew.set(job.crew)
        try:
            torch.set_num_threads(1)
            for _ in range(min(self.n_threads, len(items)) - 1):
                with contextlib.suppress(RuntimeError):  # helpers that were dismissed: then alone
                    helping.append(self.helpers.submit(job.help))
            job.work()
        finally:
            try:
                job.stop()
                _wait_for(helping)
            finally:
                _crew.reset(token)
                torch.set_num_threads(before)
        return job.get_values()

    def _call(self, function: Callable[[Item], Value], item: Item) -> Value:
        if self.is_stopped:
            raise StoppedError
        return function(item)

    def dismiss(self) -> None:
        """Let the helpers go; who still has this crew works alone."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=self.is_stopped)
        self._executor, self.n_threads = None, 1


_ALONE = _Crew(1)

_crew: contextvars.ContextVar[_Crew | None] = contextvars.ContextVar("crew", default=None)


@functools.cache
def _find_standing_crew(n_threads: int) -> _Crew:
    """Crew of those who have not said how many threads they want: it stays, for loops of many calls."""
    return _Crew(n_threads)


def _keep_to_one_thread() -> None:
    """What a fork does first."""
    global _is_fork
    _is_fork = True
    torch.set_num_threads(1)
    _crew.set(_ALONE)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_keep_to_one_thread)


def _wait_for(helping: list[Future[None]]) -> None:
    """Wait until no helper works; one that has not come yet need not come any more."""
    wait([future for future in helping if not future.cancel()])


class _Job(Generic[Item, Value]):
    """Items that several threads share among themselves."""

    def __init__(self, function: Callable[[Item], Value], items: list[Item], *, crew: _Crew):
        self._function, self._items, self.crew = function, items, crew
        self._has_grad, self._is_inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        self._values: dict[int, Value] = {}
        self._places, self._lock = iter(range(len(items))), threading.Lock()
        self._errors: dict[int, BaseException] = {}

    def work(self) -> None:
        """Take items until none is left, or one fails."""
        with torch.inference_mode(self._is_inference), torch.set_grad_enabled(self._has_grad):
            while (place := self._take()) is not None:
                try:
                    if self.crew.is_stopped:
                        raise StoppedError
                    self._values[place] = self._function(self._items[place])
                except BaseException as error:
                    self._errors[place] = error
                    self.stop()

    def help(self) -> None:
        """The same in a thread that belongs to the crew."""
        torch.set_num_threads(1)
        _crew.set(self.crew)
        self.work()

    def stop(self) -> None:
        """Hand out no further item."""
        with self._lock:
            self._places = iter(())

    def get_values(self) -> list[Value]:
        """Values in the order of the items, or an error.

        An interruption goes before the error of the first item that failed.
        """
        if self._errors:
            first = min(self._errors, key=lambda place: (isinstance(self._errors[place], Exception), place))
            error = self._errors[first]
            self._errors.clear()
            try:
                raise error
            finally:
                del error  # what it holds goes with it
        return [self._values[place] for place in range(len(self._items))]

    def _take(self) -> int | None:
        with self._lock:
            return next(self._places, None)


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
