"""Commands that are printed can be pasted: each path and name in them is one word."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import TINY

import orbitscope
from orbitscope.cli.display import print_facts
from orbitscope.cli.main import run as run_command
from orbitscope.errors import RunFolderError
from orbitscope.hmm import load_preset
from orbitscope.runs import RunFolder
from orbitscope.system.commands import format_command
from orbitscope.workflows.import_network import import_run


def test_words_of_a_command_are_quoted():
    assert format_command("run", "linear-2", "--quick") == "orbitscope run linear-2 --quick"
    words = ["evaluate", Path("runs/my run"), "it's", "$HOME; rm *", "ü"]
    assert shlex.split(format_command(*words)) == ["orbitscope", *map(str, words)]


def test_no_message_puts_a_value_into_a_command_unquoted():
    package = Path(orbitscope.__file__).parent
    for file in package.rglob("*.py"):
        found = re.findall(
            r"""["'`(: ]orbitscope [a-z][a-z-]*[^`"\n]*\{.*""", file.read_text(encoding="utf-8")
        )
        assert not found, f"{file}: use format_command for {found}"


def find_command(text):
    """The command in backticks, or behind `Next`, of what was printed."""
    text = " ".join(text.split())
    printed = re.search(r"`(orbitscope [^`]*)`", text) or re.search(r"Next (orbitscope .*)", text)
    assert printed is not None, text
    return shlex.split(printed.group(1))[1:]


def test_each_printed_command_leads_on_where_names_have_spaces(capsys):
    hmm = load_preset("linear-2").hmm
    arrays = {"startprob_": hmm.initial_probs, "transmat_": hmm.transition_matrix}
    np.savez("it's mine.npz", **arrays, emissionprob_=hmm.emission_probs)
    assert run_command(["run", "it's mine.npz"]) == 1
    command = find_command(capsys.readouterr().err)
    assert command == ["import", "--hmm", "it's mine.npz", "--out", "it's mine.toml"]
    assert run_command(command) == 0
    command = find_command(capsys.readouterr().out)
    assert command == ["train", "it's mine.toml"]
    assert run_command([*command, *TINY, "--no-evaluate", "--out", "my run"]) == 0
    assert find_command(capsys.readouterr().out) == ["evaluate", "my run"]


@pytest.mark.parametrize("folder", ["a b", "x" * 200])
def test_commands_of_facts_are_neither_cut_nor_folded_in_a_pipe(folder, capsys):
    command = format_command("evaluate", folder)
    print_facts({"Next": command})
    print_facts({"Next": "", f"  {command}": "every measure of emulation"})
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == f"Next  {command}"
    assert lines[2] == f"{command}  every measure of emulation"


def make_weights():
    torch.manual_seed(0)
    return torch.nn.ModuleDict({"rnn": torch.nn.RNN(4, 6), "fc": torch.nn.Linear(6, 3)})


def test_the_advice_to_import_again_works():
    torch.save(make_weights().state_dict(), "my net.pt")
    folder = import_run("my net.pt", "my run", cell="tanh", noise_std=0.5)
    folder.weights.unlink()
    with pytest.raises(RunFolderError) as caught:
        folder.load_network()
    command = find_command(str(caught.value))
    assert command[-2:] == ["--out", "NEW"]
    assert run_command([*command[:-1], "again"]) == 0
    assert RunFolder("again").read_settings() == folder.read_settings()


def test_a_network_from_memory_is_not_to_be_imported_by_a_command():
    folder = import_run(make_weights(), "run")
    folder.weights.unlink()
    with pytest.raises(
        RunFolderError, match=r"in Python with `orbitscope.import_run`: .* module ModuleDict in"
    ):
        folder.load_network()
