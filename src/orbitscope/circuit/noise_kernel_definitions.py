"""Definitions of what the part ``noise_kernel`` measures."""

from ..quantity import Definition, define

_TESTS = "tests/circuit/test_noise_kernel.py"

DEFINITIONS = define(
    Definition(
        key="energy",
        label="energy of the noise before switches",
        meaning="Squared size of the mean noise before switches, minus that at times of equal age without "
        "one, summed over lags and directions of switching, in units of the noise.",
        equation="Σ_l k_l^A · k_l^B / σ², k_l = E[x_{τ−l} | switch] − E[x_{t−l} | no switch], halves A and B",
        reading="Above its null the noise before switches is not like other noise. It may be below 0.",
        test=f"{_TESTS}::test_the_kernel_of_a_threshold_unit_is_its_filter",
    ),
    Definition(
        key="length",
        label="length of the kernel",
        meaning="Lag by which nine tenths of this energy have come, counted back from the switch.",
        equation="smallest l with Σ_{l′≤l} e_{l′} ≥ .9 Σ e",
        reading="How long the noise is added up before a switch.",
        test=f"{_TESTS}::test_the_kernel_of_a_threshold_unit_is_its_filter",
        unit="steps",
    ),
    Definition(
        key="rank",
        label="directions of the noise before switches",
        meaning="Directions of the noise in which kernels differ from chance.",
        equation="n(singular values of √(n / n̄) k above the 95 % quantile of the largest under the null)",
        reading="1: one direction times all switches. At most states − 1 are needed.",
        test=f"{_TESTS}::test_two_independent_latches_have_rank_two",
    ),
    Definition(
        key="input_cosine",
        label="leading direction and input weights, cosine",
        meaning="Agreement of the leading direction of the noise with the input direction that the weights "
        "amplify most.",
        equation="|v · u₁|, u₁ the leading right singular vector of W_ih",
        reading="Near 1 the input weights make the direction. Untrained networks have .05 to .16.",
        test=f"{_TESTS}::test_the_kernel_of_a_threshold_unit_is_its_filter",
    ),
    Definition(
        key="drive_share",
        label="drive that the leading direction carries",
        meaning="Share of the variance of the input drive W_ih x that comes from the leading direction.",
        equation="‖W_ih v‖² / ‖W_ih‖²",
        reading="Controls are subspaces that carry as much: one random direction carries far less.",
        test="tests/circuit/test_noise_subspaces.py::test_equal_drive_is_what_a_subspace_carries",
        unit="share",
    ),
    Definition(
        key="replay",
        label="replay of {}",
        meaning="Effect of the last steps of noise before a switch where only a subspace of it is replayed "
        "and the rest is fresh, as a share of the effect of replaying all.",
        equation="(P − P_none)/(P_full − P_none), P = P(old symbol gone)",
        reading="Near 1: this noise times the switch. Beside it random subspaces of equal drive. Subspaces "
        "are fitted to trajectories that are not replayed.",
        test=f"{_TESTS}::test_only_the_direction_that_flips_the_latch_replays_it",
        unit="share",
    ),
    Definition(
        key="removal",
        label="hazard {}",
        meaning="Hazard of a direction of switching when the noise lacks a subspace, over that with all "
        "noise, on common random numbers.",
        equation="hazard(x − U Uᵀ x) / hazard(x)",
        reading="Near 0: without this noise there is no such switch. Isolation of a direction proves "
        "nothing: a network that scales with its noise is driven by any.",
        test=f"{_TESTS}::test_without_its_direction_a_latch_does_not_flip",
    ),
    Definition(
        key="rate_without",
        label="rate of all switches without {}",
        meaning="Switches per step of any direction when the noise lacks a subspace, over those with all "
        "noise, on common random numbers.",
        equation="rate(x − U Uᵀ x) / rate(x)",
        reading="Near 0 with a large occupancy: the network stays in one symbol. Then hazards from symbols "
        "that it hardly visits are undefined, or rest on what is left of its start.",
        test=f"{_TESTS}::test_a_one_way_latch_stays_where_it_is",
    ),
    Definition(
        key="occupancy_without",
        label="largest occupancy without {}",
        meaning="Share of the steps in the most frequent symbol when the noise lacks a subspace.",
        equation="max_a n(steps in a) / n(steps)",
        reading="Near 1 the network is trapped: loss of a state, not of a gate.",
        test=f"{_TESTS}::test_a_one_way_latch_stays_where_it_is",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="dose",
        label="hazard {}",
        meaning="Hazard of a direction of switching when the noise along the leading direction is scaled "
        "down, over that with all noise, on common random numbers.",
        equation="hazard(x − d v vᵀ x) / hazard(x), d the dose",
        reading="Falls with the dose if this noise times the switch. Beside it as much of subspaces of equal "
        "drive.",
        test=f"{_TESTS}::test_hazards_by_dose_are_those_of_a_weaker_input",
        is_main=False,
    ),
    Definition(
        key="pair_cosine",
        label="noise before {}, cosine of both directions",
        meaning="Agreement of the noise before switches in opposite directions: of both kernels in the space "
        "of the deciding directions, which is fitted to the other half.",
        equation="k_ab · k_ba / (|k_ab| |k_ba|), products of two halves, over lags and deciding directions",
        reading="−1: the noise of one sign makes one switch, that of the other sign the way back.",
        test=f"{_TESTS}::test_opposite_switches_have_opposite_noise",
    ),
)
