"""Evaluation of run folders: the network against its process, saved."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import RunFolderError
from ..evaluation import EvaluationResult, evaluate_network
from ..progress import Progress, ProgressCallback, ignore_progress
from ..results import load_result, save_result
from ..runs import RunFolder
from ..runs.zoo import is_copy, open_run, open_writable_run
from ..settings import RunSettings
from ..system.commands import format_command
from ..system.threads import use_threads
from .origin import describe_origin


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
    folder.warn_of_edited()
    with use_threads(settings.threads, in_operations=False), folder.lock():
        result = evaluate_network(
            network,
            hmm,
            n_steps=settings.data.n_steps,
            settings=settings.evaluate,
            noise_std=settings.model.noise_std,
            seed=settings.seed,
            progress=lambda done, label: progress(Progress("evaluate", done, 1.0, label, {})),
        )
        result = replace(result, settings=result.settings | {"source": describe_origin(folder)})
        save_result(result, folder.results / "evaluation.nc")
    return result


def find_kept_evaluation(folder: RunFolder) -> EvaluationResult | None:
    """The saved evaluation if the same code made it from the same weights, process and settings, else None.

    That which a network of the zoo comes with is kept, too: it is what the tables say of it.
    """
    try:
        result = load_result(folder.results / "evaluation.nc", EvaluationResult)
    except RunFolderError:
        return None
    expected = _describe_settings(folder.read_settings())
    if any(result.settings.get(name) != value for name, value in expected.items()):
        return None
    source = result.settings.get("source")
    is_same = source == describe_origin(folder) or (source is None and is_copy(folder))
    return result if is_same else None


def _describe_settings(settings: RunSettings) -> dict[str, Any]:
    """What an evaluation records of the settings that it was made with."""
    return {
        "evaluation": settings.evaluate.model_dump(),
        "n_steps": settings.data.n_steps,
        "noise_std": settings.model.noise_std,
        "seed": settings.seed,
    }


def load_evaluation(path: str | Path) -> EvaluationResult:
    """Read the evaluation that :func:`evaluate_run` saved.

    The name of a network of the zoo gives the evaluation that it comes with; one that was made later is in
    its copy, ``runs/zoo-NAME``.
    """
    file = open_run(path).results / "evaluation.nc"
    if not file.is_file():
        command = format_command("evaluate", path)
        raise RunFolderError(f"`{file}` must exist, but does not. Make it with `{command}`.")
    return load_result(file, EvaluationResult)
