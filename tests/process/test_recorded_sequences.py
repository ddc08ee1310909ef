"""Recorded sequences as a value: what they hold, what they refuse, when two are equal."""

import copy
import pickle

import numpy as np
import pytest
import torch

from orbitscope.errors import InputError
from orbitscope.hmm import load_preset
from orbitscope.network import build_network, require_same_symbols
from orbitscope.process import RecordedSequences, order_symbols

RAGGED = [[0, 1, 1], [1], [0, 2]]


def test_lists_and_tables_become_read_only_rows_of_integers():
    recorded = RecordedSequences(RAGGED, name="song")
    assert [sequence.tolist() for sequence in recorded.sequences] == RAGGED
    assert recorded.lengths.tolist() == [3, 1, 2]
    assert recorded.symbol_names == ("0", "1", "2")
    assert recorded.sequence_names == ("0", "1", "2")
    assert recorded.n_symbols == 3
    table = np.array([[0, 1], [1, 0]], dtype=np.uint8)
    rows = RecordedSequences(table)
    table[0, 0] = 1
    assert rows.sequences[0].tolist() == [0, 1]
    assert rows.sequences[0].dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        rows.sequences[0][0] = 1
    with pytest.raises(AttributeError):
        rows.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_symbols_that_do_not_occur_may_be_named():
    recorded = RecordedSequences([[0, 1]], symbol_names=["sun", "rain", "snow"])
    assert recorded.n_symbols == 3
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, hidden_size=2, input_size=2, generator=generator)
    require_same_symbols(network, recorded)
    with pytest.raises(InputError, match="must have the same symbols, got 3 and 2"):
        require_same_symbols(network, RecordedSequences([[0, 1]]))


def test_symbols_are_numbered_in_the_order_of_names():
    recorded = RecordedSequences(RAGGED, ["a", "b", "c"], ["x", "y", "z"], name="song")
    ordered = order_symbols(recorded, ["c", "d", "a", "b"])
    assert [sequence.tolist() for sequence in ordered.sequences] == [[2, 3, 3], [3], [2, 0]]
    assert ordered.symbol_names == ("c", "d", "a", "b")
    assert (ordered.sequence_names, ordered.name) == (("x", "y", "z"), "song")
    assert order_symbols(recorded, recorded.symbol_names) == recorded
    from_one = order_symbols(RecordedSequences([[1, 2, 1]]), ["1", "2"])  # 0 does not occur
    assert from_one.sequences[0].tolist() == [0, 1, 0]
    with pytest.raises(InputError, match=r"must hold all symbols that occur .* got a, b without c\. Name"):
        order_symbols(recorded, ["a", "b"])


def test_a_repr_says_how_many_and_how_long():
    recorded = RecordedSequences(RAGGED, name="song")
    assert repr(recorded) == "RecordedSequences(name='song', n_sequences=3, n_symbols=3, lengths=1 … 3)"
    assert "n_sequences=2, n_symbols=2, lengths=2)" in repr(RecordedSequences([[0, 1], [1, 1]]))


def test_equality_is_that_of_symbols_and_names():
    recorded = RecordedSequences(RAGGED, ["a", "b", "c"])
    same = RecordedSequences([np.array(s, dtype=np.uint8) for s in RAGGED], ("a", "b", "c"), name="label")
    assert recorded == same
    assert hash(recorded) == hash(same)
    assert recorded != RecordedSequences(RAGGED)
    assert RecordedSequences([[0, 1], [1]]) != RecordedSequences([[0], [1, 1]])
    assert recorded != load_preset("linear-3").hmm
    for copied in (copy.deepcopy(recorded), pickle.loads(pickle.dumps(recorded))):
        assert copied == recorded
        assert not copied.sequences[0].flags.writeable


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ([], {}, r"`sequences` must hold sequences of at least one step, got none\. Leave"),
        ([[0, 1], []], {}, r"of at least one step, got an empty one\. Leave"),
        ([[0, 1], [2, -1]], {}, r"sequence `1` must hold whole numbers ≥ 0, got -1 at step 1\. Cut"),
        ([[0.0, 0.5]], {}, r"sequence `0` must hold whole numbers ≥ 0, got 0\.5 at step 1\. Cut"),
        ([[0.0, np.nan]], {}, r"whole numbers ≥ 0, got nan at step 1"),
        ([0, 1], {}, r"must be a row of whole numbers, got shape \(\) of int64\. Put a single sequence into"),
        (np.zeros((2, 3, 4)), {}, r"got shape \(3, 4\) of float64\. .*argmax\(-1\)"),
        ([["a", "b"]], {}, r"must be a row of whole numbers"),
        ([[0, 4]], {"symbol_names": ["a", "b"]}, r"must name all symbols, got 2 names for 5\. Add"),
        ([[0, 1]], {"symbol_names": ["a", "a"]}, r"must be different names, got 2 \(1 different\)\. Give"),
        ([[0, 1]], {"symbol_names": "ab"}, r"`symbol_names` must be a list of strings, got 'ab'\. Quote"),
        ([[0, 1]], {"sequence_names": ["a", "b"]}, r"name each sequence once, got 2 names for 1\. Leave"),
    ],
)
def test_what_is_no_sequence_is_refused(sequences, options, message):
    with pytest.raises(InputError, match=message):
        RecordedSequences(sequences, **options)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3,), "`sequences` must be rows of whole numbers"),
        (([[0, [1, 2]]],), "`sequences` must be rows of whole numbers"),
        (([[0]], 3), "`symbol_names` must be a list of strings"),
        (([[0]], ["a\0"]), "`symbol_names` must be text, got a NUL"),
    ],
)
def test_what_is_no_sequence_or_name_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        RecordedSequences(*arguments)
