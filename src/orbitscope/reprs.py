"""How an object with many sizes and settings shows itself: in groups, within the width of a line."""

import textwrap
from collections.abc import Iterable

_WIDTH = 100
"""Characters a line."""


def format_repr(name: str, groups: Iterable[str]) -> str:
    """Text ``name(group, group)``; where it is too long each group begins a line, and is wrapped."""
    groups = [group for group in groups if group]
    whole = f"{name}({', '.join(groups)})"
    if len(whole) <= _WIDTH:
        return whole
    wrap = textwrap.TextWrapper(_WIDTH, "    ", "        ", break_long_words=False, break_on_hyphens=False)
    return f"{name}(\n" + ",\n".join(wrap.fill(group) for group in groups) + ",\n)"
