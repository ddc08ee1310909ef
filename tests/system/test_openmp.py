"""What OpenMP is told before torch is loaded."""

import os
import subprocess
import sys

import pytest

from orbitscope.system.openmp import SPIN_COUNT, describe_waiting, limit_spinning


@pytest.mark.parametrize("users", [{}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "PASSIVE"}])
def test_a_value_of_the_user_wins(users):
    environment = {"HOME": "x", **users}
    limit_spinning(environment)
    assert environment == {"HOME": "x", **(users or {"GOMP_SPINCOUNT": SPIN_COUNT})}
    assert describe_waiting(environment) == ", ".join(
        f"{name}={value}" for name, value in environment.items() if name != "HOME"
    )


def test_nothing_said_is_described_as_nothing():
    assert describe_waiting({"PATH": "x"}) == ""


def test_the_command_line_sets_it_before_torch_is_loaded():
    code = (
        "import os, sys; from orbitscope.cli import main; main.run = lambda tokens: "
        "sys.exit('torch' if 'torch' in sys.modules else os.environ['GOMP_SPINCOUNT']); main.main()"
    )
    clean = {
        name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean)
    assert done.stderr.strip() == SPIN_COUNT
