"""What OpenMP has to be told before torch is loaded. No torch import here."""

import os
from collections.abc import MutableMapping

SPIN_COUNT = "10000"
"""Turns of the loop in which a thread waits before it sleeps; the default of GNU OpenMP is 300 000."""

_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def limit_spinning(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let waiting threads give up their core soon, unless the user has said how they wait.

    The threads of torch meet at the end of every operation, and the first ones there spin until the last
    one comes. With other busy processes the last one is not even running, and waits for the cores on which
    the others spin. OpenMP reads these variables once, when torch is loaded.
    """
    if not any(name in environment for name in _VARIABLES):
        environment["GOMP_SPINCOUNT"] = SPIN_COUNT


def describe_waiting(environment: MutableMapping[str, str] = os.environ) -> str:
    """Settings of waiting threads in force, as ``NAME=value``; empty if there are none."""
    return ", ".join(f"{name}={environment[name]}" for name in _VARIABLES if name in environment)
