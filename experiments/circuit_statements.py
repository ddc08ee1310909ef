"""Which claims the tables of the circuit show, and when many networks decide one."""

from row_cells import Row, read_quantities

from orbitscope.claims.claim import Claim
from orbitscope.claims.ledger import CLAIMS

STATEMENTS = CLAIMS

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
