import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitscope.errors import InputError
from orbitscope.hmm import (
    build_fully_connected,
    build_linear_chain,
    build_random,
    build_ring,
    compute_stationary_probs,
    dump_hmm,
    is_time_reversible,
    list_presets,
    load_preset,
    load_process,
    parse_process_name,
)

sizes = st.tuples(st.integers(1, 40), st.integers(2, 12))
fast = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize(("n_states", "n_steps"), [(2, 100), (3, 30), (4, 30), (5, 40)])
def test_linear_presets(n_states, n_steps):
    preset = load_preset(f"linear-{n_states}")
    assert (preset.n_steps, preset.n_epochs, preset.gradient_clip) == (n_steps, 500, 0.9)
    move = 0.05 ** (1 / (n_states - 1))
    for i in range(n_states):
        stay = 1 - move if i in (0, n_states - 1) else 1 - 2 * move
        row = [stay if j == i else move if abs(i - j) == 1 else 0 for j in range(n_states)]
        np.testing.assert_allclose(preset.hmm.transition_matrix[i], row, atol=1e-15)
        a = i / (n_states - 1)
        np.testing.assert_allclose(preset.hmm.emission_probs[i], [0.99 * (1 - a), 0.01, 0.99 * a], atol=1e-15)
    np.testing.assert_array_equal(preset.hmm.initial_probs, np.full(n_states, 1 / n_states))


def test_fully_connected_preset():
    preset = load_preset("fully-connected-3")
    assert (preset.n_steps, preset.n_epochs, preset.gradient_clip) == (30, 1000, 0.3)
    np.testing.assert_array_equal(preset.hmm.transition_matrix, np.where(np.eye(3), 0.95, 0.025))
    np.testing.assert_array_equal(preset.hmm.emission_probs, np.where(np.eye(3), 0.98, 0.01))
    np.testing.assert_array_equal(preset.hmm.initial_probs, np.full(3, 1 / 3))


def test_cyclic_preset():
    preset = load_preset("cyclic-4")
    assert (preset.n_steps, preset.n_epochs, preset.gradient_clip) == (40, 500, 0.3)
    ring = [
        [0.95, 0.025, 0, 0.025],
        [0.025, 0.95, 0.025, 0],
        [0, 0.025, 0.95, 0.025],
        [0.025, 0, 0.025, 0.95],
    ]
    np.testing.assert_array_equal(preset.hmm.transition_matrix, ring)
    emission = [[0.9, 0.1, 0], [0.1, 0.9, 0], [0, 0.1, 0.9], [0, 0.9, 0.1]]
    np.testing.assert_array_equal(preset.hmm.emission_probs, emission)
    np.testing.assert_array_equal(preset.hmm.initial_probs, np.full(4, 1 / 4))


def test_the_six_presets_carry_their_names():
    names = ("linear-2", "linear-3", "linear-4", "linear-5", "fully-connected-3", "cyclic-4")
    assert list_presets() == names
    for name in names:
        assert load_preset(name).name == load_preset(name).hmm.name == name


def test_unknown_preset_names_the_nearest():
    with pytest.raises(
        InputError, match=r"unknown preset `liner-2`\. Did you mean `linear-2`.*Valid: cyclic-4"
    ):
        load_preset("liner-2")


@pytest.mark.parametrize("build", [build_linear_chain, build_ring, build_fully_connected])
@given(size=sizes)
@fast
def test_families_are_valid_reversible_and_uniform_at_any_size(build, size):
    hmm = build(*size)
    assert (hmm.n_states, hmm.n_symbols) == size
    assert is_time_reversible(hmm)
    np.testing.assert_allclose(compute_stationary_probs(hmm), 1 / size[0], rtol=1e-9)
    np.testing.assert_allclose(hmm.initial_probs, 1 / size[0])


@given(n_states=st.integers(6, 60))
@fast
def test_long_chains_keep_a_positive_stay_and_small_steps(n_states):
    matrix = build_linear_chain(n_states).transition_matrix
    np.testing.assert_allclose(np.diag(matrix)[1:-1], 0.05, atol=1e-12)
    assert np.all(matrix[np.abs(np.subtract.outer(range(n_states), range(n_states))) > 1] == 0)
    assert np.all(np.diff(build_linear_chain(n_states).emission_probs[:, -1]) > 0)


@given(size=st.tuples(st.integers(2, 40), st.integers(2, 12)))
@fast
def test_ring_states_all_emit_differently_and_step_to_neighbours(size):
    hmm = build_ring(*size)
    assert len(np.unique(hmm.emission_probs.round(12), axis=0)) == size[0]
    gap = np.abs(np.subtract.outer(range(size[0]), range(size[0])))
    far = np.minimum(gap, size[0] - gap) > 1
    assert np.all(hmm.transition_matrix[far] == 0)
    np.testing.assert_allclose(np.diag(hmm.transition_matrix), 0.95)


def test_ring_with_one_state_per_step_of_the_wave():
    emission = build_ring(6, 4).emission_probs
    np.testing.assert_array_equal(emission.argmax(axis=1), [0, 1, 2, 3, 2, 1])
    np.testing.assert_allclose(emission.max(axis=1), 0.9)


def test_two_symbol_chain_has_no_rare_symbol():
    np.testing.assert_allclose(build_linear_chain(3, 2).emission_probs, [[1, 0], [0.5, 0.5], [0, 1]])
    np.testing.assert_allclose(build_linear_chain(3, 4).emission_probs[:, 1:3], 0.005)


@given(size=sizes, stay=st.floats(0, 0.99), concentration=st.floats(0.1, 10), seed=st.integers(0, 99))
@fast
def test_random_hmms_are_valid_stationary_and_repeatable(size, stay, concentration, seed):
    def draw():
        rng = np.random.default_rng(seed)
        return build_random(*size, rng=rng, stay_prob=stay, transition_concentration=concentration)

    hmm = draw()
    assert hmm == draw()
    assert (hmm.n_states, hmm.n_symbols) == size
    assert np.all(np.diag(hmm.transition_matrix) >= stay - 1e-12)
    np.testing.assert_allclose(hmm.initial_probs @ hmm.transition_matrix, hmm.initial_probs, atol=1e-13)


def test_concentration_controls_sparsity():
    flat, sparse = (
        build_random(30, 30, rng=np.random.default_rng(0), emission_concentration=c).emission_probs.max()
        for c in (100.0, 0.1)
    )
    assert flat < 0.1 < 0.5 < sparse


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_linear_chain(0), "`n_states` must be a whole number ≥ 1, got 0"),
        (lambda: build_ring(4, 1), "`n_symbols` must be a whole number ≥ 2, got 1"),
        (lambda: build_linear_chain(3, rare_prob=1.5), r"`rare_prob` must lie in \[0, 1\], got 1.5"),
        (lambda: build_fully_connected(3, leave_prob=-0.5), r"`leave_prob` must lie in \[0, 1\], got -0.5"),
        (
            lambda: build_random(2, 2, rng=np.random.default_rng(0), emission_concentration=0.0),
            r"`emission_concentration` must lie in \(0, inf\), got 0.0",
        ),
    ],
)
def test_invalid_sizes_and_options(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(
    ("name", "hmm"),
    [
        ("linear-8", build_linear_chain(8)),
        ("linear-8x4", build_linear_chain(8, 4)),
        ("ring-6", build_ring(6)),
        ("cyclic-6", build_ring(6)),
        ("fully-connected-5", build_fully_connected(5)),
        ("fully-connected-5x3", build_fully_connected(5, 3)),
        ("random-6x4@7", build_random(6, 4, rng=np.random.default_rng(7))),
        (
            "sticky-6x4@7",
            build_random(6, 4, rng=np.random.default_rng(7), stay_prob=0.9, emission_concentration=0.3),
        ),
        ("linear-3", load_preset("linear-3").hmm),
        ("cyclic-4", load_preset("cyclic-4").hmm),
    ],
)
def test_generalised_names(name, hmm):
    assert parse_process_name(name) == hmm
    assert load_process(name) == hmm
    assert load_process(name).name == name.replace("cyclic-6", "ring-6")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("random-6x4", "Only random and sticky take, and need, a seed"),
        ("random-6@1", "needs states and symbols"),
        ("linear-3@1", "Only random and sticky take"),
        ("linear-3x", "must look like linear-8"),
        ("linear-0", "`n_states` must be a whole number ≥ 1"),
        ("ringg-6", "unknown process family `ringg`. Did you mean `ring`"),
    ],
)
def test_invalid_generalised_names(name, message):
    with pytest.raises(InputError, match=message):
        parse_process_name(name)


def test_load_process_reads_files_and_explains_what_it_did_not_find(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(dump_hmm(build_ring(5)))
    assert load_process(path) == load_process(str(path)) == build_ring(5)
    with pytest.raises(InputError, match=r"gone\.toml: must be a readable"):
        load_process(tmp_path / "gone.toml")
    with pytest.raises(
        InputError, match=r"unknown process `linaer-2`\. Did you mean `linear-2`.*or a TOML file"
    ):
        load_process("linaer-2")


@pytest.mark.parametrize("name", ["linear-100000", "ring-99999", "linear-3x999999999999", "random-99999x2@1"])
def test_tables_that_no_memory_holds_are_refused_before(name):
    with pytest.raises(InputError, match="must have at most 100_000_000 entries in a table, got"):
        load_process(name)


@pytest.mark.parametrize("name", ["linear-" + "9" * 5000, "linear-٣", "x/" * 3000, "a\0b", "\udcff"])
def test_names_that_none_can_have_are_refused(name):
    with pytest.raises(InputError):
        load_process(name)
