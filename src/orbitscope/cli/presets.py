"""``orbitscope presets``."""

from typing import Any

from .options import Json

_FAMILIES = (
    ("linear-M", "linear-8x4", "chain of M states (x4: 4 symbols)"),
    ("ring-M", "ring-6", "ring of M states"),
    ("fully-connected-M", "fully-connected-5", "each leads to each, own symbols"),
    ("random-MxS@SEED", "random-6x4@7", "random rows, S symbols"),
    ("sticky-MxS@SEED", "sticky-6x4@7", "the same with states that last"),
)


def presets(*, json: Json = False) -> None:
    """List the processes that have a name: the paper's presets, and families of any size.

    Parameters
    ----------
    json
        Print one JSON document on standard output.
    """
    from .display import print_blank, print_facts, print_json, print_table

    listed = [_describe(name) for name in _list_names()]
    families = [dict(zip(("form", "example", "description"), family, strict=True)) for family in _FAMILIES]
    if json:
        print_json({"presets": listed, "families": families})
        return
    keys = ("name", "n_states", "n_symbols", "n_steps", "n_epochs", "description")
    print_table(
        ("Preset", "States", "Symbols", "Steps", "Epochs", "Description"),
        [[row[key] for key in keys] for row in listed],
        numbers=("States", "Symbols", "Steps", "Epochs"),
    )
    print_blank()
    print_table(("Any size", "Example", "Description"), _FAMILIES)
    print_blank()
    print_facts(
        {
            "Steps": "length T of training sequences",
            "Epochs": "of the published recipe",
            "Yours": "a TOML file with transition_matrix and emission_probs",
            "Next": "orbitscope train linear-2",
        }
    )


def _list_names() -> tuple[str, ...]:
    from ..hmm import list_presets

    return list_presets()


def _describe(name: str) -> dict[str, Any]:
    from ..hmm import load_preset

    preset = load_preset(name)
    return {
        "name": name,
        "n_states": preset.hmm.n_states,
        "n_symbols": preset.hmm.n_symbols,
        "n_steps": preset.n_steps,
        "n_epochs": preset.n_epochs,
        "gradient_clip": preset.gradient_clip,
        "description": preset.description,
    }
