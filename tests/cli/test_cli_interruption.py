"""`orbitscope train` in processes that are killed or signalled."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import TINY

from orbitscope.runs import RunFolder, load_tensors


def listen_to_sigint():
    """Undo what a shell does to commands in the background: they ignore Ctrl-C, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start_training():
    """Start `orbitscope train` in a process that does not outlive the test."""
    started = []

    def start(*tokens):
        command = [sys.executable, "-m", "orbitscope", "train", *tokens, "--no-evaluate"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, **pipes, preexec_fn=listen_to_sigint))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process):
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


def wait_for_epoch(process, run, epoch):
    while process.poll() is None and len(RunFolder(run).read_history()) < epoch:
        time.sleep(0.02)


def without_time(run):
    return [{**vars(record), "seconds": 0.0} for record in RunFolder(run).read_history()]


LONGER = [*TINY[:-1], "300", "--train.validate-every", "7"]
ENDLESS = [*TINY[:-1], "100000"]


@pytest.mark.slow
def test_a_killed_run_resumes_to_identical_weights(start_training):
    code, _, err = finish(start_training("linear-2", *LONGER, "--out", "whole"))
    assert code == 0, err
    rng = random.Random(0)
    process = start_training("linear-2", *LONGER, "--out", "killed")
    n_kills = 0
    for _ in range(3):
        wait_for_epoch(process, "killed", 1)
        time.sleep(rng.uniform(0, 1.5))
        process.kill()
        n_kills += finish(process)[0] == -signal.SIGKILL
        process = start_training("--resume", "killed")
    code, _, err = finish(process)
    assert code == 0, err
    assert n_kills > 0
    whole, killed = (load_tensors(Path(run, "weights.safetensors")) for run in ("whole", "killed"))
    assert whole.metadata == killed.metadata
    assert {k: v.numpy().tobytes() for k, v in whole.tensors.items()} == {
        k: v.numpy().tobytes() for k, v in killed.tensors.items()
    }
    assert without_time("killed") == without_time("whole")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_exit_with_130(number, start_training):
    process = start_training("linear-2", *ENDLESS, "--out", "run")
    wait_for_epoch(process, "run", 3)
    process.send_signal(number)
    code, out, err = finish(process)
    assert code == 130
    assert out == ""
    assert "orbitscope train --resume run" in err
    assert "Traceback" not in err
    assert json.loads(Path("run/status.json").read_text())["status"] == "interrupted"
