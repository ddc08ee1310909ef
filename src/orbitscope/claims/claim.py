"""A claim, the rule that decides it, and its verdict on one network."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..quantity import Null, Quantity
from .conditions import HOLDS, IDENTITY, MISSING, Condition, Finding, combine
from .finders import Quantities

_MOST_NUMBERS = 3
"""Numbers that a reason names."""


@dataclass(frozen=True)
class Claim:
    """A statement about a network, and the rule that decides it.

    Attributes
    ----------
    name : str
        Such as "C16"; those that come with one have a word behind: "C12 noise".
    text : str
        The statement.
    rule : str
        When it holds, in words; thresholds and nulls.
    conditions : tuple of Condition
        What must hold, all of them.
    source : str
        "torre2025" or "own construction".
    is_identity : callable, optional
        Whether the statement follows from the kind of network.
    set_on : str
        What was known of the data when the rule was written.
    """

    name: str
    text: str
    rule: str
    conditions: tuple[Condition, ...]
    source: str = "torre2025"
    is_identity: Callable[[Quantities], bool] | None = None
    set_on: str = "before any table; prototypes of linear-2 and linear-3 were known"

    def judge(self, quantities: Quantities) -> "Verdict":
        """Verdict on the network that has these quantities."""
        findings = [condition(quantities) for condition in self.conditions]
        word = combine(finding.verdict for finding in findings)
        if word != MISSING and self.is_identity is not None and self.is_identity(quantities):
            word = IDENTITY
        numbers = _list_once(findings)
        decisive = _list_once(finding for finding in findings if finding.verdict == word)
        return Verdict(self, word, numbers, decisive or numbers)


@dataclass(frozen=True)
class Verdict:
    """What becomes of a claim in one network.

    Attributes
    ----------
    claim : Claim
    word : str
        "holds", "fails", "identity", "inconclusive", or "not measured".
    quantities : tuple of Quantity
        All numbers that the rule looked at.
    decisive : tuple of Quantity
        Those of the conditions that decided.
    """

    claim: Claim
    word: str
    quantities: tuple[Quantity, ...]
    decisive: tuple[Quantity, ...]

    @property
    def reason(self) -> str:
        """One sentence: the numbers that decided, and the rule."""
        if self.word == MISSING:
            return "The numbers that the rule needs were not measured, or are undefined in this network."
        if self.word == IDENTITY:
            return "It follows from the kind of network: a bias-free ReLU network scales with its noise."
        numbers = self.numbers
        sentence = f"{numbers[0].upper()}{numbers[1:]}."
        return sentence if self.word == HOLDS else f"{sentence} Rule: {self.claim.rule}."

    @property
    def numbers(self) -> str:
        """The numbers that decided, the first few of them."""
        shown = [_show(quantity) for quantity in self.decisive[:_MOST_NUMBERS]]
        more = len(self.decisive) - len(shown)
        return "; ".join(shown) + (f"; and {more} more" if more else "")

    def to_plain(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "claim": self.claim.name,
            "text": self.claim.text,
            "verdict": self.word,
            "reason": self.reason,
            "rule": self.claim.rule,
            "source": self.claim.source,
            "set_on": self.claim.set_on,
            "quantities": [quantity.to_plain() for quantity in self.quantities],
        }


def _list_once(findings: Iterable[Finding]) -> tuple[Quantity, ...]:
    """Numbers of several findings, each of them once."""
    return tuple({q.key: q for finding in findings for q in finding.quantities}.values())


def _show(quantity: Quantity) -> str:
    """A number with its interval, and the nulls beside it."""
    nulls = ", ".join(str(item) for item in quantity.beside if isinstance(item, Null))
    return f"{quantity.label} {quantity}" + (f" ({nulls})" if nulls else "")
