"""Names of symbols, and of the ends that have one, in figures and captions; long ones are cut."""

from ..dynamics.noise_free.end_names import NO_END, name_ends
from ..dynamics.noise_free.noise_free_exponents import NoiseFreeExponentsResult
from ..dynamics.noise_free.noise_free_growth import NoiseFreeGrowthResult
from ..evaluation import EvaluationResult
from ..results import Result

_LONGEST_NAME = 12


def list_symbols(result: EvaluationResult) -> list[str]:
    """Names of the symbols of an evaluation."""
    return [_cut(str(name)) for name in result.symbol]


def list_ends(result: NoiseFreeGrowthResult | NoiseFreeExponentsResult) -> list[str]:
    """Names of the ends of noise-free paths; where paths without an end are counted, theirs is the last."""
    symbols = [symbol for symbol in result.end_symbol.tolist() if symbol >= 0]
    names = name_ends(result.end_kind, [name_symbol(result, symbol) for symbol in symbols])
    return names + [NO_END] * (len(result.end_symbol) - len(symbols))


def name_symbol(result: Result, symbol: int) -> str:
    """Name of a symbol if the analysis knew the process, else its number."""
    return _cut(result.name_symbol(symbol))


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
