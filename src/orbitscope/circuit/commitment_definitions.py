"""Definitions of what the part ``commitment`` measures."""

from ..quantity import Definition, define

_TESTS = "tests/circuit/test_commitment.py"

DEFINITIONS = define(
    Definition(
        key="half_lead",
        label="half-lead, {}",
        meaning="Steps before a switch at which half of it is decided: fresh noise from there on still leads "
        "to the switch, beyond what it does from states of the same age without one.",
        equation="ℓ with E(ℓ) = ½, E = (C − C₀)/(1 − C₀), C(ℓ) = P(gone at τ + 2 | h(τ − ℓ), fresh noise)",
        reading="0 if nothing is decided before the switch, as in an HMM with a symbol for each state. It "
        "grows with the rise time: slow networks decide early in steps.",
        test=f"{_TESTS}::test_a_delay_line_is_decided_as_many_steps_ahead_as_it_is_long",
        unit="steps",
    ),
    Definition(
        key="rise_time",
        label="rise time of the margin",
        meaning="Steps in which the margin of the new symbol over the old one goes from a tenth to nine "
        "tenths of its way, mean over switches.",
        equation="t(m̄ = .9) − t(m̄ = .1), m̄ = (m − m_before)/(m_after − m_before)",
        reading="The pace of the network around a switch.",
        test=f"{_TESTS}::test_the_rise_time_of_a_ramp_is_known",
        unit="steps",
    ),
    Definition(
        key="lead_over_rise",
        label="half-lead over rise time",
        meaning="Half-lead in units of the rise time.",
        equation="ℓ½ / rise time",
        reading="The same for a network and a slowed copy of it.",
        test=f"{_TESTS}::test_a_slowed_copy_has_twice_the_lead_and_the_same_ratio",
    ),
    Definition(
        key="decided_in",
        label="decided in {}",
        meaning="Share of the states at the half-lead, rounded, that lie in a region by residency.",
        equation="n(h(τ − ℓ½) in the region) / n(switches)",
        reading="Is the kick-zone where it is decided? Compare with the share of all states.",
        test=f"{_TESTS}::test_regions_are_those_of_the_states_ahead",
        unit="share",
    ),
)
