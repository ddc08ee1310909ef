"""Inputs that could be misread in silence: the right value, or a refusal that says what to do."""

from zipfile import ZipFile

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.io import savemat

from orbitscope.errors import InputError
from orbitscope.hmm import HMM, dump_hmm, load_hmm_file
from orbitscope.importers import import_hmm, import_state_dict, load_sequences
from orbitscope.process import RecordedSequences

INITIAL, TRANSITION, EMISSION = [0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.1, 0.9]]


def read(path):
    return [sequence.tolist() for sequence in load_sequences(path).sequences]


def read_text(folder, text, name="s.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return load_sequences(folder / name)


def list_symbols(loaded):
    return [[loaded.symbol_names[s] for s in sequence] for sequence in loaded.sequences]


# arrays of hidden Markov models


def test_three_arrays_of_probabilities_are_probabilities():
    hmm = import_hmm((INITIAL, TRANSITION, EMISSION))
    np.testing.assert_allclose(hmm.emission_probs, EMISSION, rtol=1e-12)
    np.testing.assert_allclose(hmm.transition_matrix, TRANSITION, rtol=1e-12)
    np.testing.assert_allclose(import_hmm([[1.0], [[1.0]], [[0.7, 0.3]]]).emission_probs, [[0.7, 0.3]])


def test_three_arrays_of_logarithms_are_logarithms():
    arrays = [np.log(INITIAL), np.log(TRANSITION), np.log(EMISSION) + 3.0]  # logits are free of a constant
    np.testing.assert_allclose(import_hmm(arrays).emission_probs, EMISSION, rtol=1e-12)


def test_arrays_of_both_kinds_are_refused():
    with pytest.raises(InputError, match="all probabilities or all log weights.*Name them: initial_probs"):
        import_hmm((np.log(INITIAL), np.log(TRANSITION), EMISSION))


@pytest.mark.parametrize("name", ["log_pi0", "log_Ps"])
def test_probabilities_named_as_logarithms_are_refused(name):
    arrays = {"log_pi0": np.log(INITIAL), "log_Ps": np.log(TRANSITION), "logits": np.log(EMISSION)}
    wrong = {"log_pi0": INITIAL, "log_Ps": TRANSITION}
    with pytest.raises(InputError, match=f"`{name}` must hold logarithms, got rows that sum to 1"):
        import_hmm(arrays | {name: wrong[name]})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("hmm.npz", b"", "must hold something, got an empty file"),
        ("hmm.json", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "Run `git lfs pull`"),
        ("hmm.mat", b"<!DOCTYPE html><html>", r"got a web page \(HTML\)"),
        ("hmm.pt", b"PK", r"got `\.pt`\. A network is imported without --hmm"),
    ],
)
def test_files_of_hmms_that_are_none_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        import_hmm(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_an_array_of_a_file_is_named_with_its_file(tmp_path):
    np.savez(
        tmp_path / "hmm.npz", startprob_=INITIAL, transmat_=TRANSITION, emissionprob_=[[0.0, 0.0], [0, 1]]
    )
    with pytest.raises(
        InputError, match=r"hmm\.npz`: `emission_probs` must sum to 1 .*A row of zeros cannot be"
    ):
        import_hmm(tmp_path / "hmm.npz")


def test_hmm_files_of_ours_keep_their_names(tmp_path):
    lines = f"transition_matrix = {TRANSITION}\nemission_probs = {EMISSION}\n"
    (tmp_path / "door.toml").write_text(lines)
    assert import_hmm(tmp_path / "door.toml").name == "door"
    (tmp_path / "door.toml").write_text('name = "gate"\nstate_names = ["a", "b"]\n' + lines)
    hmm = import_hmm(tmp_path / "door.toml")
    assert (hmm.name, hmm.state_names) == ("gate", ("a", "b"))
    assert hmm == load_hmm_file(tmp_path / "door.toml")
    assert import_hmm(tmp_path / "door.toml", name="mine").name == "mine"


# text


def test_whole_numbers_written_as_floats_stay_as_they_are(tmp_path):
    np.savetxt(tmp_path / "m.csv", [[10, 2, 1, 0]], delimiter=",")
    assert read(tmp_path / "m.csv") == [[10, 2, 1, 0]]
    assert list_symbols(read_text(tmp_path, "1.0, 2., 1e1\n")) == [["1", "2", "10"]]
    np.savetxt(tmp_path / "column.txt", np.array([3, 0, 1]))
    assert read(tmp_path / "column.txt") == [[3, 0, 1]]


@pytest.mark.parametrize("text", ["0.5,1.5\n", "0,1,2.5\n", "1e-3 0\n"])
def test_fractions_are_no_symbols(tmp_path, text):
    with pytest.raises(InputError, match="must hold whole numbers, got"):
        read_text(tmp_path, text)


@pytest.mark.parametrize("word", ["nan", "NaN", "NA", "n/a", "None", "null", "inf", "-inf", "<NA>"])
@pytest.mark.parametrize("others", ["0,1", "a,b,a,b"])
def test_missing_values_are_no_symbols(tmp_path, word, others):
    with pytest.raises(InputError, match="says that a value is missing"):
        read_text(tmp_path, f"{others},{word}\n{others}\n")


def test_quotes_are_those_of_csv(tmp_path):
    text = '"walk fast","rest"\n"rest","a ""b"""\nrest,walk fast\n'
    expected = [["walk fast", "rest"], ["rest", 'a "b"'], ["rest", "walk fast"]]
    assert list_symbols(read_text(tmp_path, text)) == expected
    assert list_symbols(read_text(tmp_path, '"1","0"\n"0","0"\n')) == [["1", "0"], ["0", "0"]]
    with pytest.raises(InputError, match="line 1 must have whole cells"):
        read_text(tmp_path, '"walk,rest\n')


def test_a_sharp_is_part_of_a_word(tmp_path):
    assert list_symbols(read_text(tmp_path, "C#,D,E\nD,D,C#\nE,D,D\n"))[0] == ["C#", "D", "E"]
    assert read_text(tmp_path, "# remark\n0,1 # remark\n1\n").lengths.tolist() == [2, 1]
    with pytest.raises(InputError, match="line 1 must not have a # behind a space"):
        read_text(tmp_path, "C,D # remark\nD,C\n")


def test_headers_do_not_become_sequences(tmp_path):
    table = pd.DataFrame([[2, 1, 0, 1], [1, 1, 2, 0]])
    for options, message in (
        ({}, "must not have gaps.*index=False, header=False"),
        ({"index": False}, "counts 0, 1, 2, … like the header of a pandas table"),
    ):
        table.to_csv(tmp_path / "t.csv", **options)
        with pytest.raises(InputError, match=message):
            load_sequences(tmp_path / "t.csv")
    table.to_csv(tmp_path / "t.csv", index=False, header=False)
    assert read(tmp_path / "t.csv") == [[2, 1, 0, 1], [1, 1, 2, 0]]
    with pytest.raises(InputError, match="no word of its first line occurs again"):
        read_text(tmp_path, "first,second\nrest,walk\nwalk,walk\n")


def test_one_symbol_a_line_is_one_sequence_and_one_long_word_none(tmp_path):
    loaded = read_text(tmp_path, "rest\nwalk\nrest\nrest\n", "s.txt")
    assert list_symbols(loaded) == [["rest", "walk", "rest", "rest"]]
    for text in ("abcab\nbacba\n", "ACGT\n"):
        with pytest.raises(InputError, match="must have separators between symbols"):
            read_text(tmp_path, text, "s.txt")


@pytest.mark.parametrize("text", ["1,2;3\n", "a,b\tc\n"])
def test_two_kinds_of_separators_are_refused(tmp_path, text):
    with pytest.raises(InputError, match="must have one kind of separator"):
        read_text(tmp_path, text)


@pytest.mark.parametrize("label", ["99999999999999999999", "1e300", "9007199254740993", "9" * 5000])
def test_numbers_that_are_not_exact_are_refused(tmp_path, label):
    with pytest.raises(InputError, match="must hold numbers of symbols"):
        read_text(tmp_path, f"0,{label}\n")


@pytest.mark.parametrize("text", ["0101\n1100\n0011\n", "1100\n0011\n", "1,02\n", "00\n11\n"])
def test_numbers_with_leading_zeros_are_rows_without_separators(tmp_path, text):
    with pytest.raises(InputError, match="must not have numbers with leading zeros.* by commas or spaces"):
        read_text(tmp_path, text)
    assert read_text(tmp_path, "0,10,0.0,0e0\n").n_symbols == 11


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path, encoding):
    (tmp_path / "s.csv").write_bytes("ä,b,ä".encode(encoding))
    loaded = load_sequences(tmp_path / "s.csv")
    assert loaded.symbol_names == ("b", "ä")
    hmm = HMM([1.0], [[1.0]], [[0.5, 0.5]], symbol_names=("ä", "b"))
    (tmp_path / "h.toml").write_bytes(dump_hmm(hmm).encode(encoding))
    assert load_hmm_file(tmp_path / "h.toml") == import_hmm(tmp_path / "h.toml") == hmm


@pytest.mark.parametrize("content", ["ä,b".encode("latin-1"), "a,b".encode("utf-16-le")])
def test_text_of_another_encoding_is_refused(tmp_path, content):
    (tmp_path / "s.csv").write_bytes(content)
    with pytest.raises(InputError, match="must be UTF-8 text"):
        load_sequences(tmp_path / "s.csv")


# arrays of sequences


def test_lengths_cut_what_lies_end_to_end(tmp_path):
    x = np.array([0, 1, 1, 2, 0])
    for array in (x, x[:, None]):
        np.savez(tmp_path / "s.npz", X=array, lengths=[2, 3])
        assert read(tmp_path / "s.npz") == [[0, 1], [1, 2, 0]]


def test_lengths_cut_rows_that_are_filled_up(tmp_path):
    np.savez(tmp_path / "s.npz", X=[[0, 1, 0], [1, 2, 1]], lengths=[2, 3])
    assert read(tmp_path / "s.npz") == [[0, 1], [1, 2, 1]]


@pytest.mark.parametrize("lengths", [[2, 2], [2, 0, 3], [2.0, 3.0], [[2, 3]], [-1, 6]])
def test_lengths_that_do_not_fit_are_refused(tmp_path, lengths):
    np.savez(tmp_path / "s.npz", X=[0, 1, 1, 2, 0], lengths=lengths)
    with pytest.raises(InputError, match="must have `lengths` that fit one other array"):
        load_sequences(tmp_path / "s.npz")


def test_a_column_is_one_sequence(tmp_path):
    np.save(tmp_path / "s.npy", np.array([[0], [1], [1]]))
    assert read(tmp_path / "s.npy") == [[0, 1, 1]]


@pytest.mark.parametrize("label", [10_000, 10**7, 10**9])
def test_a_label_that_is_too_large_is_refused_before_names_are_made(tmp_path, label):
    with pytest.raises(InputError, match=f"must have symbols below 10000, got {label}"):
        read_text(tmp_path, f"0,{label}\n")
    with pytest.raises(InputError, match="must have symbols below 10000"):
        RecordedSequences([[0, label]])
    assert RecordedSequences([[0, 9999]]).n_symbols == 10_000


# weights


def make_weights(**changes):
    weights = {
        "rnn.weight_ih_l0": torch.ones(4, 3),
        "rnn.weight_hh_l0": torch.eye(4),
        "fc.weight": torch.ones(2, 4),
        "fc.bias": torch.zeros(2),
    }
    return weights | {name.replace("__", "."): tensor for name, tensor in changes.items()}


@pytest.mark.parametrize("name", ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "fc.weight", "fc.bias"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.double() + 1e300, r"must fit float32, whose largest number is 3\.4e38, got 1\.0e\+300"),
        (lambda w: w + 2j, "must hold real floating-point numbers, got torch.complex64"),
        (lambda w: w.to(torch.int8), "must hold real floating-point numbers, got torch.int8"),
        (lambda w: w.bool(), "must hold real floating-point numbers, got torch.bool"),
        (
            lambda w: w.to_sparse(),
            r"must be dense, got torch.sparse_coo. Save tensor.to_dense",
        ),
        (lambda w: w * float("nan"), "must be finite, got NaN or infinity"),
    ],
    ids=["beyond-float32", "complex", "int8", "bool", "sparse", "nan"],
)
def test_weights_that_would_lose_something_are_refused(name, change, message):
    weights = make_weights()
    weights[name] = change(weights[name])
    with pytest.raises(InputError, match=message):
        import_state_dict(weights, cell="relu")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions_are_converted(dtype):
    network = import_state_dict({name: w.to(dtype) for name, w in make_weights().items()}, cell="relu")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    torch.testing.assert_close(network.cell.w_hh.detach(), torch.eye(4))


# damaged files, and arrays that only look right


def test_names_of_symbols_number_the_words(tmp_path):
    np.savez(tmp_path / "s.npz", x=["b", "a"], y=["a", "a"], symbol_names=["c", "b", "a"])
    assert read(tmp_path / "s.npz") == [[1, 2], [2, 2]]
    assert load_sequences(tmp_path / "s.npz").symbol_names == ("c", "b", "a")
    np.savez(tmp_path / "s.npz", x=["b", "d"], symbol_names=["c", "b", "a"])
    with pytest.raises(InputError, match="must have all its words among `symbol_names`, got `d` in `0`"):
        load_sequences(tmp_path / "s.npz")


@pytest.mark.parametrize("word", ["", " ", "nan", "None"])
def test_missing_values_are_no_symbols_in_arrays_of_words(tmp_path, word):
    np.save(tmp_path / "s.npy", np.array(["a", "b", word]))
    with pytest.raises(InputError, match="at step 2, which says that a value is missing"):
        load_sequences(tmp_path / "s.npy")


@pytest.mark.parametrize(
    "names", [[b"a", b"b"], [0.5, 1.5], [["a", "b"], ["c", "d"]], [True, False]], ids=["S", "f", "2", "b"]
)
def test_names_of_symbols_are_strings(tmp_path, names):
    np.savez(tmp_path / "s.npz", x=[0, 1], symbol_names=names)
    with pytest.raises(InputError, match="must have a row of strings as `symbol_names`, got shape"):
        load_sequences(tmp_path / "s.npz")


@pytest.mark.parametrize(
    "lengths", ["ab", ["a"], 3, [], [1.5, 1.5], [-1, 4], np.array([2**63, 2**63, 3], dtype=np.uint64)]
)
def test_lengths_that_cannot_be_are_refused(tmp_path, lengths):
    np.savez(tmp_path / "s.npz", x=[0, 1, 2], lengths=lengths)
    with pytest.raises(InputError, match="must have `lengths` that fit one other array"):
        load_sequences(tmp_path / "s.npz")


@pytest.mark.parametrize("array", [np.array("a"), np.array(3), np.array([["a"], ["b"]] * 2)[None]])
def test_arrays_without_a_row_are_refused(tmp_path, array):
    np.save(tmp_path / "s.npy", array)
    with pytest.raises(InputError, match="must be a row of whole numbers"):
        load_sequences(tmp_path / "s.npy")


def test_a_length_that_was_damaged_does_not_cut_an_array(tmp_path):
    np.savez(tmp_path / "s.npz", x=np.arange(16) % 3)
    whole = (tmp_path / "s.npz").read_bytes()
    (tmp_path / "s.npz").write_bytes(whole.replace(b"(16,)", b"(15,)"))
    with pytest.raises(InputError, match="the checksum of x.npy does not match|Bad CRC-32"):
        load_sequences(tmp_path / "s.npz")


def test_a_second_array_in_a_file_is_not_lost(tmp_path):
    with (tmp_path / "s.npy").open("wb") as file:
        np.save(file, [0, 1])
        np.save(file, [2, 2])
    with pytest.raises(InputError, match="more bytes than its array has"):
        load_sequences(tmp_path / "s.npy")


@pytest.mark.parametrize("name", ["s.npy", "s.npz", "s.h5"])
def test_empty_files_are_named(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match="must be a readable"):
        load_sequences(tmp_path / name)


def test_what_is_no_array_in_an_archive_is_refused(tmp_path):
    for name in ("lengths", "symbol_names", "x"):
        np.savez(tmp_path / "s.npz", y=[0, 1])
        with ZipFile(tmp_path / "s.npz", "a") as archive:
            archive.writestr(name, b"no array")
        with pytest.raises(InputError, match=f"`{name}`, which is no array"):
            load_sequences(tmp_path / "s.npz")


def test_a_group_of_keypoint_moseq_is_no_dataset(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["r/syllable/0"], file["r/syllable/1"] = [0], [1]
    with pytest.raises(InputError, match="got none"):
        load_sequences(tmp_path / "s.h5")


def test_a_nul_is_no_text(tmp_path):
    with pytest.raises(InputError, match="holds a NUL"):
        read_text(tmp_path, "a,a\0,a\n")


PLAIN = {"initial_probs": INITIAL, "transition_matrix": TRANSITION, "emission_probs": EMISSION}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"emission_probs": np.array(EMISSION) + 0.1j}, "must be a numeric array of real numbers"),
        ({"emission_probs": [[10**400, 0], [0, 1]]}, "must be a numeric array of real numbers"),
        ({"initial_probs": []}, r"`initial_probs` must hold numbers, got shape \(0,\)"),
        ({"n_trials": [[1], [1, 1]]}, "`n_trials` must be 1"),
        ({"transitions.Ws": [[1], [1, 1]]}, "must not depend on inputs or data"),
        ({"symbol_names": [None, []]}, "`symbol_names` must be a list of strings"),
        ({"symbol_names": [True, False]}, "`symbol_names` must be a list of strings"),
    ],
)
def test_arrays_that_are_none_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        import_hmm(PLAIN | changes)


@pytest.mark.parametrize("row", [[np.inf, 0.0], [-np.inf, -np.inf], [np.nan, 0.0]])
def test_log_weights_that_are_no_logarithms_are_refused(row):
    arrays = {"log_pi0": row, "log_Ps": np.log(TRANSITION), "logits": np.log(EMISSION)}
    with pytest.raises(InputError, match="`log_pi0` must hold log weights, the largest of each row finite"):
        import_hmm(arrays)


def test_a_file_of_ours_keeps_its_bits_and_names(tmp_path):
    hmm = HMM([1.0], [[1.0]], [[1 / 1.001, 0.001 / 1.001]], symbol_names=(" a", "b\n"))
    (tmp_path / "h.toml").write_text(dump_hmm(hmm))
    assert import_hmm(tmp_path / "h.toml") == hmm


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("h.npz", b"no archive"),
        ("h.mat", b"no matrix"),
        ("h.json", b"[" * 5000),
        ("h.toml", b"a = " + b"[" * 5000),
        ("h.toml", b"a = " + b"9" * 5000),
        ("h.toml", b"a = 0x" + b"f" * 5000),
    ],
)
def test_files_that_parsers_give_up_on_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        InputError, match="must be a readable .* file without pickled objects, but: .*Save plain"
    ):
        import_hmm(tmp_path / name)


def test_a_file_of_matlab_that_ends_its_reader_is_named(tmp_path):
    savemat(tmp_path / "h.mat", PLAIN)
    assert import_hmm(tmp_path / "h.mat") == HMM(INITIAL, TRANSITION, EMISSION)
    content = bytearray((tmp_path / "h.mat").read_bytes())
    content[content.index(b"probs\0\0\0\t") + 8] ^= 1  # SciPy takes it for another type, and breaks down
    (tmp_path / "h.mat").write_bytes(content)
    with pytest.raises(InputError, match=r"must be a readable \.mat file"):
        import_hmm(tmp_path / "h.mat")


def test_an_array_whose_length_was_damaged_is_refused(tmp_path):
    """NumPy reads as many numbers as the damaged header says, and stops before the checksum."""
    path = tmp_path / "s.npz"
    np.savez(path, np.arange(99_999) % 2)
    path.write_bytes(path.read_bytes().replace(b"(99999,)", b"(11111,)"))
    assert np.load(path)["arr_0"].shape == (11_111,)
    with pytest.raises(InputError, match="the checksum of arr_0.npy does not match"):
        load_sequences(path)
