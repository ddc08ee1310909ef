import tomllib

import numpy as np
import pytest

from orbitscope.errors import InputError
from orbitscope.hmm import HMM, build_random, dump_hmm, list_presets, load_hmm_file, load_preset, parse_hmm

TEXT = """
name = "door"
state_names = ["shut", "open"]
symbol_names = ["dark", "bright"]
transition_matrix = [[0.9, 0.1], [0.3, 0.7]]
emission_probs = [[1, 0], [0.25, 0.75]]
"""


@pytest.mark.parametrize("name", list_presets())
def test_presets_round_trip_bit_for_bit(name):
    hmm = load_preset(name).hmm
    restored = parse_hmm(dump_hmm(hmm))
    assert restored == hmm
    assert restored.name == name


def test_random_hmm_with_awkward_names_round_trips_through_a_file(tmp_path):
    drawn = build_random(23, 7, rng=np.random.default_rng(5), emission_concentration=0.1)
    names = ('a"b', "ü\n", "\\", "#", "d", "e", "f")
    hmm = HMM(drawn.initial_probs, drawn.transition_matrix, drawn.emission_probs, symbol_names=names)
    path = tmp_path / "hmm.toml"
    path.write_text(dump_hmm(hmm), encoding="utf-8")
    assert load_hmm_file(path) == hmm
    assert load_hmm_file(str(path)).symbol_names == names


def test_text_and_mapping_give_the_same_hmm():
    hmm = parse_hmm(TEXT)
    assert parse_hmm(tomllib.loads(TEXT)) == hmm
    assert (hmm.name, hmm.state_names, hmm.symbol_names) == ("door", ("shut", "open"), ("dark", "bright"))
    np.testing.assert_array_equal(hmm.emission_probs, [[1, 0], [0.25, 0.75]])


def test_initial_probs_default_to_the_stationary_distribution():
    np.testing.assert_allclose(parse_hmm(TEXT).initial_probs, [0.75, 0.25], rtol=1e-15)
    explicit = parse_hmm(TEXT + "initial_probs = [1.0, 0.0]\n")
    np.testing.assert_array_equal(explicit.initial_probs, [1, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TEXT + "transitions = 1\n",
            r"unknown key of an HMM file `transitions`.*`transition_matrix`.*Valid: ",
        ),
        ("emission_probs = [[1, 0]]", r"must have the keys .* got none for transition_matrix\. Add"),
        ("name = [", r"must be TOML, got: Invalid value .*Correct that line"),
        (TEXT.replace('"door"', "3"), r"`name` must be a string, got 3"),
        (TEXT.replace('["shut", "open"]', '"ab"'), r"`state_names` must be a list of strings, got 'ab'"),
        (
            TEXT.replace('["shut", "open"]', "[1, 2]"),
            r"`state_names` must be a list of strings, got \[1, 2\]",
        ),
        (TEXT.replace("0.7]", "0.6]"), r"`transition_matrix` must sum to 1 .*row 1"),
        (TEXT.replace("[[0.9, 0.1], [0.3, 0.7]]", "0.9"), r"`transition_matrix` must be a table"),
        (TEXT.replace("[[0.9, 0.1], [0.3, 0.7]]", "[[0.9, 0.1], [1]]"), "rows of unequal length"),
        (TEXT.replace("[[0.9, 0.1], [0.3, 0.7]]", "[[1, 0], [0, 1]]"), "one closed class of states"),
    ],
)
def test_invalid_files_name_the_path_and_the_remedy(text, message, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"(?s)bad\.toml: .*{message}"):
        load_hmm_file(path)


def test_missing_file():
    with pytest.raises(InputError, match=r"nowhere\.toml: must be a readable text file.*Check the path"):
        load_hmm_file("nowhere.toml")


@pytest.mark.parametrize("value", ["[" * 5000, "9" * 5000, "0x" + "f" * 5000])
def test_values_that_the_parser_gives_up_on_are_named(value):
    with pytest.raises(InputError, match="an HMM file must be TOML, got"):
        parse_hmm(f"name = {value}")


def test_a_path_that_no_file_can_have_is_named():
    with pytest.raises(InputError, match="must be a path, but: embedded null byte"):
        load_hmm_file("a\0b.toml")
