"""``orbitscope run``."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..system.commands import format_command
from .evaluate import advise_loss
from .import_files import read_known_process, refuse_two_processes, require_cell, split_names
from .options import Json, UsageError, collect_changes
from .overrides import TrainOverrides
from .train import resolve_settings

if TYPE_CHECKING:
    from ..workflows.pipeline import PipelineResult
    from ..workflows.targets import Target

_KINDS = {"process": "a process", "weights": "a file with weights", "run": "a run"}


def run(
    target: str,
    /,
    *,
    quick: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    recipe: str | None = None,
    seed: int | None = None,
    settings: Path | None = None,
    process: str | None = None,
    hmm: Path | None = None,
    sequences: Path | None = None,
    symbol_names: str | None = None,
    cell: str | None = None,
    prefix: str | None = None,
    noise_std: float | None = None,
    threads: int | None = None,
    json: Json = False,
    overrides: Annotated[TrainOverrides | None, Parameter(name="*")] = None,
) -> None:
    """Do everything for one network: train or load it, evaluate it, look inside, judge the claims.

    What is there already is kept: stopped by Ctrl-C or killed, the same command goes on where it was. It ends
    with at most eight sentences, and says where everything is.

    Parameters
    ----------
    target
        Process to train on (preset, name such as `linear-8`, or HMM file), run folder, network of the zoo
        (`zoo:linear-3`), or PyTorch weights (.pt, .pth, .ckpt, .safetensors).
    quick
        Small sizes in the analysis, for a first look.
    out
        Folder of the run, for a process or weights. [default: in runs/]
    recipe
        For a process: `fast` (the paper's loss), `faithful` (emulates best) or `published`. [default: fast]
    seed
        For a process: seed of data, initial weights and noise. [default: 0]
    settings
        For a process: settings file in the form of a run's config.toml; any part may be left out.
    process
        For weights: the process that the network emulates, by name or as an HMM file.
    hmm
        For weights: that process as arrays of another library.
    sequences
        For weights: the recorded sequences that the network was trained on.
    symbol_names
        For weights without an HMM: names of the symbols, in the order of the readout's rows.
    cell
        For weights: `relu` or `tanh`, which the file does not tell.
    prefix
        For weights: text before their names, when it cannot be guessed.
    noise_std
        For weights: standard deviation of the noise that the network was trained with. [default: 1]
    threads
        Threads. [default: the physical cores; of an analysis at most 4]
    json
        Print one JSON document on standard output.
    """
    from ..workflows.targets import find_kind

    training = {"recipe": recipe, "seed": seed, "settings": settings}
    known = {"process": process, "hmm": hmm, "sequences": sequences}
    foreign = known | {"symbol_names": symbol_names, "cell": cell, "prefix": prefix, "noise_std": noise_std}
    kind = find_kind(target)
    _refuse_unfit(kind, ("process",), training | _flatten(overrides or {}))
    _refuse_unfit(kind, ("weights",), foreign)
    _refuse_unfit(kind, ("process", "weights"), {"out": out})
    if kind == "run":
        aim = _find_run(target)
    elif kind == "process":
        given = {"process": target, "recipe": recipe, "seed": seed, "threads": threads}
        aim = _plan_training(given, settings, overrides, out)
    else:
        refuse_two_processes(process, hmm, sequences, symbol_names)
        network = {"cell": require_cell(cell), "prefix": prefix, "noise_std": noise_std}
        given = {name: value for name, value in network.items() if value is not None}
        given["symbol_names"] = split_names(symbol_names)
        aim = _plan_import(Path(target), out, given | read_known_process(**known))
    _run(aim, quick=quick, threads=threads, json=json)


def _refuse_unfit(kind: str, fitting: tuple[str, ...], options: dict[str, Any]) -> None:
    """Refuse options that a target of this kind has no use for."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if kind not in fitting and given:
        wanted = " or ".join(_KINDS[name] for name in fitting)
        raise UsageError(
            f"{', '.join(given)} must go with {wanted}, but the target is {_KINDS[kind]}. Leave that out."
        )


def _flatten(overrides: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Settings on the command line by their dotted names."""
    return {f"{table}.{key}": value for table, keys in overrides.items() for key, value in keys.items()}


def _find_run(target: str) -> "Target":
    from ..workflows.targets import RunTarget

    return RunTarget(target)


def _plan_training(given: dict[str, Any], file: Path | None, overrides: Any, out: Path | None) -> "Target":
    from ..runs.naming import name_run
    from ..workflows.targets import ProcessTarget

    named = {name: value for name, value in given.items() if value is not None}
    settings = resolve_settings(named, collect_changes(file, overrides))
    return ProcessTarget(settings, out or name_run(settings))


def _plan_import(file: Path, out: Path | None, options: dict[str, Any]) -> "Target":
    from ..workflows.targets import WeightsTarget

    return WeightsTarget(file, out or Path("runs") / file.stem, options)


def _run(target: "Target", *, quick: bool, threads: int | None, json: bool) -> None:
    from .display import ProgressDisplay, print_json

    with ProgressDisplay(f"Running {target.title}", quiet_seconds=0) as progress:
        from ..workflows.pipeline import run_pipeline

        with _advise_when_stopped(target, quick=quick, threads=threads):
            found = run_pipeline(target, quick=quick, threads=threads, progress=progress)
    if json:
        print_json(found.to_plain())
    else:
        print_result(found)


@contextlib.contextmanager
def _advise_when_stopped(target: "Target", *, quick: bool, threads: int | None) -> Iterator[None]:
    """Add the command that goes on to what is said of an interruption, if there is a run by then."""
    from ..workflows.targets import RunTarget
    from ..workflows.train_run import TrainingInterruptedError

    try:
        yield
    except (KeyboardInterrupt, TrainingInterruptedError) as stop:
        folder = target.path if isinstance(target, RunTarget) else target.out
        if not isinstance(target, RunTarget) and not (target.out / "config.toml").is_file():
            raise
        options = ["--quick"] * quick + ([] if threads is None else ["--threads", str(threads)])
        words = "Go on with" if isinstance(stop, KeyboardInterrupt) else "To do the rest too:"
        advice = f"{words} `{format_command('run', folder, *options)}`."
        raise type(stop)(" ".join([*map(str, stop.args), advice])) from None


def print_result(found: "PipelineResult") -> None:
    """Show what was found in at most eight sentences, where it is, and what comes next."""
    from .display import print_blank, print_facts, print_sentences

    run = found.folder.path
    print_blank()
    print_sentences(found.sentences)
    print_blank()
    evaluated = "evaluated" if found.evaluation is not None else "not evaluated, since there is no HMM"
    print_facts({"Done": f"trained or loaded, {evaluated}, analysed, judged by claims"})
    if found.analysis.quick:
        print_facts({"First look": "small sizes, so intervals are wide and more is inconclusive"})
    inner = Path("analysis/quick" if found.analysis.quick else "analysis")
    print_facts(
        {
            "Run": run,
            "Figures": f"{run / 'figures'}, {run / 'figures' / inner}",
            "Results": run / "results",
        }
    )
    print_blank()
    quick = ["--quick"] * found.analysis.quick
    steps = {
        **advise_loss(found.folder.read_settings(), found.judged.emulation),
        format_command("claims", run, *quick): "every claim, with the numbers that decided",
        format_command("analyse", run, *quick, "--all"): "every number of the analysis",
    }
    if found.evaluation is not None:
        steps[format_command("evaluate", run, "--all")] = "every measure of emulation"
    if found.analysis.quick:
        steps[format_command("run", run)] = "the whole analysis, with numbers to quote"
    print_facts({"Next": ""} | {f"  {command}": what for command, what in steps.items()})
