"""``orbitscope choose-epsilon``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..settings import LARGEST_SEED
from ..system.commands import format_command
from ..system.cores import THREAD_LIMIT, count_usable_cores
from .options import Json, require_at_least, require_at_most

if TYPE_CHECKING:
    from ..loss.discrimination import EpsilonChoice


def choose(
    process: str,
    /,
    *,
    n_steps: int | None = None,
    batch_size: int = 2048,
    repeats: int = 4,
    seed: int = 0,
    threads: int | None = None,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Find the ε at which the Sinkhorn divergence tells PROCESS best from nearly right ones.

    Compares fresh batches of the process with itself and with processes that are slightly wrong. Use the
    result with `orbitscope train PROCESS --loss.epsilon VALUE`.

    Parameters
    ----------
    process
        Preset, name such as `linear-8`, or an HMM file (.toml).
    n_steps
        Length of the sequences. [default: as for training]
    batch_size
        Sequences in a batch: those of an update.
    repeats
        Pairs of fresh batches.
    seed
        Of the sequences.
    threads
        Threads. [default: the physical cores]
    out
        Folder for the figure and `epsilon.nc`. [default: runs/epsilon-PROCESS]
    json
        Print one JSON document on standard output.
    """
    from ..hmm import load_process
    from ..loss.discrimination import choose_epsilon
    from ..recipes import build_settings
    from ..runs.naming import make_file_name
    from ..system.threads import use_threads
    from ..workflows.draw_run import draw_epsilon_choice
    from .display import ProgressDisplay, print_json

    require_at_least(2, n_steps=n_steps, batch_size=batch_size, repeats=repeats)
    require_at_least(1, threads=threads)
    require_at_least(0, seed=seed)
    require_at_most(LARGEST_SEED, seed=seed)
    require_at_most(THREAD_LIMIT, threads=threads)
    hmm = load_process(process)
    steps = build_settings(process).data.n_steps if n_steps is None else n_steps
    folder = out or Path("runs") / f"epsilon-{make_file_name(hmm.name or Path(process).stem)}"
    with (
        use_threads(count_usable_cores() if threads is None else threads, in_operations=False),
        ProgressDisplay(f"Choosing ε for {process}") as progress,
    ):
        choice = choose_epsilon(hmm, steps, batch_size, n_repeats=repeats, seed=seed, progress=progress)
    draw_epsilon_choice(choice, folder)
    if json:
        print_json(_describe(choice) | {"out": folder})
    else:
        _show(choice, folder, process)


def _describe(choice: "EpsilonChoice") -> dict[str, Any]:
    return {
        "chosen_epsilon": choice.chosen,
        "epsilon": choice.epsilon.tolist(),
        "ratio": dict(zip(choice.alternative.tolist(), choice.ratio.tolist(), strict=True)),
        "ratio_error": dict(zip(choice.alternative.tolist(), choice.ratio_error.tolist(), strict=True)),
        "settings": choice.settings,
    }


def _show(choice: "EpsilonChoice", folder: Path, process: str) -> None:
    from .display import print_blank, print_facts, print_table

    columns = ("Blur", "ε", *(name.capitalize() for name in choice.alternative.tolist()), "")
    rows = [
        (
            f"{epsilon**0.5:g}",
            f"{epsilon:g}",
            *(f"{ratio:.2f} ±{error:.2f}" for ratio, error in zip(ratios, errors, strict=True)),
            "chosen" if epsilon == choice.chosen else "",
        )
        for epsilon, ratios, errors in zip(choice.epsilon, choice.ratio.T, choice.ratio_error.T, strict=True)
    ]
    print_table(columns, rows, title="Loss / loss of the process itself", numbers=columns[:-1])
    print_blank()
    print_facts(
        {
            "Chosen ε": f"{choice.chosen:g}",
            "Figure": folder / "epsilon.svg",
            "Next": format_command("train", process, "--loss.epsilon", f"{choice.chosen:g}"),
        }
    )
