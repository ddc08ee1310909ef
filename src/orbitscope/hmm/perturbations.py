"""Processes that are slightly wrong, by a stated amount: what a good loss has to tell from the right one."""

import numpy as np

from .checks import check_number
from .definition import HMM
from .exact import compute_stationary_probs


def scale_switching(hmm: HMM, factor: float) -> HMM:
    """Multiply the probabilities of leaving each state, as far as they stay probabilities.

    Parameters
    ----------
    hmm : HMM
    factor : float >= 0        1.2: a fifth more switches; a row that would exceed 1 never stays
    """
    check_number("factor", factor, low=0.0, high=np.inf)
    leaving = hmm.transition_matrix * (1 - np.eye(hmm.n_states))
    totals = leaving.sum(axis=1, keepdims=True)
    scales = np.minimum(factor, np.divide(1.0, totals, out=np.full_like(totals, np.inf), where=totals > 0))
    moved = leaving * scales
    return _change(hmm, transition_matrix=moved + np.diag(1 - moved.sum(axis=1)), what="switching")


def mix_emissions(hmm: HMM, share: float) -> HMM:
    """Let a share of the symbols flicker: they are drawn from the symbol frequencies, whatever the state."""
    check_number("share", share, low=0.0, high=1.0)
    frequencies = compute_stationary_probs(hmm) @ hmm.emission_probs
    mixed = (1 - share) * hmm.emission_probs + share * frequencies
    return _change(hmm, emission_probs=mixed, what="flicker")


def scale_rarest_symbol(hmm: HMM, factor: float) -> HMM:
    """Multiply the emission of the rarest symbol that occurs; the other symbols share the difference."""
    check_number("factor", factor, low=0.0, high=np.inf, closed=False)
    frequencies = compute_stationary_probs(hmm) @ hmm.emission_probs
    rarest = int(np.argmin(np.where(frequencies > 0, frequencies, np.inf)))
    emission = hmm.emission_probs.copy()
    emission[:, rarest] *= factor
    return _change(hmm, emission_probs=emission / emission.sum(axis=1, keepdims=True), what="rarity")


def _change(hmm: HMM, *, what: str, **arrays: np.ndarray) -> HMM:
    parts = {"transition_matrix": hmm.transition_matrix, "emission_probs": hmm.emission_probs} | arrays
    name = f"{hmm.name or 'process'}, other {what}"
    return HMM(
        hmm.initial_probs, **parts, state_names=hmm.state_names, symbol_names=hmm.symbol_names, name=name
    )
