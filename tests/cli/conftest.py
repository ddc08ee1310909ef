import pytest
from command_line import EVALUATE, TINY

from orbitscope.cli.main import run as run_command


@pytest.fixture(autouse=True)
def _work_in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of four tiny epochs; tests must not change it."""
    path = tmp_path_factory.mktemp("trained") / "run"
    assert run_command(["train", "linear-2", *TINY, *EVALUATE, "--no-evaluate", "--out", str(path)]) == 0
    return path
