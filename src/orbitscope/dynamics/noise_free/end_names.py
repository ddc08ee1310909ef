"""Names of the ends of noise-free paths, by the most probable symbol there."""

from collections import Counter
from collections.abc import Iterable

NO_END = "no end"
"""Name of the paths that still move, died or diverged."""

_ORDINALS = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def name_ends(kind: str, symbols: Iterable[str]) -> list[str]:
    """Name each end by its symbol, and ends that share one by their order: "ray of symbol 0, second".

    Parameters
    ----------
    kind : str
        "ray" or "point".
    symbols : names of symbols
        Of each end, the most frequent first.

    Examples
    --------
    >>> name_ends("ray", ["0", "2", "0"])
    ['ray of symbol 0', 'ray of symbol 2', 'ray of symbol 0, second']
    """
    seen, names = Counter(), []
    for symbol in symbols:
        name, n_before = f"{kind} of symbol {symbol}", seen[symbol]
        names.append(f"{name}, {_count(n_before + 1)}" if n_before else name)
        seen[symbol] += 1
    return names


def _count(number: int) -> str:
    """Word for the second one and those after it."""
    return _ORDINALS[number - 2] if number - 2 < len(_ORDINALS) else f"no. {number}"
