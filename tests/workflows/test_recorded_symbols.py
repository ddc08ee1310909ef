"""Recorded sequences beside a readout: the message names what is wrong with them."""

import pytest

from orbitscope.errors import InputError
from orbitscope.process import RecordedSequences
from orbitscope.workflows.recorded_symbols import require_symbol_of_each_row


def refuse(sequences, n_rows, **options):
    with pytest.raises(InputError) as caught:
        require_symbol_of_each_row(RecordedSequences(sequences, **options), n_rows)
    return str(caught.value)


def test_file_and_sizes_are_named():
    require_symbol_of_each_row(RecordedSequences([[0, 1], [1, 1]]), 2)
    text = refuse([[0, 2], [1, 0]], 2, name="song")
    assert text.startswith(
        "the sequences `song` must have a symbol for each of the 2 rows of the readout, got 3 symbols, since "
        "their largest number is 2."
    )
    assert "got 3 symbols: a, b, c." in refuse([[0, 1, 2]], 2, symbol_names=["a", "b", "c"])


@pytest.mark.parametrize(
    ("sequences", "cause"),
    [
        ([[0, 0, 1], [1, 1, 0], [2, 0, 0], [3, 1, 1]], "first column counts up by one. Is it an index?"),
        ([[5, 0, 1], [6, 1, 0], [7, 0, 0]], "first column counts up by one. Is it an index?"),
        ([[1, 2, 1], [2, 2, 1]], "They begin at 1, and 0 never occurs. Number symbols from 0."),
        ([[0, 4, 2], [0, 0, 4]], "Never occur: 1, 3. Number those that occur from 0 on, without gaps."),
        ([[10, 20, 10]], "Never occur: 0, 1, 2, 3, 4, 5, 6, 7 and 11 more."),
        ([[0, 1, 1], [1, 2, 1]], "Numbers above 1 occur once, first 2 in 1 at step 1. Correct"),
        ([[0, 1, 1], [1, 3, 2]], "Numbers above 1 occur 2 times, first 3 in 1 at step 1. Correct"),
    ],
    ids=["index", "index-from-5", "from-one", "gaps", "many-gaps", "stray", "strays"],
)
def test_the_likely_cause_is_named(sequences, cause):
    assert cause in refuse(sequences, 2)


def test_rows_without_a_symbol_are_to_be_named():
    text = refuse([[0, 1], [1, 1]], 3)
    assert "got 2 symbols, since their largest number is 1. Name all rows by `symbol_names`" in text
