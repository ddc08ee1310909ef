"""Encodings that lack characters, closed streams, and signals: a message or the output, never a traceback."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from orbitscope.system.output import is_utf8, prepare_output


def start(*tokens, **options):
    environment = {**os.environ, **options.pop("environment", {})}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen([sys.executable, "-m", "orbitscope", *tokens], env=environment, **pipes)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
@pytest.mark.parametrize("tokens", [["explain", "regions.net_flux"], ["--help"], ["claims", "--rules"]])
def test_any_encoding_has_readable_output(encoding, tokens):
    process = start(*tokens, environment={"PYTHONIOENCODING": encoding})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    text = out.decode(encoding)
    assert "?" * 3 not in text
    if tokens == ["claims", "--rules"]:
        assert ">= 2 steps" in text


@pytest.mark.slow
def test_json_is_exact_in_any_encoding():
    documents = []
    for encoding in ("utf-8", "ascii"):
        process = start("claims", "--rules", "--json", environment={"PYTHONIOENCODING": encoding})
        documents.append(json.loads(process.communicate(timeout=60)[0].decode(encoding)))
    assert documents[0] == documents[1]


@pytest.mark.slow
def test_a_closed_output_is_no_error():
    command = "[sys.executable, '-m', 'orbitscope', 'presets']"
    code = f"import os, sys; os.close(1); os.execv(sys.executable, {command})"
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [["claims", "--rules"], ["analyse", "--list"], ["presets", "--json"]])
def test_a_reader_that_has_seen_enough_is_no_error(tokens):
    process = start(*tokens)
    process.stdout.close()
    with process.stderr:
        err = process.stderr.read()
    assert (process.wait(timeout=60), err) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["evaluate", "analyse"])
def test_sigterm_has_a_message_and_json(command):
    process = start(command, "zoo:linear-3", "--threads", "1", "--json")
    while process.poll() is None and not os.path.isdir("runs/zoo-linear-3"):
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"interrupted" in err
    assert json.loads(out)["error"]["kind"] == "Interrupted"


def test_streams_without_an_encoding_take_everything(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    prepare_output()
    assert is_utf8(sys.stdout)
    sys.stdout.write("ε ≥ 0")
    sys.stdout.close()
