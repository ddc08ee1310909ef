"""The tables of dynamics in docs/results.md, rendered from the rows that dynamics_table.py keeps."""

from typing import Any

import numpy as np
import rows as table

REGIONS = ("transition", "kick", "slow")

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


def render(rows: list[dict[str, Any]]) -> str:
    """All tables, one below the other."""
    parts = (render_regions, render_local, render_order, render_rotation, render_global, render_training)
    return "\n".join(part(rows) for part in parts) if rows else "No rows yet.\n"


def order(row: dict[str, Any]) -> tuple[bool, int, str]:
    """The published networks first, each recipe in the order of the presets; others last, by name."""
    name, presets = row["network"].removeprefix("zoo:"), list(PUBLISHED_UNSTABLE)
    preset = name.removesuffix("-faithful")
    if preset not in presets:
        return True, len(presets), name
    return preset != name, presets.index(preset), name


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
