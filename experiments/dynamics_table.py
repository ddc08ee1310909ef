"""Fill the tables of dynamics: analyse every network of the zoo, one row per network.

    python experiments/dynamics_table.py
    python experiments/dynamics_table.py --networks zoo:linear-3
    python experiments/dynamics_table.py --page

Resumable: parts that are there are kept (`orbitscope analyse`), and docs/results.md is rewritten from the
rows in docs/dynamics.jsonl after each network. Results and figures are in runs/zoo-NAME/.
"""

import argparse
import datetime
from typing import Any

import numpy as np
import rows as table

from orbitscope.analysis_files import PartOutcome
from orbitscope.errors import RunFolderError
from orbitscope.results import Result
from orbitscope.run_analysis import analyse_run, load_part
from orbitscope.runs import find_commit
from orbitscope.zoo import list_zoo

ROWS = table.ROOT / "docs" / "dynamics.jsonl"
REGIONS = ("transition", "kick", "slow")

SHOWN = (
    "share",
    "uncertain",
    "unstable",
    "unstable_null",
    "unstable_uniform",
    "entropy",
    "speed",
    "logit_sign_rate",
)
"""Measures of the regions that the rows keep."""

TRAINING_TEXT = (
    "Networks with checkpoints. Onsets lie between the last checkpoint without any sign of a rise over the "
    "first one and the first with a significant one, whatever the loss does; a lag below 0: an onset before "
    "the drop. The recipe `faithful` has no plateau of the loss to drop from."
)

REGION_TEXT = (
    "Transition, kick, slow in each cell. Unstable directions: eigenvalues with |λ| > 1 of the noise-free "
    "map, mean over the states of a region; random sets have as many active neurons, each as frequent as in "
    "the network."
)

ROTATION_TEXT = (
    "Area rates in the plane of the two leading axes of raw activity, which depends on the units of single "
    "neurons, and of standardised activity, which does not; untrained networks in planes of the same kind."
)

LOCAL_TEXT = (
    "Transition, kick, slow in each cell. Uncertain: residency within two standard errors of a border of "
    "regions. First exponent: mean growth of the leading tangent vector over the five steps from a state on."
)

PUBLISHED_UNSTABLE = {
    "linear-2": ".106, .121, .187; another seed .39, .22, .15",
    "linear-3": ".37, .35, .20",
    "linear-4": ".33, 1.12, .17",
    "linear-5": ".17, .72, .12",
    "fully-connected-3": "1.74, .95, .20",
    "cyclic-4": ".46, 1.26, .17",
}
"""Mean number of unstable directions in transition, kick and slow (Torre et al. 2025, figures)."""


def main() -> None:
    """Analyse the networks and rewrite the page after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=list_zoo(), help="names of the zoo")
    parser.add_argument("--page", action="store_true", help="only rewrite the page")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--redo", action="store_true", help="compute anew what is there")
    arguments = parser.parse_args()
    for network in [] if arguments.page else arguments.networks:
        add_row(compute_row(network, arguments.threads, redo=arguments.redo))
        write_page()
    write_page()


def compute_row(network: str, threads: int, *, redo: bool = False) -> dict[str, Any]:
    """Analyse one network and collect its row."""
    outcomes = analyse_run(network, threads=threads, redo=redo)
    print(network, *(f"{o.part} {o.status} {o.seconds:.0f} s" for o in outcomes), sep="\n  ", flush=True)
    return {
        "network": network,
        "commit": find_commits(network, outcomes),
        "date": datetime.date.today().isoformat(),
        "threads": threads,
        "parts": {o.part: {"status": o.status, "reason": o.reason} for o in outcomes},
        "regions": describe(network, "regions", describe_regions),
        "noise_free_growth": describe(network, "noise_free_growth", describe_growth),
        "exponents": describe(network, "exponents", lambda r: read(r, 0, "estimate", "low", "high")),
        "regional_exponents": describe(network, "regional_exponents", describe_regional_exponents),
        "rotation": describe(network, "rotation", describe_rotation),
        "rotation_standardised": describe(network, "rotation_standardised", describe_rotation),
        "circulation": describe(network, "circulation", describe_circulation),
        "readout_alignment": describe(network, "readout_alignment", describe_readout),
        "training_evolution": describe(network, "training_evolution", describe_dates),
    }


def find_commits(network: str, outcomes: list[PartOutcome]) -> str | None:
    """Commit of the code that computed the results; several if some were kept that the same code computed."""
    made = [load_part(network, o.part).settings["commit"] for o in outcomes if o.status != "undefined"]
    return ", ".join(dict.fromkeys(filter(None, made))) or find_commit()


def describe(network: str, part: str, collect: Any) -> Any:
    """Numbers of one part, None where it is undefined."""
    try:
        return collect(load_part(network, part))
    except RunFolderError:
        return None


def read(result: Result, index: Any, *names: str) -> list[float]:
    """One entry of several arrays."""
    return [float(getattr(result, name)[index]) for name in names]


def describe_regions(result: Any) -> dict[str, Any]:
    """Share, unstable directions and their null in each region, order of visits and net flux."""
    measures, names = result.measure.tolist(), result.region.tolist()
    found = {
        measure: {
            region: read(result, (measures.index(measure), names.index(region)), "estimate", "low", "high")
            for region in REGIONS
        }
        for measure in SHOWN
    }
    order = {
        f"{names[i]} to {names[j]}": read(result, (i, j), "asymmetry", "asymmetry_low", "asymmetry_high")
        for i, j in ((0, 1), (1, 2), (2, 0))
    }
    contrasts = {
        str(name): read(result, i, "kick_minus_slow", "kick_minus_slow_low", "kick_minus_slow_high")
        for i, name in enumerate(result.contrast)
    }
    flux = read(result, (), "net_flux", "net_flux_low", "net_flux_high")
    return found | {"order": order, "net_flux": flux, "kick_minus_slow": contrasts}


def describe_regional_exponents(result: Any) -> dict[str, Any]:
    """First finite-time exponent of each region, and that of kick minus that of slow."""
    names = result.region.tolist()
    found = {region: read(result, names.index(region), "estimate", "low", "high") for region in REGIONS}
    at = names.index("kick"), names.index("slow")
    return found | {"kick_minus_slow": read(result, at, "difference", "difference_low", "difference_high")}


def describe_growth(result: Any) -> dict[str, Any]:
    """Verdict and rates."""
    return {
        "verdict": result.status["verdict"],
        "directions": result.status.get("directions"),
        "mean_rate": result.mean_rate,
        "largest_rate": result.largest_rate,
    }


def describe_rotation(result: Any) -> dict[str, Any]:
    """Area rate beside its nulls, and the irreversibility of the output with its p-value."""
    names = result.null.tolist()
    nulls = dict(zip(names, result.null_quantile.tolist(), strict=True))
    return {
        "p_value": dict(zip(names, result.p_value.tolist(), strict=True)),
        "area_rate": read(result, (), "area_rate", "area_rate_low", "area_rate_high"),
        "null_quantile": nulls,
        "n_untrained": len(result.untrained_area_rates),
        "irreversibility": read(
            result,
            (),
            "output_irreversibility",
            "output_irreversibility_low",
            "output_irreversibility_high",
            "output_p_value",
        ),
        "variance": result.plane.explained_variance_ratio.tolist(),
    }


def describe_circulation(result: Any) -> dict[str, Any]:
    """Net circulation of direct cycles, and their numbers."""
    row = result.cycle.tolist().index("direct")
    numbers = read(result, row, "circulation", "low", "high")
    return {"circulation": numbers, "counts": [int(result.n_forward[row]), int(result.n_backward[row])]}


def describe_readout(result: Any) -> dict[str, list[float]]:
    """Projection of each centred row and share of its logit's variance, with p (Holm) of the nulls."""
    centred, logit = (result.variant.tolist().index(name) for name in ("centred", "logit"))
    permutations, signs = (result.null.tolist().index(name) for name in ("permutations", "signs"))
    return {
        "projection": result.projection[centred].tolist(),
        "p_permutations": result.p_holm[centred, permutations].tolist(),
        "p_signs": result.p_holm[centred, signs].tolist(),
        "logit_share": (result.projection[logit] ** 2).tolist(),
        "logit_p_signs": result.p_holm[logit, signs].tolist(),
    }


def describe_dates(result: Any) -> dict[str, Any]:
    """Dates of the events, and their lag behind the drop of the loss."""
    return {
        str(event): {
            "date": read(result, i, "date", "date_low", "date_high"),
            "lag": read(result, i, "lag", "lag_low", "lag_high"),
        }
        for i, event in enumerate(result.event)
    }


def add_row(row: dict[str, Any]) -> None:
    """Write one row, in place of an older one of the same network."""
    rows = [*(old for old in table.read_rows(ROWS) if old["network"] != row["network"]), row]
    table.write_rows(ROWS, sorted(rows, key=order))


def order(row: dict[str, Any]) -> tuple[bool, int, str]:
    """The published networks first, each recipe in the order of the presets; others last, by name."""
    name, presets = row["network"].removeprefix("zoo:"), list(PUBLISHED_UNSTABLE)
    preset = name.removesuffix("-faithful")
    if preset not in presets:
        return True, len(presets), name
    return preset != name, presets.index(preset), name


def write_page() -> None:
    """Rewrite the generated part of docs/results.md."""
    rows = table.read_rows(ROWS)
    parts = (render_regions, render_local, render_order, render_rotation, render_global, render_training)
    text = "\n".join(render(rows) for render in parts) if rows else "No rows yet.\n"
    table.write_section("dynamics tables", text)


def render_regions(rows: list[dict[str, Any]]) -> str:
    """Unstable directions of each region, beside random active sets and the published counts."""
    heads = ["network", "share of states (%)", "unstable directions", "random sets", "published"]
    lines = [_head([*heads, "kick minus slow", "beyond random sets", "commit"])]
    for row in rows:
        found = row["regions"]
        if found is None:
            lines.append(_line([_name(row), _reason(row, "regions"), "", "", "", "", "", row["commit"]]))
            continue
        share = ", ".join(_number(found["share"][region][0], scale=100) for region in REGIONS)
        unstable = ", ".join(_interval(found["unstable"][region]) for region in REGIONS)
        null = ", ".join(_number(found["unstable_null"][region][0]) for region in REGIONS)
        published = PUBLISHED_UNSTABLE.get(_name(row), "")
        contrasts = [_interval(found["kick_minus_slow"][name]) for name in ("network", "beyond null")]
        lines.append(_line([_name(row), share, unstable, null, published, *contrasts, row["commit"]]))
    return f"{REGION_TEXT}\n\n" + "\n".join(lines) + "\n"


def render_local(rows: list[dict[str, Any]]) -> str:
    """What else sets the regions apart."""
    heads = ["network", "uncertain (%)", "entropy (nats)", "relative speed", "sign changes per step"]
    lines = [_head([*heads, "first exponent (1/step)", "kick minus slow"])]
    for row in rows:
        found, exponents = row["regions"], row.get("regional_exponents")  # not in rows of before
        cells = ["-"] * 6
        if found is not None:
            scales = {"uncertain": 100.0, "entropy": 1.0, "speed": 1.0, "logit_sign_rate": 1.0}
            cells[:4] = [
                ", ".join(_number(found[measure][region][0], scale=scale) for region in REGIONS)
                if measure in found
                else "-"
                for measure, scale in scales.items()
            ]
        if exponents is not None:
            cells[4] = ", ".join(_interval(exponents[region]) for region in REGIONS)
            cells[5] = _interval(exponents["kick_minus_slow"])
        lines.append(_line([_name(row), *cells]))
    return f"{LOCAL_TEXT}\n\n" + "\n".join(lines) + "\n"


def render_order(rows: list[dict[str, Any]]) -> str:
    """Order in which the regions are visited."""
    pairs = ("slow to kick", "kick to transition", "transition to slow")
    heads = ["network", "net flux (cycles per 100 steps)", *pairs, "circulation"]
    lines = [_head([*heads, "cycles forward : backward"])]
    for row in rows:
        regions, cycles = row["regions"], row["circulation"]
        cells = ["-"] * 4
        if regions is not None:
            cells = [_interval(regions["net_flux"]), *(_interval(regions["order"][pair]) for pair in pairs)]
        cells += (
            ["-", "-"]
            if cycles is None
            else [_interval(cycles["circulation"]), "{} : {}".format(*cycles["counts"])]
        )
        lines.append(_line([_name(row), *cells]))
    text = (
        "Net flux slow, kick, transition, slow. Around three regions it is the same on each edge but for the "
        "ends of trajectories: the net shares of visits (0 reversible, 1 one-way) are this one flux over "
        "three totals."
    )
    return f"{text}\n\n" + "\n".join(lines) + "\n"


def render_global(rows: list[dict[str, Any]]) -> str:
    """Growth, exponents and readout."""
    heads = ["network", "without noise", "rate, largest (1/step)", "driven exponent"]
    readout_heads = ["readout in the plane (p: permutations, signs)", "share of logits in it (p: signs)"]
    lines = [_head([*heads, *readout_heads])]
    for row in rows:
        growth, readout = row["noise_free_growth"], row["readout_alignment"]
        cells = ["-"] * 5
        if growth is not None:
            cells[0] = ", ".join(filter(None, (growth["verdict"], growth["directions"])))
            cells[1] = f"{_number(growth['mean_rate'])}, {_number(growth['largest_rate'])}"
        if row["exponents"] is not None:
            cells[2] = _interval(row["exponents"])
        if readout is not None:
            cells[3] = _join(readout, "projection", "p_permutations", "p_signs")
            cells[4] = _join(readout, "logit_share", "logit_p_signs")
        lines.append(_line([_name(row), *cells]))
    return "\n".join(lines) + "\n"


def render_rotation(rows: list[dict[str, Any]]) -> str:
    """Area rates in both planes beside untrained networks, and the direction of the output."""
    heads = ["network"]
    for units in ("raw", "standardised"):
        heads += [f"area rate, {units} (1/step)", "untrained, 95 %", "variance in the plane"]
    lines = [_head([*heads, "output irreversibility (nat)"])]
    for row in rows:
        cells: list[str] = []
        for part in ("rotation", "rotation_standardised"):
            cells += _describe_turn(row.get(part))
        output = "-"
        if row["rotation"] is not None:
            *interval, p = row["rotation"]["irreversibility"]
            output = f"{_interval(interval)}, p = {_number(p)}"
        lines.append(_line([_name(row), *cells, output]))
    return f"{ROTATION_TEXT}\n\n" + "\n".join(lines) + "\n"


def _describe_turn(found: dict[str, Any] | None) -> list[str]:
    """Area rate, untrained networks and variance of one plane."""
    if found is None:
        return ["-"] * 3
    quantile, p = (_number(found[key]["untrained"]) for key in ("null_quantile", "p_value"))
    return [_interval(found["area_rate"]), f"{quantile}, p = {p}", _number(sum(found["variance"]))]


def render_training(rows: list[dict[str, Any]]) -> str:
    """Dates of the phase transition and of the onset of instability, and the lag between them."""
    heads = ["network", "loss drop (epoch)"]
    for what in ("critical pairs", "unstable steps"):
        heads += [f"{what} set in (epoch)", "epochs after the drop"]
    lines = [_head(heads)]
    for row in rows:
        dates = row["training_evolution"]
        if dates is not None:
            cells = [_interval(dates["loss drop"]["date"])]
            for event in ("critical_share", "unstable_share"):
                cells += [_range(dates[event]["date"]), _range(dates[event]["lag"])]
            lines.append(_line([_name(row), *cells]))
    return f"{TRAINING_TEXT}\n\n" + "\n".join(lines) + "\n"


def _name(row: dict[str, Any]) -> str:
    return row["network"].removeprefix("zoo:")


def _reason(row: dict[str, Any], part: str) -> str:
    return f"undefined: {row['parts'][part]['reason']}"


def _number(value: Any, *, scale: float = 1.0) -> str:
    number = table.read_number(value) * scale
    return "-" if np.isnan(number) else f"{number:.2g}" if abs(number) < 1 else f"{number:.3g}"


def _join(found: dict[str, list[Any]], value: str, *p_values: str) -> str:
    """Value of each symbol with its p-values in brackets."""
    brackets = zip(*(map(_number, found[name]) for name in p_values), strict=True)
    numbers = zip(found[value], brackets, strict=True)
    return ", ".join(f"{_number(number)} ({', '.join(p)})" for number, p in numbers)


def _interval(numbers: list[Any]) -> str:
    value, low, high = map(_number, numbers)
    return value if "-" in (low, high) else f"{value} [{low}, {high}]"


def _range(numbers: list[Any]) -> str:
    _, low, high = map(_number, numbers)
    return "-" if "-" in (low, high) else f"{low} to {high}"


def _head(cells: list[str]) -> str:
    return _line(cells) + "\n" + "|---" * len(cells) + "|"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
