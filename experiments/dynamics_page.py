"""The tables of dynamics in docs/results.md, rendered from the rows that dynamics_table.py keeps.

A cell is a quantity by its key, as `orbitscope explain KEY` defines it.
"""

import itertools
from collections.abc import Callable

from row_cells import (
    Entry,
    Row,
    find,
    find_beside,
    render_head,
    render_line,
    show_interval,
    show_number,
    show_percent,
    show_range,
    show_value,
)

REGIONS = ("transition", "kick", "slow")
EDGES = ("slow-kick", "kick-transition", "transition-slow")
EVENTS = ("critical_share", "unstable_share")

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

ORDER_TEXT = (
    "Net flux slow, kick, transition, slow. Around three regions it is the same on each edge but for the "
    "ends of trajectories: the net shares of visits (0 reversible, 1 one-way) are this one flux over "
    "three totals."
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


def render(rows: list[Row]) -> str:
    """All tables, one below the other."""
    parts = (render_regions, render_local, render_order, render_rotation, render_global, render_training)
    return "\n".join(part(rows) for part in parts) if rows else "No rows yet.\n"


def order(row: Row) -> tuple[bool, int, str]:
    """The published networks first, each recipe in the order of the presets; others last, by name."""
    name, presets = row["network"].removeprefix("zoo:"), list(PUBLISHED_UNSTABLE)
    preset = name.removesuffix("-faithful")
    if preset not in presets:
        return True, len(presets), name
    return preset != name, presets.index(preset), name


def render_regions(rows: list[Row]) -> str:
    """Unstable directions of each region, beside random active sets and the published counts."""
    heads = ["network", "share of states (%)", "unstable directions", "random sets", "published"]
    lines = [render_head([*heads, "kick minus slow", "beyond random sets", "commit"])]
    for row in rows:
        keys = [f"regions.unstable[{region}]" for region in REGIONS]
        cells = [
            _list_regions(row, "share", show_percent),
            _list_regions(row, "unstable", show_interval),
            ", ".join(show_number(find_beside(row, key, "random active sets").get("value")) for key in keys),
            PUBLISHED_UNSTABLE.get(_name(row), ""),
            *(
                show_interval(find(row, f"regions.{key}"))
                for key in ("kick_minus_slow_raw", "kick_minus_slow")
            ),
        ]
        if keys[0] not in row["quantities"]:
            cells = [f"undefined: {row['parts']['regions']['reason']}", *[""] * 5]
        lines.append(render_line([_name(row), *cells, row["commit"]]))
    return f"{REGION_TEXT}\n\n" + "\n".join(lines) + "\n"


def render_local(rows: list[Row]) -> str:
    """What else sets the regions apart."""
    heads = ["network", "uncertain (%)", "entropy (nat)", "relative speed", "sign changes per step"]
    lines = [render_head([*heads, "first exponent (1/step)", "kick minus slow"])]
    for row in rows:
        cells = [
            _list_regions(row, "uncertain", show_percent),
            *(_list_regions(row, name, show_value) for name in ("entropy", "speed", "sign_rate")),
            _list_regions(row, "first", show_interval, part="regional_exponents"),
            show_interval(find(row, "regional_exponents.kick_minus_slow")),
        ]
        lines.append(render_line([_name(row), *cells]))
    return f"{LOCAL_TEXT}\n\n" + "\n".join(lines) + "\n"


def render_order(rows: list[Row]) -> str:
    """Order in which the regions are visited."""
    heads = ["network", "net flux (cycles per 100 steps)", *(edge.replace("-", " to ") for edge in EDGES)]
    lines = [render_head([*heads, "circulation", "cycles forward : backward"])]
    for row in rows:
        keys = ["regions.net_flux", *(f"regions.order[{edge}]" for edge in EDGES), "circulation.net[direct]"]
        counts = [find(row, f"circulation.n_{way}[direct]").get("value") for way in ("forward", "backward")]
        cycles = "-" if None in counts else "{:.0f} : {:.0f}".format(*counts)
        lines.append(render_line([_name(row), *(show_interval(find(row, key)) for key in keys), cycles]))
    return f"{ORDER_TEXT}\n\n" + "\n".join(lines) + "\n"


def render_global(rows: list[Row]) -> str:
    """Growth, exponents and readout."""
    heads = ["network", "without noise", "rate, largest (1/step)", "driven exponent"]
    readout_heads = ["readout in the plane (p: permutations, signs)", "share of logits in it (p: signs)"]
    lines = [render_head([*heads, *readout_heads])]
    for row in rows:
        words = [find(row, f"noise_free_growth.{name}").get("word") for name in ("verdict", "directions")]
        rates = [find(row, f"noise_free_growth.{name}") for name in ("mean_rate", "largest_rate")]
        cells = [
            ", ".join(filter(None, words)) or "-",
            ", ".join(map(show_value, rates)) if any(rates) else "-",
            show_interval(find(row, "exponents.largest")),
            _list_symbols(row, "projection", nulls=("permutations", "signs")),
            _list_symbols(row, "logit_share", nulls=("signs",)),
        ]
        lines.append(render_line([_name(row), *cells]))
    return "\n".join(lines) + "\n"


def render_rotation(rows: list[Row]) -> str:
    """Area rates in both planes beside untrained networks, and the direction of the output."""
    heads = ["network"]
    for units in ("raw", "standardised"):
        heads += [f"area rate, {units} (1/step)", "untrained, 95 %", "variance in the plane"]
    lines = [render_head([*heads, "output irreversibility (nat)"])]
    key = "rotation.output_irreversibility"
    for row in rows:
        cells = [cell for part in ("rotation", "rotation_standardised") for cell in _describe_turn(row, part)]
        p = show_number(find_beside(row, key, "chance").get("p_value"))
        output = f"{show_interval(find(row, key))}, p = {p}" if key in row["quantities"] else "-"
        lines.append(render_line([_name(row), *cells, output]))
    return f"{ROTATION_TEXT}\n\n" + "\n".join(lines) + "\n"


def _describe_turn(row: Row, part: str) -> list[str]:
    """Area rate, untrained networks and variance of one plane."""
    key = f"{part}.area_rate"
    if key not in row["quantities"]:
        return ["-"] * 3
    null = find_beside(row, key, "untrained")
    quantile, p = (show_number(null.get(name)) for name in ("quantile", "p_value"))
    return [
        show_interval(find(row, key)),
        f"{quantile}, p = {p}",
        show_value(find(row, f"{part}.plane_share")),
    ]


def render_training(rows: list[Row]) -> str:
    """Dates of the phase transition and of the onset of instability, and the lag between them."""
    heads = ["network", "loss drop (epoch)"]
    for what in ("critical pairs", "unstable steps"):
        heads += [f"{what} set in (epoch)", "epochs after the drop"]
    lines = [render_head(heads)]
    for row in rows:
        drop = find(row, "training_evolution.date[loss_drop]")
        keys = [f"{name}[{event}]" for event in EVENTS for name in ("date", "lag")]
        cells = [show_interval(drop), *(show_range(find(row, f"training_evolution.{key}")) for key in keys)]
        if drop:
            lines.append(render_line([_name(row), *cells]))
    return f"{TRAINING_TEXT}\n\n" + "\n".join(lines) + "\n"


def _name(row: Row) -> str:
    return row["network"].removeprefix("zoo:")


def _list_regions(row: Row, name: str, show: Callable[[Entry], str], *, part: str = "regions") -> str:
    """A quantity of transition, kick and slow."""
    found = [find(row, f"{part}.{name}[{region}]") for region in REGIONS]
    return ", ".join(map(show, found)) if any(found) else "-"


def _list_symbols(row: Row, name: str, *, nulls: tuple[str, ...]) -> str:
    """A quantity of the readout of each symbol, with the p-values of nulls in brackets."""
    keys = (f"readout_alignment.{name}[{symbol}]" for symbol in itertools.count())
    cells = []
    for key in itertools.takewhile(row["quantities"].__contains__, keys):
        p_values = (show_number(find_beside(row, key, null).get("p_value")) for null in nulls)
        cells.append(f"{show_value(find(row, key))} ({', '.join(p_values)})")
    return ", ".join(cells) or "-"
