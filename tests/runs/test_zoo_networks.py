"""The trained networks that come with the package: that they are whole, and still do what is said of them."""

import numpy as np
import pytest
import torch

from orbitscope.hmm import load_preset
from orbitscope.runs.zoo import list_zoo, open_run
from orbitscope.workflows.evaluate_run import evaluate_run, load_evaluation

NETWORKS = list_zoo()

REDUCED = {
    "threads": 1,
    "evaluate.n_symbols_total": 600_000,
    "evaluate.n_sequences": 8000,
    "evaluate.n_entropy": 20_000,
    "evaluate.max_refit_states": 0,
    "evaluate.n_resamples": 100,
}
"""An evaluation of a few seconds, with another seed than the one that was shipped."""

TOLERANCES = {
    "symbol_matrix_error": 0.02,
    "frequency_error": 0.005,
    "rare_symbol_error": 0.1,
    "volatility_error": 0.02,
    "cross_entropy_gap": 0.01,
    "run_length_distance": 0.03,
    "classifier_auc": 0.03,
}
"""Least tolerances; where symbols last long, four standard errors of the difference are more."""


def test_there_are_networks():
    assert NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_whole(name):
    run = open_run(name)
    process = name.removeprefix("zoo:").removesuffix("-faithful")
    recipe = "faithful" if name.endswith("-faithful") else "published"
    settings = run.read_settings()
    assert (settings.process, settings.recipe) == (process, recipe)
    assert (settings.model.hidden_size, settings.model.input_size) == (150, 100)
    np.testing.assert_array_equal(
        run.read_hmm().transition_matrix, load_preset(process).hmm.transition_matrix
    )
    assert settings.train.stop_after > 0 or len(run.read_history()) == settings.train.epochs
    assert run.load_network().w_out.dtype == torch.float32


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_was_chosen_by_the_rule(name):
    selection = open_run(name).read_provenance()["selection"]
    candidates = selection["candidates"]
    assert len({candidate["seed"] for candidate in candidates}) >= 3
    best = min(candidates, key=lambda candidate: candidate["excess"])
    assert best["seed"] == selection["chosen_seed"] == open_run(name).read_settings().seed


@pytest.mark.parametrize("name", NETWORKS)
def test_checkpoints_are_few_and_reach_from_the_start_to_the_end(name):
    run = open_run(name)
    epochs = list(run.list_checkpoints())
    if not name.startswith(("zoo:linear-2", "zoo:linear-3")):
        assert epochs == []
        return
    assert 10 <= len(epochs) <= 16
    assert (epochs[0], epochs[-1]) == (0, run.read_history()[-1].epoch)
    assert all(torch.isfinite(run.load_network(epoch=epoch).w_out).all() for epoch in epochs)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_an_evaluation_from_anew_agrees_with_the_shipped_one(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, shipped = (
        {name: result.find_quantity(name).estimate for name in TOLERANCES}
        for result in (evaluate_run(name, changes=REDUCED | {"seed": 1000}), load_evaluation(name))
    )
    for measure, tolerance in TOLERANCES.items():
        pair = found[measure], shipped[measure]
        four_errors = np.hypot(
            *(estimate.high - estimate.low for estimate in pair)
        )  # 95 % intervals: 3.9 errors wide
        allowed = max(tolerance, float(four_errors))
        assert float(pair[0]) == pytest.approx(float(pair[1]), abs=allowed), measure
