"""Definitions of what the part ``low_rank`` measures."""

from ...quantity import Definition, define

_TESTS = "tests/circuit/weights/test_low_rank.py"

DEFINITIONS = define(
    Definition(
        key="n_above",
        label="singular values above those of shuffled weights",
        meaning="Leading singular values of the recurrent weights in standard units, each larger than the "
        "95 % quantile of the one of the same rank when entries are put in random places. They are counted "
        "up to the first that is not.",
        equation="min{k : σ_k ≤ q_.95(σ_k of shuffles)} − 1",
        reading="Structure that the places of the weights hold beyond their sizes (parallel analysis). Large "
        "values of a few make the shuffles large, too, so that weak structure is missed.",
        test=f"{_TESTS}::test_a_network_of_rank_two_has_two_singular_values_above_chance",
        unit="singular values",
    ),
    Definition(
        key="explained",
        label="share of squared weights in these",
        meaning="Sum of the squares of these singular values over that of all.",
        equation="Σ_{k≤K} σ_k² / Σσ_k²",
        reading="1 if the weights have this rank. The rest looks like a random matrix, which need not mean "
        "that it does nothing.",
        test=f"{_TESTS}::test_a_network_of_rank_two_has_two_singular_values_above_chance",
        unit="share",
    ),
    Definition(
        key="effective_rank",
        label="effective rank",
        meaning="Participation ratio of the squared singular values.",
        equation="(Σσ_k²)² / Σσ_k⁴",
        reading="Beside that of shuffled weights, mean and central 95 %. Below: weights are concentrated in "
        "fewer directions than their sizes alone would have it.",
        test=f"{_TESTS}::test_alike_singular_values_have_their_number_as_effective_rank",
    ),
    Definition(
        key="loading",
        label="{} in the leading singular vectors",
        meaning="Share of the squared loadings of a group of neurons in the leading singular vectors, mean "
        "over those above shuffled weights (the first if there is none). Receiving: left vectors, what "
        "neurons get. Sending: right ones.",
        equation="⟨Σ_{i∈g} u_ik²⟩_k; and v_ik for sending",
        reading="Beside random groups of as many neurons, whose mean is their share of all, and beside "
        "groups matched in mean activity and readout. p by Holm over all groups and both sides. Receiving is "
        "low where inputs add up: the pre-activation then varies much beside each single weight.",
        test=f"{_TESTS}::test_neurons_that_alone_have_the_structure_have_all_loadings",
        unit="share",
    ),
    Definition(
        key="smallest_rank",
        label="smallest rank at which the network still switches alike",
        meaning="Smallest rank tried from which on truncated networks keep the hazard of each direction "
        "within a factor, and the share of steps in each symbol within a margin, on the same noise.",
        equation="min r : hazard_r/hazard ∈ (1/1.25, 1.25), |p_r − p| < .05, for all tried ranks ≥ r",
        reading="Both by two one-sided tests. It is no full evaluation: words and run lengths are not looked "
        "at. Undefined if the largest rank tried does not pass.",
        test=f"{_TESTS}::test_truncation_at_the_rank_changes_nothing_and_below_it_does",
        source="own construction; truncation in standard units",
    ),
    Definition(
        key="hazard",
        label="hazard at rank {}",
        meaning="Hazard of a direction of switching in a network truncated to a rank, over that of the "
        "intact network on the same noise.",
        equation="hazard_r(a → b)/hazard(a → b)",
        reading="1 if the rest of the weights does nothing. Interval of 90 % over trajectories.",
        test=f"{_TESTS}::test_truncation_at_the_rank_changes_nothing_and_below_it_does",
        is_main=False,
    ),
    Definition(
        key="occupancy",
        label="change of the share of a symbol at rank {}",
        meaning="Largest change of the share of steps in a symbol, by size, when a network is truncated.",
        equation="p_r(a) − p(a) of the symbol a with the largest |p_r(a) − p(a)|",
        reading="0 if the rest of the weights does nothing. Interval of 90 % of this symbol.",
        test=f"{_TESTS}::test_truncation_at_the_rank_changes_nothing_and_below_it_does",
        unit="share",
        is_main=False,
    ),
)
