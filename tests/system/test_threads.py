import contextlib
import contextvars
import gc
import os
import subprocess
import sys
import threading
import time
import weakref

import pytest
import scipy.linalg  # noqa: F401 - it has a library of its own, which is loaded here
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from orbitscope.errors import InputError
from orbitscope.system import threads
from orbitscope.system.threads import (
    StoppedError,
    count_threads,
    limit_blas,
    map_parallel,
    raise_if_stopped,
    run_tasks,
    use_threads,
)


@pytest.fixture(autouse=True)
def _two_threads():
    if not list_blas_threads():
        pytest.skip("NumPy's BLAS has no threads that can be set here, as Accelerate on macOS")
    with threadpool_limits(2, user_api="blas"):
        yield


def list_blas_threads():
    """Threads of the libraries that multiply NumPy's arrays."""
    pools = [
        pool for pool in threadpool_info() if pool["user_api"] == "blas" and "torch" not in pool["filepath"]
    ]
    return [pool["num_threads"] for pool in pools]


def test_torch_has_the_threads_and_numpy_one_until_it_is_over():
    before, blas_before = torch.get_num_threads(), list_blas_threads()
    assert 2 in blas_before
    with use_threads(2):
        assert torch.get_num_threads() == 2
        assert set(list_blas_threads()) == {1}
    assert torch.get_num_threads() == before
    assert list_blas_threads() == blas_before


def test_threads_of_numpy_come_back_after_an_error():
    before = list_blas_threads()

    def crash():
        with limit_blas():
            assert set(list_blas_threads()) == {1}
            raise ValueError

    with pytest.raises(ValueError):
        crash()
    assert list_blas_threads() == before


def test_there_is_at_least_one_thread():
    with pytest.raises(InputError, match="must be ≥ 1, got 0"), use_threads(0):
        pytest.fail("no threads")


def test_calls_have_one_thread_each_and_their_values_are_in_order():
    with use_threads(2):
        found = map_parallel(lambda i: (i, torch.get_num_threads(), list_blas_threads()), range(20))
        assert torch.get_num_threads() == 2
        threads = []
        late = threading.Thread(target=lambda: threads.append(torch.get_num_threads()))
        late.start()
        late.join()
    assert found == [(i, 1, [1] * len(list_blas_threads())) for i in range(20)]
    assert threads == [2]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_as_many_calls_at_once_as_torch_has_threads(n_threads):
    """Two calls that wait for each other end only if both are under way."""
    barrier = threading.Barrier(2)

    def meet(_):
        try:
            barrier.wait(timeout=0.3 if n_threads == 1 else 30)
        except threading.BrokenBarrierError:
            return False
        return True

    with use_threads(n_threads):
        assert map_parallel(meet, range(4)) == [n_threads == 2] * 4


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_ends_all_calls(n_threads):
    begun = []

    def fail(i):
        begun.append(i)
        time.sleep(0.01)
        raise ValueError(i)

    with use_threads(n_threads):
        with pytest.raises(ValueError, match="0"):
            map_parallel(fail, range(100))
        assert torch.get_num_threads() == n_threads
    assert len(begun) < 20


def test_an_error_is_seen_before_the_items_ahead_of_it_end():
    begun = []

    def fail_second(i):
        begun.append(i)
        time.sleep(0.5 if i == 0 else 0.02)
        if i == 1:
            raise ValueError(i)

    with use_threads(2), pytest.raises(ValueError, match="1"):
        map_parallel(fail_second, range(100))
    assert len(begun) < 10


def test_a_single_item_has_all_threads():
    with use_threads(2):
        assert map_parallel(lambda _: torch.get_num_threads(), range(1)) == [2]


def test_operations_may_have_a_single_thread_while_calls_have_several():
    barrier = threading.Barrier(2)

    def meet(_):
        barrier.wait(timeout=30)
        return threading.get_ident()

    with use_threads(2, in_operations=False):
        assert (torch.get_num_threads(), count_threads()) == (1, 2)
        assert len(set(map_parallel(meet, range(2)))) == 2
    with use_threads(2):
        assert (torch.get_num_threads(), count_threads()) == (2, 2)
    assert count_threads() == torch.get_num_threads()


def test_the_caller_works_too_and_helpers_stay_until_the_end():
    """Eight jobs of two items that wait for each other: the same two threads, one of them the caller."""
    barrier, found = threading.Barrier(2), set()

    def meet(_):
        barrier.wait(timeout=30)
        return threading.get_ident()

    with use_threads(2, in_operations=False):
        for _ in range(8):
            found |= set(map_parallel(meet, range(2)))
        assert threading.get_ident() in found
        assert len(found) == 2
        n_alive = threading.active_count()
    assert threading.active_count() == n_alive - 1


def test_a_call_within_a_call_is_a_loop_of_its_thread():
    def call_again(_):
        return map_parallel(lambda _: threading.get_ident(), range(3)) == [threading.get_ident()] * 3

    with use_threads(2):
        assert map_parallel(call_again, range(6)) == [True] * 6


def test_without_a_number_there_are_as_many_as_torch_has():
    barrier, before = threading.Barrier(2), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert sorted(map_parallel(lambda _: barrier.wait(timeout=30), range(2))) == [0, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_calls_record_gradients_only_where_the_caller_does():
    with use_threads(2):
        assert map_parallel(lambda _: torch.is_grad_enabled(), range(2)) == [True, True]
        with torch.no_grad():
            assert map_parallel(lambda _: torch.is_grad_enabled(), range(2)) == [False, False]


FORK = """
import os, torch
from orbitscope.system.threads import map_parallel, use_threads

with use_threads(2):
    torch.randn(600, 600) @ torch.randn(600, 600)
child = os.fork()
if not child:
    with use_threads(2):
        torch.randn(600, 600) @ torch.randn(600, 600)
        found = map_parallel(lambda size: float(torch.ones(size, size).sum()), [300, 400])
    os._exit(0 if found == [90_000.0, 160_000.0] and torch.get_num_threads() == 1 else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

FORK_AMID = """
import os
from orbitscope.system.threads import count_threads, map_parallel, use_threads

with use_threads(2):
    map_parallel(str, range(8))
    child = os.fork()
    if not child:
        found = map_parallel(str, range(8))
        os._exit(0 if found == list("01234567") and count_threads() == 1 else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_a_fork_of_a_process_with_two_threads_goes_on_with_one_and_says_so():
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", FORK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert 'get_context("spawn")' in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_a_fork_has_none_of_the_helpers_and_does_not_wait_for_them():
    done = subprocess.run([sys.executable, "-c", FORK_AMID], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_calls_are_in_inference_mode_where_the_caller_is():
    with use_threads(2), torch.inference_mode():
        weights = torch.ones(4, 3)
        found = map_parallel(lambda i: weights[i].mul_(i + 1), range(4))
    assert [float(row[0]) for row in found] == [1.0, 2.0, 3.0, 4.0]


def test_an_interruption_goes_before_errors_and_threads_are_as_they_were():
    barrier = threading.Barrier(2)

    def fail(i):
        barrier.wait(timeout=30)
        raise KeyboardInterrupt if i else ValueError

    before = torch.get_num_threads()
    with use_threads(2):
        with pytest.raises(KeyboardInterrupt):
            map_parallel(fail, range(2))
        assert (torch.get_num_threads(), count_threads()) == (2, 2)
    assert torch.get_num_threads() == before


def test_an_interruption_while_helpers_end_leaves_the_threads_as_they_were(monkeypatch):
    def interrupt(helping):
        raise KeyboardInterrupt

    monkeypatch.setattr(threads, "_wait_for", interrupt)
    with use_threads(2):
        with pytest.raises(KeyboardInterrupt):
            map_parallel(str, range(4))
        assert (torch.get_num_threads(), count_threads()) == (2, 2)


def test_an_error_and_what_it_holds_are_gone_with_it():
    class Large:
        pass

    held = []

    def fail(_):
        large = Large()
        held.append(weakref.ref(large))
        raise ValueError

    gc.disable()
    try:
        with use_threads(2), contextlib.suppress(ValueError):
            map_parallel(fail, range(4))
        assert [each() for each in held] == [None] * len(held)
    finally:
        gc.enable()


def test_a_context_that_outlives_its_threads_goes_on_with_one():
    with use_threads(2):
        context = contextvars.copy_context()
        map_parallel(str, range(4))
    assert context.run(map_parallel, str, range(4)) == list("0123")
    assert context.run(count_threads) == 1


# ---- tasks


def test_tasks_go_on_side_by_side_with_a_thread_each_and_short_turns():
    barrier, interval = threading.Barrier(2, timeout=10), sys.getswitchinterval()

    def meet(i):
        barrier.wait()
        return i, torch.get_num_threads(), threading.get_ident() != caller

    caller = threading.get_ident()
    with run_tasks(2) as tasks:
        assert sys.getswitchinterval() < interval
        begun = [tasks.begin(lambda i=i: meet(i)) for i in range(2)]
        assert [task.result() for task in begun] == [(0, 1, True), (1, 1, True)]
    assert sys.getswitchinterval() == interval


def test_one_thread_does_a_task_at_once():
    with use_threads(2), run_tasks(1) as tasks:
        done = tasks.begin(lambda: (threading.get_ident(), torch.get_num_threads()))
        assert done.done()
        assert done.result() == (threading.get_ident(), 1)
        assert torch.get_num_threads() == 2


def test_calls_within_a_task_are_helped_by_threads_that_have_nothing_else_to_do():
    barrier = threading.Barrier(2, timeout=10)

    def meet(i):
        barrier.wait()
        return threading.get_ident()

    with run_tasks(2) as tasks:
        assert len(set(tasks.begin(lambda: map_parallel(meet, range(2))).result())) == 2


def test_calls_within_tasks_that_have_all_threads_are_loops():
    """No thread waits for one that waits for it."""
    with run_tasks(2) as tasks:
        begun = [tasks.begin(lambda: map_parallel(time.sleep, [0.01] * 5)) for _ in range(6)]
        assert [task.result(timeout=20) for task in begun] == [[None] * 5] * 6


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("kind", ["task", "item", "one of three items", "items"])
def test_an_error_stops_another_task_at_its_next_call(kind, error):
    """Of its own, within an item, or between items; helpers included."""
    begun, deadline = threading.Event(), time.monotonic() + 20

    def work(_=None):
        begun.set()
        while time.monotonic() < deadline:
            raise_if_stopped()
            time.sleep(0.001)

    def sleep(seconds):
        begun.set()
        time.sleep(seconds)

    works = {
        "task": work,
        "item": lambda: map_parallel(work, range(1)),
        "one of three items": lambda: map_parallel(work, range(3)),
        "items": lambda: map_parallel(sleep, [0.002] * 100_000),
    }
    with pytest.raises(type(error)), run_tasks(3) as tasks:  # noqa: PT012
        other = tasks.begin(works[kind])
        assert begun.wait(10)
        raise error
    assert isinstance(other.exception(), StoppedError)
    assert time.monotonic() < deadline


def test_tasks_that_nobody_waits_for_are_finished():
    done = []

    def work(i):
        map_parallel(time.sleep, [0.01] * 3)
        done.append(i)

    with run_tasks(2) as tasks:
        for i in range(5):
            tasks.begin(lambda i=i: work(i))
    assert sorted(done) == list(range(5))


def test_nothing_is_stopped_outside_of_tasks():
    raise_if_stopped()
    with use_threads(2):
        raise_if_stopped()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_tasks_record_gradients_only_where_the_caller_does(n_threads):
    for context in (torch.no_grad, torch.enable_grad, torch.inference_mode):
        with context(), run_tasks(n_threads) as tasks:
            expected = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
            found = tasks.begin(lambda: (torch.is_grad_enabled(), torch.is_inference_mode_enabled())).result()
            assert found == expected
