"""The tables of the circuit: rows that resume, pairs that are dropped from data, verdicts and sentences."""

import copy
import json
import sys
from pathlib import Path

import pytest
from claim_numbers import make_numbers, number
from scipy import stats

from orbitscope.parts import REGISTRY
from orbitscope.quantity import Quantity
from orbitscope.runs import RunFolder
from orbitscope.runs.zoo import open_run

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).resolve().parent.parent
EXPERIMENTS = ROOT / "experiments"
MODULES = (
    *("rows", "row_cells", "paired_losses", "circuit_measures"),
    *("circuit_statements", "circuit_pairs", "circuit_answers", "circuit_page", "circuit_table"),
    *("circuit_figures", "discrete_to_continuous"),
)
START, END = "<!-- circuit tables: generated -->", "<!-- end of circuit tables -->"


@pytest.fixture
def circuit(monkeypatch, tmp_path):
    """The tables of the circuit with a page, rows and a figure of their own."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import circuit_table  # pyright: ignore[reportMissingImports]

    page = tmp_path / "results.md"
    page.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    monkeypatch.setattr(circuit_table.table, "PAGE", page)
    monkeypatch.setattr(circuit_table, "ROWS", tmp_path / "circuit.jsonl")
    monkeypatch.setattr(circuit_table.circuit_page, "FIGURE", tmp_path / "pairs.png")
    monkeypatch.setattr(circuit_table.circuit_page, "CHAINS_FIGURE", tmp_path / "chains.png")
    monkeypatch.setattr(circuit_table.paired_losses, "ROWS", tmp_path / "paired.jsonl")
    return circuit_table


@pytest.fixture
def pairs(circuit):
    import circuit_pairs  # pyright: ignore[reportMissingImports]

    return circuit_pairs


def make_row(objective="sequences", seed=0, *, process="linear-2", **changes):
    """A network in which every claim holds; changes replace quantities by their key, None removes one."""
    return {
        **{"network": f"{process}-{objective}-{seed}", "set": "pairs", "process": process, "seed": seed},
        **{"recipe": "published", "objective": objective, "phase": "past_transition", "commit": "abc1234"},
        "emulation": {"verdict": {"word": "partly"}, "cross_entropy_gap": number(-0.02, -0.03, -0.01)},
        "parts": {},
        "quantities": make_numbers(**changes),
    }


def make_trained(objective, seed, phase="past_transition", process="linear-2"):
    return {"preset": process, "seed": seed, "loss": {"objective": objective}, "phase": phase}


def make_experiment(n_pairs=6, **changes):
    """Pairs whose networks of the published loss are slower, and the rows of their training."""
    rows, trained = [], []
    for seed in range(n_pairs):
        for objective, pace in (("sequences", 8.0 + 0.3 * seed), ("words", 4.0 + 0.1 * seed)):
            rows.append(make_row(objective, seed, pace=pace, **changes))
            trained.append(make_trained(objective, seed))
    return rows, trained


# rows


@pytest.fixture
def counted(circuit, monkeypatch):
    """Which parts are computed, of a zoo of one network with one part."""
    calls, analyse = [], circuit.analyse_subject

    def count(*arguments, **options):
        calls.append(options["only"])
        return analyse(*arguments, **options)

    monkeypatch.setattr(circuit, "analyse_subject", count)
    monkeypatch.setattr(circuit, "PARTS", ("switches",))
    monkeypatch.setattr(circuit, "list_networks", lambda: [find_zoo(circuit)])
    monkeypatch.setattr(sys, "argv", ["circuit_table.py", "--threads", "1"])
    return calls


def find_zoo(circuit, name="zoo:linear-2"):
    return circuit.Network(name, "zoo", open_run(name))


@pytest.fixture
def small(circuit, monkeypatch):
    """Sizes of a first look, with rows and page where they are."""
    fill = circuit.fill_row
    monkeypatch.setattr(circuit, "fill_row", lambda *given, redo, **_: fill(*given, redo=redo, quick=True))


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_rows_are_computed_once_and_only_what_is_missing(circuit, counted, monkeypatch):
    circuit.main()
    assert counted == [["switches"]]
    (row,) = circuit.table.read_rows(circuit.ROWS)
    assert (row["set"], row["process"], row["recipe"]) == ("zoo", "linear-2", "published")
    assert (row["objective"], row["seed"], row["phase"]) == ("sequences", 1, "past_transition")
    assert row["parts"]["switches"]["status"] == "done"
    assert row["quantities"]["switches.rate"]["beside"][0]["name"] == "process"
    assert row["emulation"]["verdict"]["word"] == "partly"
    assert "| switches per step | process |" in circuit.table.PAGE.read_text()

    circuit.main()
    assert len(counted) == 1
    monkeypatch.setattr(circuit, "PARTS", ("switches", "noise_kernel"))
    circuit.main()
    assert counted[1:] == [["noise_kernel"]]
    (row,) = circuit.table.read_rows(circuit.ROWS)
    assert list(row["parts"]) == ["switches", "noise_kernel"]
    assert "noise_kernel.pair_cosine[0-2]" in row["quantities"]
    circuit.main()
    assert len(counted) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_other_settings_other_weights_and_redo_compute_anew(circuit, counted, monkeypatch):
    circuit.main()
    (row,) = circuit.table.read_rows(circuit.ROWS)
    row["parts"]["switches"]["settings"]["n_steps"] = 7
    circuit.table.write_rows(circuit.ROWS, [row])
    circuit.main()
    assert len(counted) == 2
    circuit.table.write_rows(circuit.ROWS, [row | {"weights": "other"}])
    circuit.main()
    assert len(counted) == 3
    monkeypatch.setattr(sys, "argv", ["circuit_table.py", "--redo"])
    circuit.main()
    assert len(counted) == 4
    assert len(circuit.table.read_rows(circuit.ROWS)) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("small", "counted")
def test_a_kill_leaves_whole_rows_only(circuit, monkeypatch):
    circuit.main()
    before = circuit.ROWS.read_text()

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(circuit, "analyse_subject", stop)
    networks = [find_zoo(circuit), find_zoo(circuit, "zoo:linear-3")]
    monkeypatch.setattr(circuit, "list_networks", lambda: networks)
    with pytest.raises(KeyboardInterrupt):
        circuit.main()
    assert circuit.ROWS.read_text() == before


def test_a_network_that_diverged_has_a_row_and_no_analysis(circuit, counted, monkeypatch, tmp_path):
    source = open_run("zoo:linear-2")
    folder = RunFolder(tmp_path / "linear-2-fast-0")
    settings = source.read_settings().override({"recipe": "fast", "seed": 0})
    folder.create(settings, source.read_process(), {})
    network = circuit.Network("linear-2-fast-0", "seeds", folder)
    monkeypatch.setattr(circuit, "list_networks", lambda: [network])
    circuit.main()
    (row,) = circuit.table.read_rows(circuit.ROWS)
    assert (row["phase"], row["quantities"], counted) == ("diverged", {}, [])
    assert "| linear-2 | fast | 0 | seed 0 diverged |" in circuit.table.PAGE.read_text()


def test_the_networks_are_those_of_zoo_and_pairs_and_no_folder_is_written_to(circuit):
    found = {network.name: network.set for network in circuit.list_networks()}
    assert list(found.values()).count("zoo") == 12
    packed = {path.name for path in (EXPERIMENTS / "paired_runs").iterdir()}
    assert {name for name, kind in found.items() if kind == "pairs"} == packed
    assert all(name in REGISTRY for name in circuit.PARTS if name != "carriers")


def test_the_tables_of_the_circuit_are_those_of_their_rows(circuit, monkeypatch):
    """Nothing in the generated part is written by hand."""
    docs = ROOT / "docs"
    for module, name in ((circuit, "circuit"), (circuit.paired_losses, "paired_losses")):
        monkeypatch.setattr(module, "ROWS", docs / f"{name}.jsonl")
    for name, file in (("FIGURE", "circuit_pairs"), ("CHAINS_FIGURE", "discrete_to_continuous")):
        monkeypatch.setattr(circuit.circuit_page, name, docs / "figures" / f"{file}.png")
    circuit.write_page()
    drawn, shipped = (
        page.read_text().partition(START)[2].partition(END)[0]
        for page in (circuit.table.PAGE, docs / "results.md")
    )
    assert drawn == shipped


# pairs


def test_dropped_pairs_are_found_from_their_phase(pairs):
    rows = [make_row(objective, seed) for seed in range(4) for objective in ("sequences", "words")]
    rows = [row for row in rows if row["network"] not in ("linear-2-words-1", "linear-2-sequences-3")]
    phases = {("words", 1): "diverged", ("sequences", 2): "on_plateau"}
    trained = [
        make_trained(row, seed, phases.get((row, seed), "past_transition"))
        for seed in range(4)
        for row in ("sequences", "words")
    ]
    found = {pair.seed: pair.dropped for pair in pairs.find_pairs(rows, trained)}
    assert found == {
        0: "",
        1: "words diverged",
        2: "sequences is on the plateau",
        3: "sequences is not there yet",
    }


def test_a_difference_is_that_of_the_pairs_that_have_the_measure(circuit, pairs):
    rows, trained = make_experiment(4)
    del rows[0]["quantities"]["commitment.rise_time"]
    found = pairs.compare(pairs.find_pairs(rows, trained), circuit.circuit_page.COMPARED[2].find)
    differences = [4.2, 4.4, 4.6]
    interval = stats.ttest_1samp(differences, 0.0).confidence_interval()
    assert (found.n_pairs, found.n_higher, found.n_lower) == (3, 3, 0)
    assert found.mean == pytest.approx(4.4)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_pairs_that_agree_have_sentences_on_loss_and_pace(circuit):
    rows, trained = make_experiment(6)
    text = circuit.circuit_page.render(rows, trained)
    assert "They do not overlap" in text
    assert "linear-2, pairs. **higher with the published loss**: rise time (steps) 4.5 [" in text
    assert (
        "linear-2, in units of the rise time. **no difference shown**: half-lead 0, kernel length 0" in text
    )
    assert "| linear-2 | 6 | 6 | none |" in text
    rows, trained = make_experiment(5)
    assert "**fewer than 6 pairs, no test**: switches per step" in circuit.circuit_page.render(rows, trained)


def test_a_measure_that_follows_the_pace_within_a_loss_is_named(circuit):
    text = circuit.circuit_page.render(*make_experiment(6))
    assert (
        "within one loss, p < 0.05: half-lead (steps) (1, sequences, n = 6), half-lead (steps) (1, " in text
    )


@pytest.mark.slow
def test_the_figure_has_a_panel_for_each_measure_and_a_line_for_each_pair(circuit, pairs):
    import circuit_figures  # pyright: ignore[reportMissingImports]

    rows, trained = make_experiment(6, **{"noise_kernel.length": None})
    circuit.table.write_rows(circuit.ROWS, rows)
    circuit.table.write_rows(circuit.paired_losses.ROWS, trained)
    figure = circuit_figures.plot_pairs(pairs.find_pairs(rows, trained))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert "N_eff" in titles
    assert "kernel length (steps)" not in titles
    lines = figure.axes[titles.index("rise time (steps)")].lines
    assert [len(lines), *lines[-1].get_ydata()] == [7, pytest.approx(8.75), pytest.approx(4.25)]
    circuit_figures.main()
    assert circuit.circuit_page.FIGURE.is_file()
    circuit.write_page()
    assert "(figures/pairs.png)" in circuit.table.PAGE.read_text()


# verdicts


@pytest.mark.parametrize("n", [3, 6])
def test_a_loss_has_a_verdict_from_six_networks_on(circuit, n):
    rows = [make_row("sequences", seed) for seed in range(n)]
    rows += [make_row("words", seed, **{"noise_kernel.rank": number(2)}) for seed in range(n)]
    rows.append(make_row("words", n) | {"phase": "on_plateau"})
    text = circuit.circuit_page.render(rows, [])
    verdicts = ("holds", "fails") if n == 6 else ("has too few networks",) * 2
    assert (
        "*C15 one, one direction times all switches*: with the published loss it "
        f"**{verdicts[0]}** (holds in {n} of {n}); with the loss on words it **{verdicts[1]}** (fails in "
        f"{n} of {n})."
    ) in text
    assert "1 are on the plateau" in text


def test_verdicts_that_differ_are_mixed(circuit):
    rows = [make_row(seed=seed, **{"noise_kernel.rank": number(1 + seed % 2)}) for seed in range(6)]
    text = circuit.circuit_page.render(rows, [])
    assert "it **is mixed** (holds in 3, fails in 3 of 6); with the loss on words it is not measured" in text
    assert "| C15 one: one direction times all switches | 3 / 3 / 0 | 3 / 3 / 0 |" in text


def test_what_follows_from_the_kind_of_network_is_not_called_missing(circuit, monkeypatch):
    rows = [make_row(seed=seed) for seed in range(6)]
    answers = sys.modules["circuit_answers"]
    statement = answers.STATEMENTS[0]
    for verdict, text in (
        (answers.IDENTITY, "follows from the kind of network"),
        (answers.MISSING, "is not"),
    ):
        monkeypatch.setattr(answers, "judge", lambda *_, verdict=verdict: verdict)
        assert f"with the published loss it {text}" in answers.describe_statement(statement, rows)


def test_missing_parts_are_dashes_and_no_crash(circuit):
    rows, trained = make_experiment(6)
    rows += [row | {"set": "zoo", "network": "zoo:linear-2"} for row in copy.deepcopy(rows[:1])]
    for row in rows:
        row["quantities"] = {}
        row["emulation"] = None
        row["parts"] = {"switches": {"status": "undefined", "reason": "it never switches"}}
    text = circuit.circuit_page.render(rows, trained)
    assert "| switches per step | process | - | - |" in text
    assert "| N_eff / neurons that differ |  | - |  |" in text
    assert "- linear-2-words-0: `switches` is undefined, it never switches" in text
    assert "nan" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("key", "is_main", "kept"),
    [
        ("interventions.trapped[noise:1,0]", True, True),
        ("interventions.rate[kick-control,2]", False, True),
        ("interventions.trapped[first:0-2,0]", True, False),
        ("populations.pattern[both,own]", True, True),
        ("populations.block[both,own,0-2]", False, False),
        ("connectivity.raw_weight[first,within]", False, True),
        ("carriers.n_half[random]", False, True),
    ],
)
def test_rows_leave_out_details(circuit, key, is_main, kept):
    assert circuit._is_kept(Quantity(key, "label", is_main=is_main)) == kept


def test_seeds_have_median_and_range_and_count_the_network_of_the_zoo(circuit):
    rows = [
        make_row(seed=seed, pace=pace) | {"recipe": "fast", "set": kind, "network": f"{kind}{seed}"}
        for seed, pace, kind in ((0, 4.0, "seeds"), (1, 9.0, "zoo"), (2, 6.0, "seeds"))
    ]
    rows.append(make_row(seed=3) | {"recipe": "fast", "set": "seeds", "phase": "on_plateau"})
    text = circuit.circuit_page.render(rows, [])
    line = next(line for line in text.splitlines() if line.startswith("| linear-2 | fast |"))
    assert line.startswith("| linear-2 | fast | 3 | seed 3 on the plateau |")
    assert " 6 (4 to 9) |" in line


def test_rows_come_back_from_json_as_they_were(circuit):
    rows, trained = make_experiment(2)
    again = json.loads(json.dumps(rows))
    assert circuit.circuit_page.render(again, trained) == circuit.circuit_page.render(rows, trained)


@pytest.mark.slow
def test_the_chains_that_trained_are_drawn_by_their_number_of_states(circuit):
    import discrete_to_continuous  # pyright: ignore[reportMissingImports]

    rows = [make_row(process="linear-3"), make_row(), make_row("words", process="linear-5")]
    rows += [make_row(seed=1) | {"phase": "on_plateau"}, make_row(process="cyclic-4")]
    parsed = circuit.circuit_page.parse_rows(rows)
    dataset = discrete_to_continuous.collect_chains(parsed)
    assert dataset["process"].values.tolist() == ["linear-2", "linear-3", "linear-5"]
    figure = discrete_to_continuous.plot_chains(dataset)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert "half-lead" in titles
    assert discrete_to_continuous.collect_chains(parsed[3:]) is None
    circuit.table.write_rows(circuit.ROWS, rows)
    discrete_to_continuous.main()
    assert circuit.circuit_page.CHAINS_FIGURE.is_file()
    circuit.write_page()
    assert "![Networks of chains with either loss](figures/chains.png)" in circuit.table.PAGE.read_text()
