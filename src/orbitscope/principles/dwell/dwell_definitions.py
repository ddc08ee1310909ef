"""What the quantities of the part ``dwell`` are."""

from dataclasses import replace

from ...quantity import Definition, define

_TESTS = "tests/principles/dwell"

_LAW = (
    Definition(
        key="mean",
        label="mean dwell",
        meaning="Mean number of steps that a decoded state lasts, by Kaplan and Meier.",
        equation="Σ_{t < L} S(t),  S(t) = Π_{s ≤ t} (1 − ended_s / at risk_s)",
        reading="Cut at the horizon L for network and process alike. Beside it a sample of the process, "
        "decoded "
        "alike, and the exact value of its hidden states.",
        test=f"{_TESTS}/test_dwell.py::test_a_telegraph_has_a_flat_hazard_and_a_known_cv",
        unit="steps",
    ),
    Definition(
        key="cv",
        label="CV of dwells",
        meaning="Standard deviation of the dwells over their mean, from the same law.",
        equation="√(Σ_{t < L} (2t + 1) S(t) − mean²) / mean",
        reading="0 for a clock, √(1 − p) for a state that ends with probability p in every step. Compare "
        "with "
        "the sample of the process: decoding changes the law of dwells.",
        test=f"{_TESTS}/test_dwell.py::test_a_telegraph_has_a_flat_hazard_and_a_known_cv",
    ),
    Definition(
        key="cv_ratio",
        label="CV over that of the process",
        meaning="CV of the network's dwells over that of a sample of the process, decoded by the same HMM.",
        equation="CV_network / CV_process",
        reading="Below 1 the network is more regular than its process, and then it does not emulate it.",
        test=f"{_TESTS}/test_dwell.py::test_a_clock_is_more_regular_than_its_process",
    ),
    Definition(
        key="late_over_early",
        label="late over early hazard",
        meaning="Probability per step that a dwell ends, above the median dwell over that up to it.",
        equation="hazard(age > median) / hazard(age ≤ median)",
        reading="1 where the past of a dwell does not matter. Above 1 it ends the sooner the longer it "
        "has lasted.",
        test=f"{_TESTS}/test_dwell_laws.py::test_hazards_are_compared_at_the_median",
    ),
    Definition(
        key="beyond",
        label="dwells beyond the horizon",
        meaning="Probability that a dwell outlasts the horizon, at which mean and CV are cut.",
        equation="S(L)",
        reading="Far from 0 mean and CV are those of shortened dwells, of network and process alike.",
        test=f"{_TESTS}/test_dwell_laws.py::test_moments_are_those_of_dwells_cut_at_the_horizon",
        unit="share",
        is_main=False,
    ),
)

_OF_STATE = tuple(
    replace(definition, key=f"state_{definition.key}", label=f"{{}}: {definition.label}", is_main=False)
    for definition in _LAW
)

DEFINITIONS = define(
    *_LAW,
    *_OF_STATE,
    Definition(
        key="argmax_mean",
        label="runs of the most probable symbol: mean",
        meaning="Mean number of steps that the most probable symbol of the network lasts.",
        equation="Σ_{t < L} S(t)",
        reading="Beside it the exact law of the symbols of the process. It is no dwell of a state where "
        "states "
        "share symbols.",
        test=f"{_TESTS}/test_dwell.py::test_runs_of_symbols_stand_beside_their_exact_law",
        unit="steps",
        is_main=False,
    ),
    Definition(
        key="argmax_cv",
        label="runs of the most probable symbol: CV",
        meaning="Standard deviation over mean of the steps that the most probable symbol lasts.",
        equation="√(Σ_{t < L} (2t + 1) S(t) − mean²) / mean",
        reading="Most probable symbols do not flicker as drawn ones do. Decoded dwells are the fair "
        "comparison.",
        test=f"{_TESTS}/test_dwell.py::test_runs_of_symbols_stand_beside_their_exact_law",
        is_main=False,
    ),
    Definition(
        key="time",
        label="{}",
        meaning="Relaxation: −1 over the mean exponent in slow regions. Noise kernel: lags of nine tenths "
        "of its "
        "energy. Rise time: of the margin at a switch. Transition: from the last slow state of one symbol to "
        "the first of another.",
        equation="−1/λ_slow; length; rise time; ⟨τ_first slow of b − τ_last slow of a⟩",
        reading="A slow region is one that activity relaxes into faster than it leaves it.",
        test=f"{_TESTS}/test_time_scales.py::test_time_scales_are_those_of_other_parts",
        unit="steps",
        is_main=False,
    ),
    Definition(
        key="separation",
        label="dwell over transition",
        meaning="Mean decoded dwell over the mean duration of transitions between slow regions.",
        equation="mean dwell / ⟨duration of a transition⟩",
        reading="Far above 1 states are discrete. Near 1 the network is on its way most of the time.",
        test=f"{_TESTS}/test_time_scales.py::test_a_crossing_lasts_from_the_last_slow_state_to_the_next",
    ),
    Definition(
        key="peak_height",
        label="spectral peak of symbols",
        meaning="Highest smoothed power of the symbols away from frequency 0 over that at the lowest ones.",
        equation="max_f S(f) / S(f → 0)",
        reading="Above 1 and above the quantile of the process there is a rhythm. Below 1 power is "
        "highest at low "
        "frequencies, as in a process without one.",
        test=f"{_TESTS}/test_spectra.py::test_a_clock_has_a_peak_at_its_frequency",
    ),
    Definition(
        key="peak_frequency",
        label="frequency of the peak",
        meaning="Frequency of the highest smoothed power away from 0; none where power falls from there on.",
        equation="argmax_f S(f)",
        reading="A rhythm of the network only where the peak is beyond samples of the process.",
        test=f"{_TESTS}/test_spectra.py::test_a_clock_has_a_peak_at_its_frequency",
        unit="1/step",
        is_main=False,
    ),
)
