"""Definitions of what the part ``region_chain`` measures."""

from ...quantity import Definition, define

_TESTS = "tests/principles/probability/test_region_chain.py"
_CHAINS = "tests/principles/probability/test_chapman_kolmogorov.py"

DEFINITIONS = define(
    Definition(
        key="n_merged",
        label="states of the HMM without a region of their own",
        meaning="States of the HMM, less metastable regions: so many states share a region with others.",
        equation="n(states) − n(regions)",
        reading="0: regions can be compared with states one by one. Above 0 only laws can be compared.",
        test=f"{_TESTS}::test_latches_are_read_back_as_their_hmm",
    ),
    Definition(
        key="hazard",
        label="{}: hazard",
        meaning="Probability that the last core visited is another one after one step.",
        equation="T(1)_ab = n(a → b) / n(steps with last core a)",
        reading="Beside it that of the HMM. The chain of last cores lags behind, but counts no flicker.",
        test=f"{_TESTS}::test_latches_are_read_back_as_their_hmm",
        source="own construction after buchete2008",
        unit="1/step",
    ),
    Definition(
        key="dwell",
        label="region {}: mean dwell",
        meaning="Steps with one last core per change of it.",
        equation="n(steps with last core a) / n(changes from a)",
        reading="Beside it 1/(1 − P_ii) of the HMM.",
        test=f"{_TESTS}::test_latches_are_read_back_as_their_hmm",
        unit="steps",
    ),
    Definition(
        key="timescale",
        label="slowest implied timescale at lag {}",
        meaning="Time in which the slowest mode of the chain of last cores decays, by its transitions over a "
        "lag.",
        equation="t = −τ/log |λ₂(T(τ))|",
        reading="The same at all lags if the chain is Markov. It falls with the lag where dwells are more "
        "regular than those of a Markov chain, and grows where they are less.",
        test=f"{_CHAINS}::test_implied_timescales_are_those_of_the_chain",
        source="buchete2008",
        unit="steps",
    ),
    Definition(
        key="deviation",
        label="Chapman-Kolmogorov, lag {}: largest deviation",
        meaning="Largest difference between transitions over several lags and powers of those over one lag.",
        equation="max |T(n τ) − T(τ)ⁿ| over n = 2, 3, 4 and all entries",
        reading="Beside it what chains show that are Markov at this lag, as many and as long. Beyond: the "
        "regions have memory at this lag. The interval is that of the cell where it is largest.",
        test=f"{_CHAINS}::test_a_lumped_chain_with_memory_fails",
        source="prinz2011",
    ),
    Definition(
        key="kl_rate",
        label="HMM from {}: KL rate",
        meaning="Kullback-Leibler divergence per symbol of the true HMM from the HMM that one would infer.",
        equation="KL(P_true ‖ P_inferred)/T",
        reading="Beside it the same from samples of the true HMM of equal length. As small: one would infer "
        "the true HMM.",
        test=f"{_TESTS}::test_latches_are_read_back_as_their_hmm",
        unit="nat per symbol",
    ),
    Definition(
        key="transition_error",
        label="HMM from {}: largest error of a transition",
        meaning="Largest absolute difference between inferred and true transition probabilities, states "
        "aligned.",
        equation="max |T_ij − P_ij|",
        reading="Only where the parameters of the HMM can be told from its symbols.",
        test=f"{_TESTS}::test_latches_are_read_back_as_their_hmm",
    ),
    Definition(
        key="emission_error",
        label="HMM from {}: largest error of an emission",
        meaning="Largest absolute difference between inferred and true emission probabilities, states "
        "aligned.",
        equation="max |E_is − B_is|",
        reading="Only where the parameters of the HMM can be told from its symbols.",
        test=f"{_TESTS}::test_latches_are_read_back_as_their_hmm",
    ),
)
