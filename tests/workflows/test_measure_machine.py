import time

import pytest

from orbitscope.errors import InputError
from orbitscope.progress import Progress
from orbitscope.recipes import build_settings
from orbitscope.training.time_estimate import TrainingEstimate
from orbitscope.workflows.measure_machine import MEASUREMENTS, measure_machine, receive

TINY = {
    "model": {"hidden_size": 8, "input_size": 4},
    "data": {"n_sequences": 90, "n_steps": 8},
    "train": {"epochs": 10, "batch_size": 30, "final_batch_size": 30},
}


class Pipe:
    """Messages, each after a number of seconds of a clock of its own; then the end of the sender."""

    def __init__(self, *messages):
        self.messages, self.now, self.waited = list(messages), 100.0, []

    def poll(self, timeout):
        self.waited.append(timeout)
        seconds = self.messages[0][0] if self.messages else 0.0
        self.now += min(seconds, timeout)
        return seconds <= timeout

    def recv(self):
        if not self.messages:
            raise EOFError
        return self.messages.pop(0)[1]

    def receive(self, **options):
        return receive(self, deadline=108.0, clock=lambda: self.now, **options)


def test_what_arrives_before_the_deadline_is_kept():
    pipe = Pipe((3.0, ("torch", "facts")), (4.0, ("operations_per_second", 5.0)), (2.0, ("run", "late")))
    assert pipe.receive() == {"torch": "facts", "operations_per_second": 5.0}
    assert pipe.waited == [8.0, 5.0, 1.0]


def test_a_machine_that_says_nothing_is_waited_for_until_the_deadline():
    pipe = Pipe((60.0, ("torch", "facts")))
    assert pipe.receive() == {}
    assert pipe.waited == [8.0]
    pipe = Pipe((0.0, ("torch", "facts")))
    pipe.now = 108.0
    assert pipe.receive() == {}
    assert pipe.waited == []


def test_the_end_of_the_sender_is_not_waited_for():
    assert Pipe((1.0, ("torch", "facts"))).receive() == {"torch": "facts"}


def test_progress_is_passed_on_and_errors_are_raised():
    seen, event = [], Progress("estimate", 1.0, 4.0, "batches", {})
    assert Pipe((1.0, ("progress", event))).receive(progress=seen.append) == {}
    assert seen == [event]
    with pytest.raises(InputError, match="no such process"):
        Pipe((1.0, ("error", InputError("no such process")))).receive()


def test_nothing_is_measured_after_the_deadline():
    settings = build_settings("linear-2", threads=1, changes=TINY)
    assert measure_machine(1, settings, deadline=time.monotonic()) == {}


@pytest.mark.slow
def test_a_process_of_its_own_measures_and_passes_its_errors_on(tmp_path):
    settings = build_settings("linear-2", threads=1, changes=TINY)
    found = measure_machine(1, settings, deadline=time.monotonic() + 600)
    assert tuple(found) == MEASUREMENTS
    assert found["torch"]["instructions"]
    assert found["operations_per_second"] > 0
    assert isinstance(found["run"], TrainingEstimate)
    assert found["run"].fits
    gone = settings.model_copy(update={"process": str(tmp_path / "gone.toml")})
    with pytest.raises(InputError, match=r"gone\.toml"):
        measure_machine(1, gone, deadline=time.monotonic() + 600)
