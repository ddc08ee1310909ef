import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import softmax

import orbitscope.hmm
from orbitscope.errors import InputError
from orbitscope.hmm import HMM, compute_log_likelihood, load_hmm_file, parse_hmm, reorder_states

INITIAL = np.array([0.25, 0.75])
TRANSITION = np.array([[0.9, 0.1], [0.2, 0.8]])
EMISSION = np.array([[0.5, 0.25, 0.25], [0.0, 0.1, 0.9]])


def build(initial=INITIAL, transition=TRANSITION, emission=EMISSION, **names):
    return HMM(np.asarray(initial), np.asarray(transition), np.asarray(emission), **names)


def test_sizes_and_default_names():
    hmm = build(name="door")
    assert (hmm.n_states, hmm.n_symbols) == (2, 3)
    assert hmm.state_names == ("0", "1")
    assert hmm.symbol_names == ("0", "1", "2")
    assert repr(hmm) == "HMM(name='door', n_states=2, n_symbols=3)"


def test_arrays_are_copied_to_read_only_float64():
    emission = np.array([[1, 0], [0, 1]])
    hmm = build(emission=emission)
    emission[0] = [0, 1]
    assert hmm.emission_probs.dtype == np.float64
    np.testing.assert_array_equal(hmm.emission_probs, np.eye(2))
    for array in (hmm.initial_probs, hmm.transition_matrix, hmm.emission_probs):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        hmm.name = "other"


def test_lists_are_accepted():
    assert HMM(INITIAL.tolist(), TRANSITION.tolist(), EMISSION.tolist()) == build()


def test_small_deviations_are_normalised_and_normalised_rows_keep_their_bits():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(37), size=200)[:, :37]
    loose = rows * (1 + 9e-7 * rng.uniform(-1, 1, (200, 1)))
    hmm = HMM(np.full(200, 1 / 200), rng.dirichlet(np.ones(200), size=200), loose)
    np.testing.assert_allclose(hmm.emission_probs, rows, rtol=1e-15 * 200)
    np.testing.assert_allclose(hmm.emission_probs.sum(axis=1), 1, atol=1e-15 * 10)
    again = HMM(hmm.initial_probs, hmm.transition_matrix, hmm.emission_probs)
    np.testing.assert_array_equal(again.emission_probs, hmm.emission_probs)
    np.testing.assert_array_equal(again.transition_matrix, hmm.transition_matrix)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("initial", [0.5, 0.4], r"`initial_probs` must sum to 1 within 1e-06, got 0\.9 .*divide the row"),
        ("transition", [[0.9, 0.1], [0.2, 0.7]], r"`transition_matrix` .* got 0\.9 \(row 1\)"),
        ("transition", [[0.9, 0.1 + 2e-6], [0.2, 0.8]], r"got 1\.000002 \(row 0\)"),
        ("transition", [[1.1, -0.1], [0.2, 0.8]], r"≥ 0, got -0\.1 at \[0, 1\] \(row 0\)\. Replace"),
        ("emission", [[0.5, 0.5], [np.nan, 1.0]], r"`emission_probs` .* got nan at \[1, 0\]"),
        ("emission", [[0.5, 0.5], [np.inf, 1.0]], r"got inf at \[1, 0\]"),
        ("transition", [[1.0]], r"shape \(2, 2\) to match `initial_probs`, got \(1, 1\)"),
        (
            "transition",
            [[0.9, 0.1]],
            r"`transition_matrix` must be square, got shape \(1, 2\)\. Give one row",
        ),
        ("emission", [[0.5, 0.5]], r"must have 2 rows to match `transition_matrix`, got shape \(1, 2\)"),
        ("emission", [[1.0], [1.0]], r"at least 2 columns \(symbols\), got 1"),
        ("initial", [], r"`initial_probs` must be a list of numbers, got shape \(0,\)"),
        ("initial", [[0.5, 0.5]], r"a list of numbers, got shape \(1, 2\)"),
        ("initial", ["0.5", "0.5"], r"got shape \(2,\) of type <U3\. Give plain numbers"),
    ],
)
def test_invalid_probabilities(field, value, message):
    with pytest.raises(InputError, match=message):
        build(**{field: value})


@pytest.mark.parametrize("field", ["initial", "transition", "emission"])
def test_a_row_of_zeros_is_not_to_be_divided_by_its_sum(field):
    values = {"initial": INITIAL, "transition": TRANSITION, "emission": EMISSION}[field] * 1.0
    np.atleast_2d(values)[0] = 0
    with pytest.raises(InputError, match=r"must sum to 1 within 1e-06, got 0 \(") as caught:
        build(**{field: values})
    assert "by its sum" not in str(caught.value)
    assert ("leave its state out" in str(caught.value)) == (field == "emission")


def test_remedies_for_rows_lead_to_the_process():
    columns = np.array([[0.9, 0.4], [0.1, 0.6]])
    with pytest.raises(InputError, match=r"got 1\.3 \(row 0\)\. Its columns sum to 1: .* give the transpose"):
        build(transition=columns)
    assert build(transition=columns.T).transition_matrix[1, 0] == 0.4
    with pytest.raises(InputError, match=r"If these are logarithms, take np\.exp"):
        build(transition=np.log(TRANSITION))
    np.testing.assert_allclose(build(transition=np.exp(np.log(TRANSITION))).transition_matrix, TRANSITION)
    logits = np.array([[2.5, -0.5, 0.0], [0.0, -2.0, 3.0]])
    with pytest.raises(
        InputError, match=r"got -0\.5 at .* If these are logits, take their softmax along each"
    ):
        build(emission=logits)
    assert build(emission=softmax(logits, axis=1)).n_symbols == 3


def test_rows_of_unequal_length():
    with pytest.raises(InputError, match="rows of unequal length. Complete the rows"):
        HMM(INITIAL, [[0.9, 0.1], [1.0]], EMISSION)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"state_names": ("a",)}, r"`state_names` must hold 2 different names, got 1 .*: a\."),
        ({"state_names": ("a", "a")}, r"got 2 \(1 different\)"),
        ({"symbol_names": ("a", "b")}, r"`symbol_names` must hold 3 different names, got 2"),
    ],
)
def test_invalid_names(names, message):
    with pytest.raises(InputError, match=message):
        build(**names)


def test_equality_is_by_content_but_not_by_label():
    assert build() == build(name="other")
    assert hash(build()) == hash(build(name="other"))
    assert hash(build(transition=[[1.0, 0.0], [0.2, 0.8]])) == hash(
        build(transition=[[1.0, -0.0], [0.2, 0.8]])
    )
    assert build() != build(initial=[0.5, 0.5])
    assert build() != build(transition=[[0.8, 0.2], [0.2, 0.8]])
    assert build() != build(emission=EMISSION[::-1])
    assert build() != build(state_names=("a", "b"))
    assert build() != build(symbol_names=("a", "b", "c"))
    assert build() != "HMM"


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda hmm: pickle.loads(pickle.dumps(hmm))])
def test_copies_are_equal_and_read_only(duplicate):
    hmm = build(state_names=("a", "b"), name="door")
    other = duplicate(hmm)
    assert other == hmm
    assert other.name == "door"
    assert not other.transition_matrix.flags.writeable


def test_reordered_states_are_the_same_process():
    hmm = build(state_names=("a", "b"))
    swapped = reorder_states(hmm, np.array([1, 0]))
    assert swapped.state_names == ("b", "a")
    np.testing.assert_array_equal(swapped.transition_matrix, [[0.8, 0.2], [0.1, 0.9]])
    sequences = np.array([[0, 1, 2], [2, 2, 0]])
    np.testing.assert_allclose(
        compute_log_likelihood(swapped, sequences), compute_log_likelihood(hmm, sequences), rtol=1e-14
    )
    with pytest.raises(InputError, match=r"`order` must be a permutation of 0 … 1, got \[0, 0\]"):
        reorder_states(hmm, np.array([0, 0]))


def test_every_public_name_resolves_and_an_unknown_one_does_not():
    for name in dir(orbitscope.hmm):
        assert getattr(orbitscope.hmm, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute `hmm_from`"):
        orbitscope.hmm.hmm_from  # noqa: B018


def test_sampling_a_preset_loads_neither_scipy_nor_torch():
    code = (
        "import sys, numpy as np\n"
        "from orbitscope.hmm import load_process, sample_sequences\n"
        "sample_sequences(load_process('linear-2'), 2, 2, rng=np.random.default_rng(0))\n"
        "print([name for name in ('scipy', 'torch', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_without_a_start_says_what_it_needs(tmp_path):
    (tmp_path / "h.toml").write_text(
        "transition_matrix = [[1, 0], [0, 1]]\nemission_probs = [[1, 0], [0, 1]]\n"
    )
    leaves = {
        "transition_matrix": [[0.9, 0.1], [0.0, 1.0]],
        "emission_probs": [[1.0, 0.0], [0.0, 1.0]],
        "state_names": ["open", "shut"],
    }
    with pytest.raises(InputError, match="since the chain leaves `open` for good.*Say where it starts"):
        parse_hmm(leaves)
    assert parse_hmm(leaves | {"initial_probs": [1.0, 0.0]}).initial_probs.tolist() == [1.0, 0.0]
    with pytest.raises(InputError, match="`initial_probs` must be given, since .*at least two: .0. and .1."):
        load_hmm_file(tmp_path / "h.toml")
    with (tmp_path / "h.toml").open("a") as file:
        file.write("initial_probs = [0.5, 0.5]\n")
    assert load_hmm_file(tmp_path / "h.toml").n_states == 2
