"""TOML text, with one error for all that is wrong with it."""

import tomllib
from collections.abc import Mapping
from typing import Any

_LARGEST = 2**63
"""Whole numbers of TOML have 64 bits; Python alone would read any number of digits."""


def parse_toml(text: str) -> dict[str, Any]:
    """Read TOML.

    Raises
    ------
    tomllib.TOMLDecodeError
        Also where the standard library raises other errors: for numbers with thousands of digits and for
        brackets within brackets without end. And for whole numbers of more than 64 bits.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise tomllib.TOMLDecodeError(str(error)) from None
    _check_integers(table)
    return table


def _check_integers(value: Any) -> None:
    if isinstance(value, Mapping):
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        _check_integers(item)
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise tomllib.TOMLDecodeError("a whole number of more than 64 bits")
