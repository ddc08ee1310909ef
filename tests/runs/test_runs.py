import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from orbitscope.errors import DamagedFileError, InputError, RunFolderError
from orbitscope.hmm import dump_hmm, load_preset
from orbitscope.network import build_network
from orbitscope.process import RecordedSequences
from orbitscope.recipes import build_settings
from orbitscope.runs import (
    RunFolder,
    describe_provenance,
    load_tensors,
    load_weights,
    provenance,
    save_tensors,
)
from orbitscope.runs.zoo import open_run
from orbitscope.system.atomic_files import replace_file, write_text
from orbitscope.training import Trainer, initialise_training, prepare_task

HMM = load_preset("linear-3").hmm
SETTINGS = build_settings(
    "linear-3",
    threads=1,
    changes={
        "model": {"hidden_size": 6, "input_size": 3},
        "data": {"n_sequences": 60, "n_steps": 5},
        "train": {
            "epochs": 5,
            "batch_size": 8,
            "final_batch_size": 20,
            "growth_start": 0.5,
            "validate_every": 2,
            "plateau_self_weight": 0.5,
            "average_start": 0.4,
        },
    },
)
NAMED_SETTINGS = SETTINGS.override({"symbol_names": HMM.symbol_names})
RECORDED = RecordedSequences([[0, 1, 1], [1]], symbol_names=["sun", "rain"], name="weather")
TENSORS = {
    "a": torch.arange(6, dtype=torch.float32).view(2, 3),
    "b": torch.tensor(3.5, dtype=torch.float64),
    "c": torch.tensor([True, False]),
}


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(SETTINGS, HMM, {"seed": 0})
    return folder


@pytest.fixture(scope="module")
def task():
    return prepare_task(HMM, SETTINGS)


def run_epochs(folder, task, state, n_epochs):
    """What a pipeline does: history first, then the state, so that a kill in between loses nothing."""
    for record in Trainer(task, SETTINGS).run_epochs(state):
        folder.append_history(record)
        folder.save_state(state)
        if record.epoch == n_epochs:
            break
    return state


def resume(folder, task):
    state = initialise_training(task, SETTINGS)
    damaged = folder.restore_state(state)
    folder.trim_history(state.epoch)
    return state, damaged


def assert_same_state(first, second):
    assert (first.epoch, first.best_epoch) == (second.epoch, second.best_epoch)
    assert (first.plateau_exit_epoch, first.n_holding) == (second.plateau_exit_epoch, second.n_holding)
    assert first.best_validation_loss == second.best_validation_loss
    pairs = [
        (first.network.state_dict(), second.network.state_dict()),
        (first.best_weights, second.best_weights),
        (first.average.state_dict(), second.average.state_dict()),
    ]
    for key, moments in first.optimizer.state_dict()["state"].items():
        pairs.append((moments, second.optimizer.state_dict()["state"][key]))
    for one, other in pairs:
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def read_epochs(folder):
    return [dataclasses.replace(record, seconds=0.0) for record in folder.read_history()]


# ---- tensor files


def test_tensors_round_trip_with_metadata(tmp_path):
    metadata = {"epoch": 3, "loss": 0.1 + 0.2, "name": 'ü"\n', "none": None}
    transposed = torch.arange(6.0).view(2, 3).T
    save_tensors(tmp_path / "x.safetensors", TENSORS | {"t": transposed}, metadata)
    loaded = load_tensors(tmp_path / "x.safetensors")
    assert loaded.metadata == metadata
    assert loaded.tensors.keys() == {*TENSORS, "t"}
    for name, tensor in (TENSORS | {"t": transposed}).items():
        assert torch.equal(loaded.tensors[name], tensor)
        assert loaded.tensors[name].dtype == tensor.dtype


def test_the_same_tensors_give_the_same_bytes(tmp_path):
    tensors = TENSORS | {"größe": torch.ones(3, dtype=torch.float16), "empty": torch.zeros(0)}
    contents = set()
    for _ in range(20):  # the library draws the order of two metadata keys anew each time
        save_tensors(tmp_path / "x.safetensors", tensors, {"epoch": 3, "name": 'ü"\n'})
        contents.add((tmp_path / "x.safetensors").read_bytes())
    (content,) = contents
    assert (8 + int.from_bytes(content[:8], "little")) % 8 == 0


def test_a_file_of_the_library_itself_is_read(tmp_path):
    """Files written before the metadata were put in order are such files."""
    save_tensors(tmp_path / "x.safetensors", TENSORS, {"epoch": 3})
    with safe_open(tmp_path / "x.safetensors", framework="pt") as file:
        metadata = file.metadata()
    for _ in range(20):
        save_file(TENSORS, tmp_path / "y.safetensors", metadata=metadata)
        assert load_tensors(tmp_path / "y.safetensors").metadata == {"epoch": 3}


def test_every_flipped_byte_is_detected(tmp_path):
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, {"epoch": 3})
    content = path.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << (position % 8)
        path.write_bytes(changed)
        with pytest.raises(
            DamagedFileError, match=r"x\.safetensors` must be a whole safetensors file, but .*Delete"
        ):
            load_tensors(path)
    path.write_bytes(content)
    assert load_tensors(path).metadata == {"epoch": 3}


def test_every_truncation_is_detected(tmp_path):
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, {"epoch": 3})
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DamagedFileError, match="must be a whole safetensors file"):
            load_tensors(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(DamagedFileError, match="must be a whole safetensors file"):
        load_tensors(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RunFolderError, match=r"absent\.safetensors` must exist, but does not\. Check"):
        load_tensors(tmp_path / "absent.safetensors")


def test_weights_of_another_shape_are_refused_by_name(tmp_path):
    small, large = (
        build_network(3, hidden_size=n, input_size=2, generator=torch.Generator().manual_seed(0))
        for n in (4, 5)
    )
    before = {name: weight.clone() for name, weight in large.state_dict().items()}
    message = r"x\.pt`: `w_out` must have shape \(3, 5\) for this network, got \(3, 4\)\. Use the settings"
    with pytest.raises(RunFolderError, match=message):
        load_weights(large, dict(small.state_dict()), tmp_path / "x.pt")
    weights = dict(large.state_dict())
    with pytest.raises(RunFolderError, match="`cell.w_hh` must have shape .* got nothing"):
        load_weights(large, {k: v for k, v in weights.items() if k != "cell.w_hh"}, tmp_path / "x.pt")
    with pytest.raises(RunFolderError, match="holds weights that this network does not have: extra"):
        load_weights(large, weights | {"extra": torch.zeros(1)}, tmp_path / "x.pt")
    assert all(torch.equal(before[name], weight) for name, weight in large.state_dict().items())


# ---- atomic writes


def write_half_and_stop(path):
    with replace_file(path) as temporary:
        temporary.write_text("half of the sec")
        assert path.read_text() == "first\n"
        raise KeyboardInterrupt


def test_files_are_whole_or_as_before(tmp_path):
    path = tmp_path / "sub" / "file.txt"
    write_text(path, "first\n")
    with pytest.raises(KeyboardInterrupt):
        write_half_and_stop(path)
    assert path.read_text() == "first\n"
    assert [child.name for child in path.parent.iterdir()] == ["file.txt"]
    write_text(path, "second ü\n")
    assert path.read_text(encoding="utf-8") == "second ü\n"
    assert [child.name for child in path.parent.iterdir()] == ["file.txt"]


def test_a_failed_rename_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_text(path, "first")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "second")
    monkeypatch.undo()
    assert path.read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failed_save_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    save_tensors(path, TENSORS, {"epoch": 1})

    def fail(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        save_tensors(path, TENSORS, {"epoch": 2})
    monkeypatch.undo()
    assert load_tensors(path).metadata == {"epoch": 1}


# ---- the folder


def test_settings_process_and_provenance_are_read_back(folder):
    assert folder.read_settings() == NAMED_SETTINGS
    assert folder.read_hmm() == folder.read_process() == HMM
    assert folder.read_provenance()["seed"] == 0


@pytest.mark.parametrize("content", ["config.toml", "anything.txt"])
def test_an_existing_folder_is_refused(tmp_path, content):
    path = tmp_path / "run"
    path.mkdir()
    (path / content).write_text("mine")
    with pytest.raises(RunFolderError, match=r"run` must be a new or empty folder.*--resume .*`--out`"):
        RunFolder(path).create(SETTINGS, HMM, {})
    assert [child.name for child in path.iterdir()] == [content]
    assert (path / content).read_text() == "mine"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(RunFolderError, match="must be a new or empty folder"):
        RunFolder(tmp_path / "run").create(SETTINGS, HMM, {})


def test_an_empty_or_locked_folder_can_be_used(tmp_path):
    (tmp_path / "run").mkdir()
    folder = RunFolder(tmp_path / "run")
    with folder.lock():
        folder.create(SETTINGS, HMM, {})
    assert folder.read_settings() == NAMED_SETTINGS


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(
        RunFolderError, match=r"must be a run folder with a config.toml, but has none\. Make one"
    ):
        RunFolder(tmp_path).read_settings()


@pytest.mark.parametrize("text", ["seed = ", "seed = 1\n", 'process = "linear-3"\nsed = 1\n', "\xff"])
def test_damaged_settings_are_named(folder, text):
    folder.config.write_bytes(text.encode("latin-1"))
    with pytest.raises(DamagedFileError, match=r"config\.toml` must hold the settings of a run, but: "):
        folder.read_settings()


@pytest.mark.parametrize(("process", "name"), [(RECORDED, "weather"), (None, "")], ids=str)
def test_a_run_has_recorded_sequences_or_no_process(tmp_path, process, name):
    folder = RunFolder(tmp_path / "run")
    names = {"symbol_names": ("sun", "rain")}
    folder.create(SETTINGS.override({"process": name, **names}), process, {})
    assert folder.read_process() == process
    assert folder.read_settings().symbol_names == names["symbol_names"]
    found = "none" if process is None else "recorded sequences"
    message = rf"run` must have an HMM to be trained, but has {found}\. Import it .*, or analyse it"
    with pytest.raises(RunFolderError, match=message):
        folder.read_hmm("to be trained")


def test_the_settings_have_the_symbols_of_the_process_and_no_others(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(InputError, match=r"those of the process, sun, rain, got 0, 1, 2\. Leave them out"):
        folder.create(NAMED_SETTINGS, RECORDED, {})
    with pytest.raises(InputError, match=r"must name the symbols of a network without a process, got none\."):
        folder.create(SETTINGS, None, {})
    assert not folder.path.exists()
    folder.create(SETTINGS, RECORDED, {})
    assert folder.read_settings().symbol_names == ("sun", "rain")


def test_the_number_of_symbols_is_that_of_the_settings(tmp_path):
    folder, names = RunFolder(tmp_path / "run"), tuple("abcde")
    folder.create(SETTINGS.override({"process": "", "symbol_names": names}), None, {})
    network = build_network(5, hidden_size=6, input_size=3, generator=torch.Generator().manual_seed(0))
    folder.save_weights(network.state_dict(), {"epoch": 1})
    assert torch.equal(folder.load_network().w_out, network.w_out)
    folder.hmm_file.write_text(dump_hmm(HMM))  # three symbols: what is loaded does not follow from them
    assert folder.load_network().n_symbols == 5


def test_settings_of_an_older_version_say_how_to_name_symbols(folder):
    folder.config.write_text(SETTINGS.to_toml().replace("symbol_names = []\n", ""))
    with pytest.raises(
        RunFolderError,
        match=r"config\.toml` must name the symbols, but has no .*convert_settings\.py .*config",
    ):
        folder.load_network()


def test_a_process_that_was_lost_is_missed(folder):
    folder.hmm_file.unlink()
    with pytest.raises(DamagedFileError, match=r"must hold its process `linear-3`, but has neither.*Restore"):
        folder.read_process()


def test_damaged_provenance_is_named(folder):
    folder.provenance.write_text('{"seed": ')
    with pytest.raises(DamagedFileError, match=r"provenance\.json` must be a JSON file, but: "):
        folder.read_provenance()


HOLD = """
import sys, time
from orbitscope.runs import RunFolder
with RunFolder(sys.argv[1]).lock():
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_second_writer_is_kept_out_until_the_first_dies(folder):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, folder.path], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with (
            pytest.raises(RunFolderError, match=r"must have one writer, but another process .*Wait"),
            folder.lock(),
        ):
            pytest.fail("two writers")
    finally:
        holder.kill()
        holder.communicate()
    with folder.lock():
        pass
    with folder.lock():
        pass


def test_provenance_says_what_repeats_a_run():
    facts = describe_provenance(SETTINGS)
    assert facts["versions"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert facts["seed"] == 0
    assert facts["threads"] == 1
    assert len(set(facts["stream_seeds"].values())) == 7
    assert json.loads(json.dumps(facts)) == facts


# ---- checkpoints and resuming


@pytest.mark.parametrize("stopped_after", [1, 2, 3, 4, 5])
def test_resuming_at_any_epoch_ends_bit_identical(tmp_path, task, stopped_after):
    whole, parts = (RunFolder(tmp_path / name) for name in ("whole", "parts"))
    for folder in (whole, parts):
        folder.create(SETTINGS, HMM, {})
    expected = run_epochs(whole, task, initialise_training(task, SETTINGS), 5)
    run_epochs(parts, task, initialise_training(task, SETTINGS), stopped_after)
    state, damaged = resume(parts, task)
    assert (state.epoch, damaged) == (stopped_after, [])
    assert parts.find_saved_epoch() == stopped_after
    run_epochs(parts, task, state, 5)
    assert_same_state(state, expected)
    assert read_epochs(parts) == read_epochs(whole)


def test_the_phase_of_training_is_saved(folder, task):
    state = run_epochs(folder, task, initialise_training(task, SETTINGS), 2)
    state.plateau_exit_epoch = 2
    folder.save_state(state)
    assert_same_state(resume(folder, task)[0], state)


def test_nothing_saved_starts_afresh(folder, task):
    state, damaged = resume(folder, task)
    assert (state.epoch, state.best_weights, damaged) == (0, {}, [])
    assert folder.find_saved_epoch() == 0


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(folder, task, damage):
    expected = run_epochs(folder, task, initialise_training(task, SETTINGS), 5)
    last, previous = (folder.checkpoints / f"{name}.safetensors" for name in ("last", "previous"))
    content = bytearray(last.read_bytes())
    content[-5] ^= 16
    last.write_bytes({"flip": bytes(content), "truncate": bytes(content[:-100]), "empty": b""}[damage])
    assert folder.find_saved_epoch() == 4
    state, damaged = resume(folder, task)
    assert state.epoch == 4
    assert len(damaged) == 1
    assert "last.safetensors` must be a whole" in damaged[0]
    assert [record.epoch for record in folder.read_history()] == [1, 2, 3, 4]
    before = previous.read_bytes()
    run_epochs(folder, task, state, 5)
    assert previous.read_bytes() == before  # the damaged file has not taken the place of the good one
    assert_same_state(state, expected)
    resumed, damaged = resume(folder, task)
    assert (resumed.epoch, damaged) == (5, [])


def test_a_kill_between_the_two_renames_loses_one_save_only(folder, task):
    run_epochs(folder, task, initialise_training(task, SETTINGS), 3)
    (folder.checkpoints / "last.safetensors").replace(folder.checkpoints / "previous.safetensors")
    state, damaged = resume(folder, task)
    assert (state.epoch, damaged) == (3, [])


def test_no_whole_checkpoint_is_an_error_every_time(folder, task):
    run_epochs(folder, task, initialise_training(task, SETTINGS), 2)
    for name in ("last", "previous"):
        (folder.checkpoints / f"{name}.safetensors").write_bytes(b"")
    for _ in range(2):
        with pytest.raises(
            DamagedFileError, match=r"must hold a whole .* only last\.damaged, previous\.damaged"
        ):
            resume(folder, task)


def test_a_training_state_of_another_version_is_refused_by_what_it_lacks(folder, task):
    state = initialise_training(task, SETTINGS)
    folder.save_state(state)
    path = folder.checkpoints / "last.safetensors"
    saved = load_tensors(path)
    save_tensors(path, saved.tensors, {k: v for k, v in saved.metadata.items() if k != "plateau_exit_epoch"})
    with pytest.raises(RunFolderError, match="this version, but lacks plateau_exit_epoch"):
        folder.restore_state(state)


def test_a_checkpoint_of_another_shape_is_an_error_and_stays(folder, task):
    run_epochs(folder, task, initialise_training(task, SETTINGS), 2)
    wider = initialise_training(task, SETTINGS.override({"model.hidden_size": 7}))
    with pytest.raises(
        RunFolderError, match=r"last.safetensors`: `w_out` must have shape \(3, 7\).*got \(3, 6\)"
    ):
        folder.restore_state(wider)
    assert wider.epoch == 0
    assert folder.find_saved_epoch() == 2


def test_kept_weights_are_found_by_epoch(folder, task):
    state = initialise_training(task, SETTINGS)
    folder.save_checkpoint(state.network.state_dict(), 0)
    run_epochs(folder, task, state, 3)
    folder.save_checkpoint(state.network.state_dict(), 3)
    assert list(folder.list_checkpoints()) == [0, 3]
    network = folder.load_network(epoch=3)
    assert all(torch.equal(w, network.state_dict()[n]) for n, w in state.network.state_dict().items())
    assert not torch.equal(folder.load_network(epoch=0).w_out, network.w_out)
    with pytest.raises(InputError, match=r"`epoch` must be one that was kept \(0, 3\), got 2\."):
        folder.load_network(epoch=2)


def test_best_weights_are_the_networks(folder, task):
    with pytest.raises(RunFolderError, match=r"must be trained to the end"):
        folder.load_network()
    state = run_epochs(folder, task, initialise_training(task, SETTINGS), 5)
    folder.save_weights(state.best_weights, {"epoch": state.best_epoch})
    network = folder.load_network()
    assert all(torch.equal(w, network.state_dict()[n]) for n, w in state.best_weights.items())
    assert load_tensors(folder.weights).metadata == {"epoch": state.best_epoch}


# ---- kill -9

TRAIN = """
import sys, torch
from orbitscope.hmm import load_preset
from orbitscope.runs import RunFolder
from orbitscope.training import Trainer, initialise_training, prepare_task
torch.set_num_threads(1)
folder = RunFolder(sys.argv[1])
settings = folder.read_settings()
task = prepare_task(folder.read_hmm(), settings)
with folder.lock():
    state = initialise_training(task, settings)
    folder.restore_state(state)
    folder.trim_history(state.epoch)
    print("started", flush=True)
    for record in Trainer(task, settings).run_epochs(state):
        folder.append_history(record)
        folder.save_checkpoint(state.network.state_dict(), record.epoch)
        folder.save_state(state)
    folder.save_weights(state.best_weights, {"epoch": state.best_epoch})
"""


def start_training(path):
    """Start or resume training in another process (to be replaced by the command line)."""
    command = [sys.executable, "-c", TRAIN, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    return process


@pytest.mark.slow
def test_killed_runs_resume_to_the_bit_identical_end(tmp_path):
    settings = SETTINGS.override({"train.epochs": 60})
    whole, killed = (RunFolder(tmp_path / name) for name in ("whole", "killed"))
    for folder in (whole, killed):
        folder.create(settings, HMM, {})
    assert start_training(whole.path).wait() == 0
    generator = torch.Generator().manual_seed(0)
    for kill in range(5):
        process = start_training(killed.path)
        n_epochs = len(killed.read_history()) + int(torch.randint(1, 9, (), generator=generator))
        while len(killed.read_history()) < n_epochs and process.poll() is None:
            time.sleep(0.002)
        time.sleep(0.03 * float(torch.rand((), generator=generator)))  # anywhere within an epoch or a save
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"finished before kill {kill}"
    assert start_training(killed.path).wait() == 0
    assert read_epochs(killed) == read_epochs(whole)
    assert len(read_epochs(whole)) == 60
    assert killed.weights.read_bytes() == whole.weights.read_bytes()
    last = (run.checkpoints / "last.safetensors" for run in (killed, whole))
    assert len({file.read_bytes() for file in last}) == 1
    assert list(killed.list_checkpoints()) == list(whole.list_checkpoints()) == list(range(1, 61))
    for epoch, path in killed.list_checkpoints().items():
        assert path.read_bytes() == whole.list_checkpoints()[epoch].read_bytes()


# ---- what a killed start or a killed write leaves


def test_a_repr_says_what_run_it_is_and_where_it_stands(folder):
    run = f"RunFolder({str(folder.path)!r}, process='linear-3', recipe='fast', seed=0, "
    assert repr(folder) == f"{run}no status.json)"
    folder.write_status("running", 3)
    assert repr(folder) == f"{run}status='running', epoch=3)"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"1 = 2", b"\xff\x00", b'{"status": "finished"}'])
def test_a_repr_of_a_damaged_run_says_so(folder, content):
    folder.config.write_bytes(content)
    folder.status.write_bytes(content)
    assert repr(folder) == f"RunFolder({str(folder.path)!r}, config.toml damaged, status.json damaged)"


def test_a_repr_of_no_run_says_so(tmp_path):
    nothing = "no config.toml, no status.json"
    (tmp_path / "file").touch()
    for path in ("nowhere", "file", "file/below", "nul\0byte"):
        assert repr(RunFolder(tmp_path / path)).endswith(f"{repr(path)[1:-1]}', {nothing})")


def test_a_killed_start_can_be_repeated_and_its_temporary_files_go(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    (folder.path / "hmm.toml").write_text("half a st")
    (folder.path / "sequences.npz").touch()
    (folder.path / ".config.toml.abcd_123.tmp.toml").write_text("half")
    folder.create(SETTINGS, HMM, {})
    assert folder.read_hmm() == HMM
    (folder.path / ".mine.tmp").write_text("not ours")
    with folder.lock():
        names = {p.name for p in folder.path.iterdir()} - {".lock"}
    assert names == {"config.toml", "hmm.toml", "provenance.json", ".mine.tmp"}


def test_a_folder_that_is_no_run_keeps_its_files(tmp_path):
    (tmp_path / ".config.toml.abcd_123.tmp.toml").write_text("of somebody else")
    with RunFolder(tmp_path).lock():
        assert (tmp_path / ".config.toml.abcd_123.tmp.toml").is_file()


def test_weights_of_an_unfinished_run_say_how_to_finish_it(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(SETTINGS, HMM, {})
    with pytest.raises(RunFolderError, match="must be trained to the end.*--resume"):
        folder.load_network()


# Provenance


def test_the_code_has_another_checksum_when_a_file_changes_its_name_or_content(tmp_path, monkeypatch):
    package = tmp_path / "package"
    (package / "runs").mkdir(parents=True)
    (package / "runs" / "provenance.py").write_text("")
    (package / "model.py").write_text("a = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(package / "runs" / "provenance.py"))
    found = [provenance.digest_code.__wrapped__()]
    (package / "notes.txt").write_text("no code\n")
    assert provenance.digest_code.__wrapped__() == found[0]
    (package / "model.py").write_text("a = 2\n")
    found.append(provenance.digest_code.__wrapped__())
    (package / "model.py").rename(package / "network.py")
    found.append(provenance.digest_code.__wrapped__())
    assert len(set(found)) == 3


@pytest.mark.parametrize("name", ["epoch-000004 (copy)", "epoch-", "epoch-best", "epoch-٣٣٣٣٣٣"])
def test_a_copy_beside_checkpoints_is_none(tmp_path, name):
    folder = RunFolder(tmp_path)
    folder.save_checkpoint({}, 4)
    (folder.checkpoints / f"{name}.safetensors").touch()
    assert list(folder.list_checkpoints()) == [4]


@pytest.mark.parametrize("text", ["null", "[1]", "[" * 5000, '{"sha256": 3}', '{"sha256": [1]}'])
def test_a_provenance_that_is_none_is_named(tmp_path, text):
    folder = RunFolder(tmp_path)
    folder.provenance.write_text(text)
    with pytest.raises(DamagedFileError, match=r"provenance\.json` must"):
        folder.require_unedited()


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000])
def test_a_path_that_no_run_can_have_is_named(path):
    for read in (lambda: open_run(path), lambda: RunFolder(path).read_settings()):
        with pytest.raises(InputError, match="must be a path, but"):
            read()


def test_copies_of_programs_that_sync_are_no_checkpoints(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(SETTINGS, HMM, {})
    folder.save_checkpoint({"w": torch.zeros(1)}, 1)
    for name in ("epoch-000001 (conflicted copy)", "epoch-000001 2", "epoch-x"):
        (folder.checkpoints / f"{name}.safetensors").touch()
    assert list(folder.list_checkpoints()) == [1]
