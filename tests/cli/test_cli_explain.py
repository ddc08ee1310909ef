from command_line import read_json

from orbitscope.cli.main import run as run_command


def test_explain_says_what_a_quantity_is(capsys):
    assert run_command(["explain", "regions.net_flux"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        "regions.net_flux Shown as net flux",
        "Equation (1/3)",
        "0 if the order of visits",
        "::test_",
    ):
        assert text in shown


def test_explain_lists_all_and_finds_by_part(capsys):
    assert run_command(["explain"]) == 0
    shown = capsys.readouterr().out
    assert "regions.net_flux" in shown
    assert "Next" in shown
    assert run_command(["explain", "circulation", "--json"]) == 0
    entries = read_json(capsys)["entries"]
    assert [entry["key"] for entry in entries] == [
        *("circulation.net", "circulation.n_forward", "circulation.n_backward")
    ]
    assert entries[0]["Unit"] == "none"


def test_explain_names_what_does_not_exist(capsys):
    assert run_command(["explain", "regions.flux"]) == 1
    assert "Did you mean `regions.net_flux`" in capsys.readouterr().err


def test_a_misspelt_section_has_guesses_and_no_list_of_all(capsys):
    assert run_command(["explain", "region"]) == 1
    message = " ".join(capsys.readouterr().err.split())
    assert message.startswith("error: unknown section or quantity `region`. Did you mean `regions` or ")
    assert message.endswith("? `orbitscope explain` lists all.")
    assert len(message) < 200


def test_explain_writes_the_page(capsys):
    assert run_command(["explain", "--page"]) == 0
    assert capsys.readouterr().out.startswith("# Reference of quantities\n")


def test_explain_knows_the_measures_of_an_evaluation(capsys):
    assert run_command(["explain", "evaluation.symbol_matrix_error"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "evaluation.symbol_matrix_error Shown as symbol matrix error Definition Largest error" in shown
