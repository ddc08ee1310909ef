"""Recipes: the settings of a run for a process, before the user's own changes."""

from collections.abc import Callable, Mapping
from typing import Any

from .errors import unknown_name
from .hmm import Preset, list_presets, load_preset
from .settings import RunSettings, merge_settings, nest_keys

IMPORTED = "imported"
"""Recipe that the settings of a network name that was trained elsewhere."""

DEFAULT_STEPS = 30
"""Sequence length for a process that is no preset; most of the paper's networks were trained at 30."""

DEFAULT_CLIP = 0.9
DEFAULT_EPOCHS = 500

_WEAKLY_SEPARATED = ("linear-3", "linear-4", "linear-5")
"""Presets whose loss without memory is less than twice the floor: small batches hardly see their memory."""

_FEWEST_FAST_EPOCHS, _MOST_FAST_EPOCHS = 100, 200


def build_settings(
    process: str,
    *,
    recipe: str = "fast",
    seed: int = 0,
    threads: int = 2,
    device: str = "cpu",
    changes: Mapping[str, Any] | None = None,
) -> RunSettings:
    """Settings of a run: the recipe's defaults for this process, then the changes on top.

    Parameters
    ----------
    process : str
        Name of a preset, of a generalised process, or the path of an HMM file.
    recipe : str
        One of :data:`RECIPES`.
    seed, threads, device
        As in :class:`RunSettings`.
    changes : mapping, optional
        Nested or dotted keys, e.g. ``{"train.epochs": 12}``.
    """
    if not isinstance(recipe, str) or recipe not in RECIPES:
        raise unknown_name("recipe", str(recipe), RECIPES)
    preset = load_preset(process) if process in list_presets() else None
    values = {"process": process, "recipe": recipe, "seed": seed, "threads": threads, "device": device}
    values = merge_settings(values, RECIPES[recipe](preset))
    return RunSettings.build(merge_settings(values, nest_keys(changes or {})))


def _published(preset: Preset | None) -> dict[str, Any]:
    """Torre et al. 2025, appendix on training: 30 000 sequences in thirds, batches of 4096, Adam(.9, .9)."""
    return {
        "data": {"n_steps": preset.n_steps if preset else DEFAULT_STEPS},
        "train": {
            "epochs": preset.n_epochs if preset else DEFAULT_EPOCHS,
            "gradient_clip": preset.gradient_clip if preset else DEFAULT_CLIP,
            "batch_size": 4096,
            "validate_every": 1,
        },
    }


def _fast(preset: Preset | None) -> dict[str, Any]:
    """The published loss for two CPU cores: minutes where the published schedule takes an hour.

    On the plateau half of the self term is that at infinite regularisation, and every rollout gives several
    draws of symbols. Wherever a batch has a quarter of the memory of the process the gradient is the
    published one. Batches, which divide 10 000 sequences evenly, start small, for many updates, and grow to
    5000, for little bias; the learning rate falls last (docs/log.md, 2026-11-24). Epochs are fewer the longer
    the sequences are. Three presets have a schedule of their own; any other process has not.
    """
    published = _published(preset)
    n_steps = published["data"]["n_steps"]
    train = {
        "epochs": min(max(_FEWEST_FAST_EPOCHS, 9000 // n_steps), _MOST_FAST_EPOCHS),
        "plateau_self_weight": 0.5,
        "plateau_learning_rate": 3e-4,
        "plateau_batch_size": 1000,
        "plateau_draws": 4,
        "batch_size": 625,
        "final_batch_size": 5000,
        "growth_start": 0.3,
        "learning_rate": 3e-4,
        "final_learning_rate": 5e-5,
        "decay_start": 0.6,
        "validate_every": 10,
        "checkpoint_every": 5,
    }
    if preset is not None and preset.name in _WEAKLY_SEPARATED:
        train |= _build_weak_schedule(n_steps)
    return merge_settings(published, {"train": train})


def _build_weak_schedule(n_steps: int) -> dict[str, Any]:
    """What differs where small batches hardly see the memory of the process.

    Larger batches and more epochs. The network first settles on the plateau with the published gradient; in
    one comparison the row of the rare symbol then drifted later (docs/log.md).
    """
    return {
        "epochs": 25 + 8250 // n_steps,
        "settle_epochs": 25,
        "settle_learning_rate": 1e-3,
        "batch_size": 1250,
        "growth_start": 0.25,
        "learning_rate": 5e-4,
        "decay_start": 0.65,
    }


def _faithful(preset: Preset | None) -> dict[str, Any]:
    """Laws of words and likelihood ratios instead of sampled sequences: no bias from the batch.

    One schedule for every process: a low rate until symbols have memory, then a higher one, the lower the
    longer the window of the preset (30 for others), which falls from a tenth of the epochs on while the batch
    grows. Activity that grows
    over the window is penalised. Without these, networks of linear-2 exploded in their first epochs. The
    weights of the last tenth are averaged (docs/log.md, 2026-11-24, third to fifth session). Training ends
    before that when all margins have held in three validations in a row (2026-11-30).
    """
    published = _published(preset)
    n_steps = published["data"]["n_steps"]
    n_epochs = 6000 // n_steps
    train = {
        "epochs": n_epochs,
        "batch_size": 125,
        "final_batch_size": 1000,
        "growth_start": 0.2,
        "growth_end": 0.9,
        "plateau_learning_rate": 1e-3,
        "learning_rate": min(4e-3, 0.15 / n_steps),
        "final_learning_rate": 1e-4,
        "decay_start": 0.1,
        "average_start": 0.9,
        "activity_growth_weight": 10.0,
        "beta2": 0.95,
        "validate_every": max(1, n_epochs // 12),
        "checkpoint_every": 5,
        "stop_after": 3,
    }
    return merge_settings(
        published, {"loss": {"objective": "words", "neighbour_weight": 3.0}, "train": train}
    )


RECIPES: dict[str, Callable[[Preset | None], dict[str, Any]]] = {
    "fast": _fast,
    "published": _published,
    "faithful": _faithful,
}
"""Recipes by name; each gives the settings that differ from the defaults."""
