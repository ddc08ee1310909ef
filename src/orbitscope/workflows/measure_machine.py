"""What this machine can do, measured in a process of its own, which is stopped at a deadline.

On a busy machine torch alone may take ten seconds to load, and nothing within a process can stop that.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol, runtime_checkable

from ..errors import OrbitscopeError
from ..progress import Progress, ProgressCallback, ignore_progress
from ..settings import RunSettings

MEASUREMENTS = ("torch", "operations_per_second", "run")
"""Names of what is measured, in this order."""

_MARGIN = 0.5
"""No update is begun that would end later than this before the deadline, in seconds."""


@runtime_checkable
class Receiver(Protocol):
    """The end of a pipe at which messages arrive."""

    def poll(self, timeout: float, /) -> bool:
        """Wait until there is a message, or for a number of seconds."""
        ...

    def recv(self) -> tuple[str, Any]:
        """Take a message, or raise EOFError after the last one."""
        ...


def measure_machine(
    n_threads: int,
    settings: RunSettings | None = None,
    *,
    deadline: float,
    progress: ProgressCallback = ignore_progress,
) -> dict[str, Any]:
    """Measure as much as is possible until a deadline.

    Parameters
    ----------
    n_threads : int
        Threads of torch.
    settings : RunSettings, optional
        A run, of which updates are timed.
    deadline : float
        Time of ``time.monotonic``; what is not measured by then is left out.
    progress : callable
        Called before every size of batch.

    Returns
    -------
    dict
        By name, see ``MEASUREMENTS``: facts about torch, speed of matrix products, and what the run needs
        (:class:`~orbitscope.training.time_estimate.TrainingEstimate`).

    Raises
    ------
    OrbitscopeError
        If the settings cannot be trained.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    arguments = (sender, n_threads, settings, deadline - _MARGIN)
    process = context.Process(target=_send_measurements, args=arguments, daemon=True)
    process.start()
    sender.close()
    try:
        return receive(receiver, deadline=deadline, progress=progress)
    finally:
        receiver.close()
        process.kill()
        process.join()


def receive(
    receiver: Receiver,
    *,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
    progress: ProgressCallback = ignore_progress,
) -> dict[str, Any]:
    """What arrives before the deadline: values by name; progress is passed on and errors are raised."""
    found = {}
    while (seconds := deadline - clock()) > 0 and receiver.poll(seconds):
        try:
            name, value = receiver.recv()
        except EOFError:
            break
        if isinstance(value, Progress):
            progress(value)
        elif isinstance(value, OrbitscopeError):
            raise value
        else:
            found[name] = value
    return found


def _send_measurements(
    sender: Connection, n_threads: int, settings: RunSettings | None, deadline: float
) -> None:
    """Measure from the cheapest to the dearest, so that much is known where little time is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says what happened
    from ..system.speed import measure_operations_per_second
    from ..system.threads import use_threads

    try:
        with use_threads(n_threads):
            sender.send(("torch", _describe_torch()))
            sender.send(("operations_per_second", measure_operations_per_second()))
        if settings is not None:
            with use_threads(n_threads, in_operations=False):  # as in training
                sender.send(("run", _time_updates(sender, settings, deadline)))
    except OrbitscopeError as error:
        sender.send(("error", error))
    except BrokenPipeError:  # the deadline was before
        pass


def _describe_torch() -> dict[str, Any]:
    """Instructions, libraries, pools of threads."""
    import torch
    from threadpoolctl import threadpool_info

    return {
        "cuda": torch.cuda.is_available(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "thread_pools": [
            {key: pool.get(key) for key in ("user_api", "internal_api", "num_threads")}
            for pool in threadpool_info()
        ],
        "mkl": torch.backends.mkl.is_available(),
    }


def _time_updates(sender: Connection, settings: RunSettings, deadline: float) -> Any:
    from ..training.time_estimate import measure_training

    def report(progress: Progress) -> None:
        sender.send(("progress", progress))

    return measure_training(settings, deadline=deadline, clock=time.monotonic, progress=report)
