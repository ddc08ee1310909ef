"""Every settings key as a command-line option, generated from the models in :mod:`orbitscope.settings`."""

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, get_args

from cyclopts import Group, Parameter
from pydantic.fields import FieldInfo

from ..hmm import list_presets, load_preset
from ..recipes import RECIPES
from ..settings import RunSettings, Settings
from .options import fold_settings


def build_overrides(*tables: str) -> Any:
    """Build a dictionary type whose keys are all optional: parsing fills in only what the user typed.

    Parameters
    ----------
    tables : str
        Names of tables of :class:`RunSettings`; each becomes a nested dictionary and a group of options
        ``--TABLE.KEY``, so that the recipe's defaults stay in force for everything else.
    """
    keys = {}
    for order, table in enumerate(tables):
        model = RunSettings.model_fields[table].annotation
        if isinstance(model, type) and issubclass(model, Settings):
            keys[table] = _build_table(model, table, _build_group(table, 100 + order))
    return TypedDict("Overrides", keys, total=False)  # type: ignore[operator]


def _build_group(table: str, sort_key: int) -> Group:
    return Group(f"Settings: {table}", sort_key=sort_key, help_formatter=fold_settings)


def _build_table(model: type[Settings], table: str, group: Group) -> Any:
    options = {
        key: Annotated[
            field.annotation,
            Parameter(group=group, help=_describe(f"{table}.{key}", field), metavar=_metavar(field)),
        ]
        for key, field in model.model_fields.items()
    }
    return TypedDict(table, options, total=False)  # type: ignore[operator]


def _describe(key: str, field: FieldInfo) -> str:
    """Description and default: one value, or one per recipe where they differ."""
    defaults = {recipe: _find_default(key, field, recipe) for recipe in RECIPES}
    same = len(set(defaults.values())) == 1
    listed = (
        [next(iter(defaults.values()))] if same else [f"{text} ({name})" for name, text in defaults.items()]
    )
    return f"{field.description} [default: {', '.join(listed)}]"


def _find_default(key: str, field: FieldInfo, recipe: str) -> str:
    table, _, name = key.partition(".")
    presets = (None, *map(load_preset, list_presets()))
    values = [RECIPES[recipe](preset).get(table, {}).get(name, field.default) for preset in presets]
    return _format(values[0]) + (" or the preset's" if len(set(values)) > 1 else "")


def _format(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: "none"}[value]
    return f"{value:_}" if isinstance(value, int) else str(value)


def _metavar(field: FieldInfo) -> str | None:
    """Short type name; optional numbers accept ``none``."""
    kinds = get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
    names = [kind.__name__ for kind in kinds if kind in (int, float)]
    return f"{names[0].upper()}|none" if names and len(kinds) > 1 else None


if TYPE_CHECKING:
    TrainOverrides = dict[str, Any]
    EvaluateOverrides = dict[str, Any]
else:
    TrainOverrides = build_overrides("model", "data", "loss", "train", "evaluate")
    EvaluateOverrides = build_overrides("evaluate")
