import json
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr

from orbitscope.errors import DamagedFileError, InputError, RunFolderError
from orbitscope.results import Result, axes, estimates, list_array_fields, load_result, nulls, save_result
from orbitscope.statistics import Estimate, Null
from orbitscope.system.sealed_files import write_sealed


@dataclass(frozen=True, kw_only=True, eq=False)
class Example(Result):
    symbol: np.ndarray = axes("symbol", description="names")
    matrix: np.ndarray = axes("symbol", "next_symbol", unit="step", description="a matrix")
    counts: np.ndarray = axes("symbol", description="counts")
    empty: np.ndarray = axes("nothing", description="no entries")
    no_names: np.ndarray = axes("nothing", description="no names")
    total: np.ndarray = axes(description="a single number")
    flags: np.ndarray = axes("symbol", description="truth values")
    rate: Estimate = estimates("symbol", "next_symbol", unit="1/step", description="a rate")
    chance: Null = nulls("shuffled weights", "symbol", unit="1/step", description="a rate")


@dataclass(frozen=True, kw_only=True, eq=False)
class Other(Result):
    value: np.ndarray = axes("x", description="values")


def build_example(**changes):
    fields = {
        "settings": {"n_steps": 30, "name": "linear-3 · ε", "nested": {"margins": (0.02, 1e-300)}},
        "status": {"notes": ["α"], "converged": True, "gap": None},
        "symbol": np.array(["a", "", "größer"]),
        "matrix": np.array([[np.nan, np.inf], [-0.0, 5e-324], [1 / 3, -np.inf]]),
        "counts": np.array([0, 3, 255], dtype=np.uint8),
        "empty": np.empty(0),
        "no_names": np.empty(0, dtype=np.str_),
        "total": np.array(2.5),
        "flags": np.array([True, False, True]),
        "chance": Null.of_draws("shuffled weights", np.ones(3), np.arange(30.0).reshape(10, 3)),
        "rate": Estimate(np.full((3, 2), 0.5), np.full((3, 2), np.nan), np.full((3, 2), np.nan)),
    }
    return Example(**(fields | changes))


def test_a_result_reads_back_equal_with_its_types(tmp_path):
    result = build_example()
    save_result(result, tmp_path / "results" / "example.nc")
    loaded = load_result(tmp_path / "results" / "example.nc", Example)
    assert loaded == result
    for name in list_array_fields(Example):
        assert loaded.list_arrays()[name].dtype.kind == result.list_arrays()[name].dtype.kind
    assert loaded.counts.dtype == np.uint8
    assert np.signbit(loaded.matrix[1, 0])
    assert loaded.settings["nested"]["margins"] == [0.02, 1e-300]


def test_arrays_without_entries_are_named_by_an_attribute(tmp_path):
    """Those of earlier versions are variables with an axis of length 0, and are read all the same."""
    result = build_example()
    save_result(result, tmp_path / "new.nc")
    with xr.open_dataset(tmp_path / "new.nc", engine="h5netcdf") as dataset:
        dataset.load()
    assert json.loads(dataset.attrs["empty"]) == {"empty": ["f", 0], "no_names": ["U", 0]}
    assert "empty" not in dataset.variables
    old = dataset.assign(empty=("nothing", np.empty(0)), no_names=("nothing", np.empty(0, dtype=object)))
    old.attrs.pop("empty")
    content = old.to_netcdf(engine="h5netcdf", encoding={"no_names": {"dtype": str}})
    write_sealed(tmp_path / "old.nc", content)
    assert load_result(tmp_path / "old.nc", Example) == result


def test_an_estimate_is_stored_as_three_arrays_and_read_back_as_one(tmp_path):
    rate = Estimate([[0.5, 1.0]] * 3, [[0.25, np.nan]] * 3, [[0.75, np.nan]] * 3)
    save_result(build_example(rate=rate), tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as dataset:
        for name, array in (("rate", rate.value), ("rate_low", rate.low), ("rate_high", rate.high)):
            assert np.array_equal(dataset[name].to_numpy(), array, equal_nan=True)
            assert (dataset[name].dims, dataset[name].attrs["units"]) == (("symbol", "next_symbol"), "1/step")
        assert dataset["rate_low"].attrs["long_name"] == "lower limit: a rate"
    loaded = load_result(tmp_path / "x.nc", Example)
    assert loaded.rate == rate
    assert loaded != build_example(rate=Estimate(rate.value, rate.low, rate.high + 0.01))


def test_a_null_is_stored_with_its_draws_and_read_back_as_one(tmp_path):
    draws = np.arange(30.0).reshape(10, 3)
    save_result(build_example(chance=Null.of_draws("shuffled weights", np.ones(3), draws)), tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as dataset:
        assert dataset["chance_draws"].dims == ("chance_draw", "symbol")
        assert np.array_equal(dataset["chance_draws"], draws)
        assert np.array_equal(dataset["chance_quantile"], np.quantile(draws, 0.95, axis=0))
        assert (dataset["chance_quantile"].attrs["units"], dataset["chance_p_value"].attrs["units"]) == (
            "1/step",
            "1",
        )
    chance = load_result(tmp_path / "x.nc", Example).chance
    assert chance == build_example().chance
    assert chance != Null.of_draws("other weights", np.ones(3), draws)
    assert str(chance[0]) == f"shuffled weights {np.quantile(draws[:, 0], 0.95):.3g} (p = 0.91)"


def test_a_null_must_be_the_one_that_was_declared():
    """A file does not keep its name."""
    other = Null.of_draws("other weights", np.ones(3), np.ones((9, 3)))
    with pytest.raises(InputError, match="`chance` must be the null `shuffled weights`, got `other weights`"):
        build_example(chance=other)


def test_an_estimate_must_be_one_and_fit_its_axes():
    with pytest.raises(InputError, match="`rate` must be of the kind Estimate, got float"):
        build_example(rate=0.5)
    with pytest.raises(InputError, match="`rate` must have the axes"):
        build_example(rate=Estimate(0.5))


def test_the_file_has_named_axes_coordinates_and_units(tmp_path):
    save_result(build_example(), tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as dataset:
        assert dataset["matrix"].dims == ("symbol", "next_symbol")
        assert dataset["matrix"].attrs == {"units": "step", "long_name": "a matrix"}
        assert list(dataset.coords["symbol"].values) == ["a", "", "größer"]


def test_results_differ_when_a_field_does():
    result = build_example()
    assert result == build_example()
    assert result != build_example(total=np.array(2.0))
    assert result != build_example(counts=np.array([0.0, 3.0, 255.0]))
    assert result != build_example(status={})
    assert result != Other(settings={}, status={}, value=np.zeros(1))


def test_a_repr_shows_sizes_settings_and_status():
    sizes = "symbol=3, next_symbol=2, nothing=0, chance_draw=10"
    assert repr(build_example(settings={}, status={})) == f"Example({sizes}, settings=dict(), status=dict())"
    long = repr(build_example(status={"notes": ["α"], "empty": [], "why": "x" * 100, "found": {"a": 1}}))
    assert long.splitlines() == [
        "Example(",
        f"    {sizes},",
        "    settings=dict(n_steps=30, name='linear-3 · ε', nested={...}),",
        f"    status=dict(notes=[...], empty=[], why='{'x' * 17}...{'x' * 18}', found={{...}}),",
        ")",
    ]


def test_every_result_has_the_short_repr_unless_it_writes_its_own():
    @dataclass(frozen=True, kw_only=True, eq=False)
    class Wider(Other):
        width: np.ndarray = axes("y", description="widths")

    @dataclass(frozen=True, kw_only=True, eq=False)
    class Own(Other):
        def __repr__(self):
            return "mine"

    fields = {"settings": {}, "status": {}, "value": np.zeros(4)}
    assert "Wider(x=4, y=2, settings=" in repr(Wider(**fields, width=np.zeros(2)))
    assert repr(Own(**fields)) == "mine"


def test_arrays_are_read_only_but_the_callers_stay_writable():
    matrix = np.zeros((3, 2))
    result = build_example(matrix=matrix)
    with pytest.raises(ValueError, match="read-only"):
        result.matrix[0, 0] = 1
    matrix[0, 0] = 1
    assert replace(result, status={}).status == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matrix": np.zeros((2, 2))}, "`matrix` must have 3 entries along `symbol`"),
        ({"matrix": np.zeros(3)}, r"`matrix` must have the axes \(symbol, next_symbol\)"),
        ({"symbol": np.array(["a", None, 1])}, "`symbol` must hold numbers or strings"),
        ({"settings": {"bad": float("nan")}}, "`settings` must hold plain JSON"),
        ({"status": {"bad": np.zeros(2)}}, "`status` must hold plain JSON"),
    ],
)
def test_broken_invariants_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        build_example(**changes)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RunFolderError, match=r"nowhere\.nc` must exist"):
        load_result(tmp_path / "nowhere.nc", Example)


def test_a_result_of_another_kind_is_refused(tmp_path):
    save_result(Other(settings={}, status={}, value=np.zeros(2)), tmp_path / "x.nc")
    with pytest.raises(RunFolderError, match=r"x\.nc` must hold a result `Example`, got `Other`"):
        load_result(tmp_path / "x.nc", Example)


def test_foreign_files_are_refused(tmp_path):
    (tmp_path / "text.nc").write_text("not HDF5")
    xr.Dataset({"a": ("x", np.zeros(2))}).to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    for name in ("text.nc", "foreign.nc"):
        with pytest.raises(DamagedFileError, match=rf"{name}` must be .* but it has no checksum at its end"):
            load_result(tmp_path / name, Example)


def test_every_damage_is_detected(tmp_path):
    path = tmp_path / "x.nc"
    save_result(build_example(), path)
    content = path.read_bytes()
    step = 41  # more than a byte, for speed; the checksum at the end is tried byte by byte
    places = [*range(0, len(content) - 80, step), *range(len(content) - 80, len(content))]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        for damaged in (bytes(changed), content[:place]):
            path.write_bytes(damaged)
            with pytest.raises(DamagedFileError, match=r"x\.nc` must be a whole result file, but it.*Delete"):
                load_result(path, Example)
    path.write_bytes(content + b"\n")
    with pytest.raises(DamagedFileError, match="no checksum at its end"):
        load_result(path, Example)


READ_DAMAGED = """
import faulthandler, gc, sys
from pathlib import Path
from orbitscope.errors import DamagedFileError
from orbitscope.results import Result, load_result

faulthandler.dump_traceback_later(50, exit=True)  # HDF5 does not come back from some of these files
content, path = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
end = len(content)
kinds = {"empty": b"", "text": b"not HDF5 " * 200, "head": content[:8]}
kinds |= {f"cut {n}": content[: end * n // 20] for n in range(1, 20)} | {"cut": content[:-1]}
kinds |= {f"zeros {n}": content[:n] + bytes(512) + content[n + 512 :] for n in range(0, end - 512, 512)}
for place in range(0, end, 50):
    kinds[f"flip {place}"] = content[:place] + bytes([content[place] ^ 64]) + content[place + 1 :]
for kind, damaged in kinds.items():
    if damaged == content:  # zeros in place of zeros
        continue
    path.write_bytes(damaged)
    try:
        load_result(path, Result)
    except DamagedFileError as error:
        print(kind, error)
    else:
        sys.exit(f"{kind} is not detected")
gc.collect()
"""


@pytest.mark.slow
def test_damaged_files_leave_nothing_on_the_terminal_but_the_message(tmp_path):
    save_result(build_example(), tmp_path / "whole.nc")
    command = [sys.executable, "-c", READ_DAMAGED, str(tmp_path / "whole.nc"), str(tmp_path / "x.nc")]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert process.stderr == ""
    assert process.returncode == 0
    lines = process.stdout.splitlines()
    assert len(lines) > 200
    assert all("must be a whole result file, but it" in line for line in lines)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.nc"
    save_result(build_example(), path)

    def fail(*args, **options):
        raise OSError("disk full")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    with pytest.raises(OSError, match="disk full"):
        save_result(build_example(status={}), path)
    monkeypatch.undo()
    assert load_result(path, Example) == build_example()
    assert [p.name for p in tmp_path.iterdir()] == ["x.nc"]
