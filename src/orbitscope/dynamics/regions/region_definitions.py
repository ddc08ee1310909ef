"""What the quantities of the regions are."""

from ...quantity import Definition, define
from .region_labels import SLOW_ABOVE, TRANSITION_BELOW

_TESTS = "tests/dynamics/regions/test_regions.py"

DEFINITIONS = define(
    Definition(
        key="share",
        label="{}: share of states",
        meaning="Share of the driven states in a region. Regions divide states by their residency, the mean "
        "number of steps until the most probable symbol changes.",
        equation=f"transition: residency < {TRANSITION_BELOW:g} steps; slow: > {SLOW_ABOVE:g}; kick: between",
        reading="Interval over trajectories. Every state has a region.",
        test=f"{_TESTS}::test_the_table_is_the_mean_over_the_states_of_a_region",
        source="torre2025, without their condition on p_max",
        unit="share",
    ),
    Definition(
        key="unstable",
        label="{}: unstable directions",
        meaning="Mean number of eigenvalues outside the unit circle of the noise-free Jacobian at the states "
        "of a region.",
        equation="⟨#{|λ_i(J(h))| > 1}⟩",
        reading="It follows which and how many neurons are active, so it stands beside random active sets of "
        "the same size and frequencies.",
        test=f"{_TESTS}::test_spectra_are_those_without_noise_and_with_the_noise_that_comes_next",
        source="torre2025",
    ),
    Definition(
        key="kick_minus_slow",
        label="kick minus slow, beyond random active sets",
        meaning="Unstable directions in kick minus those in slow, minus the same difference of random active "
        "sets.",
        equation="(n_kick − n_slow) − (n_kick − n_slow) of random active sets",
        reading="An interval above 0: kick states are more unstable than their number of active neurons "
        "makes them.",
        test=f"{_TESTS}::test_kick_and_slow_are_compared_on_the_same_resamples",
    ),
    Definition(
        key="net_flux",
        label="net flux slow → kick → transition → slow",
        meaning="Net cycles around the three regions in this order, whole ones or parts of one.",
        equation="(1/3) Σ over the three edges (N_ij − N_ji) per 100 steps",
        reading="0 if the order of visits is reversible. Negative: the other way round.",
        test=f"{_TESTS}::test_the_net_flux_is_that_of_each_edge_but_for_the_ends",
        unit="cycles per 100 steps",
    ),
    Definition(
        key="uncertain",
        label="{}: states near a border of regions",
        meaning="Share of the states of a region with a residency within two standard errors of a border.",
        equation="n(|residency − border| ≤ 2 standard errors) / n(states of the region)",
        reading="Labels of such states are partly chance, which pulls the measures of neighbouring regions "
        "together. More rollouts make fewer of them.",
        test=f"{_TESTS}::test_labels_near_a_border_are_uncertain",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="entropy",
        label="{}: entropy of the symbol",
        meaning="Mean entropy of the symbol that the states of a region emit.",
        equation="⟨−Σ_k p_k(h) log p_k(h)⟩",
        reading="0 where the symbol is certain, log n for n symbols that are equally likely.",
        test=f"{_TESTS}::test_the_entropy_of_an_indifferent_readout_is_log_three",
        unit="nat",
        is_main=False,
    ),
    Definition(
        key="speed",
        label="{}: relative speed",
        meaning="Mean distance to the expected next state, as a share of the size of the state.",
        equation="⟨‖E h′ − h‖ / ‖h‖⟩",
        reading="0 at a fixed point of the mean. Noise itself does not count.",
        test=f"{_TESTS}::test_speed_of_a_relu_network_is_known",
        is_main=False,
    ),
    Definition(
        key="sign_rate",
        label="{}: sign changes of the logit's steps",
        meaning="How often the logit of the most probable symbol turns from rise to fall or back while the "
        "symbol lasts, per step after the first.",
        equation="⟨n(sign changes of z_{t+1} − z_t) / (residency − 1)⟩",
        reading="About 2/3 for a logit without memory, 1/2 for a random walk, 0 for one that only falls. "
        "States with a residency of one step do not count.",
        test=f"{_TESTS}::test_sign_changes_per_step_leave_out_residencies_of_one_step",
        source="torre2025 counts them without dividing",
        unit="1/step",
        is_main=False,
    ),
    Definition(
        key="unstable_uniform",
        label="{}: unstable directions, sets of any neurons",
        meaning="Mean number of unstable directions for random active sets as large as those of the network, "
        "in which all neurons are equally frequent.",
        equation="⟨#{|λ_i(J)| > 1}⟩ over random active sets of equal size",
        reading="Neurons that are never active count here; in the sets beside the unstable directions they "
        "do not.",
        test=f"{_TESTS}::test_the_null_leaves_silent_neurons_out_and_the_uniform_one_does_not",
        is_main=False,
    ),
    Definition(
        key="kick_minus_slow_raw",
        label="kick minus slow, unstable directions",
        meaning="Unstable directions in kick minus those in slow, of the network itself.",
        equation="n_kick − n_slow",
        reading="It stands beside the same difference of random active sets; the quantity without `_raw` is "
        "what lies beyond them.",
        test=f"{_TESTS}::test_kick_and_slow_are_compared_on_the_same_resamples",
        source="torre2025",
        is_main=False,
    ),
    Definition(
        key="order",
        label="net share of visits {}",
        meaning="Successive visits to two regions in this order minus those in the other, over all of both.",
        equation="(N_ij − N_ji)/(N_ij + N_ji)",
        reading="0 if reversible, 1 if one way. The three edges share one net flux but for the ends of "
        "trajectories, so they are one finding.",
        test=f"{_TESTS}::test_a_cycle_has_one_direction",
        is_main=False,
    ),
)
