"""The scripts that fill the tables: what is not computed twice, and what stands on the page."""

import dataclasses
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from orbitscope.errors import DamagedFileError, RunFolderError
from orbitscope.evaluation import EvaluationResult
from orbitscope.hmm import load_hmm_file
from orbitscope.recipes import build_settings
from orbitscope.results import load_result, save_result
from orbitscope.runs import RunFolder
from orbitscope.system.plain_json import make_plain
from orbitscope.system.sealed_files import write_sealed
from orbitscope.training import TrainingDivergedError
from orbitscope.workflows.analyse_run import analyse_run, load_part
from orbitscope.workflows.evaluate_run import load_evaluation

pytestmark = pytest.mark.checkout

ANALYSED = ("regions", "circulation")
SHOWN = (
    *("noise_free_growth", "exponents", "rotation", "rotation_standardised", "readout_alignment"),
    *("regions", "regional_exponents", "circulation"),
)
"""Parts that the tables of dynamics show, of networks without checkpoints."""

ROOT = Path(__file__).resolve().parent.parent
EXPERIMENTS = ROOT / "experiments"
FOLDERS = (ROOT / "src" / "orbitscope" / "zoo_networks", EXPERIMENTS / "paired_runs")


@pytest.fixture
def table(monkeypatch, tmp_path):
    """The module of rows, with a page of its own."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    for name in (
        "rows",
        "row_cells",
        "paired_losses",
        "emulation_table",
        "dynamics_page",
        "dynamics_table",
        "convert_dynamics_rows",
    ):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import rows  # pyright: ignore[reportMissingImports]

    page = tmp_path / "results.md"
    page.write_text("before\n<!-- paired losses: generated -->\nold\n<!-- end of paired losses -->\nafter\n")
    monkeypatch.setattr(rows, "PAGE", page)
    return rows


@pytest.fixture
def paired(table, monkeypatch, tmp_path, tiny_settings):
    """The paired experiment on one process, two seeds, tiny networks."""
    import paired_losses  # pyright: ignore[reportMissingImports]

    def build(process, objective, seed, threads):
        changes = {**tiny_settings, "loss": {"objective": objective}}
        return build_settings(process, recipe="published", seed=seed, threads=1, changes=changes)

    monkeypatch.setattr(paired_losses, "build_paired_settings", build)
    monkeypatch.setattr(paired_losses, "PROCESSES", ("linear-3",))
    monkeypatch.setattr(paired_losses, "SEEDS", (0, 1))
    monkeypatch.setattr(paired_losses, "ADDED_SEEDS", dict.fromkeys(paired_losses.PROCESSES, ()))
    monkeypatch.setattr(paired_losses, "ROWS", tmp_path / "paired.jsonl")
    monkeypatch.setattr(paired_losses, "RUNS", tmp_path / "whole")
    monkeypatch.setattr(paired_losses, "PACKED", tmp_path / "paired")
    monkeypatch.setattr(sys, "argv", ["paired_losses.py"])
    return paired_losses


def read_lines(path):
    return [line.split("|")[1:-1] for line in path.read_text().splitlines() if line.startswith("| linear")]


@pytest.mark.slow
def test_the_paired_experiment_keeps_rows_packed_runs_and_a_page(paired, table, tmp_path):
    paired.main()
    rows = table.read_rows(paired.ROWS)
    assert len({table.identify(row) for row in rows}) == 4
    assert sorted(path.name for path in paired.PACKED.iterdir()) == [
        *("linear-3-sequences-0", "linear-3-sequences-1", "linear-3-words-0", "linear-3-words-1"),
    ]
    assert list(paired.RUNS.iterdir()) == []
    assert RunFolder(paired.PACKED / "linear-3-words-1").read_settings().loss.objective == "words"
    page = table.PAGE.read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    lines = read_lines(table.PAGE)
    assert [cell.strip() for cell in lines[-1][:3]] == ["linear-3", "words", "1"]
    difference = next(line for line in lines if line[1].strip() == "matrix error")
    values = {
        (row["loss"]["objective"], row["seed"]): table.find_value(row, "symbol_matrix_error") for row in rows
    }
    words = np.mean([values["words", seed] - values["sequences", seed] for seed in (0, 1)])
    assert float(difference[4]) == pytest.approx(words, rel=0.01)


@pytest.mark.slow
def test_a_kill_after_packing_costs_nothing(paired, table, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(table, "add_row", stop)
        with pytest.raises(KeyboardInterrupt):
            paired.main()
    whole = paired.RUNS / "linear-3-sequences-0"
    before = (whole / "history.jsonl").read_text()
    paired.main()
    assert (
        paired.PACKED / "linear-3-sequences-0" / "history.jsonl"
    ).read_text() == before  # with its seconds
    assert len(table.read_rows(paired.ROWS)) == 4
    monkeypatch.setattr(table, "train_or_continue", lambda *_: pytest.fail("all rows are there"))
    paired.main()


@pytest.mark.slow
def test_the_networks_of_a_pair_start_from_the_same_weights(paired):
    paired.main()
    runs = [RunFolder(paired.PACKED / f"linear-3-{objective}-1") for objective in paired.OBJECTIVES]
    first, second = (run.load_network(epoch=0).state_dict() for run in runs)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_row_holds_every_measure_beside_the_process_sample(table):
    result = load_evaluation("zoo:linear-3")
    row = {"measures": table.list_measures(result)}
    assert len(row["measures"]) == result.estimate.value.size == 46
    assert table.find_value(row, "symbol_matrix_error") == result.estimate.value[0, 0]
    first = table.find_measure(row, "symbol_matrix_error")
    assert (first["low"], first["floor_high"]) == (result.estimate.low[0, 0], result.floor.high[0, 0])
    assert table.find_measure(row, "sinkhorn_loss_excess")["floor"] is None


def test_the_schedule_validates_the_last_epoch_only(table):
    import paired_losses  # pyright: ignore[reportMissingImports]

    for settings in paired_losses.list_settings():
        assert settings.train.validate_every == settings.train.epochs


@pytest.mark.slow
def test_a_network_that_diverges_has_a_row_and_the_others_go_on(paired, table, monkeypatch):
    train = table.train_run

    def explode_once(settings, folder):
        if (settings.loss.objective, settings.seed) == ("words", 0):
            run = RunFolder(folder)
            run.create(settings, build_process(), {"commit": None})
            raise TrainingDivergedError("activity reached 1e16")
        return train(settings, folder)

    def build_process():
        from orbitscope.hmm import load_process

        return load_process("linear-3")

    monkeypatch.setattr(table, "train_run", explode_once)
    paired.main()
    rows = table.read_rows(paired.ROWS)
    assert [row["phase"] == "diverged" for row in rows] == [False, True, False, False]
    assert len(paired.find_pairs(rows, "linear-3", "volatility_error")) == 1
    diverged = [line for line in read_lines(table.PAGE) if "diverged" in "".join(line)]
    assert [cell.strip() for cell in diverged[0][3:6]] == ["-", "-", "-"]


def test_rows_of_other_settings_are_not_mixed(table):
    settings = build_settings("linear-3", recipe="published", changes={"train.epochs": 3})
    row = {
        "recipe": "published",
        "preset": "linear-3",
        "seed": 0,
        "train": settings.train.model_dump(),
        "loss": settings.loss.model_dump(),
    }
    assert table.find_row([row], settings) is row
    del row["train"]["growth_end"]  # a row from before this setting existed
    assert table.find_row([row], settings) is row
    assert table.find_row([row], settings.override({"train.epochs": 4})) is None
    assert table.find_row([row], settings.override({"loss.objective": "words"})) is None
    assert table.find_row([row], settings.override({"seed": 1})) is None


@pytest.mark.parametrize(("value", "text"), [(None, "-"), ("inf", "inf"), (0.12345, "0.123"), (2, "2")])
def test_undefined_and_infinite_numbers_have_a_text(table, value, text):
    assert table.format_number(json.loads(json.dumps(value))) == text


def test_undefined_and_infinite_values_are_no_pairs_and_signs_do_not_cancel(paired):
    def make(objective, seed, value):
        measures = [{"measure": "volatility_error", "start": "zero", "estimate": value, "floor": 0.0}]
        return {"preset": "linear-3", "loss": {"objective": objective}, "seed": seed, "measures": measures}

    rows = [
        make("sequences", 0, -0.3),
        make("words", 0, 0.2),
        make("sequences", 1, 0.1),
        make("words", 1, "inf"),
    ]
    np.testing.assert_allclose(paired.find_pairs(rows, "linear-3", "volatility_error"), [[0.3, 0.2]])


def test_the_test_is_exact_and_two_sided(table):
    import paired_losses  # pyright: ignore[reportMissingImports]

    pairs = np.stack([np.zeros(6), np.arange(1.0, 7.0)], axis=1)
    assert paired_losses.compute_p_value(pairs) == pytest.approx(2 / 64)
    assert paired_losses.compute_p_value(pairs[:, ::-1]) == pytest.approx(2 / 64)


# ---- dynamics


@pytest.fixture
def dynamics(table, monkeypatch, tmp_path):
    """The tables of dynamics with a page and rows of their own."""
    import dynamics_table  # pyright: ignore[reportMissingImports]

    page = "before\n<!-- dynamics tables: generated -->\nold\n<!-- end of dynamics tables -->\nafter\n"
    table.PAGE.write_text(page)
    monkeypatch.setattr(dynamics_table, "ROWS", tmp_path / "dynamics.jsonl")
    return dynamics_table


def test_the_tables_of_dynamics_are_those_of_their_rows(dynamics, table):
    """Nothing on the page is written by hand."""
    docs = EXPERIMENTS.parent / "docs"
    dynamics.ROWS.write_text((docs / "dynamics.jsonl").read_text())
    dynamics.write_page()
    start, end = "<!-- dynamics tables: generated -->", "<!-- end of dynamics tables -->"
    drawn, shipped = (
        page.read_text().partition(start)[2].partition(end)[0] for page in (table.PAGE, docs / "results.md")
    )
    assert drawn == shipped
    assert drawn.count("| linear-3 |") == 6


@pytest.mark.slow
def test_a_network_is_analysed_into_one_row_in_place_of_its_older_one(dynamics, table, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dynamics, "analyse_run", partial(dynamics.analyse_run, quick=True, only=ANALYSED))
    dynamics.add_row(dynamics.compute_row("zoo:linear-3", 1))
    dynamics.add_row(dynamics.compute_row("zoo:linear-3", 1))
    (row,) = table.read_rows(dynamics.ROWS)
    assert list(row) == ["network", "commit", "date", "threads", "parts", "quantities"]
    for part in ANALYSED:
        for quantity in load_part("zoo:linear-3", part, quick=True).list_quantities():
            kept, plain = row["quantities"].pop(f"{part}.{quantity.key}"), make_plain(quantity.to_plain())
            assert list(kept) == ["value", "low", "high", "word", "unit", "beside"]
            assert kept == {name: plain[name] for name in kept}
    assert row["quantities"] == {}
    dynamics.write_page()
    regions = load_part("zoo:linear-3", "regions", quick=True)
    share = regions.estimate.value[
        regions.measure.tolist().index("share"), regions.region.tolist().index("kick")
    ]
    assert f"{100 * share:.3g}" in table.PAGE.read_text()


@pytest.mark.slow
def test_the_shipped_rows_have_keys_units_and_neighbours_of_an_analysis(monkeypatch, tmp_path, table):
    """Those that were converted, too: else a column would be empty in the next row only."""
    monkeypatch.chdir(tmp_path)
    found = analyse_run("zoo:linear-3", only=SHOWN, quick=True, threads=1).quantities
    for row in table.read_rows(ROOT / "docs" / "dynamics.jsonl"):
        for key, kept in row["quantities"].items():
            if key.split(".")[0] in SHOWN:
                assert kept["unit"] == found[key].unit, key
                neighbours = [item.name for item in found[key].beside]
                assert {item["name"] for item in kept["beside"]} <= set(neighbours), key
                assert bool(kept["word"]) == bool(found[key].word), key


def test_a_row_holds_the_commit_of_its_results(dynamics, monkeypatch, tmp_path):
    """Not that of the day on which they were only read."""
    monkeypatch.chdir(tmp_path)
    only = partial(dynamics.analyse_run, quick=True, only=["exponents"])
    monkeypatch.setattr(dynamics, "analyse_run", only)
    for commit in ("abc1234", "def5678"):
        for module in ("orbitscope.workflows.analyse_run", "dynamics_table"):
            monkeypatch.setattr(f"{module}.find_commit", lambda commit=commit: commit)
        assert dynamics.compute_row("zoo:linear-3", 1)["commit"] == "abc1234"


def test_what_a_network_lacks_is_a_dash_and_regions_have_a_reason(dynamics):
    parts = {"regions": {"status": "undefined", "reason": "it is silent"}}
    alone = {"training_evolution.date[loss_drop]": {"value": None, "low": None, "high": None, "beside": []}}
    row = {"network": "mine", "commit": "abc1234", "parts": parts, "quantities": alone}
    lines = [line for line in dynamics.dynamics_page.render([row]).splitlines() if line.startswith("| mine")]
    assert lines == [
        "| mine | undefined: it is silent |  |  |  |  |  | abc1234 |",
        *(f"| mine |{' - |' * n}" for n in (6, 6, 7, 5, 5)),
    ]


def test_the_page_alone_analyses_nothing(dynamics, table, monkeypatch):
    monkeypatch.setattr(dynamics, "compute_row", lambda *_, **__: pytest.fail("nothing is to be analysed"))
    monkeypatch.setattr(sys, "argv", ["dynamics_table.py", "--page"])
    dynamics.main()
    assert "No rows yet." in table.PAGE.read_text()


def test_networks_that_are_no_presets_come_last(dynamics):
    names = ["runs/mine", "zoo:linear-3-faithful", "zoo:ring-6", "zoo:cyclic-4", "zoo:linear-2"]
    ordered = sorted(({"network": name} for name in names), key=dynamics.dynamics_page.order)
    assert [row["network"] for row in ordered] == [
        *("zoo:linear-2", "zoo:cyclic-4", "zoo:linear-3-faithful", "zoo:ring-6", "runs/mine")
    ]


# convert_dynamics_rows


def make_older_row():
    """As rows were before they had quantities: value and limits, numbers that tell themselves apart."""
    regions = ("transition", "kick", "slow")

    def each(*numbers):
        return {region: [n, n - 0.5, n + 0.5] for region, n in zip(regions, numbers, strict=True)}

    measures = ("share", "uncertain", "unstable", "unstable_null", "unstable_uniform", "entropy", "speed")
    found = {name: each(i, i + 100, i + 200) for i, name in enumerate((*measures, "logit_sign_rate"))}
    found["order"] = {"slow to kick": [0.5, 0.4, 0.6], "transition to slow": [0.7, 0.6, 0.8]}
    found |= {"net_flux": [5.0, 4.0, 6.0]}
    contrasts = {"network": [0.6, 0.5, 0.7], "null": [0.2, None, None], "beyond null": [0.4, 0.3, 0.5]}
    nulls = {"p_value": {"sign flips": 0.01, "untrained": 0.02}, "n_untrained": 100}
    nulls |= {"null_quantile": {"sign flips": 0.03, "untrained": 0.04}}
    drop, onset = {"date": [40.0, 39.0, 41.0], "lag": [0.0, 0.0, 0.0]}, {"date": [70.0, 60.0, 70.0]}
    return {
        **{"network": "zoo:linear-2", "commit": "abc1234", "date": "2026-11-28", "threads": 1, "parts": {}},
        "regions": found | {"kick_minus_slow": contrasts},
        "noise_free_growth": {
            **{"verdict": "decays", "directions": "rays", "mean_rate": -0.2, "largest_rate": -0.1},
        },
        "exponents": [-0.2, -0.3, -0.1],
        "rotation": {**nulls, "area_rate": [0.11, 0.1, 0.12], "variance": [0.5, 0.25]}
        | {"irreversibility": [0.001, -0.001, 0.002, 0.34]},
        "rotation_standardised": None,
        "circulation": {"circulation": [1.0, 0.9, 1.0], "counts": [219, 0]},
        "readout_alignment": {
            **{"projection": [0.35, 0.03], "p_permutations": [0.1, 0.2], "p_signs": [0.3, 0.4]},
            **{"logit_share": [0.9, 0.8], "logit_p_signs": [0.5, 0.6]},
        },
        "training_evolution": {
            "loss drop": drop,
            "unstable_share": onset | {"lag": [30.0, 19.0, 30.0]},
            "critical_share": onset | {"lag": [None, None, None]},
        },
    }


def test_rows_without_quantities_get_them_once(dynamics, table, capsys):
    import convert_dynamics_rows  # pyright: ignore[reportMissingImports]

    table.write_rows(dynamics.ROWS, [make_older_row()])
    contents = []
    for count in (1, 0):
        convert_dynamics_rows.main()
        assert f"{count} of 1 rows" in capsys.readouterr().out
        contents.append(dynamics.ROWS.read_text())
    assert contents[0] == contents[1]
    (row,) = table.read_rows(dynamics.ROWS)
    assert (row["commit"], row["date"], row["threads"]) == ("abc1234", "2026-11-28", 1)
    found = row["quantities"]
    numbers = {key: [kept[name] for name in ("value", "low", "high")] for key, kept in found.items()}
    assert numbers["regions.sign_rate[slow]"] == [207, 206.5, 207.5]
    assert numbers["regions.order[transition-slow]"] == [0.7, 0.6, 0.8]
    assert numbers["regions.kick_minus_slow_raw"] == [0.6, 0.5, 0.7]
    assert numbers["regions.kick_minus_slow"] == [0.4, 0.3, 0.5]
    assert numbers["rotation.plane_share"] == [0.75, None, None]
    assert numbers["circulation.n_forward[direct]"] == [219, None, None]
    assert numbers["training_evolution.lag[unstable_share]"] == [30, 19, 30]
    assert not {"training_evolution.lag[critical_share]", "training_evolution.lag[loss_drop]"} & set(found)
    assert found["noise_free_growth.directions"]["word"] == "rays"
    assert [item["value"] for item in found["regions.unstable[kick]"]["beside"]] == [103]
    assert [item["p_value"] for item in found["rotation.area_rate"]["beside"]] == [0.01, 0.02]
    assert [item["quantile"] for item in found["rotation.area_rate"]["beside"]] == [0.03, 0.04]
    assert [item["p_value"] for item in found["readout_alignment.projection[1]"]["beside"]] == [0.2, 0.4]
    assert [item["p_value"] for item in found["readout_alignment.logit_share[1]"]["beside"]] == [0.6]


# convert_histories


def test_histories_of_an_older_version_get_checksums_once(monkeypatch, tmp_path, train_tiny_run, capsys):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import convert_histories  # pyright: ignore[reportMissingImports]

    run = train_tiny_run(tmp_path / "run")
    records, lines = run.read_history(), run.history.read_text().splitlines(keepends=True)
    older = [json.dumps(dataclasses.asdict(record)) + "\n" for record in records]
    whole, cut = "".join(older), "".join(older)[:-9]
    monkeypatch.setattr(sys, "argv", ["convert_histories.py", str(run.history)])
    for content, expected in ((whole, lines), (cut, [*lines[:-1], older[-1][:-9]])):
        run.history.write_text(content)
        for count in (1, 0):
            convert_histories.main()
            assert f"{count} of 1 histories" in capsys.readouterr().out
            assert run.history.read_text() == "".join(expected)


# convert_evaluations


def write_as_before(result, path):
    """An evaluation as a version without estimates wrote it."""
    save_result(result, path)
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        dataset.load()
    older = dataset.rename(estimate_low="low", estimate_high="high").drop_vars("test")
    write_sealed(path, older.to_netcdf(engine="h5netcdf"))


@pytest.mark.slow
def test_evaluations_of_an_older_version_are_converted_once(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import convert_evaluations  # pyright: ignore[reportMissingImports]

    path, result = tmp_path / "evaluation.nc", load_evaluation("zoo:linear-3")
    write_as_before(result, path)
    with pytest.raises(DamagedFileError, match=r"lacks estimate_low.*convert_evaluations\.py"):
        load_result(path, EvaluationResult)
    monkeypatch.setattr(sys, "argv", ["convert_evaluations.py", str(path)])
    for count in (1, 0):
        convert_evaluations.main()
        assert f"{count} of 1 evaluations" in capsys.readouterr().out
        assert load_result(path, EvaluationResult) == result


@pytest.mark.slow
def test_a_damaged_evaluation_is_not_converted(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import convert_evaluations  # pyright: ignore[reportMissingImports]

    path = tmp_path / "evaluation.nc"
    write_as_before(load_evaluation("zoo:linear-3"), path)
    damaged = path.read_bytes()[:-200]
    path.write_bytes(damaged)
    with pytest.raises(DamagedFileError, match="must be a whole evaluation, but it has no checksum"):
        convert_evaluations.convert(path)
    assert path.read_bytes() == damaged


# convert_settings


def test_settings_of_an_older_version_get_names_of_symbols_once(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import convert_settings  # pyright: ignore[reportMissingImports]

    run, hmm = RunFolder(tmp_path / "run"), load_hmm_file(write_weather(tmp_path))
    run.create(build_settings("weather"), hmm, {})
    converted = run.config.read_text()
    run.config.write_text(converted.replace('symbol_names = [\n    "sun",\n    "rain",\n]\n', ""))
    with pytest.raises(RunFolderError, match=r"convert_settings\.py"):
        run.read_settings()
    monkeypatch.setattr(sys, "argv", ["convert_settings.py", str(run.config)])
    for count in (1, 0):
        convert_settings.main()
        assert f"{count} of 1 settings" in capsys.readouterr().out
        assert run.config.read_text() == converted


def write_weather(folder):
    path = folder / "weather.toml"
    path.write_text(
        'symbol_names = ["sun", "rain"]\ntransition_matrix = [[0.9, 0.1], [0.3, 0.7]]\n'
        "emission_probs = [[0.8, 0.2], [0.1, 0.9]]\n"
    )
    return path


def test_all_settings_of_the_repository_name_their_symbols():
    files = [file for folder in FOLDERS for file in folder.glob("*/config.toml")]
    assert len(files) >= 35
    for file in files:
        run = RunFolder(file.parent)
        assert run.read_settings().symbol_names == run.read_hmm().symbol_names


@pytest.mark.slow
def test_a_run_with_names_of_symbols_is_continued(table, tmp_path, tiny_settings):
    settings = build_settings("linear-3", threads=1, changes=tiny_settings)
    run = table.train_or_continue(settings, tmp_path / "run")
    assert table.train_or_continue(settings, tmp_path / "run").read_history() == run.read_history()
    with pytest.raises(SystemExit, match=r"was trained with other settings\. Move it away"):
        table.train_or_continue(settings.override({"train.epochs": 7}), tmp_path / "run")
