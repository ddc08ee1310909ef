"""Names of symbols in figures and captions, long ones cut."""

from ..evaluation import EvaluationResult
from ..results import Result

_LONGEST_NAME = 12


def list_symbols(result: EvaluationResult) -> list[str]:
    """Names of the symbols of an evaluation."""
    return [_cut(str(name)) for name in result.symbol]


def name_symbol(result: Result, symbol: int) -> str:
    """Name of a symbol if the analysis knew the process, else its number."""
    return _cut(result.name_symbol(symbol))


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
