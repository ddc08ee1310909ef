"""Paths of every form: each reader and each writer says what is wrong."""

import os
from pathlib import Path

import pytest
import torch
from fuzzing import fuzz
from hypothesis import strategies as st

import orbitscope as osc
from orbitscope.errors import OrbitscopeError
from orbitscope.evaluation import EvaluationResult
from orbitscope.progress import ignore_progress
from orbitscope.runs import load_tensors
from orbitscope.workflows.pipeline import find_target

STATE = {
    "rnn.weight_ih_l0": torch.zeros(2, 1),
    "rnn.weight_hh_l0": torch.zeros(2, 2),
    "fc.weight": torch.zeros(2, 2),
}
READERS = {
    "load_sequences": osc.load_sequences,
    "import_hmm": osc.import_hmm,
    "load_hmm_file": osc.load_hmm_file,
    "load_process": osc.load_process,
    "load_network": osc.load_network,
    "load_evaluation": osc.load_evaluation,
    "load_part": lambda path: osc.load_part(path, "regions"),
    "load_result": lambda path: osc.load_result(path, EvaluationResult),
    "load_tensors": lambda path: load_tensors(Path(path)),
    "collect_runs": lambda path: osc.collect_runs([path]),
    "judge_run": osc.judge_run,
    "analyse_run": osc.analyse_run,
    "evaluate_run": osc.evaluate_run,
    "intervene_run": lambda path: osc.intervene_run(path, on=["carriers"]),
    "resume_run": osc.resume_run,
    "find_target": lambda path: find_target(path).obtain(ignore_progress),
    "read_history": lambda path: osc.open_run(path).read_history() or require_none(path),
    "draw_run_figures": osc.draw_run_figures,
}


def require_none(path):
    """A run without a history has an empty one, so a path alone is no error."""
    raise OrbitscopeError(f"nothing in {path}")


SUFFIXES = ["", ".npy", ".npz", ".csv", ".h5", ".toml", ".json", ".mat", ".pt", ".safetensors", ".nc"]
stems = st.text(max_size=10) | st.sampled_from(
    [
        "\x00",
        "a\x00b",
        "x" * 300,
        "x/" * 3000,
        "$HOME",
        "[a]",
        "[",
        "*",
        "~",
        "folder",
        "folder/..",
        "a:b",
        "zoo:",
        "zoo:\x00",
        "zoo:linear-99",
        "\udcff",
        "\ud800",
        " ",
        "\n",
        "-",
        "--json",
    ]
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    for suffix in SUFFIXES[1:]:
        (tmp_path / f"folder{suffix}").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@fuzz(2000, name=st.sampled_from(list(READERS)), stem=stems, suffix=st.sampled_from(SUFFIXES))
def test_a_path_without_a_file_is_refused(name, stem, suffix, folder):
    with pytest.raises(OrbitscopeError):
        READERS[name](stem + suffix)
    assert sorted(os.listdir(folder)) == sorted(f"folder{suffix}" for suffix in SUFFIXES)
