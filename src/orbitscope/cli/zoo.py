"""``orbitscope zoo``."""

from typing import Any

from ..system.commands import format_command
from .options import Json


def zoo(*, json: Json = False) -> None:
    """List the trained networks that come with the package.

    Each can be named wherever a run is: `orbitscope evaluate zoo:NAME`.

    Parameters
    ----------
    json
        Print one JSON document on standard output.
    """
    from ..runs.zoo import list_zoo
    from .display import print_blank, print_facts, print_json, print_table

    rows = [_describe(name) for name in list_zoo()]
    if json:
        print_json({"networks": rows})
        return
    if not rows:
        print_facts(
            {"Zoo": "this version comes without trained networks", "Next": "orbitscope train linear-2"}
        )
        return
    keys = ("name", "process", "recipe", "seed", "epochs", "n_checkpoints", "symbol_matrix_error")
    heads = ("Network", "Process", "Recipe", "Seed", "Epochs", "Checkpoints", "Matrix error")
    print_table(heads, [[_format(row[key]) for key in keys] for row in rows], numbers=heads[3:])
    print_blank()
    print_facts(
        {
            "Matrix error": "largest error of an entry of the symbol matrix, from h = 0",
            "Checkpoints": "kept weights over training, in half precision",
            "Next": format_command("evaluate", rows[0]["name"]),
        }
    )


def _describe(name: str) -> dict[str, Any]:
    from ..runs.zoo import open_run
    from ..workflows.evaluate_run import load_evaluation

    run = open_run(name)
    settings = run.read_settings()
    return {
        "name": name,
        "process": settings.process,
        "recipe": settings.recipe,
        "seed": settings.seed,
        "epochs": len(run.read_history()),
        "n_checkpoints": len(run.list_checkpoints()),
        "symbol_matrix_error": float(load_evaluation(name).find_quantity("symbol_matrix_error").estimate),
    }


def _format(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
