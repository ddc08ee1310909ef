"""Names are text everywhere: no formula, no markup, no path."""

from pathlib import Path

import pytest
from command_line import EVALUATE, TINY

from orbitscope.cli.main import run as run_command
from orbitscope.recipes import build_settings
from orbitscope.runs.naming import make_file_name, name_process, name_run

HMM = """name = "../../x"
transition_matrix = [[0.9, 0.1], [0.2, 0.8]]
emission_probs = [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]
symbol_names = ["a$$b", "[bold]c[/bold]", "<d> & $x_1$"]
"""


@pytest.mark.slow
def test_symbols_may_be_called_anything(tmp_path, capsys):
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "mine.toml").write_text(HMM)
    assert run_command(["train", "inner/mine.toml", *TINY, *EVALUATE, "--out", "run"]) == 0
    assert run_command(["analyse", "run", "--quick", "--only", "readout_alignment", "switches"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("a$$b", "[bold]c[/bold]"))
    figures = {path.stem for path in Path("run/figures").rglob("*.svg")}
    assert {"frequencies", "symbol_matrices", "readout_alignment", "switches"} <= figures
    drawn = Path("run/figures/frequencies.svg").read_text(encoding="utf-8")
    assert "a$$b" in drawn
    assert "&lt;d&gt; &amp; $x_1$" in drawn


@pytest.mark.slow
def test_the_name_of_a_process_leads_nowhere_else(tmp_path):
    (tmp_path / "mine.toml").write_text(HMM)
    tokens = ["--n-steps", "4", "--batch-size", "8", "--repeats", "2", "--threads", "1"]
    assert run_command(["choose-epsilon", "mine.toml", *tokens]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"mine.toml", "runs"}
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["epsilon-x"]


def test_file_names_are_plain():
    named = ["../../x", "a b/c", "..", "süß-2", "x.toml", "C:\\d"]
    assert [make_file_name(name) for name in named] == ["x", "a-b-c", "unnamed", "süß-2", "x.toml", "C-d"]
    settings = build_settings("linear-2", recipe="fast").override({"process": "dir/my song.toml"})
    assert name_process(settings) == "my-song"
    assert str(name_run(settings)) == "runs/my-song-fast-0"
