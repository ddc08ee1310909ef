"""JSON: text that is read, and values made plain, since it knows neither arrays nor NaN nor infinity."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """Read JSON.

    Raises
    ------
    ValueError
        Also where the standard library raises another error: for brackets within brackets without end.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its brackets are nested too deep") from None


def make_plain(value: Any) -> Any:
    """Turn arrays, NumPy numbers and paths into what JSON knows; NaN becomes None, infinity "inf"."""
    if isinstance(value, Mapping):
        return {str(key): make_plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return make_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [make_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return str(value) if isinstance(value, Path) else value
