import numpy as np
import pytest
import torch

from orbitscope.errors import DamagedFileError, InputError, RunFolderError
from orbitscope.runs import RunFolder, choose_epochs, copy_run, load_tensors, pack_run
from orbitscope.system.atomic_files import build_folder
from orbitscope.workflows.evaluate_run import evaluate_run, load_evaluation
from orbitscope.workflows.import_network import import_run
from orbitscope.workflows.train_run import TrainingInterruptedError, resume_run, train_run


@pytest.fixture(scope="module")
def run(train_tiny_run, tmp_path_factory):
    """A finished run; tests must not change it."""
    return train_tiny_run(tmp_path_factory.mktemp("source") / "run")


# choose_epochs


def test_half_of_the_epochs_are_log_spaced_and_the_others_are_around_the_drop():
    kept = [0, 1, 2, 4, *range(5, 501, 5)]
    chosen = choose_epochs(kept, drop=203)
    assert len(chosen) == 16
    assert {0, 1, 500} <= set(chosen) <= set(kept)
    assert set(range(190, 220, 5)) <= set(chosen)
    spaced = [epoch for epoch in chosen if not 180 <= epoch <= 225]
    assert np.diff(spaced).tolist() == sorted(np.diff(spaced).tolist())


def test_without_a_drop_the_epochs_are_log_spaced():
    chosen = choose_epochs(range(1001), drop=None, n_most=4)
    assert chosen == [0, 9, 99, 1000]


def test_few_checkpoints_are_all_kept():
    assert choose_epochs([5, 0, 3], drop=3) == [0, 3, 5]


@pytest.mark.parametrize("drop", [None, 0, 1, 37, 100])
@pytest.mark.parametrize("n_most", [2, 3, 7])
def test_the_ends_are_kept_and_the_number_is_bounded(drop, n_most):
    chosen = choose_epochs(range(101), drop=drop, n_most=n_most)
    assert {0, 100} <= set(chosen)
    assert len(chosen) == len(set(chosen)) <= n_most


def test_one_epoch_is_too_few():
    with pytest.raises(InputError, match="`n_most` must be ≥ 2, got 1"):
        choose_epochs([1, 2, 3], drop=2, n_most=1)


# pack_run


def test_a_packed_run_is_a_run_without_training_state(run, tmp_path):
    packed = pack_run(run, tmp_path / "small", epochs=[0, 4], notes={"selection": "by hand"})
    assert packed.read_settings() == run.read_settings()
    assert packed.read_hmm() == run.read_hmm()
    assert packed.read_history() == run.read_history()
    assert packed.read_provenance() == run.read_provenance() | {"selection": "by hand"}
    assert packed.weights.read_bytes() == run.weights.read_bytes()
    expected, found = load_evaluation(run.path), load_evaluation(packed.path)
    assert np.array_equal(expected.symbol_matrix, found.symbol_matrix)
    assert list(packed.list_checkpoints()) == [0, 4]
    assert {path.name for path in packed.path.iterdir()} == {
        *("config.toml", "hmm.toml", "provenance.json", "history.jsonl", "status.json"),
        *("weights.safetensors", "checkpoints", "results"),
    }


def test_a_network_without_a_process_is_packed_and_copied(run, tmp_path):
    alone = import_run(run.load_network(), tmp_path / "alone", symbol_names=["a", "b", "c"])
    for packed in (pack_run(alone, tmp_path / "small"), copy_run(alone, tmp_path / "copy")):
        assert packed.read_process() is None
        assert packed.load_network().n_symbols == 3


def test_checkpoints_are_in_half_precision_and_load_as_they_were(run, tmp_path):
    packed = pack_run(run, tmp_path / "small", epochs=[4])
    saved = load_tensors(packed.find_checkpoint(4)).tensors
    assert {tensor.dtype for tensor in saved.values()} == {torch.float16}
    expected, found = run.load_network(epoch=4), packed.load_network(epoch=4)
    for first, second in zip(expected.parameters(), found.parameters(), strict=True):
        assert second.dtype == torch.float32
        assert torch.equal(second, first.half().float())
        assert not torch.equal(second, first)


def test_a_packed_run_is_not_trained_again_from_the_start(run, tmp_path):
    packed = pack_run(run, tmp_path / "small")
    with pytest.raises(RunFolderError, match="holds a finished network without a training state"):
        resume_run(packed.path)
    assert packed.read_history() == run.read_history()


@pytest.mark.slow
def test_a_packed_run_can_be_evaluated(run, tmp_path):
    packed = pack_run(run, tmp_path / "small")
    assert np.array_equal(evaluate_run(packed.path).symbol_matrix, load_evaluation(run.path).symbol_matrix)


def test_what_stands_in_the_way_is_not_overwritten(run, tmp_path):
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "thesis.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match="must be a new or empty folder"):
        pack_run(run, tmp_path / "small")
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
    assert (tmp_path / "small" / "thesis.tex").read_text() == "years of work"


def test_a_failure_leaves_nothing(run, tmp_path):
    with pytest.raises(InputError, match=r"`epoch` must be one that was kept \(0, 1, 2, 4, 5\), got 3"):
        pack_run(run, tmp_path / "small", epochs=[0, 3])
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_run_is_refused(run, tmp_path):
    unfinished = copy_run(run, tmp_path / "unfinished")
    unfinished.weights.unlink()
    with pytest.raises(RunFolderError, match="must be trained to the end"):
        pack_run(unfinished, tmp_path / "small")


def test_weights_beyond_half_precision_are_refused(run, tmp_path):
    large = copy_run(run, tmp_path / "large")
    weights = run.load_network().state_dict()
    large.save_checkpoint({**weights, "w_out": weights["w_out"] * 1e9}, 7)
    with pytest.raises(DamagedFileError, match=r"`w_out` must fit half precision"):
        pack_run(large, tmp_path / "small", epochs=[7])


# build_folder


def test_a_folder_is_not_there_before_it_is_whole(tmp_path):
    with build_folder(tmp_path / "new") as folder:
        (folder / "half").write_text("")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "half").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


# copy_run


def test_a_copy_of_an_interrupted_run_ends_like_the_run(run, tmp_path):
    def interrupt(event):
        if event.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterruptedError):
        train_run(run.read_settings(), tmp_path / "cut", progress=interrupt)
    copy = copy_run(RunFolder(tmp_path / "cut"), tmp_path / "copy")
    resume_run(copy.path)
    expected, found = run.load_network().state_dict(), copy.load_network().state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_copy_holds_every_file(run, tmp_path):
    copy = copy_run(run, tmp_path / "copy")
    assert resume_run(copy.path).history == run.read_history()
    assert {path.relative_to(run.path) for path in run.path.rglob("[!.]*")} == {
        path.relative_to(copy.path) for path in copy.path.rglob("[!.]*")
    }
