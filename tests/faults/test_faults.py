"""Disks that are full, places that are not ours, kills and second writers, at each write of six commands."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w

pytestmark = pytest.mark.slow

INJECTOR = Path(__file__).with_name("inject_faults.py")
TRAIN = [
    "train",
    "linear-3",
    "--settings",
    "tiny.toml",
    "--threads",
    "1",
    "--out",
    "new",
    "--no-evaluate",
    "--json",
]
COMMANDS = {
    "train": TRAIN,
    "evaluate": ["evaluate", "run", "--json"],
    "analyse": ["analyse", "run", "--only", "fixed_points", "--quick", "--threads", "1", "--json"],
    "import": ["import", "foreign.pt", "--cell", "relu", "--process", "linear-3", "--out", "new", "--json"],
    "choose-epsilon": [
        *("choose-epsilon", "linear-2", "--n-steps", "5", "--batch-size", "8", "--repeats", "2"),
        *("--threads", "1", "--json"),
    ],
    "sample": ["sample", "run", "--n-sequences", "5", "--out", "new.csv", "--json"],
}
EXPECTED = {
    "full": (1, "must fit on its disk"),
    "forbidden": (1, "must be writable"),
    "kill": (137, ""),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory, train_tiny_run, tiny_settings):
    """A trained run, settings and weights, as the commands find them."""
    import torch

    folder = tmp_path_factory.mktemp("template")
    network = train_tiny_run(folder / "run").load_network()
    (folder / "tiny.toml").write_text(tomli_w.dumps(tiny_settings))
    names = {"rnn.weight_ih_l0": network.cell.w_ih, "rnn.weight_hh_l0": network.cell.w_hh}
    names["fc.weight"] = network.w_out
    torch.save({name: tensor.detach() for name, tensor in names.items()}, folder / "foreign.pt")
    return folder


@pytest.mark.parametrize("fault", EXPECTED)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_fault_at_any_write_is_explained_and_the_command_can_be_repeated(name, fault, template, tmp_path):
    recovery = ["train", "--resume", "new", "--no-evaluate", "--json"]
    words = [json.dumps(COMMANDS[name]), json.dumps(recovery)]
    done = subprocess.run(
        [sys.executable, INJECTOR, fault, template, tmp_path, *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    undisturbed = json.loads(done.stdout)
    assert undisturbed["code"] == 0
    assert len(undisturbed["tries"]) > 2
    code, message = EXPECTED[fault]
    for found in undisturbed["tries"]:
        first = found["first"]
        assert first["code"] == code, found
        assert "Traceback" not in first["stderr"] + found["second"]["stderr"], found
        if fault != "kill":
            assert message in first["stderr"], found
            assert json.loads(first["stdout"])["error"]["kind"] == "StorageError", found
            assert not found["left"], found
        assert found["second"]["code"] == 0, found
        assert not found["left_in_runs"], found
        assert found["files"] == undisturbed["files"], found


def start(words, folder):
    """A command in a process of its own."""
    command = [sys.executable, "-m", "orbitscope", *words]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, **streams)


@pytest.fixture
def small_disk(tmp_path):
    """Function that gives a file system of its own, or makes it larger."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(kilobytes, *options):
        words = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={kilobytes}k", *options]), "tmpfs", str(disk)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("only root may mount a small file system")
        return disk

    yield mount
    subprocess.run(["umount", str(disk)], capture_output=True, check=False)


@pytest.mark.parametrize("spare", [0, 8, 24])
@pytest.mark.parametrize("name", ["evaluate", "analyse", "train"])
def test_a_disk_that_is_full_is_named_and_after_it_the_command_goes_on(name, spare, template, small_disk):
    used = sum(-(-path.stat().st_size // 4096) * 4 for path in template.rglob("*") if path.is_file())
    disk = small_disk(used + spare)
    shutil.copytree(template, disk, dirs_exist_ok=True)
    full = start(COMMANDS[name], disk)
    out, err = full.communicate()
    assert full.returncode == 1, err
    assert "must fit on its disk" in err
    assert "Traceback" not in err
    assert json.loads(out)["error"]["kind"] == "StorageError"
    assert not list(disk.rglob(".*.tmp*"))
    small_disk(used + 4000, "remount")
    words = (
        ["train", "--resume", "new", "--json"] if (disk / "new" / "config.toml").is_file() else COMMANDS[name]
    )
    again = start(words, disk)
    out, err = again.communicate()
    assert again.returncode == 0, err


def test_a_disk_that_is_read_only_is_named(template, small_disk):
    disk = small_disk(8000)
    shutil.copytree(template, disk, dirs_exist_ok=True)
    small_disk(8000, "remount", "ro")
    processes = [start(words, disk) for words in COMMANDS.values()]
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 1, err
        assert "must be writable, but its file system is read-only" in err
        assert json.loads(out)["error"]["kind"] == "StorageError"


@pytest.mark.parametrize("name", [*COMMANDS, "zoo"])
def test_of_two_processes_at_once_each_is_done_or_says_why_not(name, template, tmp_path):
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    of_zoo = ["analyse", "zoo:linear-2", "--only", "fixed_points", "--quick", "--threads", "1", "--json"]
    words = {**COMMANDS, "zoo": of_zoo}[name]
    codes = []
    for process in [start(words, tmp_path) for _ in range(2)]:
        out, err = process.communicate()
        codes.append(process.returncode)
        assert "Traceback" not in err
        if process.returncode:
            message = json.loads(out)["error"]["message"]
            assert "must have one writer" in message or "must be a new" in message, message
    assert 0 in codes
    assert set(codes) <= {0, 1}
