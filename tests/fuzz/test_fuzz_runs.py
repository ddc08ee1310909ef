"""Run folders with damaged files: every reader gives what was written, or says what is wrong."""

import json
import tomllib

import numpy as np
import pytest
import torch
from fuzzing import damage, fuzz, refusal_allowed, write
from hypothesis import strategies as st

import orbitscope as osc
from orbitscope.errors import RunFolderError
from orbitscope.evaluation import EvaluationResult
from orbitscope.hmm import HMM
from orbitscope.results import load_result
from orbitscope.runs import load_tensors, save_tensors
from orbitscope.runs.history import format_line, read_records, read_records_until
from orbitscope.training import EpochRecord
from orbitscope.workflows.analysis_folder import AnalysisFolder
from orbitscope.workflows.collect import label_run
from orbitscope.workflows.evaluate_run import find_kept_evaluation


def require_equal(found, expected):
    """Tensors are those that were written, bit by bit."""
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert torch.equal(
            found[name].view(-1).view(torch.uint8), tensor.contiguous().view(-1).view(torch.uint8)
        )


class Whole:
    """A small run folder, and what it holds."""

    def __init__(self, path, train):
        self.folder = train(path)
        self.files = {
            str(file.relative_to(path)): file.read_bytes()
            for file in path.rglob("*")
            if file.is_file() and not file.name.startswith(".") and "figures" not in file.parts
        }
        self.settings, self.hmm = self.folder.read_settings(), self.folder.read_process()
        self.records = self.folder.read_history()
        self.weights = self.folder.load_network().state_dict()
        self.evaluation = osc.load_evaluation(path)
        self.checkpoints = {
            epoch: load_tensors(file).tensors for epoch, file in self.folder.list_checkpoints().items()
        }


@pytest.fixture(scope="module")
def whole(tmp_path_factory, train_tiny_run):
    return Whole(tmp_path_factory.mktemp("run") / "run", train_tiny_run)


def read_network(folder, whole):
    require_equal(osc.load_network(folder.path).state_dict(), whole.weights)


def read_checkpoint(folder, whole):
    for epoch, path in folder.list_checkpoints().items():
        require_equal(load_tensors(path).tensors, whole.checkpoints[epoch])
    folder.load_network(epoch=4)


def read_history(folder, whole):
    found = folder.read_history()
    assert [record for record in whole.records if record in found] == found


def read_evaluation(folder, whole):
    assert osc.load_evaluation(folder.path) == whole.evaluation
    assert find_kept_evaluation(folder) in (None, whole.evaluation)


def read_saved_epoch(folder, whole):
    assert folder.find_saved_epoch() in (0, len(whole.records))


def read_unedited(folder, whole):
    if "sha256" in folder.read_provenance():
        folder.require_unedited()
        assert folder.read_settings() == whole.settings
        assert folder.read_process() == whole.hmm


def read_facts(folder, whole):
    """What has no checksum: any value of the right kind, which TOML and JSON say is there."""
    assert isinstance(folder.read_process(), HMM)
    assert isinstance(folder.read_settings(), osc.RunSettings)
    assert label_run(folder)["seed"] == tomllib.loads(folder.config.read_text())["seed"]


READERS = {
    "weights.safetensors": (read_network,),
    "history.jsonl": (read_history,),
    "results/evaluation.nc": (read_evaluation,),
    "checkpoints/last.safetensors": (read_saved_epoch,),
    "checkpoints/epoch-000004.safetensors": (read_checkpoint,),
    "config.toml": (read_facts, read_network, read_unedited),
    "hmm.toml": (read_facts, read_unedited),
    "provenance.json": (
        lambda folder, whole: folder.require_unedited(),
        lambda folder, whole: folder.advise_import(),
    ),
    "status.json": (lambda folder, whole: folder.read_status(), read_facts),
    "results/analysis.json": (lambda folder, whole: AnalysisFolder.of_run(folder).write_outcomes([]),),
}


def read_everything(whole, name):
    """Every reader of a file, each on its own."""
    folder = osc.open_run(whole.folder.path)
    assert repr(folder)
    for read in READERS[name]:
        with refusal_allowed():
            read(folder, whole)


@fuzz(800, data=st.data())
def test_a_damaged_file_of_a_run_is_refused_or_read_right(data, whole):
    name = data.draw(st.sampled_from([name for name in READERS if name in whole.files]))
    file = whole.folder.path / name
    write(file, data.draw(damage(whole.files[name])))
    try:
        read_everything(whole, name)
    finally:
        write(file, whole.files[name])


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["sha256", "source", "from", "status", "config.toml", "x"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


@fuzz(
    400,
    content=plain.map(json.dumps) | st.sampled_from(["[" * 5000, '{"a":' * 3000, "", "null", "NaN"]),
    name=st.sampled_from(["provenance.json", "status.json", "history.jsonl", "results/analysis.json"]),
)
def test_any_json_in_a_run_is_refused_or_read(content, name, whole):
    file = whole.folder.path / name
    write(file, content)
    try:
        read_everything(whole, name)
    finally:
        write(file, whole.files[name]) if name in whole.files else file.unlink(missing_ok=True)


@fuzz(
    200,
    name=st.text(max_size=8).filter(lambda text: "/" not in text and "\x00" not in text)
    | st.sampled_from(["abc", "1 (copy)", "٣", "-1", "000004", "1e3", "²"]),
)
def test_a_file_with_any_name_beside_checkpoints_is_no_checkpoint(name, whole):
    known = whole.folder.list_checkpoints()
    file = whole.folder.checkpoints / f"epoch-{name}.safetensors"
    if file in known.values():
        return
    write(file, b"")
    try:
        found = whole.folder.list_checkpoints()
        assert found.items() >= known.items()
        osc.load_network(whole.folder.path, epoch=4)
    finally:
        file.unlink()


records = st.lists(
    st.builds(
        EpochRecord,
        epoch=st.integers(1, 50),
        batch_size=st.integers(1, 50),
        margins_hold=st.none() | st.booleans(),
    ),
    max_size=4,
    unique_by=lambda record: record.epoch,
).map(lambda found: sorted(found, key=lambda record: record.epoch))


@fuzz(600, records=records, data=st.data())
def test_a_history_is_read_as_it_was_written_or_refused(records, data, tmp_path_factory):
    file = write(tmp_path_factory.getbasetemp() / "h.jsonl", "".join(map(format_line, records)))
    assert list(map(repr, read_records(file))) == list(map(repr, records))
    write(file, data.draw(damage(file.read_bytes())))
    for read in (read_records, lambda path: read_records_until(path, 50)):
        with refusal_allowed():
            found = list(map(repr, read(file)))
            assert [text for text in map(repr, records) if text in found] == found


dtypes = st.sampled_from(
    [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
tensors = st.dictionaries(
    st.text(max_size=6),
    st.tuples(dtypes, st.lists(st.integers(0, 3), max_size=3)).map(
        lambda x: torch.arange(int(np.prod(x[1]))).reshape(x[1]).to(x[0])
    ),
    max_size=3,
)


@fuzz(
    1000,
    tensors=tensors,
    metadata=st.dictionaries(
        st.text(max_size=3), st.integers() | st.text(max_size=3) | st.none(), max_size=2
    ),
    data=st.data(),
)
def test_tensors_are_read_as_they_were_written_or_refused(tensors, metadata, data, tmp_path_factory):
    file = tmp_path_factory.getbasetemp() / "t.safetensors"
    with refusal_allowed():
        save_tensors(file, tensors, metadata)
        found = load_tensors(file)
        require_equal(found.tensors, tensors)
        assert found.metadata == metadata
        write(file, data.draw(damage(file.read_bytes())))
    with refusal_allowed():
        found = load_tensors(file)
        require_equal(found.tensors, tensors)
        assert found.metadata == metadata


@fuzz(300, content=st.binary(max_size=80), length=st.integers(0, 2**64 - 1) | st.just(None))
def test_any_bytes_are_no_tensors_and_no_result(content, length, tmp_path_factory):
    head = b"" if length is None else length.to_bytes(8, "little")
    file = write(tmp_path_factory.getbasetemp() / "any.bin", head + content)
    with pytest.raises(RunFolderError):
        load_tensors(file)
    with pytest.raises(RunFolderError):
        load_result(file, EvaluationResult)
