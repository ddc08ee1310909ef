"""Definitions of what the part ``carriers`` measures."""

from ..quantity import Definition, define

_TESTS = "tests/circuit/test_carriers.py"

DEFINITIONS = define(
    Definition(
        key="total_effect",
        label="effect of patching all neurons, {}",
        meaning="Change of the probability that the old symbol is gone two steps after the switch, when the "
        "state of a path that switches replaces that of its twin at the half-lead. Noise from there on is "
        "fresh.",
        equation="P(gone | h_A(τ − ℓ½)) − P(gone | h_B(τ − ℓ½))",
        reading="Beside the share of all switches that is decided at this lead. It is less where the old "
        "symbol is often gone without a switch, and differs where few switches follow long runs.",
        test="tests/circuit/test_patching.py::test_patching_everything_is_the_twin_and_nothing_is_nothing",
        unit="share",
    ),
    Definition(
        key="placebo",
        label="the same between twins that both stay",
        meaning="Effect of patching all neurons where neither twin switches.",
        equation="P(gone | h_B′) − P(gone | h_B)",
        reading="0 but for chance, because both that stay are drawn alike. It tests noise and code, not in "
        "what twins differ.",
        test=f"{_TESTS}::test_a_placebo_has_no_effect",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="mixing",
        label="effect of the first neurons of a twin that stays",
        meaning="Effect of patching the first twelve by effect where neither twin switches.",
        equation="P(gone | 12 of B′) − P(gone | B)",
        reading="Below 0: a mixture of two states holds the old symbol more than either. It is taken off the "
        "effect of every set.",
        test=f"{_TESTS}::test_what_mixing_does_is_taken_off",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="share_old",
        label="switches after long runs, {}",
        meaning="Share of the switches whose old symbol has lasted long enough for twins: one and a half "
        "leads, and the steps in which the noise of twins differs before.",
        equation="n(age ≥ 1.5 ℓ + apart) / n(switches)",
        reading="What is said of carriers is said of these.",
        test=f"{_TESTS}::test_switches_without_twins_are_counted",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="n_effective",
        label="effective number of neurons, {}",
        meaning="Over how many neurons the effect is spread, on average over switches. A neuron's effect is "
        "the change of the probability when it is patched for one step, while every other neuron is patched "
        "by the toss of a coin.",
        equation="Σe · Σe′ / Σ e e′, e and e′ from two halves of the trajectories",
        reading="1 if one neuron carries all, n if n carry alike. Neurons with negative effect lower it. "
        "Undefined where patching all does next to nothing.",
        test=f"{_TESTS}::test_where_all_have_the_same_influence_all_are_effective",
        unit="neurons",
    ),
    Definition(
        key="n_effective_once",
        label="effective number of neurons in one switch, {}",
        meaning="The same within each switch: effects from one half of the random sets times those from the "
        "other half, of one pair of twins.",
        equation="E[Σe · Σe′] / E[Σ e e′], e and e′ of the same twins with noise of their own",
        reading="Smaller than over all switches where each of them is carried by others.",
        test=f"{_TESTS}::test_a_switch_may_have_few_carriers_where_all_together_have_many",
        unit="neurons",
    ),
    Definition(
        key="effective_share",
        label="effective number over that of neurons that differ",
        meaning="Effective number over what it is if neurons are equally effective whenever they differ "
        "between twins.",
        equation="N_eff / ((Σp)² / Σp²), p the share of twins in which a neuron differs",
        reading="Near 1 no neuron is special.",
        test=f"{_TESTS}::test_where_all_have_the_same_influence_all_are_effective",
        unit="share",
    ),
    Definition(
        key="n_half",
        label="neurons for half of the effect, {}",
        meaning="How many neurons, patched together in an order, have half of the effect of all.",
        equation="smallest K with share(K) ≥ ½, interpolated; the order comes from the other half",
        reading="Small beside a random order: few neurons suffice.",
        test=f"{_TESTS}::test_half_of_a_majority_is_half_of_it",
        unit="neurons",
    ),
    Definition(
        key="share_together",
        label="share of the effect in the first neurons {}",
        meaning="Effect of patching the first twelve neurons of an order together, over that of all. The "
        "order comes from the other half of the trajectories.",
        equation="(P(gone | 12 of A) − P(gone | 12 of B′)) / (P(gone | A) − P(gone | B′))",
        reading="Beside random sets that are matched in activity and readout. B′ is another twin that stays: "
        "mixing states has an effect of its own.",
        test=f"{_TESTS}::test_members_of_planted_groups_are_found",
        unit="share",
    ),
    Definition(
        key="balance",
        label="difference in activity of matched sets",
        meaning="Mean difference in activity between twins of the neurons in matched sets, over that of the "
        "first neurons by effect.",
        equation="mean |Δh| of matched / mean |Δh| of first",
        reading="Below 1 where the neurons that differ most are among the first themselves. Then the order "
        "by difference in activity is the sharper control.",
        test=f"{_TESTS}::test_the_balance_of_matched_sets_is_theirs",
        is_main=False,
    ),
    Definition(
        key="advantage",
        label="by effect minus the best other order",
        meaning="Share of the first twelve by effect, minus that of twelve by difference in activity, by "
        "what it adds to the margin through the readout, or by the drive of the deciding noise: whichever is "
        "best on the other half of the trajectories.",
        equation="share(effect) − share(best of |Δh|, (w_b − w_a) Δh, |W_ih v|)",
        reading="Not above 0: simpler rules find as much. They are less noisy orders, which favours them.",
        test=f"{_TESTS}::test_neurons_that_are_only_read_out_are_no_carriers",
        unit="share",
    ),
    Definition(
        key="concentration",
        label="share of the first twelve, few rollouts",
        meaning="The share of the first twelve by effect, from a short search that is repeated in copies "
        "of the network whose recurrent weights are shuffled.",
        equation="as share_together, with everything found anew in each copy",
        reading="A copy in which no share can be measured counts as 0, as where nothing is decided ahead. If "
        "most do, p says only that.",
        test=f"{_TESTS}::test_shuffled_networks_hardly_ever_have_a_group",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="n_carriers",
        label="carriers of {}",
        meaning="Neurons whose effect is above two even shares, all limits at once, in a network whose first "
        "twelve are beyond matched sets and beyond shuffled copies.",
        equation="n(lower limit of e_i > 2 Σe/n(h_A ≠ h_B)), max-T over neurons and directions",
        reading="0: none is shown to be one; notes say why. Where matched sets differ less than the first "
        "(balance), being beyond them says little.",
        test=f"{_TESTS}::test_members_of_planted_groups_are_found",
        unit="neurons",
    ),
    Definition(
        key="signature",
        label="published signature among the first of {}",
        meaning="Share of the first twelve neurons by effect with the published signature: pre-activation "
        "strongly negative before, near zero at the half-lead, positive at the switch.",
        equation="z ≤ −1, |z| ≤ ½, z ≥ ½ in standard deviations of a neuron",
        reading="A test of the set, beside random sets of neurons that differ and beside matched ones. It "
        "does not choose neurons.",
        test="tests/circuit/test_signature.py::test_the_signature_is_found_where_it_was_planted",
        source="Torre et al. 2025, kick neurons; bounds are ours",
        unit="share",
    ),
    Definition(
        key="mirrored",
        label="opposite of the signature among the first of {}",
        meaning="Share of the first twelve neurons by effect with the opposite course: pre-activation "
        "strongly positive before, near zero at the half-lead, negative at the switch.",
        equation="z ≥ 1, |z| ≤ ½, z ≤ −½ in standard deviations of a neuron",
        reading="High where neurons that fall silent carry the decision, instead of such that fire.",
        test="tests/circuit/test_signature.py::test_the_signature_is_found_where_it_was_planted",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="jaccard",
        label="agreement of the first neurons, {}",
        meaning="Jaccard index of the first twelve neurons by effect: of two halves of the trajectories, at "
        "the half-lead or with another lead in one of them.",
        equation="n(in both) / n(in either), mean over directions",
        reading="Near 1 the same neurons come first; beside the value of random sets, and beside two halves "
        "at the other lead, which is as much as can be expected.",
        test=f"{_TESTS}::test_neurons_that_follow_are_not_carriers",
        is_main=False,
    ),
)
