"""Definitions of what the part ``primitives`` measures."""

from ...quantity import Definition, define

_TESTS = "tests/principles/primitives"

DEFINITIONS = define(
    Definition(
        key="n_pairs",
        label="pairs of regions with passages both ways",
        meaning="Pairs of metastable regions between whose cores activity passes at least 30 times each way, "
        "without another core between.",
        equation="n({a, b}: n(a → b) ≥ 30 and n(b → a) ≥ 30)",
        reading="Fully connected regions have k(k − 1)/2 pairs, a ring has k, a chain k − 1.",
        test=f"{_TESTS}/test_primitives.py::test_two_latches_have_the_edges_of_a_square",
    ),
    Definition(
        key="verdict",
        label="composed of one primitive for each pair, by {}",
        meaning="Whether what acts on one pair of regions changes the rates of its own passages, and spares "
        "those of the other pairs, in every pair.",
        equation="selective: lower limit of SI > 0 and p < .05 (largest of all pairs under random sets)",
        reading="Composed: every pair is selective. Not composed: none is. Partly: some are. With one pair "
        "there is nothing to compare.",
        test=f"{_TESTS}/test_primitives.py::test_latches_with_inputs_of_their_own_are_composed",
    ),
    Definition(
        key="selectivity",
        label="{}: selectivity",
        meaning="Log change of the rates of a pair's own passages under its intervention, minus the mean "
        "change of the passages of other pairs. Of both ways the one that is less selective.",
        equation="SI_ab = |Δ log k_ab| − mean over other pairs |Δ log k|; min over a → b and b → a",
        reading="0: the intervention acts on all pairs alike. Beside it the largest of all pairs under "
        "random interventions of equal size.",
        test=f"{_TESTS}/test_pair_selectivity.py::test_selectivity_is_what_own_passages_change_beyond_others",
    ),
    Definition(
        key="way_selectivity",
        label="{}: selectivity",
        meaning="The same of one way of a pair: its own log change minus the mean change of the passages of "
        "other pairs.",
        equation="SI_ab = |Δ log k_ab| − mean over other pairs |Δ log k|",
        reading="An intervention that ends one way and leaves the other is no switch of a pair.",
        test=f"{_TESTS}/test_pair_selectivity.py::test_selectivity_is_what_own_passages_change_beyond_others",
        is_main=False,
    ),
    Definition(
        key="change",
        label="{}: log change of the rate",
        meaning="Log change of the rate of passages of one direction under the intervention of its pair, on "
        "common noise. The rate is per step since the first core was the last one.",
        equation="Δ log k = log((n′ + ½)/T′) − log((n + ½)/T)",
        reading="−0.7 halves the rate. The ½ keeps it finite where no passage is left.",
        test=f"{_TESTS}/test_pair_selectivity.py::test_changes_of_rates_are_those_of_counts",
        is_main=False,
    ),
    Definition(
        key="opposite",
        label="{}: noise before passages there and back, cosine",
        meaning="Agreement of the noise that precedes passages in opposite directions between two regions.",
        equation="u_ab · u_ba / (|u_ab| |u_ba|), products of two halves; u = Σ_l w_l k_l",
        reading="−1 is the two-state mechanism: noise of one sign makes the passage, that of the other sign "
        "the way back.",
        test=f"{_TESTS}/test_pair_noise.py::test_opposite_passages_have_opposite_noise",
    ),
    Definition(
        key="pair_cosine",
        label="{}: deciding directions, cosine",
        meaning="Agreement of the directions of the noise that decide on two pairs; each is the difference "
        "of there and back.",
        equation="d_p · d_q / (|d_p| |d_q|), products of two halves; d = u_ab − u_ba",
        reading="0: separate inputs. ±1: one input for both. Three regions of one plane have ±½.",
        test=f"{_TESTS}/test_pair_noise.py::test_deciding_directions_of_two_inputs_are_apart",
        is_main=False,
    ),
    Definition(
        key="rank",
        label="directions of the noise that decide on passages",
        meaning="Directions of the noise in which the mean noise before passages differs from chance, for "
        "all pairs together.",
        equation="n(singular values of √(n / n̄) u above the 95 % quantile of the largest under the null)",
        reading="Regions − 1 suffice where regions form a simplex. One for each pair: separate inputs.",
        test=f"{_TESTS}/test_pair_noise.py::test_deciding_directions_of_two_inputs_are_apart",
    ),
    Definition(
        key="roundness",
        label="{}: roundness of the loop there and back",
        meaning="Area between the mean paths there and back over that of a circle of equal length. The plane "
        "and the sign are those of the other half of the trajectories.",
        equation="4π A / L², A signed area of the closed mean path, L its length",
        reading="0: the way back is the way there turned round. 1: a circle. Beside it passages whose "
        "direction is exchanged at random.",
        test=f"{_TESTS}/test_pair_geometry.py::test_a_circle_is_round_and_a_path_turned_round_is_not",
    ),
    Definition(
        key="plane_share",
        label="{}: mean paths in their plane",
        meaning="Share of the variance of the mean paths there and back that lies in the plane of the other "
        "half of the trajectories.",
        equation="‖P_A (m_B − m̄_B)‖² / ‖m_B − m̄_B‖², P the two leading axes of the mean paths",
        reading="Near 1: the mean passage is a movement in a plane.",
        test=f"{_TESTS}/test_pair_geometry.py::test_planes_and_shares_of_planted_paths",
        unit="share",
    ),
    Definition(
        key="state_share",
        label="{}: states of passages in their plane",
        meaning="Share of the variance of single states of passages that lies in the plane of their pair.",
        equation="Σ‖P(h − h̄)‖² / Σ‖h − h̄‖² over states of passages",
        reading="Lower than the share of mean paths: single passages waver about their mean.",
        test=f"{_TESTS}/test_pair_geometry.py::test_planes_and_shares_of_planted_paths",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="halves",
        label="{}: planes of two halves, overlap",
        meaning="Mean squared cosine of the principal angles between the planes that two halves of the "
        "passages of one pair give.",
        equation="½ ‖Q_Aᵀ Q_B‖²",
        reading="What identity looks like with so many passages. Random planes have 2/n.",
        test=f"{_TESTS}/test_pair_geometry.py::test_overlaps_and_angles_agree_with_scipy",
        is_main=False,
    ),
    Definition(
        key="overlap",
        label="planes of {}, overlap",
        meaning="Mean squared cosine of the principal angles between the planes of two pairs, one from each "
        "half of the trajectories.",
        equation="½ ‖Q_pᵀ Q_q‖²",
        reading="1: one plane. 0: at right angles. ½: one common axis. Beside it halves of one pair, and a "
        "Gaussian HMM that has the regions and no paths.",
        test=f"{_TESTS}/test_pair_geometry.py::test_overlaps_and_angles_agree_with_scipy",
    ),
    Definition(
        key="duration",
        label="duration of passages {}",
        meaning="Mean steps from the last step in the first core to the first step in the other core.",
        equation="⟨t_arrive − t_leave⟩",
        reading="1 is a jump. Beside it a Gaussian HMM with the same chain of regions.",
        test=f"{_TESTS}/test_pair_segments.py::test_passages_of_a_written_path",
        unit="steps",
        is_main=False,
    ),
)
