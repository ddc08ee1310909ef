"""``orbitscope train``."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..system.commands import format_command
from ..system.cores import count_usable_cores
from .options import Json, UsageError, collect_changes
from .overrides import TrainOverrides

if TYPE_CHECKING:
    from ..settings import RunSettings
    from ..workflows.train_run import TrainedRun


def train(
    process: str | None = None,
    /,
    *,
    recipe: str | None = None,
    out: Path | None = None,
    seed: int | None = None,
    threads: int | None = None,
    device: str | None = None,
    settings: Path | None = None,
    resume: Path | None = None,
    evaluate: Annotated[bool, Parameter(negative="--no-evaluate")] = True,
    json: Json = False,
    overrides: Annotated[TrainOverrides | None, Parameter(name="*")] = None,
) -> None:
    """Train a network to emulate a process, then evaluate it.

    Shows loss, floor and time left on standard error. Ctrl-C and SIGTERM save the state (exit code 130);
    continue with `--resume RUN`, also after a crash. Command line beats settings file beats recipe.

    Parameters
    ----------
    process
        Preset (`orbitscope presets` lists them), name such as `linear-8`, or an HMM file (.toml).
    recipe
        `fast` (the paper's loss, minutes on a CPU), `faithful` (emulates best) or `published` (the paper's
        settings). [default: fast]
    out
        New folder for the run. [default: runs/PROCESS-RECIPE-SEED]
    seed
        Seed of data, initial weights and noise. [default: 0]
    threads
        Threads; results are bit-identical for any number. [default: the physical cores]
    device
        Torch device. [default: cpu]
    settings
        Settings file in the form of a run's config.toml; any part may be left out.
    resume
        Run folder to continue, with the settings it was started with.
    evaluate
        Evaluate after training, as `orbitscope evaluate` does.
    json
        Print one JSON document on standard output.
    """
    options = {"process": process, "recipe": recipe, "seed": seed, "threads": threads, "device": device}
    given = {name: value for name, value in options.items() if value is not None}
    if resume is not None:
        _refuse_changes(resume, {**given, "out": out, "settings": settings}, overrides or {})
        run = _resume(resume)
    else:
        run = _start(resolve_settings(given, collect_changes(settings, overrides)), out)
    _report(run, evaluate=evaluate, json=json)


def _refuse_changes(run: Path, options: dict[str, Any], overrides: dict[str, Any]) -> None:
    changed = [
        "PROCESS" if name == "process" else f"--{name}" for name, v in options.items() if v is not None
    ]
    changed += [f"--{table}.{key}" for table, keys in overrides.items() for key in keys]
    if changed:
        raise UsageError(
            f"--resume must keep the settings in `{run / 'config.toml'}`, got {', '.join(changed)} too. "
            "Leave that out, or start a new run."
        )


def resolve_settings(given: dict[str, Any], changes: Mapping[str, Any]) -> "RunSettings":
    """Settings of a new run: command line beats settings file beats recipe.

    Parameters
    ----------
    given
        Options that the user gave, of process, recipe, seed, threads and device.
    changes
        Those of a settings file and of the command line, see :func:`collect_changes`.

    Raises
    ------
    InputError
        If a setting is out of range, or torch cannot use the device here.
    """
    from ..recipes import build_settings
    from ..settings import RunSettings

    changes = dict(changes)
    top = {"recipe": "fast", "seed": 0, "threads": count_usable_cores(), "device": "cpu"}
    top |= {name: changes.pop(name) for name in ("process", *top) if name in changes} | given
    if "process" not in top:
        raise UsageError("a process is required, got none. Name one, e.g. `orbitscope train linear-2`.")
    RunSettings.build(top)  # types, before a recipe is looked up
    resolved = build_settings(top.pop("process"), **top, changes=changes)
    if resolved.device != "cpu":
        _check_device(resolved.device)
    return resolved


def _check_device(name: str) -> None:
    import torch

    from ..errors import InputError

    try:
        torch.zeros(1, device=name).item()  # `meta` has tensors without numbers
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError(
            f"`device` must be one that torch can use here, got `{name}`: {reason}. Use cpu."
        ) from None


def _start(settings: "RunSettings", out: Path | None) -> "TrainedRun":
    from ..runs.naming import name_process, name_run
    from .display import ProgressDisplay

    out = out or name_run(settings)
    title = f"Training {name_process(settings)} ({settings.recipe}, seed {settings.seed}) in {out}"
    with ProgressDisplay(title, quiet_seconds=0) as progress:
        from ..workflows.train_run import train_run

        return train_run(settings, out, progress=progress)


def _resume(path: Path) -> "TrainedRun":
    from .display import ProgressDisplay

    with ProgressDisplay(f"Resuming {path}", quiet_seconds=0) as progress:
        from ..workflows.train_run import resume_run

        return resume_run(path, progress=progress)


def _report(run: "TrainedRun", *, evaluate: bool, json: bool) -> None:
    from .display import print_facts, print_json
    from .evaluate import describe_evaluation, evaluate_and_draw, print_evaluation

    summary = summarise_run(run)
    if not json:
        print_facts(_describe(summary))
    evaluation = evaluate_and_draw(run.folder.path) if evaluate else None
    if json:
        print_json(
            {
                **summary,
                "evaluation": None
                if evaluation is None
                else describe_evaluation(run.folder.path, evaluation),
            }
        )
    elif evaluation is None:
        print_facts({"Next": format_command("evaluate", run.folder.path)})
    else:
        print_evaluation(run.folder.path, evaluation)


def summarise_run(run: "TrainedRun") -> dict[str, Any]:
    """Where a run stands, in plain numbers; None for what a lost history would tell.

    Losses are in mismatched symbols per sequence, or in nat where laws of words are compared.
    """
    settings = run.folder.read_settings()
    last = run.history[-1] if run.history else None
    best = next((record for record in run.history if record.epoch == run.best_epoch), last)
    index = run.transition.index
    return {
        "run": str(run.folder.path),
        "process": settings.process,
        "recipe": settings.recipe,
        "seed": settings.seed,
        "epochs": run.folder.find_saved_epoch() if last is None else last.epoch,
        "planned_epochs": settings.train.epochs,
        "margins_held": run.margins_held,
        "best_epoch": run.best_epoch,
        **{name: getattr(best, name, None) for name in ("validation_loss", "validation_floor")},
        **{name: getattr(last, name, None) for name in ("loss", "floor", "plateau", "symbol_matrix_error")},
        "unit": "nat" if last is not None and last.is_of_words else "mismatches per sequence",
        "phase": run.transition.status,
        "transition_epoch": None if index is None else run.history[index].epoch,
        "seconds": math.fsum(record.seconds for record in run.history),
    }


def _describe(summary: dict[str, Any]) -> dict[str, str]:
    from .display import format_duration, format_phase

    epoch = summary["transition_epoch"]
    phase = format_phase(summary["phase"])
    return {
        "Run": summary["run"],
        "Trained": f"{_describe_epochs(summary)} in {format_duration(summary['seconds'])}",
        "Best epoch": _describe_best(summary),
        "Loss": _describe_loss(summary),
        "Transition": f"epoch {epoch}" if epoch else f"none found: {phase}",
    }


def _describe_epochs(summary: dict[str, Any]) -> str:
    n_done, n_planned = summary["epochs"], summary["planned_epochs"]
    return f"{n_done} epochs" if n_done == n_planned else f"{n_done} of {n_planned} epochs"


def _describe_best(summary: dict[str, Any]) -> str:
    if summary["margins_held"]:
        return (
            f"{summary['best_epoch']}, the last: from h = 0 all margins held in validations in a row, on "
            "draws that no evaluation reports; its weights are kept"
        )
    return f"{summary['best_epoch']} (lowest validation loss; its weights are kept)"


def _describe_loss(summary: dict[str, Any]) -> str:
    """Validation loss beside what the process itself gives, and what symbols without memory give."""
    loss, floor = summary["validation_loss"], summary["validation_floor"]
    if loss is None:
        return "not known: history.jsonl is lost"
    memoryless = f"symbols that do not depend on those before {summary['plateau']:.3f}"
    if summary["unit"] == "nat":  # exact laws are compared, so there is no sample of the process
        return f"{loss:.3f} nat at validation; the process itself gives {floor:.3f}, {memoryless}"
    text = (
        f"{loss:.3f} on validation sequences; fresh sequences of the process itself give {floor:.3f} "
        f"(floor), {memoryless}"
    )
    return f"{text}. Below the floor: less diverse than the process" if 0 < loss < floor else text
