"""Parts side by side: who waits for whom, and which begins first."""

import threading
import time

import pytest

from orbitscope.part import Part
from orbitscope.part_settings import PartSettings
from orbitscope.results import Result
from orbitscope.workflows.part_order import run_side_by_side


def make_part(name, *, seconds=1.0, needs=(), uses=()):
    kinds = {"question": "", "result": Result, "settings": PartSettings, "definitions": {}}
    return Part(name=name, compute=lambda *_: None, seconds=seconds, needs=needs, uses=uses, **kinds)


def run(parts, n_threads, work=lambda name: name):
    """What was begun and finished, in order."""
    log = []

    def begin(part):
        log.append(("begin", part.name))
        return lambda: work(part.name)

    run_side_by_side(
        parts, n_threads, begin=begin, finish=lambda part, value: log.append(("finish", part.name, value))
    )
    return log


CHAIN = [make_part("a"), make_part("b", needs=("a",)), make_part("c", uses=("b", "missing")), make_part("d")]


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_a_part_begins_when_those_that_it_follows_are_finished(n_threads):
    log = run(CHAIN, n_threads)
    assert sorted(log) == sorted([("begin", n) for n in "abcd"] + [("finish", n, n) for n in "abcd"])
    for before, after in ("ab", "bc"):
        assert log.index(("finish", before, before)) < log.index(("begin", after))


def test_as_many_at_once_as_there_are_threads():
    barrier = threading.Barrier(2, timeout=10)
    parts = [make_part(name) for name in "abcd"]
    log = run(parts, 2, lambda name: barrier.wait() >= 0)
    assert [entry[0] for entry in log[:2]] == ["begin", "begin"]
    n_running = [sum(1 if entry[0] == "begin" else -1 for entry in log[: i + 1]) for i in range(len(log))]
    assert max(n_running) == 2


def test_what_takes_longest_with_all_that_follows_begins_first():
    parts = [
        make_part("short", seconds=3.0),
        make_part("long", seconds=5.0),
        make_part("first", seconds=1.0),
        make_part("second", seconds=1.0, needs=("first",)),
        make_part("third", seconds=7.0, uses=("second",)),
    ]
    begun = [entry[1] for entry in run(parts, 1) if entry[0] == "begin"]
    assert begun == ["first", "second", "third", "long", "short"]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_ends_it(n_threads):
    def fail(name):
        if name == "a":
            raise ValueError(name)

    with pytest.raises(ValueError, match="a"):
        run(CHAIN, n_threads, fail)


def test_parts_that_are_done_when_another_one_fails_are_finished():
    """One is done at the same time, one while the error is on its way; the last is never begun."""
    barrier, parts = threading.Barrier(3, timeout=10), [make_part(name) for name in "abc"]
    finished = []

    def work(name):
        barrier.wait()
        if name == "b":
            raise ValueError(name)
        time.sleep(0.1 if name == "c" else 0)
        return name

    with pytest.raises(ValueError, match="b"):
        run_side_by_side(
            [*parts, make_part("d", needs=("b",))],
            3,
            begin=lambda part: lambda: work(part.name),
            finish=lambda part, value: finished.append(value),
        )
    assert sorted(finished) == ["a", "c"]
