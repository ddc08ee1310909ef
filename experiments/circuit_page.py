"""The tables of the circuit in docs/results.md, rendered from the rows that circuit_table.py keeps."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import circuit_answers
import numpy as np
import rows as table
from circuit_measures import COMPARED, LINES, Compared, Measure, show
from circuit_pairs import Pair, compare, correlate, find_pairs, read_measure, select
from circuit_statements import STATEMENTS, is_judged, judge
from paired_losses import OBJECTIVES
from row_cells import (
    Row,
    make_entry,
    parse_rows,
    read_quantities,
    render_head,
    render_line,
    show_interval,
    show_number,
)

from orbitscope.claims.claim import Claim
from orbitscope.claims.conditions import MISSING
from orbitscope.hmm import list_presets
from orbitscope.statistics import PairedDifference

SETS = ("zoo", "pairs", "seeds")
RECIPES = ("fast", "faithful")
"""Recipes of which there are several seeds; the zoo has one of them."""

PHASES = {"diverged": "diverged", "on_plateau": "on the plateau"}

FIGURE = table.ROOT / "docs" / "figures" / "circuit_pairs.png"
"""Drawn by circuit_figures.py; the page shows it once it is there."""

FIGURE_TEXT = (
    "Each grey line is a pair, with the intervals of both networks. Black: mean over pairs. p: sign test."
)

CHAINS_FIGURE = table.ROOT / "docs" / "figures" / "discrete_to_continuous.png"
"""Drawn by discrete_to_continuous.py."""

CHAINS_TEXT = (
    "Chains of two to five states, every network that trained, with its own interval. With more states the "
    "same span from the first symbol to the last is cut into smaller steps."
)

ZOO_TEXT = (
    "One network of each process and loss. Beside a number stands what it is to be compared with: the "
    "process or the HMM, or subspaces of the noise that carry as much of the drive (median and range). v is "
    "the leading direction of the noise before switches. Where symbols are emitted at random, the rate of "
    "the process counts emissions, that of the network changes of its most probable symbol."
)

PAIR_TEXT = (
    "Two networks of each seed, alike but for the loss: `sequences` is the published one. Differences are "
    "sequences minus words; their interval is that of Student's t, p that of the exact sign test over pairs, "
    "without correction for the number of measures. Six pairs that agree have p = .031; five cannot be below "
    ".05."
)

PACE_TEXT = (
    "Spearman's correlation of each measure with the rise time, over all networks of a process that trained, "
    "and within each loss. A measure that goes with the rise time within one loss is, at least in part, one "
    "of pace. A correlation over both losses alone says nothing about that: the loss may cause both. Six "
    "pairs cannot carry a regression on rate and rise time, so none is made. p is without correction."
)

SEED_TEXT = (
    "Median and range over the seeds of each recipe; the zoo's network is one of them where its seed is. "
    "`fast` has the published loss, `faithful` words. Networks on the plateau are left out."
)

VERDICT_TEXT = (
    "The verdict of each claim's rule in each network. *identity*: it follows from the kind of network. -: "
    "the network has no such number, or none yet."
)


def render(rows: list[Row], trained: list[Row]) -> str:
    """Answers first, then all tables.

    Parameters
    ----------
    rows : rows of docs/circuit.jsonl
    trained : rows of docs/paired_losses.jsonl
    """
    if not rows:
        return "No rows yet.\n"
    rows = parse_rows(rows)
    pairs = find_pairs(rows, trained)
    parts = {
        "Answers": circuit_answers.render(rows, pairs),
        "Networks of the zoo": render_zoo(rows),
        "Pairs": render_pairs(rows, pairs),
        "From two states to five": render_chains(),
        "Seeds": render_seeds(rows),
        "Verdicts": render_verdicts(rows),
    }
    return "\n".join(f"### {heading}\n\n{text}" for heading, text in parts.items())


def order(row: Row) -> tuple[int, int, str, str, int]:
    """By set, process in the order of the presets, recipe, loss and seed; the published loss first."""
    presets = list_presets()
    place = presets.index(row["process"]) if row["process"] in presets else len(presets)
    return SETS.index(row["set"]), place, _reverse(row["recipe"]), row["objective"], row["seed"]


def _reverse(recipe: str) -> str:
    """So that `published` comes before the others."""
    return "" if recipe == "published" else recipe


def render_zoo(rows: list[Row]) -> str:
    """A table for each process: a line for each measure, a network in every second column."""
    of_zoo = [row for row in rows if row["set"] == "zoo"]
    tables = [_render_process(list(group)) for _, group in groupby(of_zoo, key=lambda row: row["process"])]
    return "\n".join([f"{ZOO_TEXT}\n", *tables])


def _render_process(rows: list[Row]) -> str:
    names = [row["network"].removeprefix("zoo:") for row in rows]
    heads = ["measure", "beside it", *(cell for name in names for cell in (name, "beside it"))]
    lines = [render_head(heads), *(_render_measure(measure, rows) for measure in LINES)]
    return "\n".join(lines) + "\n"


def _render_measure(measure: Measure, rows: list[Row]) -> str:
    cells = [cell for row in rows for cell in _show_both(measure, row)]
    return render_line([measure.heading, measure.name_beside, *cells])


def _show_both(measure: Measure, row: Row) -> tuple[str, str]:
    """A number and what stands beside it; no dash where nothing can."""
    found = read_quantities(row)
    beside = show_interval(make_entry(measure.beside(found))) if measure.name_beside else ""
    return measure.show(make_entry(measure.find(found))), beside


def render_pairs(rows: list[Row], pairs: list[Pair]) -> str:
    """Pairs that are there and dropped, both values of each, differences, and what goes with the pace."""
    parts = [render_survivors(pairs), render_values(pairs), render_differences(pairs)]
    if FIGURE.is_file():
        parts.append(f"![Measures of each pair with both losses](figures/{FIGURE.name})\n\n{FIGURE_TEXT}\n")
    return "\n".join([f"{PAIR_TEXT}\n", *parts, f"{PACE_TEXT}\n", render_pace(rows, pairs)])


def render_survivors(pairs: list[Pair]) -> str:
    """How many pairs of each process survive, and why the others do not."""
    lines = [render_head(["process", "pairs", "surviving", "dropped"])]
    for process, group in _group_pairs(pairs):
        dropped = [f"seed {pair.seed}: {pair.dropped}" for pair in group if pair.dropped]
        n_left = len(group) - len(dropped)
        lines.append(render_line([process, str(len(group)), str(n_left), ". ".join(dropped) or "none"]))
    return "\n".join(lines) + "\n"


def render_values(pairs: list[Pair]) -> str:
    """Every measure of every network of the pairs that survive."""
    lines = [render_head(["process", "seed", "loss", *(measure.heading for measure in COMPARED)])]
    for pair in pairs:
        for row in () if pair.dropped else pair.rows:
            cells = [show(make_entry(measure.find(read_quantities(row)))) for measure in COMPARED]
            lines.append(render_line([pair.process, str(pair.seed), row["objective"], *cells]))
    return "\n".join(lines) + "\n"


def render_differences(pairs: list[Pair]) -> str:
    """Means with both losses, mean difference, sign test."""
    heads = [*OBJECTIVES, "difference", "higher : lower", "p", "pairs"]
    lines = [render_head(["process", "measure", *heads])]
    for process, group in _group_pairs(pairs):
        for measure in COMPARED:
            found = compare(group, measure.find)
            if found.n_pairs:
                lines.append(render_line([process, measure.heading, *_show_difference(found)]))
    return "\n".join(lines) + "\n"


def _show_difference(found: PairedDifference) -> list[str]:
    means = map(show_number, found.values.mean(axis=0).tolist())
    entry = {"value": found.mean, "low": found.low, "high": found.high}
    numbers = [f"{found.n_higher} : {found.n_lower}", show_number(found.p_value), str(found.n_pairs)]
    return [*means, show_interval(entry), *numbers]


def render_pace(rows: list[Row], pairs: list[Pair]) -> str:
    """Rank correlation of each measure with the rise time, of all networks and within each loss."""
    lines = [render_head(["process", "measure", "all networks", *OBJECTIVES])]
    for process in dict.fromkeys(pair.process for pair in pairs):
        for measure in COMPARED:
            if measure.find is not circuit_answers.RISE:
                cells = _list_correlations(rows, process, measure)
                if set(cells) != {"-"}:
                    lines.append(render_line([process, measure.heading, *cells]))
    return "\n".join(lines) + "\n"


def _list_correlations(rows: list[Row], process: str, measure: Compared) -> list[str]:
    groups = [select(rows, process=process)]
    groups += [select(rows, process=process, objective=objective) for objective in OBJECTIVES]
    found = [correlate(group, measure.find, circuit_answers.RISE) for group in groups]
    return [
        "-"
        if np.isnan(item.rho)
        else f"{show_number(item.rho)} (p = {show_number(item.p_value)}, n = {item.n})"
        for item in found
    ]


def render_chains() -> str:
    """The figure of the chains, once it is drawn."""
    if not CHAINS_FIGURE.is_file():
        return "Not drawn yet: `python experiments/discrete_to_continuous.py`.\n"
    return f"![Networks of chains with either loss](figures/{CHAINS_FIGURE.name})\n\n{CHAINS_TEXT}\n"


def render_seeds(rows: list[Row]) -> str:
    """Median and range over seeds, per process and recipe."""
    lines = [render_head(["process", "recipe", "seeds", "left out", *(m.heading for m in COMPARED)])]
    several = [row for row in rows if row["recipe"] in RECIPES and row["set"] != "pairs"]
    several.sort(key=lambda row: (order(row)[1], RECIPES.index(row["recipe"]), row["seed"]))
    for (process, recipe), group in groupby(several, key=lambda row: (row["process"], row["recipe"])):
        found = list(group)
        judged = list(filter(is_judged, found))
        cells = [_show_spread(judged, measure) for measure in COMPARED]
        lines.append(render_line([process, recipe, str(len(judged)), _list_left_out(found), *cells]))
    return f"{SEED_TEXT}\n\n" + "\n".join(lines) + "\n"


def _list_left_out(rows: list[Row]) -> str:
    reasons = [f"seed {row['seed']} {PHASES[row['phase']]}" for row in rows if row["phase"] in PHASES]
    return ", ".join(reasons) or "none"


def _show_spread(rows: list[Row], measure: Compared) -> str:
    """Median and range; how many seeds have the measure, if not all do."""
    values = [value for row in rows if not np.isnan(value := read_measure(row, measure.find))]
    if not values:
        return "-"
    middle, low, high = (show_number(number) for number in (np.median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})" + (f", n = {len(values)}" if len(values) < len(rows) else "")


def render_verdicts(rows: list[Row]) -> str:
    """A table for the zoo, and one for each process of the others: a line for each claim."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        title = "zoo" if row["set"] == "zoo" else f"{row['set']}, {row['process']}"
        groups.setdefault(title, []).append(row)
    tables = [_render_verdicts(title, group) for title, group in groups.items()]
    reasons = [f"- {row['network']}: {text}" for row in rows for text in _list_undefined(row)]
    return "\n".join([f"{VERDICT_TEXT}\n", *tables, *reasons]).rstrip() + "\n"


def _render_verdicts(title: str, rows: list[Row]) -> str:
    names = [row["network"].removeprefix("zoo:").removeprefix(f"{row['process']}-") for row in rows]
    lines = [render_head([title, *names])]
    for statement in STATEMENTS:
        lines.append(render_line([statement.name, *(_judge(statement, row) for row in rows)]))
    lines.append(render_line(["*phase*", *(PHASES.get(row["phase"], "trained") for row in rows)]))
    lines.append(render_line(["*commits*", *(str(row["commit"]) for row in rows)]))
    return "\n".join(lines) + "\n"


def _judge(claim: Claim, row: Row) -> str:
    """Verdict of one network; - where it has none, or lacks the number."""
    word = judge(claim, row) if is_judged(row) else MISSING
    return "-" if word == MISSING else word


def _list_undefined(row: Row) -> Iterator[str]:
    """Parts that are undefined, and why."""
    for name, part in row["parts"].items():
        if part["status"] == "undefined":
            yield f"`{name}` is undefined, {part['reason']}"


def _group_pairs(pairs: Iterable[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    """Pairs of each process."""
    for process, group in groupby(pairs, key=lambda pair: pair.process):
        yield process, list(group)
