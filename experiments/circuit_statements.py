"""Which claims the tables of the circuit show, and when many networks decide one."""

from row_cells import Row, read_quantities

from orbitscope.claims.claim import Claim
from orbitscope.claims.ledger import find_claim

STATEMENTS = tuple(
    find_claim(name)
    for name in (
        *("C15", "C15b", "C16", "C17", "C15 one", "C15 sign", "C9", "C9 signature"),
        *("C10", "C10 side", "C11", "C11 signs", "C11 gate"),
        *("C12", "C12 first", "C12 noise", "C12 more", "C12 pairs", "C12 control"),
        *("C13", "C14", "C14 neurons", "C18", "C19", "C20"),
    )
)

FEWEST_NETWORKS = 6
"""Networks with a verdict that a sentence about a loss needs."""

MOST = 0.8
"""Share of them that makes a claim hold, or fail, for a loss; below it is mixed."""

LEVEL = 0.05
"""Of the sign test of pairs, and of rank correlations."""


def judge(claim: Claim, row: Row) -> str:
    """Verdict of one network, in a word."""
    return claim.judge(read_quantities(row)).word


def is_judged(row: Row) -> bool:
    """Whether a network has verdicts at all: it has none if it diverged, or is still on the plateau."""
    return row["phase"] not in ("diverged", "on_plateau")
