"""Options that say something are never taken for ones that were left out."""

import pytest

from orbitscope.cli.main import run as run_command


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["choose-epsilon", "linear-2", "--n-steps", "0"], "`--n-steps` must be ≥ 2, got 0"),
        (["choose-epsilon", "linear-2", "--batch-size", "1"], "`--batch-size` must be ≥ 2, got 1"),
        (["choose-epsilon", "linear-2", "--repeats", "1"], "`--repeats` must be ≥ 2, got 1"),
        (["choose-epsilon", "linear-2", "--threads", "0"], "`--threads` must be ≥ 1, got 0"),
        (["choose-epsilon", "linear-2", "--seed", "-1"], "`--seed` must be ≥ 0, got -1"),
        (["doctor", "--threads", "0"], "`--threads` must be ≥ 1, got 0"),
        (["sample", "linear-2", "--n-steps", "0"], "`--n-steps` must be ≥ 1, got 0"),
        (["sample", "linear-2", "--n-sequences", "0"], "`--n-sequences` must be ≥ 1, got 0"),
        (["sample", "linear-2", "--seed", "-1"], "`--seed` must be ≥ 0, got -1"),
        (
            ["sample", "linear-2", "--epoch", "99"],
            "`--epoch` must go with a run, but `linear-2` is a process",
        ),
    ],
)
def test_a_value_that_means_nothing_is_refused(capsys, tokens, message):
    assert run_command(tokens) == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "tokens",
    [
        ["train", "linear-2", "--threads", "0"],
        ["train", "linear-2", "--seed", "-1"],
        ["evaluate", "zoo:linear-2", "--threads", "0"],
        ["analyse", "zoo:linear-2", "--threads", "0"],
        ["intervene", "zoo:linear-2", "--on", "first", "--threads", "0"],
        ["run", "zoo:linear-2", "--threads", "0"],
        ["run", "linear-2", "--threads", "0"],
    ],
)
def test_settings_that_are_out_of_range_are_refused(capsys, tokens):
    assert run_command(tokens) in (1, 2)
    shown = " ".join(capsys.readouterr().err.split())
    assert "must be ≥" in shown
    assert "Traceback" not in shown
