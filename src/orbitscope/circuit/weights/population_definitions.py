"""Definitions of what the part ``populations`` measures."""

from ...quantity import Definition, define

_TESTS = "tests/circuit/weights/test_populations.py"
_PAPER = "Torre et al. 2025, noise-integrating populations; rule as we read it, nulls are ours"

DEFINITIONS = define(
    Definition(
        key="n_members",
        label="neurons in populations {}",
        meaning="Neurons outside of all groups that excite one of two opposing groups and inhibit the other, "
        "on average. By weights and activity: also such that are more active at the half-lead before "
        "switches in the direction of the one they excite, than at times of equal age without one.",
        equation="⟨W̃_ij⟩_{i∈g} > 0 > ⟨W̃_ij⟩_{i∈g′}; and E[h_j | switch] > E[h_j | none]",
        reading="About 70 were published. By weights alone half of all neurons are chosen in a random "
        "matrix, too. Groups are the first neurons of both directions, by the symbol that they hold.",
        test=f"{_TESTS}::test_planted_populations_are_recovered",
        source=_PAPER,
        unit="neurons",
    ),
    Definition(
        key="pattern",
        label="{}",
        meaning="Mean over directions of switching. Onto the own or the opposing group: share of the weights "
        "with the sign that was published. Onto itself and the opposing population: mean weight between "
        "different neurons in standard units, with that sign.",
        equation="P(W_ij > 0) own, P(W_ij < 0) opposing, ⟨W̃_ij⟩ itself, −⟨W̃_ij⟩ mutual",
        reading="The rule selects for both shares: in a random matrix they are ½ + asin(1/√n)/π with n "
        "neurons in the group, .70 for three. Published .87 to .95. It does not select for the other two. "
        "Beside the same selection in weights in random places, or relabelled; p by Holm over four blocks.",
        test=f"{_TESTS}::test_the_same_selection_on_a_random_matrix_has_the_published_pattern",
        source=_PAPER,
    ),
    Definition(
        key="pattern_beyond",
        label="{}: beyond the null",
        meaning="Distance of a mean over directions from that of its null, in standard deviations of these.",
        equation="(x − ⟨x_null⟩)/sd(x_null)",
        reading="Positive on the published side.",
        test=f"{_TESTS}::test_planted_populations_are_recovered",
        unit="sd",
        is_main=False,
    ),
    Definition(
        key="block",
        label="{}",
        meaning="The same as `pattern`, of the population behind one direction.",
        equation="P(W_ij > 0) own, P(W_ij < 0) opposing, ⟨W̃_ij⟩ itself, −⟨W̃_ij⟩ mutual",
        reading="p by Holm over all blocks of the rule.",
        test=f"{_TESTS}::test_blocks_are_shares_and_means_over_pairs",
        source=_PAPER,
        is_main=False,
    ),
    Definition(
        key="beyond",
        label="{}: beyond the null",
        meaning="Distance of a block from the mean of its null, in standard deviations of the draws.",
        equation="(x − ⟨x_null⟩)/sd(x_null)",
        reading="Positive on the published side.",
        test=f"{_TESTS}::test_planted_populations_are_recovered",
        unit="sd",
        is_main=False,
    ),
    Definition(
        key="ramp",
        label="activity ahead of switches, {}",
        meaning="How much higher the activity of a population that was chosen by weights alone is at the "
        "half-lead before switches in its direction, than at times of equal age without one. Mean over its "
        "neurons, in their standard deviations.",
        equation="⟨E[h_j(τ − ℓ½) | a → b] − E[h_j | none]⟩/sd(h_j)",
        reading="Beside populations that are chosen anew by relabelled weights, with the same activity. No "
        "activity was used to choose it.",
        test=f"{_TESTS}::test_a_population_that_rises_ahead_has_a_ramp",
        unit="sd",
    ),
    Definition(
        key="reading",
        label="deciding noise reaches members more than others, {}",
        meaning="Probability that a neuron of the population is driven more by the leading direction of the "
        "deciding noise than another one outside of the groups. Members are chosen by weights and activity "
        "in one half of the trajectories, the direction is fitted to the other; mean of both ways.",
        equation="P(|W_ih v|_i/sd(z_i) > |W_ih v|_j/sd(z_j)), i a member, j in neither population",
        reading="½ by chance; beside random sets of as many neurons. Above: members read the deciding noise.",
        test=f"{_TESTS}::test_members_that_alone_have_the_deciding_noise_read_it",
        unit="share",
    ),
    Definition(
        key="base_auc",
        label="AUC of readout and first neurons, {}",
        meaning="How well switches in a direction are told from times of equal age without one, at the "
        "half-lead, by all logits and by the activity of each of the first neurons of both directions.",
        equation="P(score of a switch > score of a control), held-out half of the trajectories",
        reading="½ by chance, 1 if switches are known ahead.",
        test=f"{_TESTS}::test_an_auc_is_the_share_of_pairs_in_order",
        is_main=False,
    ),
    Definition(
        key="gain",
        label="gain in AUC by the populations, {}",
        meaning="What the mean activities of both populations add to the AUC of readout and first neurons, "
        "on the half of the trajectories that neither chose them nor fitted the discriminant.",
        equation="AUC(logits, first neurons, populations) − AUC(logits, first neurons)",
        reading="Above 0 with its interval, and beyond random sets of as many other neurons: the populations "
        "tell what first neurons and readout do not. Any mean of many neurons adds something.",
        test=f"{_TESTS}::test_a_hidden_integrator_tells_more_than_readout_and_first_neurons",
    ),
)
