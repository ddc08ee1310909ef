"""Results: frozen arrays with named axes, the settings that made them, and the one codec that stores them.

A result is written as netCDF 4 (by xarray and h5netcdf), which MATLAB, R and Julia read too.
A checksum of all bytes follows its content. Arrays without entries are no variables of the file: its
attribute ``empty`` names them with their shapes. An axis of length 0 would be unlimited, and h5netcdf looks
through all variables for the length of such an axis each time it is asked for.
"""

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import xarray as xr

from .errors import DamagedFileError, InputError, RunFolderError
from .quantity import Quantity
from .reprs import format_repr
from .statistics import Estimate, Null
from .system.foreign_files import require_path
from .system.sealed_files import describe_damage, write_sealed

FORMAT_VERSION = 1

_BRIEF = reprlib.Repr()
_BRIEF.maxlevel, _BRIEF.maxstring = 0, 40

R = TypeVar("R", bound="Result")


def axes(*dims: str, unit: str = "1", description: str) -> Any:
    """Declare an array field of a result: the name of each axis, the unit, and what it is.

    A field with a single axis of its own name is the coordinate of that axis.
    """
    return field(metadata={"dims": dims, "unit": unit, "description": description})


def estimates(*dims: str, unit: str = "1", description: str) -> Any:
    """Declare a field of a result that holds an :class:`Estimate`: numbers with their intervals.

    A file has them as ``NAME``, ``NAME_low`` and ``NAME_high``.
    """
    return field(metadata={**axes(*dims, unit=unit, description=description).metadata, "kind": Estimate})


def nulls(null_name: str, *dims: str, unit: str = "1", description: str) -> Any:
    """Declare a field of a result that holds a :class:`Null`: draws by chance or of a control.

    A file has them as ``NAME_draws``, with an axis ``NAME_draw`` before the others, ``NAME_quantile`` and
    ``NAME_p_value``.

    Parameters
    ----------
    null_name : str
        ``name`` of the null, e.g. "untrained networks".
    """
    plain = axes(*dims, unit=unit, description=description).metadata
    return field(metadata={**plain, "kind": Null, "null_name": null_name})


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Base of every result: declare subclasses ``@dataclass(frozen=True, kw_only=True, eq=False)``.

    Attributes
    ----------
    settings : dict
        What the result was computed with; JSON values only.
    status : dict
        How the computation went (notes, convergence); JSON values only.

    Every other field is a NumPy array declared by :func:`axes`, an :class:`Estimate` declared by
    :func:`estimates`, or a :class:`Null` declared by :func:`nulls`. Arrays are read-only; two results are
    equal when their settings, status and arrays are (NaN equals NaN). A result shows the lengths of its axes,
    settings and status.

    Raises
    ------
    InputError
        If an array has the wrong number of axes, two arrays disagree about the length of an axis, an array
        holds objects, or settings or status are not JSON.
    """

    settings: dict[str, Any]
    status: dict[str, Any]
    remedy: ClassVar[str] = "Delete it and compute it again."
    """What to do about a file that lacks arrays, as those of an older version do."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):  # else each subclass gets that of a dataclass: pages of arrays
            cls.__repr__ = Result.__repr__

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _copy_json("settings", self.settings))
        object.__setattr__(self, "status", _copy_json("status", self.status))
        lengths: dict[str, int] = {}
        for name, metadata in _list_declared(type(self)).items():
            if "kind" in metadata:
                _check_kind(name, getattr(self, name), metadata)
            else:
                array = np.asarray(getattr(self, name)).view()
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        dims = {name: metadata["dims"] for name, metadata in list_array_fields(type(self)).items()}
        for name, array in self.list_arrays().items():
            _check_array(name, array, dims[name], lengths)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Result) or type(other) is not type(self):
            return False
        plain = (self.settings, self.status) == (other.settings, other.status)
        mine, others = self.list_arrays(), other.list_arrays()
        return plain and all(_is_equal(mine[name], others[name]) for name in mine)

    __hash__ = None  # type: ignore[assignment]

    def list_arrays(self) -> dict[str, np.ndarray]:
        """Arrays as a file has them, by name: an estimate and a null give three each."""
        arrays: dict[str, np.ndarray] = {}
        for name, metadata in _list_declared(type(self)).items():
            value = getattr(self, name)
            if "kind" not in metadata:
                arrays[name] = value
            else:
                parts = _STORED[metadata["kind"]]
                arrays |= {stored.format(name): getattr(value, key) for key, stored in parts.items()}
        return arrays

    def list_quantities(self) -> list[Quantity]:
        """All numbers that a reader may quote, each with what it is to be compared with.

        The main ones (``is_main``) are those of the tables of ``orbitscope analyse`` and ``evaluate``;
        ``--all`` shows the others, too. Keys are those of the result alone: an analysis puts the name of the
        part before them.
        """
        return []

    def name_symbol(self, symbol: int) -> str:
        """Name of a symbol if the analysis knew the process, else its number."""
        names = self.settings.get("symbol_names")
        return names[symbol] if names else str(symbol)

    def __repr__(self) -> str:
        arrays = self.list_arrays()
        sizes = {
            dim: length
            for name, metadata in list_array_fields(type(self)).items()
            for dim, length in zip(metadata["dims"], arrays[name].shape, strict=True)
        }
        groups = [_list_briefly(sizes), f"settings=dict({_list_briefly(self.settings)})"]
        return format_repr(type(self).__name__, [*groups, f"status=dict({_list_briefly(self.status)})"])


def _list_briefly(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_BRIEF.repr(value)}" for name, value in values.items())


def list_array_fields(cls: type[Result]) -> Mapping[str, Mapping[str, Any]]:
    """Names of the arrays of a result, as a file has them, with ``dims``, ``unit`` and ``description``."""
    arrays: dict[str, dict[str, Any]] = {}
    for name, metadata in _list_declared(cls).items():
        plain = {key: metadata[key] for key in ("dims", "unit", "description")}
        if "kind" not in metadata:
            arrays[name] = plain
            continue
        for key, stored in _STORED[metadata["kind"]].items():
            what = _WHAT.get(key, "")
            arrays[stored.format(name)] = {**plain, "description": f"{what}{plain['description']}"}
        if metadata["kind"] is Null:
            arrays[f"{name}_draws"]["dims"] = (f"{name}_draw", *plain["dims"])
            arrays[f"{name}_p_value"]["unit"] = "1"
    return arrays


_STORED: dict[type, dict[str, str]] = {
    Estimate: {"value": "{}", "low": "{}_low", "high": "{}_high"},
    Null: {"draws": "{}_draws", "quantile": "{}_quantile", "p_value": "{}_p_value"},
}
"""Names in a file of what an estimate and a null are made of."""

_WHAT = {
    "low": "lower limit: ",
    "high": "upper limit: ",
    "draws": "draws under the null: ",
    "quantile": "95 % quantile under the null: ",
    "p_value": "p-value, large values count: ",
}


def _list_declared(cls: type[Result]) -> dict[str, Mapping[str, Any]]:
    """Fields declared by :func:`axes`, :func:`estimates` and :func:`nulls`."""
    return {f.name: f.metadata for f in fields(cls) if "dims" in f.metadata}


def save_result(result: Result, path: str | Path) -> None:
    """Write a result in one step: the file is either whole or absent.

    Parameters
    ----------
    result : Result
    path : path
        Usually ``results/<part>.nc`` of a run folder; an older file is replaced.
    """
    arrays = result.list_arrays()
    attributes = {
        "orbitscope_result": type(result).__name__,
        "format_version": FORMAT_VERSION,
        "settings": json.dumps(result.settings, sort_keys=True),
        "status": json.dumps(result.status, sort_keys=True),
        "empty": json.dumps({name: [a.dtype.kind, *a.shape] for name, a in arrays.items() if a.size == 0}),
    }
    variables = {name: _label(type(result), name, array) for name, array in arrays.items() if array.size}
    dataset = xr.Dataset(variables, attrs=attributes)
    write_sealed(Path(path), dataset.to_netcdf(engine="h5netcdf"))


def load_result(path: str | Path, cls: type[R]) -> R:
    """Read a result written by :func:`save_result`; nothing in the file is executed.

    Parameters
    ----------
    path : path
    cls : type
        The kind of result that the file must hold.

    Raises
    ------
    RunFolderError
        If the file is missing or holds something else; DamagedFileError if it is not what was written.
    """
    path = require_path(path)
    if not path.is_file():
        raise RunFolderError(f"`{path}` must exist, but does not. Compute it first, or check the name.")
    # First of all: from damaged bytes HDF5 may never come back, and h5netcdf leaves noise on the terminal.
    if damage := describe_damage(path):
        raise _damaged(path, damage)
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        dataset.load()
    kind = dataset.attrs.get("orbitscope_result")
    if kind != cls.__name__:
        raise RunFolderError(
            f"`{path}` must hold a result `{cls.__name__}`, got `{kind}`. Pass the right file."
        )
    present = {*dataset.variables, *_list_empty(dataset)}
    missing = [name for name in list_array_fields(cls) if name not in present]
    if missing or int(dataset.attrs.get("format_version", 0)) != FORMAT_VERSION:
        what = f"it lacks {', '.join(missing)}" if missing else "its format version is another"
        raise _damaged(path, what, cls.remedy)
    return _build(path, cls, dataset)


def _build(path: Path, cls: type[R], dataset: xr.Dataset) -> R:
    arrays = _list_empty(dataset)
    stored = (name for name in list_array_fields(cls) if name not in arrays)
    arrays |= {name: _restore(dataset.variables[name].to_numpy()) for name in stored}
    texts = [str(dataset.attrs.get(key, "")) for key in ("settings", "status")]
    try:
        values = {name: _join(name, metadata, arrays) for name, metadata in _list_declared(cls).items()}
        return cls(settings=json.loads(texts[0]), status=json.loads(texts[1]), **values)
    except (InputError, TypeError) as error:
        raise _damaged(path, str(error)) from None


def _list_empty(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """Arrays without entries, which an attribute names; files of earlier versions have them as variables."""
    named = json.loads(str(dataset.attrs.get("empty", "{}")))
    return {name: np.empty(shape, dtype=_DTYPES[kind]) for name, (kind, *shape) in named.items()}


_DTYPES = {"b": bool, "i": int, "u": np.uint8, "f": float, "U": np.str_}
"""Of arrays without entries, by their kind."""


def _join(name: str, metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
    """Value of a field from the arrays of a file."""
    if "kind" not in metadata:
        return arrays[name]
    parts = {key: arrays[stored.format(name)] for key, stored in _STORED[metadata["kind"]].items()}
    return Null(metadata["null_name"], **parts) if metadata["kind"] is Null else Estimate(**parts)


def _label(cls: type[Result], name: str, array: np.ndarray) -> xr.Variable:
    metadata = list_array_fields(cls)[name]
    attributes = {"units": metadata["unit"], "long_name": metadata["description"]}
    if array.dtype.kind != "U":
        return xr.Variable(metadata["dims"], array, attrs=attributes)
    return xr.Variable(metadata["dims"], array.astype(object), attrs=attributes, encoding={"dtype": str})


def _restore(array: np.ndarray) -> np.ndarray:
    return array.astype(np.str_) if array.dtype.kind in "OTSU" else array


def _copy_json(name: str, value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`{name}` must hold plain JSON values, but {error}. Convert arrays to lists and NaN to None."
        ) from None


def _check_kind(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    kind = metadata["kind"]
    if not isinstance(value, kind):
        raise InputError(
            f"`{name}` must be of the kind {kind.__name__}, got {type(value).__name__}. Wrap the numbers."
        )
    if kind is Null and value.name != metadata["null_name"]:
        raise InputError(
            f"`{name}` must be the null `{metadata['null_name']}`, got `{value.name}`. A file would not keep "
            "another name."
        )


def _check_array(name: str, array: np.ndarray, dims: tuple[str, ...], lengths: dict[str, int]) -> None:
    if array.dtype.kind not in "biufU":
        raise InputError(f"`{name}` must hold numbers or strings, got dtype {array.dtype}. Convert it.")
    if array.ndim != len(dims):
        raise InputError(
            f"`{name}` must have the axes ({', '.join(dims)}), got shape {array.shape}. Add or drop axes."
        )
    for dim, length in zip(dims, array.shape, strict=True):
        if lengths.setdefault(dim, length) != length:
            raise InputError(
                f"`{name}` must have {lengths[dim]} entries along `{dim}` like the fields before it, got "
                f"{length}. Build all fields from the same data."
            )


def _is_equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype.kind == b.dtype.kind and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _damaged(path: Path, reason: str, remedy: str = Result.remedy) -> DamagedFileError:
    return DamagedFileError(f"`{path}` must be a whole result file, but {reason}. {remedy}")
