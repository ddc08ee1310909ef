"""What the quantities of the part ``coherence`` are."""

from ...quantity import Definition, define

_TESTS = "tests/principles/dwell/test_coherence.py"

DEFINITIONS = define(
    Definition(
        key="shape",
        label="{}: CV over the dose",
        meaning="How the CV of dwells changes when a part of the noise is halved or doubled, as a word.",
        equation="from CV(½)/CV(1) and CV(2)/CV(1): within 1 ± margin level, else above or below 1",
        reading="*falls* or *minimum*: noise makes dwells regular, as self-induced stochastic resonance "
        "would. "
        "*identity*: it cannot change them. Decoded dwells may also fall because all noise sharpens drawn "
        "symbols.",
        test=f"{_TESTS}::test_the_shape_follows_from_both_sides",
    ),
    Definition(
        key="mean",
        label="{}: mean dwell",
        meaning="Mean number of steps that a decoded state, or the most probable symbol, lasts.",
        equation="Σ_{t < L} S(t), S by Kaplan and Meier, all states together",
        reading="Noise that changes the mean changes the process, whatever it does to regularity.",
        test=f"{_TESTS}::test_a_telegraph_gets_faster_with_the_noise_and_stays_as_irregular",
        unit="steps",
        is_main=False,
    ),
    Definition(
        key="cv",
        label="{}: CV of dwells",
        meaning="Standard deviation of these dwells over their mean.",
        equation="√(Σ_{t < L} (2t + 1) S(t) − mean²) / mean",
        reading="0 for a clock, near 1 without memory. Beside it a sample of the process.",
        test=f"{_TESTS}::test_a_telegraph_gets_faster_with_the_noise_and_stays_as_irregular",
        is_main=False,
    ),
    Definition(
        key="mean_ratio",
        label="{}: mean dwell over that of dose 1",
        meaning="Mean dwell under a dose of a part of the noise over that under the noise as it is.",
        equation="mean(dose) / mean(1), on the same random numbers",
        reading="Interval over trajectories, the same ones at both doses.",
        test=f"{_TESTS}::test_a_telegraph_gets_faster_with_the_noise_and_stays_as_irregular",
        is_main=False,
    ),
    Definition(
        key="cv_ratio",
        label="{}: CV over that of dose 1",
        meaning="CV of dwells under a dose of a part of the noise over that under the noise as it is.",
        equation="CV(dose) / CV(1), on the same random numbers",
        reading="Below 1 dwells are more regular than under the noise as it is.",
        test=f"{_TESTS}::test_ratios_are_paired_on_the_same_trajectories",
        is_main=False,
    ),
)
