import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import orbitscope

HEAVY = ("torch", "matplotlib", "xarray", "scipy", "numpy", "pydantic")


def run_python(code):
    """What code prints in an interpreter of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    code = f"import orbitscope, sys; dir(orbitscope); print([m for m in {HEAVY} if m in sys.modules])"
    assert run_python(code) == "[]"


@pytest.mark.slow
def test_tab_completion_offers_the_public_names_alone():
    show = "print(*dir(orbitscope))"
    seen = run_python(f"import orbitscope; {show}; orbitscope.HMM; import orbitscope.runs.folder; {show}")
    before, after = (line.split() for line in seen.splitlines())
    assert before == after == sorted([*orbitscope._MODULE_OF, "__version__"])


def test_every_public_name_resolves():
    for name in orbitscope._MODULE_OF:
        assert getattr(orbitscope, name).__name__ == name


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(inspect.getfile(orbitscope)).read_text(encoding="utf-8"))
    seen = {
        alias.asname: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
    assert seen == orbitscope._MODULE_OF


def test_every_public_function_is_documented():
    for name in orbitscope._MODULE_OF:
        assert (getattr(orbitscope, name).__doc__ or "").strip(), name


def test_unknown_name_and_version():
    assert orbitscope.__version__
    with pytest.raises(AttributeError, match="no attribute `trian_run`"):
        _ = orbitscope.trian_run


def test_running_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "orbitscope", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == orbitscope.__version__


def test_quick_start(tmp_path):
    tiny = {
        "model": {"hidden_size": 8, "input_size": 4},
        "data": {"n_sequences": 60, "n_steps": 8},
        "train": {"epochs": 2, "batch_size": 20, "final_batch_size": None},
    }
    settings = orbitscope.build_settings("linear-2", threads=1, changes=tiny)
    run = orbitscope.train_run(settings, tmp_path / "run")
    network = orbitscope.RunFolder(run.folder.path).load_network()
    assert network.hidden_size == 8
    assert [record.epoch for record in run.history] == [1, 2]
    assert orbitscope.resume_run(run.folder.path).history == run.history
