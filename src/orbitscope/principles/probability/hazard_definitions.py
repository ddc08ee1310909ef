"""Definitions of what the part ``hazard`` measures."""

from ...quantity import Definition, define

_TESTS = "tests/principles/probability/test_switch_hazards.py"

DEFINITIONS = define(
    Definition(
        key="auc",
        label="{}: filtered noise tells switches, AUC",
        meaning="Probability that the filtered noise at a step with a switch exceeds that at a step without. "
        "Filter and scale are those of the other half of the trajectories.",
        equation="P(z_t > z_t′ | switch at t, none at t′), z_t = Σ_l k_l · x_{t−l} / ‖h_{t−L}‖",
        reading="0.5 is chance, 1 tells every switch. Beside it kernels along random directions of the noise "
        "that carry as much drive. Without its norm where the network does not scale with its noise.",
        test=f"{_TESTS}::test_the_noise_that_flips_a_latch_tells_its_switches",
    ),
    Definition(
        key="auc_lead",
        label="{} steps ahead, AUC",
        meaning="The same with the noise only up to some steps before.",
        equation="z_t = Σ_{l≥ℓ} k_l · x_{t−l} / ‖h_{t−L}‖",
        reading="What is known so many steps ahead. Undefined beyond the length of the filter.",
        test=f"{_TESTS}::test_noise_of_one_step_tells_nothing_ahead",
        is_main=False,
    ),
    Definition(
        key="auc_added",
        label="{}: AUC gained by the size of the state",
        meaning="AUC of filtered noise over the size of the state, minus that of filtered noise alone.",
        equation="AUC(Σ k x/‖h‖) − AUC(Σ k x)",
        reading="Above 0: a large state needs more noise. Beside it the AUC of the size alone.",
        test=f"{_TESTS}::test_a_threshold_in_units_of_the_state_gains_by_its_size",
    ),
    Definition(
        key="top_share",
        label="{}: switches in the top tenth of the noise",
        meaning="Share of the switches at the tenth of the steps with the most filtered noise.",
        equation="n(switches with z in its top tenth) / n(switches)",
        reading="A tenth by chance.",
        test=f"{_TESTS}::test_hazards_by_tenths_are_those_of_a_tail",
        unit="share",
    ),
    Definition(
        key="calibration",
        label="{}: predicted over counted hazard, top tenth",
        meaning="Hazard that the model of the other half predicts at the tenth of the steps with the most "
        "filtered noise, over the counted one.",
        equation="Σ Φ(α + β z) / n(switches), z in its top tenth",
        reading="1 if the model is calibrated there. Most switches are in this tenth.",
        test=f"{_TESTS}::test_hazards_by_tenths_are_those_of_a_tail",
    ),
    Definition(
        key="threshold",
        label="{}: threshold in sd of the filtered noise",
        meaning="Filtered noise at which a switch is as likely as none, in standard deviations from "
        "its mean.",
        equation="θ = (−α/β − E z)/sd(z), fitted to z that is held out",
        reading="Large for rare switches. Undefined where more noise does not make more switches.",
        test=f"{_TESTS}::test_the_threshold_of_a_latch_is_found",
        unit="sd",
    ),
    Definition(
        key="softness",
        label="{}: noise at the threshold that the filter does not see",
        meaning="Standard deviation of what decides beside the filtered noise, in units of that of "
        "the noise.",
        equation="1/(β sd(z))",
        reading="0 for a threshold that sees this noise alone. At 1 the rest is as large as the "
        "filtered noise.",
        test=f"{_TESTS}::test_the_threshold_of_a_latch_is_found",
        unit="sd",
        is_main=False,
    ),
    Definition(
        key="tail",
        label="{}: Gaussian tail beyond the threshold",
        meaning="Probability that a Gaussian as wide as filtered noise and rest together is beyond the "
        "threshold.",
        equation="Φ(−θ/√(1 + softness²))",
        reading="A check of consistency, no evidence: the threshold is fitted to this hazard. It differs "
        "from it as far as filtered noise is not Gaussian.",
        test=f"{_TESTS}::test_the_threshold_of_a_latch_is_found",
        unit="1/step",
        is_main=False,
    ),
    Definition(
        key="kurtosis",
        label="{}: excess kurtosis of the filtered noise",
        meaning="Fourth moment of filtered noise over that of a Gaussian, less 3.",
        equation="E(z − E z)⁴ / Var(z)² − 3",
        reading="0 for a Gaussian. Above it tails are longer, as where the size of the state varies.",
        test=f"{_TESTS}::test_filtered_noise_of_a_latch_is_gaussian",
        is_main=False,
    ),
    Definition(
        key="gain",
        label="predicted over counted hazard, {}",
        meaning="Hazard that the model predicts when the noise along the deciding directions is scaled, over "
        "the hazard counted in these runs. The model is that of the intact network.",
        equation="Σ Φ(α + β z_t) / n(switches), noise x + (c − 1) U Uᵀ x, half a switch added to both",
        reading="1 if the model is right. At gain 1 it is no evidence: the model is fitted to that hazard. "
        "Beside it a hazard that does not depend on the noise.",
        test=f"{_TESTS}::test_a_latch_under_scaled_noise_is_predicted",
        is_main=False,
    ),
    Definition(
        key="gain_verdict",
        label="{}: hazard under scaled noise",
        meaning="Whether the model predicts the hazard at all gains but 1, by a margin fixed before looking.",
        equation="|log(predicted/counted)| < log 1.5 with its whole interval",
        reading="predicts, fails (for some gain the interval is outside), undecided, or no test: a "
        "hazard that "
        "does not depend on the noise would do as well. Gains with too few switches have no say.",
        test=f"{_TESTS}::test_a_latch_under_scaled_noise_is_predicted",
    ),
    Definition(
        key="age_ratio",
        label="{}: young over later hazard",
        meaning="Switches per step within the first steps of a run of the symbol, over those per step later.",
        equation="hazard(age ≤ a) / hazard(age > a)",
        reading="1 for a process without memory, such as a Markov chain that emits one symbol a state. Below "
        "1: after a switch the next one has to wait.",
        test=f"{_TESTS}::test_a_latch_has_a_flat_hazard",
    ),
    Definition(
        key="age_model",
        label="{}: young over later hazard, model over network",
        meaning="The same ratio of the hazards that the model predicts, over that of the network. Every "
        "trajectory is predicted by the model of the other half.",
        equation="ratio(predicted) / ratio(counted)",
        reading="1: filtered noise explains how the hazard depends on age. Above 1 it leaves a wait "
        "unexplained.",
        test=f"{_TESTS}::test_a_latch_has_a_flat_hazard",
    ),
)
