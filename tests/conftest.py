import pytest

TINY = {
    "model": {"hidden_size": 8, "input_size": 4},
    "data": {"n_sequences": 90, "n_steps": 6},
    "train": {"epochs": 5, "validate_every": 2, "checkpoint_every": 4},
    "evaluate": {
        "n_symbols_total": 6000,
        "n_sequences": 200,
        "n_trajectories": 20,
        "n_matched": 20,
        "n_matches": 2,
        "n_refitted": 20,
        "n_refits": 2,
        "max_refit_states": 0,
        "n_resamples": 100,
        "n_entropy": 100,
        "n_raster": 3,
        "burn_in": 5,
    },
}


@pytest.fixture
def unchecked_annotations(request):
    """Wrong types reach the functions themselves; a lane of .ci/run executes the annotations before."""
    if request.config.getoption("jaxtyping_packages", None):
        pytest.skip("annotations are executed, which refuse wrong types before the function sees them")


@pytest.fixture(scope="session")
def tiny_settings():
    """Changes that make a run tiny."""
    return TINY


@pytest.fixture
def one_figure(monkeypatch):
    """Draw the training curve alone: the figures of an evaluation take seconds."""
    monkeypatch.setattr("orbitscope.plots.figures.draw_evaluation_figures", lambda result: {})


@pytest.fixture(scope="session")
def train_tiny_run():
    """Train and evaluate a run of five tiny epochs, checkpoints at 0, 1, 2, 4, 5."""
    # Here, not above: the process that hands out tests would load torch, too, and all would wait for it.
    from orbitscope.recipes import build_settings
    from orbitscope.workflows.evaluate_run import evaluate_run
    from orbitscope.workflows.train_run import train_run

    def train(path, *, seed=0):
        settings = build_settings("linear-3", seed=seed, threads=1, changes=TINY)
        folder = train_run(settings, path).folder
        evaluate_run(folder.path)
        return folder

    return train
