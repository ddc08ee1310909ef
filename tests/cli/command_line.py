"""Tiny runs on the command line, and what commands print as JSON."""

import json

NETWORK = ["--model.hidden-size", "8", "--model.input-size", "4"]
TRAINING = ["--data.n-sequences", "90", "--data.n-steps", "8", "--train.batch-size", "30"]
TINY = ["--threads", "1", *NETWORK, *TRAINING, "--train.final-batch-size", "none", "--train.epochs", "4"]
EVALUATION = {
    "n-symbols-total": 2000,
    "n-sequences": 200,
    "n-trajectories": 20,
    "n-matched": 20,
    "n-matches": 2,
    "n-refitted": 20,
    "n-refits": 2,
    "max-refit-states": 0,
    "n-resamples": 100,
    "n-entropy": 100,
    "n-raster": 3,
    "burn-in": 5,
}
EVALUATE = [token for key, value in EVALUATION.items() for token in (f"--evaluate.{key}", str(value))]


def read_json(capsys):
    return json.loads(capsys.readouterr().out)
