"""Turn the rows of docs/dynamics.jsonl that hold numbers by hand into rows of quantities by key.

    python experiments/convert_dynamics_rows.py

Rows that have quantities stay as they are. A converted row has what the older one had and no more: of the
readout and of the output's direction no quantiles of nulls. That the drop of the loss is 0 epochs after
itself is left out.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import dynamics_table
import rows as table
from row_cells import list_plain

from orbitscope.parts import find_part
from orbitscope.quantity import Quantity, Reference, known_value
from orbitscope.statistics import Estimate, Null

KEPT = ("network", "commit", "date", "threads", "parts")
"""What a row has beside quantities."""

Make = Callable[..., Quantity]

SAME = ("share", "unstable", "uncertain", "entropy", "speed", "unstable_uniform")
"""Measures of regions whose keys are as they were."""


def main() -> None:
    """Convert the rows that need it."""
    before = table.read_rows(dynamics_table.ROWS)
    after = [convert(row) for row in before]
    changed = sum(new is not old for new, old in zip(after, before, strict=True))
    if changed:
        table.write_rows(dynamics_table.ROWS, after)
    print(f"{changed} of {len(before)} rows had no quantities")


def convert(row: dict[str, Any]) -> dict[str, Any]:
    """Row with quantities by key; the very same row if it has them."""
    if "quantities" in row:
        return row
    quantities = [
        quantity
        for part, read in READERS.items()
        if row.get(part) is not None
        for quantity in read(partial(make_quantity, part), row[part])
    ]
    return {name: row[name] for name in KEPT} | {"quantities": list_plain(quantities)}


def make_quantity(
    part: str, key: str, numbers: Any = None, index: str | int | None = None, **options: Any
) -> Quantity:
    """Quantity of a part, of some numbers: one, or value and limits."""
    found = find_part(part).definitions[key].measure(read_estimate(numbers), index, **options)
    return replace(found, key=f"{part}.{found.key}")


def read_estimate(numbers: Any) -> Estimate:
    """Estimate of one number, or of value and limits; None is undefined."""
    given = numbers if isinstance(numbers, list) else [numbers]
    return Estimate(*map(table.read_number, given))


def read_regions(make: Make, found: Mapping[str, Any]) -> Iterator[Quantity]:
    """Measures of regions, contrasts, order and net flux."""
    for region in dynamics_table.dynamics_page.REGIONS:
        random = (Reference("random active sets", read_estimate(found["unstable_null"][region])),)
        for key in SAME:
            yield make(key, found[key][region], region, beside=random if key == "unstable" else ())
        yield make("sign_rate", found["logit_sign_rate"][region], region)
    contrast = found["kick_minus_slow"]
    random = (Reference("random active sets", read_estimate(contrast["null"])),)
    yield make("kick_minus_slow", contrast["beyond null"], beside=known_value("by chance", 0.0))
    yield make("kick_minus_slow_raw", contrast["network"], beside=random)
    reversible = known_value("if reversible", 0.0)
    yield make("net_flux", found["net_flux"], beside=reversible)
    for edge, numbers in found["order"].items():
        yield make("order", numbers, edge.replace(" to ", "-"), beside=reversible)


def read_growth(make: Make, found: Mapping[str, Any]) -> Iterator[Quantity]:
    """Verdict, directions and rates."""
    yield make("verdict", word=found["verdict"])
    if found["directions"] is not None:
        yield make("directions", word=found["directions"])
        for key in ("mean_rate", "largest_rate"):
            yield make(key, found[key], beside=known_value("if activity keeps its size", 0.0))


def read_exponents(make: Make, found: list[Any]) -> Iterator[Quantity]:
    """The largest exponent."""
    yield make("largest", found, beside=known_value("if differences stay", 0.0))


def read_regional_exponents(make: Make, found: Mapping[str, Any]) -> Iterator[Quantity]:
    """First exponents of regions."""
    for region in dynamics_table.dynamics_page.REGIONS:
        yield make("first", found[region], region)
    yield make("kick_minus_slow", found["kick_minus_slow"], beside=known_value("if alike", 0.0))


def read_rotation(make: Make, found: Mapping[str, Any]) -> Iterator[Quantity]:
    """Area rate, direction of the output, variance in the plane."""
    nulls = [
        Null(name, table.read_number(quantile), table.read_number(found["p_value"][name]))
        for name, quantile in found["null_quantile"].items()
    ]
    yield make("area_rate", found["area_rate"], beside=tuple(nulls))
    *numbers, p = found["irreversibility"]
    chance = Null("chance", float("nan"), table.read_number(p))
    beside = (*known_value("if reversible", 0.0), chance)
    yield make("output_irreversibility", numbers, beside=beside)
    first = (Reference("its first axis", Estimate(found["variance"][0]), "share"),)
    yield make("plane_share", sum(found["variance"]), beside=first)
    yield make("n_untrained", found["n_untrained"])


def read_circulation(make: Make, found: Mapping[str, Any]) -> Iterator[Quantity]:
    """Net circulation of direct cycles, and their numbers."""
    forward, backward = found["counts"]
    yield make("net", found["circulation"], "direct", beside=known_value("if reversible", 0.0))
    yield make("n_forward", forward, "direct")
    yield make("n_backward", backward, "direct")


def read_readout(make: Make, found: Mapping[str, list[Any]]) -> Iterator[Quantity]:
    """Projection of the readout of each symbol, and share of its logit's variance."""
    nulls = {"permutations": "p_permutations", "signs": "p_signs"}
    for key, columns in (("projection", nulls), ("logit_share", {"signs": "logit_p_signs"})):
        for symbol, number in enumerate(found[key]):
            p_values = {name: found[column][symbol] for name, column in columns.items()}
            beside = [Null(name, float("nan"), table.read_number(p)) for name, p in p_values.items()]
            yield make(key, number, symbol, beside=tuple(beside))


def read_dates(make: Make, found: Mapping[str, Any]) -> Iterator[Quantity]:
    """Dates of events, and lags where they are defined."""
    for event, numbers in found.items():
        yield make("date", numbers["date"], event.replace(" ", "_"))
        if event != "loss drop" and None not in numbers["lag"][1:]:
            yield make("lag", numbers["lag"], event)


READERS: dict[str, Callable[[Make, Any], Iterator[Quantity]]] = {
    "regions": read_regions,
    "noise_free_growth": read_growth,
    "exponents": read_exponents,
    "regional_exponents": read_regional_exponents,
    "rotation": read_rotation,
    "rotation_standardised": read_rotation,
    "circulation": read_circulation,
    "readout_alignment": read_readout,
    "training_evolution": read_dates,
}


if __name__ == "__main__":
    main()
