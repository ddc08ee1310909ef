"""The ledger: all claims in their order, and the verdicts on one network."""

from .circuit_claims import CARRIER_CLAIMS, NOISE_CLAIMS
from .claim import Claim, Verdict
from .dynamics_claims import DYNAMICS_CLAIMS
from .finders import Quantities
from .principle_claims import PROBABILITY_CLAIMS, REGULARITY_CLAIMS

CLAIMS: tuple[Claim, ...] = (
    *DYNAMICS_CLAIMS,
    *CARRIER_CLAIMS,
    *REGULARITY_CLAIMS,
    *NOISE_CLAIMS,
    *PROBABILITY_CLAIMS,
)
"""In the order of their numbers."""


def judge_claims(quantities: Quantities) -> list[Verdict]:
    """Verdict on every claim for the network that has these quantities.

    Parameters
    ----------
    quantities : mapping
        By key, as ``Analysis.quantities`` has them, with those of the evaluation.

    Examples
    --------
    >>> judge_claims(osc.analyse(network).quantities)[0].word
    """
    return [claim.judge(quantities) for claim in CLAIMS]
