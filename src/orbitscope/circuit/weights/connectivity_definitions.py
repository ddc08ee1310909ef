"""Definitions of what the part ``connectivity`` measures."""

from ...quantity import Definition, define

_TESTS = "tests/circuit/weights/test_connectivity.py"

DEFINITIONS = define(
    Definition(
        key="weight",
        label="mean weight {}",
        meaning="Mean recurrent weight within groups of neurons that carry a direction of switching, and "
        "between them, in standard units, averaged over groups or pairs of groups. Weights of neurons onto "
        "themselves are left out, and so are neurons in both groups of a pair.",
        equation="⟨W̃_ij⟩, W̃_ij = W_ij sd(h_j)/sd(z_i), i in the group that receives, j in the one that sends",
        reading="Beside the mean and the central 95 % of groups matched in mean activity and readout, and of "
        "relabelled weights P W̃ Pᵀ. Opposing groups are those of a → b and b → a. By symbol: the first "
        "neurons of both, parted by the symbol in which they are more active, since many carry a switch by "
        "falling silent.",
        test=f"{_TESTS}::test_planted_blocks_are_recovered",
        source="Torre et al. 2025, connectivity; standard units, nulls and groups by effect are ours",
    ),
    Definition(
        key="beyond_matched",
        label="{}: beyond matched groups",
        meaning="Distance of the mean weight from that of groups as large, matched in mean activity and in "
        "the readout, none of whose neurons is in a group.",
        equation="±(w − ⟨w_null⟩)/sd(w_null), + within groups, − between opposing ones",
        reading="Positive: on the side that was published. p is by Holm over both relations. Groups with "
        "the largest readout have no equals; `balance` says how near their matches are.",
        test=f"{_TESTS}::test_planted_blocks_are_recovered",
        unit="sd",
    ),
    Definition(
        key="beyond_relabelled",
        label="{}: beyond relabelled weights",
        meaning="The same against weights whose neurons are relabelled at random, with the activity and the "
        "groups as they are. It is as if groups were drawn at random.",
        equation="±(w − ⟨w(P W̃ Pᵀ)⟩)/sd",
        reading="The weaker of both nulls: any two sets of neurons that fire together pass it in a network "
        "that works by mutual excitation.",
        test=f"{_TESTS}::test_a_shuffled_network_has_no_such_blocks",
        unit="sd",
    ),
    Definition(
        key="n_shared",
        label="neurons in several groups, {}",
        meaning="Neurons that are in the groups of two directions or more.",
        equation="n(i in ≥ 2 groups)",
        reading="Those in both groups of a pair are left out. Where all are shared the block is undefined.",
        test=f"{_TESTS}::test_neurons_in_both_groups_are_left_out_of_both",
        unit="neurons",
    ),
    Definition(
        key="block",
        label="mean weight {}",
        meaning="Mean weight that the neurons of one group receive from those of another, or of their own.",
        equation="⟨W̃_ij⟩ over i in the first, j in the second group",
        reading="The single blocks behind `weight`.",
        test="tests/circuit/weights/test_neuron_groups.py::test_blocks_are_means_over_pairs",
        is_main=False,
    ),
    Definition(
        key="block_beyond_matched",
        label="{}: beyond matched groups",
        meaning="`beyond_matched` of a single block, within a group or between opposing ones.",
        equation="±(w − ⟨w_null⟩)/sd(w_null)",
        reading="p is by Holm over all these blocks.",
        test=f"{_TESTS}::test_planted_blocks_are_recovered",
        unit="sd",
        is_main=False,
    ),
    Definition(
        key="block_beyond_relabelled",
        label="{}: beyond relabelled weights",
        meaning="`beyond_relabelled` of a single block, within a group or between opposing ones.",
        equation="±(w − ⟨w_null⟩)/sd(w_null)",
        reading="p is by Holm over all these blocks.",
        test=f"{_TESTS}::test_planted_blocks_are_recovered",
        unit="sd",
        is_main=False,
    ),
    Definition(
        key="self_weight",
        label="mean weight of neurons onto themselves, {}",
        meaning="Mean of the diagonal of the weights over the neurons of a group.",
        equation="⟨W̃_ii⟩",
        reading="Beside that of all neurons. It is no part of the blocks.",
        test=f"{_TESTS}::test_self_weights_stand_apart",
        is_main=False,
    ),
    Definition(
        key="raw_weight",
        label="raw mean weight {}",
        meaning="Mean of raw recurrent weights, those of neurons onto themselves included, as published.",
        equation="⟨W_ij⟩, i = j included",
        reading="Raw means depend on the units of single neurons, which training leaves open. Published are "
        "groups that were chosen by eye in another network.",
        test=f"{_TESTS}::test_published_numbers_stand_beside_linear_2_alone",
        source="Torre et al. 2025, two states: within +.063 and +.081, between −.146 and −.130",
        is_main=False,
    ),
    Definition(
        key="balance",
        label="readout of matched groups, {}",
        meaning="Mean weight of matched groups in the margin of the new symbol over the old one, over that "
        "of the groups.",
        equation="⟨r_j⟩ matched / ⟨r_j⟩ groups, r_j = (w_b − w_a)_j sd(h_j)",
        reading="Near 1: matched. Nearer 0 the null is too easy.",
        test=f"{_TESTS}::test_the_balance_of_matched_groups_is_that_of_their_readout",
        is_main=False,
    ),
)
