"""Evaluation of run folders: the network against its process, saved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import RunFolderError
from ..evaluation import EvaluationResult, evaluate_network
from ..progress import Progress, ProgressCallback, ignore_progress
from ..results import load_result, save_result
from ..runs.zoo import open_run, open_writable_run
from ..system.threads import use_threads


def evaluate_run(
    path: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    progress: ProgressCallback = ignore_progress,
) -> EvaluationResult:
    """Compare a run's network with its process and save ``results/evaluation.nc``.

    Parameters
    ----------
    path : path
        Run folder, or a network of the zoo (``zoo:linear-3``), of which a copy is made.
    changes : mapping, optional
        Settings that differ from the run's, nested or dotted (``{"evaluate.n_matched": 200}``).
    progress : callable
        Called as the evaluation goes on.

    Raises
    ------
    RunFolderError
        If the run has no HMM to be compared with, has no weights yet, is damaged, or is in use.
    """
    folder = open_writable_run(path)
    settings, hmm = folder.read_settings().override(changes or {}), folder.read_hmm("to be evaluated")
    network = folder.load_network()
    with use_threads(settings.threads), folder.lock():
        result = evaluate_network(
            network,
            hmm,
            n_steps=settings.data.n_steps,
            settings=settings.evaluate,
            noise_std=settings.model.noise_std,
            seed=settings.seed,
            progress=lambda done, label: progress(Progress("evaluate", done, 1.0, label, {})),
        )
        save_result(result, folder.results / "evaluation.nc")
    return result


def load_evaluation(path: str | Path) -> EvaluationResult:
    """Read the evaluation that :func:`evaluate_run` saved.

    The name of a network of the zoo gives the evaluation that it comes with; one that was made later is in
    its copy, ``runs/zoo-NAME``.
    """
    file = open_run(path).results / "evaluation.nc"
    if not file.is_file():
        raise RunFolderError(f"`{file}` must exist, but does not. Make it with `orbitscope evaluate {path}`.")
    return load_result(file, EvaluationResult)
