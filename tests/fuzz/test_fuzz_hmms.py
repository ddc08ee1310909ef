"""Hidden Markov models of any form: arrays of other libraries, and files of every kind."""

import io
import json
import tomllib

import numpy as np
import pytest
import tomli_w
from fuzzing import damage, fuzz, refusal_allowed, write
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.io import savemat

from orbitscope.errors import InputError
from orbitscope.hmm import HMM, dump_hmm, load_hmm_file, load_process, parse_hmm
from orbitscope.importers import import_hmm

INITIAL, TRANSITION, EMISSION = [0.25, 0.75], [[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.1, 0.9]]
NAMES = {
    "hmmlearn": ("startprob_", "transmat_", "emissionprob_"),
    "dynamax": ("initial.probs", "transitions.transition_matrix", "emissions.probs"),
    "ssm": ("log_pi0", "log_Ps", "logits"),
    "orbitscope": ("initial_probs", "transition_matrix", "emission_probs"),
}
KEYS = sorted({part for names in NAMES.values() for name in names for part in (name, name.partition(".")[0])})
KEYS += ["state_names", "symbol_names", "name", "n_trials", "transitions.Ws", "params", "0", ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hmms")


def require_valid(hmm):
    """Whatever is accepted is a hidden Markov model that its own file gives back."""
    for array in (hmm.initial_probs, hmm.transition_matrix, hmm.emission_probs):
        assert np.isfinite(array).all()
        assert (array >= 0).all()
        np.testing.assert_allclose(array.sum(-1), 1, rtol=1e-12)
    assert parse_hmm(dump_hmm(hmm)) == hmm


def normalise(rows):
    return [[value / sum(row) for value in row] for row in rows]


row_values = st.sampled_from([0, 1, 2, 3, 1e-3, 1e-9, 1e-300])
laws = st.integers(1, 4).flatmap(
    lambda n: st.integers(2, 4).flatmap(
        lambda k: st.tuples(*(build_rows(count, width) for count, width in ((1, n), (n, n), (n, k))))
    )
)


def build_rows(count, width):
    row = st.lists(row_values, min_size=width, max_size=width).filter(any)
    return st.lists(row, min_size=count, max_size=count).map(normalise)


@fuzz(
    800,
    law=laws,
    library=st.sampled_from(list(NAMES)),
    form=st.sampled_from(["mapping", "tuple", "nested", ".npz", ".json", ".toml"]),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_arrays_of_a_library_are_its_probabilities(law, library, form, dtype, folder):
    arrays = [np.array(law[0][0], dtype), np.array(law[1], dtype), np.array(law[2], dtype)]
    with np.errstate(divide="ignore"):
        given = [np.log(array) for array in arrays] if library == "ssm" else arrays
    named = dict(zip(NAMES[library], given, strict=True))
    with refusal_allowed():
        hmm = import_hmm(build_source(named, form, folder))
        require_valid(hmm)
        for found, array in zip(
            (hmm.initial_probs, hmm.transition_matrix, hmm.emission_probs), arrays, strict=True
        ):
            np.testing.assert_allclose(found, array, rtol=1e-5, atol=1e-40)


def build_source(named, form, folder):
    if form == "tuple":
        return tuple(named.values())
    if form == "nested":
        nested = {}
        for name, array in named.items():
            head, _, rest = name.partition(".")
            nested[head] = {rest: array} if rest else array
        return nested
    if form == "mapping":
        return named
    path = folder / f"hmm{form}"
    plain = {name: array.tolist() for name, array in named.items()}
    if form == ".npz":
        np.savez(path, **named)
    elif form == ".json":
        path.write_text(json.dumps(plain))
    else:
        path.write_text(tomli_w.dumps(plain))
    return path


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.just(10**400),
    st.sampled_from([0.5, 0.25, 1.0, -0.0, -1.0, 1e-320, 1e308, float("nan"), float("inf"), float("-inf")]),
    st.text(max_size=3),
    st.sampled_from(["\ud800", "\x00", "0.5"]),
)
values = st.recursive(
    scalars | st.sampled_from([INITIAL, TRANSITION, EMISSION]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
arrays = hnp.arrays(
    hnp.scalar_dtypes() | hnp.unicode_string_dtypes(max_len=2),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


@fuzz(
    1500,
    source=st.dictionaries(st.sampled_from(KEYS), values | arrays, max_size=6),
    base=st.sampled_from([None, *NAMES]),
)
def test_any_mapping_is_a_model_or_refused(source, base):
    whole = dict(zip(NAMES[base], (INITIAL, TRANSITION, EMISSION), strict=True)) if base else {}
    with refusal_allowed():
        require_valid(import_hmm(whole | source))
    with refusal_allowed():
        require_valid(import_hmm(source | whole))


@fuzz(600, parts=st.tuples(values | arrays, values | arrays, values | arrays))
def test_any_three_things_are_a_model_or_refused(parts):
    with refusal_allowed():
        require_valid(import_hmm(parts))


@fuzz(
    800,
    table=st.dictionaries(
        st.sampled_from(
            [
                "name",
                "state_names",
                "symbol_names",
                "initial_probs",
                "transition_matrix",
                "emission_probs",
                "x",
            ]
        ),
        values,
        max_size=6,
    ),
    whole=st.booleans(),
)
def test_any_table_is_a_model_or_refused(table, whole):
    base = {"transition_matrix": TRANSITION, "emission_probs": EMISSION} if whole else {}
    with refusal_allowed():
        hmm = parse_hmm(base | table)
        require_valid(hmm)
        np.testing.assert_allclose(hmm.transition_matrix, (base | table)["transition_matrix"], rtol=2e-6)


@fuzz(
    800,
    law=laws,
    data=st.data(),
    names=st.lists(st.text(max_size=3), min_size=0, max_size=4),
    name=st.text(max_size=4),
)
def test_a_model_is_read_from_its_own_file(law, data, names, name, folder):
    with refusal_allowed():
        hmm = HMM(law[0][0], law[1], law[2], symbol_names=names, name=name)
        path = write(folder / "own.toml", dump_hmm(hmm))
        assert load_hmm_file(path) == hmm
        assert load_process(path) == hmm
        assert import_hmm(path) == hmm


WHOLE = dump_hmm(HMM(INITIAL, TRANSITION, EMISSION, symbol_names=["dark", "lit"]))


def build_mat():
    buffer = io.BytesIO()
    savemat(buffer, dict(zip(NAMES["orbitscope"], (INITIAL, TRANSITION, EMISSION), strict=True)))
    return buffer.getvalue()


def build_npz():
    buffer = io.BytesIO()
    np.savez(buffer, **dict(zip(NAMES["hmmlearn"], (INITIAL, TRANSITION, EMISSION), strict=True)))
    return buffer.getvalue()


FILES = {
    "a.toml": WHOLE.encode(),
    "a.json": json.dumps(tomllib.loads(WHOLE)).encode(),
    "a.npz": build_npz(),
    "a.mat": build_mat(),
}


@fuzz(25, n_quick=1, content=damage(FILES["a.mat"]) | st.binary(max_size=200))
def test_a_damaged_file_of_matlab_is_a_model_or_refused(content, folder):
    """Each is read by a process of its own, since some end the process that reads them."""
    with refusal_allowed():
        require_valid(import_hmm(write(folder / "a.mat", content)))


@fuzz(2000, data=st.data(), name=st.sampled_from(["a.toml", "a.json", "a.npz"]))
def test_a_damaged_file_is_a_model_or_refused(data, name, folder):
    path = write(folder / name, data.draw(damage(FILES[name])))
    with refusal_allowed():
        hmm = import_hmm(path)
        require_valid(hmm)
        if name == "a.npz":
            assert hmm == HMM(INITIAL, TRANSITION, EMISSION)
        if name == "a.json":
            np.testing.assert_allclose(
                hmm.transition_matrix, json.loads(path.read_text())["transition_matrix"], rtol=1e-3
            )
    if name == "a.toml":
        with refusal_allowed():
            hmm = load_hmm_file(path)
            require_valid(hmm)
            np.testing.assert_allclose(
                hmm.emission_probs, tomllib.loads(path.read_bytes().decode())["emission_probs"], rtol=2e-6
            )


@fuzz(
    500,
    content=st.binary(max_size=60)
    | st.text(max_size=40).map(str.encode)
    | st.sampled_from(
        [
            b"[" * 5000,
            b"a = " + b"[" * 5000,
            b'{"a":' * 5000,
            b"a = " + b"9" * 5000,
            b'{"a": ' + b"9" * 5000 + b"}",
        ]
    ),
    suffix=st.sampled_from([".toml", ".json", ".npz", ".pkl", "", ".h5"]),
)
def test_any_bytes_are_refused(content, suffix, folder):
    path = write(folder / f"any{suffix}", content)
    for read in (import_hmm, load_hmm_file, load_process):
        with pytest.raises(InputError):
            read(path)


@fuzz(
    500,
    name=st.text(max_size=12)
    | st.from_regex(
        r"(linear|ring|cyclic|fully-connected|random|sticky)-\d{1,2}(x\d{1,2})?(@\d{1,3})?", fullmatch=True
    )
    | st.sampled_from(
        [
            "linear-" + "9" * 5000,
            "ring-999999999999",
            "linear-3x99999999999",
            "random-100000x100000@1",
            "linear-٣",
            "\x00",
            "x" * 5000,
            "a/" * 3000,
            ".",
            "..",
            "/",
            "~",
            "linear-2\n",
            "sticky-2x2@" + "9" * 40,
        ]
    ),
)
def test_any_name_is_a_process_or_refused(name):
    with refusal_allowed():
        require_valid(load_process(name))
