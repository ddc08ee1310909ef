"""Definitions of what the part ``metastable_regions`` measures."""

from ..quantity import Definition, define

_TESTS = "tests/principles/test_metastable_regions.py"

DEFINITIONS = define(
    Definition(
        key="n_regions",
        label="metastable regions",
        meaning="Number of regions that activity seldom leaves, found among all driven states. Symbols do "
        "not count, nor does residency.",
        equation="k with the largest ratio of implied timescales t_k/t_{k+1}, if it is ≥ 3; else 1",
        reading="Beside it the states of the HMM. Fewer regions than states: some states are not kept "
        "apart in the hidden activity.",
        test=f"{_TESTS}::test_blobs_are_found_with_their_shares_and_symbols",
        source="own construction after deuflhard2005",
    ),
    Definition(
        key="share",
        label="states in region {}",
        meaning="Share of the driven states in one of the regions, the largest first.",
        equation="n(states of the region) / n(states)",
        reading="Compare with the stationary probabilities of the HMM.",
        test=f"{_TESTS}::test_blobs_are_found_with_their_shares_and_symbols",
        unit="share",
    ),
    Definition(
        key="distance",
        label="state {}: emissions away from its region",
        meaning="Total variation between the mean symbol probabilities of a region and the emission row of "
        "the HMM state aligned with it.",
        equation="½ Σ_s |⟨p(s | h)⟩ − B_ks|",
        reading="0 where the region emits as the state does.",
        test=f"{_TESTS}::test_blobs_are_found_with_their_shares_and_symbols",
        is_main=False,
    ),
    Definition(
        key="agreement",
        label="agreement of halves",
        meaning="Adjusted Rand index between the regions that two halves of the trajectories give to all "
        "states.",
        equation="median of (RI − E RI)/(max RI − E RI) over random halvings",
        reading="Near 1 where the regions do not depend on the sample. 1 means little where both find one.",
        test=f"{_TESTS}::test_halves_agree_on_blobs_and_not_on_a_cloud",
        source="hubert1985",
        is_main=False,
    ),
    Definition(
        key="accuracy",
        label="regions told by linear rules",
        meaning="Share of the states of odd trajectories whose region the linear rules tell rightly. The "
        "rules were fitted to even trajectories.",
        equation="P(argmax_k w_k · h + b_k = region)",
        reading="Committors and chains of regions rest on these rules. Well below 1 they say little.",
        test=f"{_TESTS}::test_rules_are_judged_on_trajectories_that_they_were_not_fitted_to",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="purity",
        label="core {}: states of its region",
        meaning="Share of the states in a core that belong to its region, among odd trajectories.",
        equation="n(states of the core and the region) / n(states of the core)",
        reading="Near 1 where the core is well inside.",
        test=f"{_TESTS}::test_rules_are_judged_on_trajectories_that_they_were_not_fitted_to",
        unit="share",
        is_main=False,
    ),
)
