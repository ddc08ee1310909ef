"""Every command with every option that it has, found by asking the command line itself, and any values."""

import contextlib
import io
import json
import os
import resource
import shutil
import sys
from multiprocessing import Pipe
from pathlib import Path
from types import UnionType
from typing import get_args

import numpy as np
import psutil
import pytest
import tomli_w
import torch
from fuzzing import fuzz
from hypothesis import strategies as st

from orbitscope.cli.main import app
from orbitscope.cli.main import run as run_command
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.hmm import dump_hmm, load_preset
from orbitscope.system.output import prepare_output
from orbitscope.workflows import measure_machine

COMMANDS = [name for name in app if not name.startswith("-")]
ARGUMENTS = {name: list(app[name].assemble_argument_collection()) for name in COMMANDS}
TABLES = ("model", "data", "loss", "train", "evaluate")
MOST_BYTES = 6 * 2**30
"""Beyond what the process has: enough for torch, too little for sizes that no machine has."""

FILES = [
    "run",
    "run/config.toml",
    "folder",
    "tiny.toml",
    "parts.toml",
    "bad.toml",
    "hmm.toml",
    "hmm.npz",
    "weights.pt",
    "weights.safetensors",
    "seq.csv",
    "text.txt",
]
NEW = ["new", "new.csv", "new.npz", "new.npy", "new.toml", "deep/new", "é", "[new]", "$HOME"]
NAMES = [
    "linear-2",
    "linear-3",
    "ring-4x5",
    "random-3x2@1",
    "zoo:linear-3",
    "fast",
    "faithful",
    "published",
    "relu",
    "tanh",
    "cpu",
]
NAMES += [
    "regions",
    "fixed_points",
    "regions.net_flux",
    "evaluation",
    "carriers",
    "noise:1",
    "neurons:1,2",
    "kick",
    "recipe",
    "seed",
    "objective",
]
NAMES += ["0:2:0.1", "0,0.5,2", "a,b,c", "rnn.", "sequences", "words", "converged"]
ODD = [
    "",
    " ",
    "-",
    "--",
    "-1",
    "0",
    "1",
    "2",
    "3",
    "1.5",
    "1e3",
    "1_000",
    "0x10",
    "٣",
    "²",
    "+1",
    "-0",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "none",
    "None",
    "true",
    "no",
]
ODD += [str(10**12), str(10**18), str(2**63), "9" * 40, "9" * 5000, "-" + "9" * 40]
ODD += [
    "missing",
    "missing/x",
    "..",
    ".",
    "/",
    "/dev/null",
    "run/..",
    "a" * 300,
    "x/" * 3000,
    "*",
    "[",
    "]",
    "[x]",
    "~",
    "$",
    "a b",
    "\n",
    "\t",
    "é",
    "𝟙",
    "\udcff",
    "\x00",
    "a\x00b",
    "'",
    '"',
    "{}",
    '{"a": 1}',
    "[1, 2]",
    "null",
]
ODD += [
    "zoo:",
    "zoo:nope",
    "linear-",
    "linear-0",
    "linear-1x1",
    "ring-999999999",
    "linear-2x99999999999",
    "random-3x2",
    "sticky-100000x100000@1",
    "linear-" + "9" * 5000,
]
ODD += [
    "cuda",
    "cuda:99",
    "meta",
    "mps",
    "noise:0",
    "noise:999",
    "neurons:",
    "neurons:-1",
    "neurons:9" + "9" * 30,
    "carriers:9to9",
    "0:1e308:1",
    "1:0:1",
    "0:1:0",
    "a:b:c",
    "0:inf:1",
    "nan:nan:nan",
    ",",
    "1,,2",
]
ODD += ["--json", "--seed", "--help", "-h", "--version"]

any_value = (
    st.sampled_from(ODD)
    | st.sampled_from(FILES + NEW + NAMES)
    | st.text(max_size=6)
    | st.integers().map(str)
    | st.floats().map(str)
)


def list_kinds(hint):
    return (
        [kind for inner in get_args(hint) for kind in list_kinds(inner)]
        if isinstance(hint, UnionType)
        else [hint]
    )


def choose_value(argument):
    """Values that an option may take, and any others."""
    kinds = list_kinds(argument.hint)
    plausible = NAMES + FILES
    if int in kinds:
        plausible = ["0", "1", "2", "3", "10", "200"]
    elif float in kinds:
        plausible = ["0", "0.5", "1", "2"]
    elif Path in kinds:
        plausible = FILES + NEW + ["zoo:linear-3"]
    return st.sampled_from(plausible) | any_value


@st.composite
def options(draw, command):
    """An option of a command with a value, or without one."""
    argument = draw(st.sampled_from([a for a in ARGUMENTS[command] if a.names[0].startswith("-")]))
    name = draw(st.sampled_from(argument.names))
    form = draw(
        st.sampled_from(
            ["flag"] * 6 + ["value"] if argument.hint is bool else ["value"] * 8 + ["equals", "flag"]
        )
    )
    if form == "flag":
        return [name]
    value = draw(choose_value(argument))
    return [name, value] if form == "value" else [f"{name}={value}"]


@st.composite
def command_lines(draw):
    """A command, its targets and some of its options."""
    command = draw(st.sampled_from(COMMANDS))
    targets = draw(
        st.lists(
            st.sampled_from(["run", "linear-2", "zoo:linear-3", "weights.pt", "hmm.toml"]) | any_value,
            min_size=0,
            max_size=2,
        ).filter(lambda words: len(words) != 2 or command in ("claims", "compare") or words[1] in ODD)
    )
    groups = draw(st.lists(options(command), max_size=4))
    groups += [["--json"]] if draw(st.booleans()) else []
    return [command, *targets, *(word for group in groups for word in group)]


@pytest.fixture
def folder(tmp_path_factory, monkeypatch, train_tiny_run, tiny_settings):
    """Files of every kind that a command may be given, in a folder within a folder."""
    folder = tmp_path_factory.mktemp("work") / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    train_tiny_run(Path("run"))
    shutil.rmtree("run/figures", ignore_errors=True)
    Path("folder").mkdir()
    hmm = load_preset("linear-3").hmm
    Path("hmm.toml").write_text(dump_hmm(hmm))
    np.savez(
        "hmm.npz",
        initial_probs=hmm.initial_probs,
        transition_matrix=hmm.transition_matrix,
        emission_probs=hmm.emission_probs,
    )
    names = {"rnn.weight_ih_l0": (3, 2), "rnn.weight_hh_l0": (3, 3), "fc.weight": (3, 3)}
    torch.save({name: torch.ones(shape) for name, shape in names.items()}, "weights.pt")
    shutil.copyfile("run/weights.safetensors", "weights.safetensors")
    Path("tiny.toml").write_text(tomli_w.dumps(tiny_settings))
    Path("parts.toml").write_text("[regions]\nn_trajectories = 3\n")
    Path("bad.toml").write_text('process = ["a"]\nrecipe = 3\n[train]\nepochs = "x"\n')
    Path("seq.csv").write_text("0,1,2\n2,1,0\n")
    Path("text.txt").write_text("no symbols here: ;\t\n")
    return folder


class Reached(UndefinedAnalysisError):
    """All arguments were accepted, and work would begin."""


@pytest.fixture
def nothing_begins(monkeypatch):
    """Long work is refused where it would begin."""

    def refuse(*args, **options):
        raise Reached("work would begin here")

    for place in (
        "workflows.train_run._train",
        "workflows.evaluate_run.evaluate_network",
        "workflows.analyse_run.open_subject",
        "workflows.intervene_run.analyse_run",
        "workflows.draw_run.plots.draw_run_figures",
        "loss.discrimination._draw_batches",
    ):
        monkeypatch.setattr(f"orbitscope.{place}", refuse)
    monkeypatch.setattr("orbitscope.workflows.compare_runs.save_comparison", lambda *args, **options: [])
    monkeypatch.setattr("orbitscope.workflows.measure_machine.measure_machine", measure_nothing)


def measure_nothing(n_threads, settings=None, *, deadline, progress=None):
    """The pipe of a process that has ended at once."""
    receiver, sender = Pipe(duplex=False)
    sender.close()
    with receiver:
        return measure_machine.receive(receiver, deadline=deadline)


@contextlib.contextmanager
def limited_memory():
    """Let absurd sizes fail at once, should they not be refused."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MOST_BYTES, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def run(tokens):
    """Exit code, standard output and error of a command."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    try:
        prepare_output()
        with limited_memory():
            code = run_command(tokens)
    finally:
        sys.stdout, sys.stderr = before
    for stream in streams:
        stream.flush()
    return code, *(stream.buffer.getvalue().decode("utf-8") for stream in streams)


def clean(folder, kept):
    """Remove what a command has made."""
    for place in (folder, folder.parent):
        for child in place.iterdir():
            if child.name not in kept and child != folder:
                shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()


@fuzz(1000, tokens=command_lines())
def test_any_command_line_is_obeyed_or_explained(tokens, folder, nothing_begins):
    require_explained(tokens, folder)


TARGETS = {
    "run": [["linear-2"], ["run"], ["zoo:linear-3"], ["weights.pt", "--cell", "relu"]],
    "train": [["linear-2"], ["hmm.toml", "--settings", "tiny.toml"], []],
    "evaluate": [["run"], ["zoo:linear-3"]],
    "analyse": [["run"], ["zoo:linear-3"]],
    "intervene": [["run", "--on", "carriers"]],
    "claims": [["run"], ["run", "zoo:linear-3"]],
    "compare": [["run", "zoo:linear-3"]],
    "explain": [[], ["regions"]],
    "sample": [["linear-2"], ["run", "--n-sequences", "2"]],
    "import": [["weights.pt", "--cell", "relu"], ["--hmm", "hmm.npz"]],
    "choose-epsilon": [["linear-2"]],
    "doctor": [[], ["linear-2"]],
}
"""Right command lines, to which one option is added."""


@st.composite
def one_option(draw):
    """A right command line, and one option of all that there are."""
    pairs = [(name, a) for name in COMMANDS for a in ARGUMENTS[name] if a.names[0].startswith("-")]
    command, argument = draw(st.sampled_from(pairs))
    name = draw(st.sampled_from(argument.names))
    words = [name] if argument.hint is bool else [name, draw(choose_value(argument))]
    targets = draw(st.sampled_from(TARGETS.get(command, [[]])))
    return [command, *targets, *words, *(["--json"] if draw(st.booleans()) else [])]


@fuzz(1000, tokens=one_option())
def test_one_more_option_is_obeyed_or_explained(tokens, folder, nothing_begins):
    require_explained(tokens, folder)


def require_explained(tokens, folder):
    """A code of ours; an error that is no traceback; and one JSON document where it is asked for."""
    kept = set(os.listdir(folder))
    try:
        code, out, err = run(tokens)
    finally:
        clean(folder, kept)
    assert code in (0, 1, 2), err
    assert "Traceback" not in err
    assert '"kind": "MemoryError"' not in out
    assert "more memory than there is" not in err
    if code:
        assert err.startswith("error: ")
    if "--json" in tokens and not {"--help", "-h", "--version"} & set(tokens):
        json.loads(out)
