import json
import subprocess
import sys
from collections import namedtuple
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tomli_w
from hmmlearn.hmm import CategoricalHMM, GaussianHMM
from scipy.io import savemat

from orbitscope.errors import InputError
from orbitscope.hmm import HMM
from orbitscope.importers import import_hmm, load_sequences

INITIAL = np.array([0.3, 0.7])
TRANSITION = np.array([[0.9, 0.1], [0.25, 0.75]])
EMISSION = np.array([[0.5, 0.4, 0.1], [0.0, 0.2, 0.8]])
ARRAYS = {"startprob_": INITIAL, "transmat_": TRANSITION, "emissionprob_": EMISSION}

Params = namedtuple("Params", "initial transitions emissions")
Initial = namedtuple("Initial", "probs")
Transitions = namedtuple("Transitions", "transition_matrix")
Emissions = namedtuple("Emissions", "probs")


def check_hmm(hmm, *, atol=1e-15):
    assert isinstance(hmm, HMM)
    np.testing.assert_allclose(hmm.initial_probs, INITIAL, atol=atol)
    np.testing.assert_allclose(hmm.transition_matrix, TRANSITION, atol=atol)
    np.testing.assert_allclose(hmm.emission_probs, EMISSION, atol=atol)


def build_hmmlearn():
    model = CategoricalHMM(n_components=2)
    model.startprob_, model.transmat_, model.emissionprob_ = INITIAL, TRANSITION, EMISSION
    return model


def build_dynamax(emission=EMISSION[:, None], dtype=np.float32):
    arrays = (array.astype(dtype) for array in (INITIAL, TRANSITION, emission))
    initial, transition, emission = arrays
    return Params(Initial(initial), Transitions(transition), Emissions(emission))


def build_ssm_arrays():
    """Log weights as ssm keeps them: not normalised, log 0 included."""
    with np.errstate(divide="ignore"):
        return np.log(INITIAL) + 3.0, np.log(TRANSITION) - 1.0, np.log(EMISSION)[:, None] + 0.5


def build_ssm(**transitions):
    initial, transition, logits = build_ssm_arrays()
    return SimpleNamespace(
        init_state_distn=SimpleNamespace(log_pi0=initial),
        transitions=SimpleNamespace(log_Ps=transition, **transitions),
        observations=SimpleNamespace(logits=logits),
        params=((initial,), (transition,), logits),
    )


# ---- hidden Markov models


def test_hmmlearn_object_gives_the_same_process():
    model = build_hmmlearn()
    hmm = import_hmm(model)
    check_hmm(hmm)
    assert hmm.name == "hmmlearn"
    symbols, _ = model.sample(50, random_state=0)
    forward = hmm.initial_probs * hmm.emission_probs[:, symbols[0, 0]]
    for symbol in symbols[1:, 0]:
        forward = forward @ hmm.transition_matrix * hmm.emission_probs[:, symbol]
    assert np.log(forward.sum()) == pytest.approx(model.score(symbols))


def test_dynamax_parameters_are_renormalised_from_float32():
    check_hmm(import_hmm(build_dynamax()), atol=1e-7)
    check_hmm(import_hmm(build_dynamax(EMISSION)), atol=1e-7)
    assert import_hmm(build_dynamax(), name="mine").name == "mine"


@pytest.mark.parametrize(
    "source",
    [
        build_ssm(),
        build_ssm(Ws=np.zeros((2, 0))),
        build_ssm().params,
        list(build_ssm().params),
        build_ssm_arrays(),
        dict(zip(("log_pi0", "log_Ps", "logits"), build_ssm_arrays(), strict=True)),
    ],
    ids=["object", "without-inputs", "params", "list", "arrays", "mapping"],
)
def test_ssm_log_weights_become_probabilities(source):
    hmm = import_hmm(source)
    check_hmm(hmm)
    assert hmm.name == "ssm"


@pytest.mark.parametrize(
    "mapping",
    [
        ARRAYS,
        {key: value.tolist() for key, value in ARRAYS.items()},
        {"initial.probs": INITIAL, "transitions.transition_matrix": TRANSITION, "emissions.probs": EMISSION},
        {
            "initial": {"probs": INITIAL},
            "transitions": {"transition_matrix": TRANSITION},
            "emissions": {"probs": EMISSION[:, None]},
        },
        {"initial_probs": INITIAL, "transition_matrix": TRANSITION, "emission_probs": EMISSION},
    ],
)
def test_mappings_nested_or_dotted(mapping):
    check_hmm(import_hmm(mapping))


def test_names_are_taken_over():
    hmm = import_hmm({**ARRAYS, "state_names": ["rest", "run"], "symbol_names": np.array(["a", "b", "c"])})
    assert hmm.state_names == ("rest", "run")
    assert hmm.symbol_names == ("a", "b", "c")


@pytest.mark.parametrize("suffix", [".npz", ".json", ".toml", ".mat"])
def test_saved_arrays_round_trip(tmp_path, suffix):
    path = tmp_path / f"door{suffix}"
    lists = {key: value.tolist() for key, value in ARRAYS.items()}
    {
        ".npz": lambda: np.savez(path, **ARRAYS),
        ".json": lambda: path.write_text(json.dumps(lists)),
        ".toml": lambda: path.write_text(tomli_w.dumps(lists)),
        ".mat": lambda: savemat(path, {**ARRAYS, "symbol_names": ["on", "off", "dim"]}),
    }[suffix]()
    hmm = import_hmm(path)
    check_hmm(hmm)
    assert hmm.name == "door"
    assert import_hmm(str(path)) == hmm
    assert hmm.symbol_names == (("on", "off", "dim") if suffix == ".mat" else ("0", "1", "2"))


def test_nested_dynamax_struct_of_matlab(tmp_path):
    nested = {
        "initial": {"probs": INITIAL},
        "transitions": {"transition_matrix": TRANSITION},
        "emissions": {"probs": EMISSION[:, None]},
    }
    savemat(tmp_path / "hmm.mat", nested)
    check_hmm(import_hmm(tmp_path / "hmm.mat"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({**ARRAYS, "transmat_": TRANSITION[:1]}, r"`transmat_` must have shape \(2, 2\), got \(1, 2\)"),
        (
            {**ARRAYS, "emissionprob_": EMISSION.T},
            r"`emissionprob_` must have shape \(2, symbol\), got \(3, 2\)",
        ),
        ({**ARRAYS, "startprob_": INITIAL[None]}, r"`startprob_` must have shape \(state,\), got \(1, 2\)"),
        ({**ARRAYS, "startprob_": 1.0}, "got the number 1.0"),
        ({**ARRAYS, "transmat_": [[1.0], [0.5, 0.5]]}, "`transmat_` must be a numeric array"),
        ({**ARRAYS, "transmat_": 1.01 * TRANSITION}, "sum to 1"),
        ({key: ARRAYS[key] for key in ("startprob_", "transmat_")}, "`emissionprob_` of hmmlearn missing"),
        (CategoricalHMM(), "none of them. Fit the model first"),
        (GaussianHMM(), "must hold the arrays of a categorical HMM"),
        (SimpleNamespace(**ARRAYS, n_trials=5), "`n_trials` must be 1, got 5"),
        (build_ssm(Ws=np.ones((2, 3))), "must not depend on inputs or data, got `transitions.Ws`"),
        (build_dynamax(np.stack([EMISSION, EMISSION], 1)), r"one output per step.*got \(2, 2, 3\)"),
    ],
)
def test_wrong_sources_are_refused_by_name(source, message):
    with pytest.raises(InputError, match=message):
        import_hmm(source)


def test_pickles_are_refused_with_a_remedy(tmp_path):
    for suffix in (".pkl", ".pickle", ".joblib"):
        with pytest.raises(InputError, match=r"must not be a pickle.*np\.savez"):
            import_hmm(tmp_path / f"model{suffix}")
    np.savez(tmp_path / "objects.npz", startprob_=np.array([INITIAL, None], dtype=object))
    with pytest.raises(InputError, match="without pickled objects"):
        import_hmm(tmp_path / "objects.npz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("hmm.xml", b"", "must end in .npz, .json, .toml, .mat, got `.xml`"),
        ("hmm.json", b"{", "must be a readable .json file"),
        ("hmm.json", b"[1]", "must hold named arrays, got list"),
        ("hmm.toml", b"a = ", "must be a readable .toml file"),
        ("hmm.npz", b"PK\x03\x04 cut", "must be a readable .npz file"),
        ("hmm.mat", b"no matlab file, but long enough to have a header" * 9, "must be a readable .mat file"),
    ],
)
def test_unreadable_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        import_hmm(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="existing file, got none"):
        import_hmm(tmp_path / "none.npz")


def test_foreign_libraries_are_not_imported():
    code = "import sys, orbitscope.importers; print({'hmmlearn', 'jax', 'ssm', 'torch'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


# ---- sequences


def check_sequences(loaded, expected, symbol_names):
    assert [sequence.tolist() for sequence in loaded.sequences] == expected
    assert all(sequence.dtype == np.int64 for sequence in loaded.sequences)
    assert loaded.symbol_names == symbol_names


def test_npy_holds_a_table_or_one_sequence(tmp_path):
    np.save(tmp_path / "table.npy", np.array([[0, 2], [1, 0]], dtype=np.uint8))
    loaded = load_sequences(tmp_path / "table.npy")
    check_sequences(loaded, [[0, 2], [1, 0]], ("0", "1", "2"))
    assert loaded.sequence_names == ("0", "1")
    np.save(tmp_path / "one.npy", np.array([1.0, 0.0]))
    check_sequences(load_sequences(tmp_path / "one.npy"), [[1, 0]], ("0", "1"))


def test_npz_holds_ragged_sequences_or_a_table_and_names(tmp_path):
    np.savez(tmp_path / "ragged.npz", first=[0, 1, 1], second=[1])
    loaded = load_sequences(tmp_path / "ragged.npz")
    check_sequences(loaded, [[0, 1, 1], [1]], ("0", "1"))
    assert loaded.sequence_names == ("first", "second")
    np.savez(tmp_path / "table.npz", sequences=[[0, 1], [0, 0]], symbol_names=["up", "down", "never"])
    check_sequences(load_sequences(tmp_path / "table.npz"), [[0, 1], [0, 0]], ("up", "down", "never"))


@pytest.mark.parametrize(
    "text",
    [
        "0,1,2\n2\n0,0\n",
        "0 1 2\n\n  2\n0  0",
        "0;1;2\r\n2;;\r\n0; 0;\r\n",
        "# a header\n0\t1\t2\n2 # remark\n0\t0\n",
        "\ufeff0, 1, 2\n2,,\n0,0,\n",
    ],
    ids=["commas", "spaces", "filled-up", "comments", "bom"],
)
def test_text_lines_may_be_ragged(tmp_path, text):
    (tmp_path / "s.csv").write_text(text, encoding="utf-8", newline="")
    check_sequences(load_sequences(tmp_path / "s.csv"), [[0, 1, 2], [2], [0, 0]], ("0", "1", "2"))


def test_tables_of_tabs_may_end_in_tsv(tmp_path):
    (tmp_path / "s.tsv").write_text("walk fast\trest\nrest\trest\twalk fast\n")
    check_sequences(load_sequences(tmp_path / "s.tsv"), [[1, 0], [0, 0, 1]], ("rest", "walk fast"))


def test_words_are_numbered_in_alphabetical_order(tmp_path):
    (tmp_path / "song.txt").write_text("b a c\nc c\n")
    loaded = load_sequences(tmp_path / "song.txt")
    check_sequences(loaded, [[1, 0, 2], [2, 2]], ("a", "b", "c"))
    assert loaded.sequence_names == ("line 1", "line 2")


@pytest.mark.parametrize("dataset", ["syllable", "syllables", "syllables_reindexed"])
def test_keypoint_moseq_results(tmp_path, dataset):
    with h5py.File(tmp_path / "results.h5", "w") as file:
        file[f"mouse_a/{dataset}"] = [3, 3, 0]
        file[f"mouse_b/{dataset}"] = [1]
        file["mouse_b/centroid"] = np.zeros((1, 2))
    loaded = load_sequences(str(tmp_path / "results.h5"))
    check_sequences(loaded, [[3, 3, 0], [1]], ("0", "1", "2", "3"))
    assert loaded.sequence_names == ("mouse_a", "mouse_b")


def test_reindexed_syllables_are_preferred(tmp_path):
    with h5py.File(tmp_path / "results.h5", "w") as file:
        file["mouse/syllables"], file["mouse/syllables_reindexed"] = [70, 12], [1, 0]
    check_sequences(load_sequences(tmp_path / "results.h5"), [[1, 0]], ("0", "1"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.csv", "time,symbol\n0,1\n", "whole numbers only or words only.*first word in line 1.*header"),
        ("s.csv", "0,1\n0,,1\n", "line 2 must not have gaps"),
        ("s.csv", "0,-1\n", "sequence `line 1` must hold whole numbers ≥ 0, got -1 at step 1"),
        ("s.csv", "# nothing\n", "at least one step"),
        ("s.dat", "0", "must end in .npy, .npz, .csv, .tsv, .txt, .h5, got `.dat`"),
        ("s.h5", "no", "must be a readable .h5 file"),
        ("s.npz", "no", "readable .npz file without pickled objects, but: File is not a zip file"),
        ("s.npz", "PK\x03\x04 cut", "must be a readable .npz file"),
    ],
)
def test_bad_sequence_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        load_sequences(tmp_path / name)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[0.0, 1.5]]), "got 1.5 at step 1"),
        (np.array([[0.0, np.nan]]), "got nan at step 1"),
        (np.zeros((2, 3, 4)), r"argmax\(-1\)"),
        (np.array([[0], [None]], dtype=object), "loading pickles runs code"),
        (np.zeros((0, 3)), "at least one step"),
    ],
)
def test_bad_arrays_are_refused(tmp_path, array, message):
    np.save(tmp_path / "s.npy", array)
    with pytest.raises(InputError, match=message):
        load_sequences(tmp_path / "s.npy")


def test_too_few_symbol_names_and_missing_datasets_are_refused(tmp_path):
    np.savez(tmp_path / "s.npz", sequences=[[0, 4]], symbol_names=["a", "b"])
    with pytest.raises(InputError, match="got 2 names for 5"):
        load_sequences(tmp_path / "s.npz")
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["mouse/centroid"] = [0]
    with pytest.raises(InputError, match=r"results\.h5"):
        load_sequences(tmp_path / "s.h5")
    with pytest.raises(InputError, match="existing file"):
        load_sequences(tmp_path / "none.npy")
