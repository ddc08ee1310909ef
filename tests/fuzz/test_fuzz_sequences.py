"""Files with sequences: arrays of every type and shape, text of every form, and damaged files."""

import io
import re

import h5py
import numpy as np
import pytest
from fuzzing import damage, fuzz, refusal_allowed, write
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from orbitscope.importers import load_sequences
from orbitscope.process import RecordedSequences, load_recorded, save_process

ROWS = [[0, 1, 1, 2], [2, 0, 0, 1], [1, 1, 0, 2]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sequences")


def save(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def savez(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def decode(content):
    """Text by its byte order mark; UTF-8 without one."""
    marks = {
        b"\xff\xfe\0\0": "utf-32",
        b"\0\0\xfe\xff": "utf-32",
        b"\xff\xfe": "utf-16",
        b"\xfe\xff": "utf-16",
    }
    return content.decode(
        next((name for mark, name in marks.items() if content.startswith(mark)), "utf-8-sig")
    )


def list_words(loaded):
    return [[loaded.symbol_names[s] for s in sequence] for sequence in loaded.sequences]


def read_rows(array):
    """Sequences that an array stands for: its rows; a row or a column alone is one."""
    table = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    return list(table if table.ndim > 1 else table[None])


def require_same(loaded, rows):
    """Every number, or word, is where it was."""
    assert len(loaded.sequences) == len(rows)
    for sequence, words, row in zip(loaded.sequences, list_words(loaded), rows, strict=True):
        if row.dtype.kind == "U":
            assert words == row.tolist()
        else:
            assert row.dtype.kind in "iuf"
            assert sequence.tolist() == [int(value) for value in row]
            assert all(int(value) == value for value in row)


whole = st.integers(0, 12)
cells = st.one_of(
    hnp.arrays(
        hnp.scalar_dtypes() | hnp.unicode_string_dtypes(max_len=3) | hnp.byte_string_dtypes(max_len=3),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    hnp.arrays(
        hnp.integer_dtypes() | hnp.unsigned_integer_dtypes() | hnp.floating_dtypes(),
        hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=5),
        elements=whole,
    ),
    hnp.arrays(
        np.dtype("U2"),
        hnp.array_shapes(min_dims=0, max_dims=2, max_side=4),
        elements=st.sampled_from(["a", "b", "é", ""]),
    ),
)


@fuzz(1000, array=cells)
def test_an_array_is_read_as_it_is_or_refused(array, folder):
    path = write(folder / "a.npy", save(array))
    with refusal_allowed():
        require_same(load_sequences(path), read_rows(array))


names = st.sampled_from(["a", "b", "arr_0", "symbols", "x y"])


@fuzz(
    1000,
    arrays=st.dictionaries(names, cells, max_size=3),
    extra=st.fixed_dictionaries(
        {}, optional={"symbol_names": cells, "lengths": cells, "sequence_names": cells}
    ),
)
def test_arrays_of_one_file_are_read_as_they_are_or_refused(arrays, extra, folder):
    path = write(folder / "a.npz", savez(**arrays, **extra))
    with refusal_allowed():
        loaded = load_sequences(path)
        if "symbol_names" in extra:
            given = extra["symbol_names"]
            assert given.ndim <= 1
            expected = tuple(map(str, np.atleast_1d(given)))
            assert not expected or loaded.symbol_names == expected
        if "lengths" in extra and "sequence_names" not in extra:
            lengths = np.atleast_1d(extra["lengths"])
            assert loaded.lengths.tolist() == lengths.tolist()
            (table,) = arrays.values()
            table = table[:, 0] if table.ndim == 2 and table.shape[1] == 1 else table
            parts = (
                np.split(table, np.cumsum(lengths)[:-1])
                if table.ndim == 1
                else [r[:n] for r, n in zip(table, lengths, strict=True)]
            )
            require_same(loaded, parts)
        elif "sequence_names" not in extra:
            rows = read_rows(*arrays.values()) if len(arrays) == 1 else list(arrays.values())
            require_same(loaded, rows)


@fuzz(
    500,
    content=st.binary(max_size=200),
    suffix=st.sampled_from([".npy", ".npz", ".csv", ".tsv", ".txt", ".h5", ".NPY", "", ".pkl"]),
    head=st.sampled_from(
        [b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\xef\xbb\xbf", b"\xff\xfe"]
    ),
)
def test_any_bytes_are_refused_or_text(content, suffix, head, folder):
    path = write(folder / f"a{suffix}", head + content)
    with refusal_allowed():
        loaded = load_sequences(path)
        assert suffix in (".csv", ".tsv", ".txt")
        require_text(loaded, decode(head + content))


def require_text(loaded, text):
    """The words of text without quotes are those between separators."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if '"' in text:
        return
    rows = [
        [
            word.strip()
            for word in re.split(
                r"[,;\t]" if re.search(r"[,;\t]", text) else r"\s+", re.sub(r"(^|\s)#.*", "", line).strip()
            )
        ]
        for line in lines
    ]
    rows = [[word for word in row if word] for row in rows]
    rows = [row for row in rows if row]
    if len(rows) > 1 and all(len(row) == 1 for row in rows):
        rows = [[row[0] for row in rows]]
    found = list_words(loaded)
    if all(re.fullmatch(r"\d+", word) for row in found for word in row):
        assert found == [[str(int(float(word))) for word in row] for row in rows]
    else:
        assert found == rows


word = st.sampled_from(
    [
        "0",
        "1",
        "2",
        "3",
        "10",
        "a",
        "b",
        "walk",
        "é",
        "1.0",
        "1.",
        "1e1",
        "0.5",
        "-1",
        "nan",
        "NA",
        "",
        " ",
        "#",
        "C#",
        '"a"',
        '"',
        "'",
        "0x1",
        "1_000",
        "9" * 20,
        "9" * 5000,
        "1e999",
        "٣",
        "²",
        "\x00",
        "a\x00",
        "\ufeff",
        "\u2028",
        "\x0b",
        "\x85",
        "𝟙",
        "+1",
        "1,5",
        "#1",
    ]
)
text = st.one_of(
    st.lists(st.lists(st.integers(0, 12).map(str), min_size=1, max_size=6), min_size=1, max_size=5).flatmap(
        lambda rows: st.sampled_from([",", ";", "\t", " ", ", "]).map(lambda s: "\n".join(map(s.join, rows)))
    ),
    st.lists(
        st.tuples(word, st.sampled_from([",", ",", ";", "\t", " ", "\n", "\n", "\r\n", "\r", ", "])),
        max_size=14,
    ).map(lambda pairs: "".join(map("".join, pairs))),
    st.text(st.sampled_from('01234ab,;\t \n\r"#.-+e\x00é'), max_size=40),
    st.text(max_size=20),
)


@fuzz(2000, text=text, encoding=st.sampled_from(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "latin-1", "utf-32"]))
def test_text_is_read_word_by_word_or_refused(text, encoding, folder):
    path = write(folder / "a.csv", text.encode(encoding, "replace"))
    with refusal_allowed():
        loaded = load_sequences(path)
        require_text(loaded, decode(path.read_bytes()))


@fuzz(
    400,
    rows=st.lists(st.lists(whole, min_size=1, max_size=9), min_size=1, max_size=6),
    form=st.sampled_from(["npy", "npz", "lengths", "h5", "run"]),
)
def test_what_was_written_is_read(rows, form, folder):
    arrays = [np.array(row) for row in rows]
    if form == "npy":
        arrays = [arrays[0]]
        path = write(folder / "a.npy", save(arrays[0]))
    elif form == "npz":
        arrays = arrays if len(arrays) > 1 else arrays * 2
        path = write(folder / "a.npz", savez(**{f"s{i}": a for i, a in enumerate(arrays)}))
    elif form == "lengths":
        path = write(folder / "a.npz", savez(x=np.concatenate(arrays), lengths=list(map(len, rows))))
    elif form == "h5":
        path = folder / "a.h5"
        with h5py.File(path, "w") as file:
            for i, array in enumerate(arrays):
                file[f"r{i}/syllable"] = array
    else:
        recorded = RecordedSequences(arrays, name="a")
        save_process(recorded, folder)
        path = folder / "sequences.npz"
        assert load_recorded(path) == recorded
    require_same(load_sequences(path), arrays)


things = st.recursive(
    st.none() | st.integers(-1, 3) | st.just(10**400) | st.floats() | st.booleans() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
labels = st.lists(st.text(max_size=2) | st.sampled_from(["\x00", "a\x00", "\ud800"]), max_size=3)


@fuzz(
    600,
    sequences=things | st.lists(st.lists(whole, max_size=4) | cells, max_size=3),
    symbol_names=labels,
    sequence_names=labels,
)
def test_any_sequences_are_recorded_as_they_are_or_refused(sequences, symbol_names, sequence_names, folder):
    with refusal_allowed():
        recorded = RecordedSequences(sequences, symbol_names, sequence_names)
        for kept, given in zip(recorded.sequences, sequences, strict=True):
            assert kept.tolist() == list(given)
        assert not symbol_names or recorded.symbol_names == tuple(symbol_names)
        save_process(recorded, folder)
        assert load_recorded(folder / "sequences.npz") == recorded


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory):
    """Bytes of valid files by name; each holds ROWS."""
    folder = tmp_path_factory.mktemp("whole")
    with h5py.File(folder / "whole.h5", "w") as file:
        for i, row in enumerate(ROWS):
            file[f"r{i}/syllable"] = row
    save_process(RecordedSequences(ROWS, ["x", "y", "z"], ["p", "q", "r"], "week"), folder)
    compressed = io.BytesIO()
    np.savez_compressed(compressed, *ROWS)
    return {
        "a.npy": save(np.array(ROWS)),
        "a.npz": savez(**{f"s{i}": row for i, row in enumerate(ROWS)}),
        "compressed.npz": compressed.getvalue(),
        "sequences.npz": (folder / "sequences.npz").read_bytes(),
        "a.csv": "".join(",".join(map(str, row)) + "\n" for row in ROWS).encode(),
        "a.h5": (folder / "whole.h5").read_bytes(),
    }


CHECKED = ("a.npz", "compressed.npz", "sequences.npz")
"""Files whose arrays have checksums."""


@fuzz(2500, data=st.data(), name=st.sampled_from([*CHECKED, *CHECKED, "a.npy", "a.csv", "a.h5"]))
def test_a_damaged_file_is_refused_or_what_it_holds_is_unharmed(data, name, folder, whole_files):
    path = write(folder / name, data.draw(damage(whole_files[name])))
    with refusal_allowed():
        loaded = load_sequences(path)
        assert isinstance(loaded, RecordedSequences)
        if name in CHECKED:
            rows = [sequence.tolist() for sequence in loaded.sequences]
            assert [row for row in ROWS if row in rows] == rows  # an array can only go as a whole
        elif name == "a.csv":
            require_text(loaded, decode(path.read_bytes()))
        elif name == "a.npy":
            require_same(loaded, read_rows(np.load(path)))
    if name == "sequences.npz":
        with refusal_allowed():
            assert load_recorded(path).sequence_names == ("p", "q", "r")
            assert [sequence.tolist() for sequence in load_recorded(path).sequences] == ROWS
