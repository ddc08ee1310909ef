import ast
import re
from pathlib import Path

import pytest

from orbitscope.cli.main import _COMMANDS, app
from orbitscope.hmm import list_presets

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "orbitscope"
pytestmark = pytest.mark.checkout

TOY = {
    "model": {"hidden_size": 8, "input_size": 4},
    "data": {"n_sequences": 300, "n_steps": 6},
    "train": {"epochs": 2},
    "evaluate": {
        "n_symbols_total": 2000,
        "n_sequences": 100,
        "n_matched": 20,
        "n_resamples": 100,
        "n_entropy": 500,
        "n_refitted": 20,
        "n_trajectories": 50,
        "burn_in": 10,
    },
}

FORBIDDEN_NAMES = {
    "K", "states_count", "trans_mat", "transmat", "startprob", "emissionprob", "output", "outputs", "obs",
    "observations", "W_r", "W_n", "fc", "tau", "reg", "blur", "FP", "J_mu", "lesion", "inj", "mu",
}  # fmt: skip
"""Words that the glossary replaces by others."""


def read_python_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def list_public_names(tree):
    """Parameters of functions and annotated fields of classes, without leading underscore."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            yield from ((argument.arg, node.lineno) for argument in arguments)
        elif isinstance(node, ast.ClassDef):
            fields = [child for child in node.body if isinstance(child, ast.AnnAssign)]
            yield from ((field.target.id, field.lineno) for field in fields)  # type: ignore[union-attr]


def read_commands(path):
    """Lines of shell and code spans that call ``orbitscope``, without its name."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^    orbitscope (\S.*)$|`orbitscope ([^`]+)`", text, flags=re.MULTILINE)


@pytest.mark.slow
def test_the_first_look_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    look, _, _ = read_python_blocks(ROOT / "README.md")
    assert len(look.strip().splitlines()) <= 8
    exec(compile(look, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("symbol matrix error 0.0")
    assert "margin 0.02: within, process sample" in lines[0]
    label, flux, low, high = re.fullmatch(
        r"(.+) (\S+) \[(\S+), (\S+)\] cycles per 100 steps if reversible 0", lines[-1]
    ).groups()
    assert label == "net flux slow → kick → transition → slow"
    low, flux, high = (float(number.replace("−", "-")) for number in (low, flux, high))
    assert low < flux < high
    assert list(tmp_path.iterdir()) == []  # in memory


@pytest.mark.slow
def test_the_intervention_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _, block, _ = read_python_blocks(ROOT / "README.md")
    assert len(block.strip().splitlines()) <= 5
    exec(compile(f"import orbitscope as osc\n{block}", "README.md", "exec"), {})
    assert float(capsys.readouterr().out.split()[0]) > 0


@pytest.mark.slow
def test_the_training_of_the_readme_runs_and_reports(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _, _, block = read_python_blocks(ROOT / "README.md")
    toy = block.replace('build_settings("linear-2", seed=0)', f'build_settings("linear-2", changes={TOY})')
    assert toy != block
    exec(compile(toy, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch 1 ")
    assert lines[-1].startswith("100% ")


def test_the_commands_of_the_readme_are_understood():
    commands = ["".join(groups) for groups in read_commands(ROOT / "README.md")]
    assert {command.split()[0] for command in commands} == set(_COMMANDS)
    for command in commands:
        app.parse_args(command, exit_on_error=False, print_error=False)  # does not run it


def test_public_names_follow_the_glossary():
    files = [path for path in SOURCE.rglob("*.py") if "importers" not in path.parts]
    assert len(files) > 50
    bad = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in files
        for name, line in list_public_names(ast.parse(path.read_text(encoding="utf-8")))
        if name in FORBIDDEN_NAMES
    ]
    assert not bad, bad


def test_every_reference_is_in_the_bibliography():
    keys = re.findall(r"@\w+\{(\w+),", (ROOT / "docs" / "references.bib").read_text(encoding="utf-8"))
    assert len(keys) == len(set(keys))
    cited = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        pattern = r"([A-Z][\w-]+)(?:, [A-Z][\w-]+)*(?: et al\.| & [A-Z][\w-]+)? ((?:19|20)\d\d)\b"
        cited |= set(re.findall(pattern, text))
    known = {re.sub(r"\d", "", key): key for key in keys}
    surnames = {"Künsch": "kunsch", "Paz": "lopezpaz", "Lopez-Paz": "lopezpaz"}
    missing = [
        f"{name} {year}"
        for name, year in cited
        if known.get(surnames.get(name, name.lower()), "") != surnames.get(name, name.lower()) + year
    ]
    assert not missing, missing


def test_the_results_page_has_room_for_the_generated_table():
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert page.index("<!-- emulation table: generated -->") < page.index("<!-- end of emulation table -->")


def test_every_preset_of_the_readme_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:linear|cyclic|fully-connected)-\d\b", text))
    assert named
    from orbitscope.hmm import parse_process_name

    assert all(name in list_presets() or parse_process_name(name) for name in named)
