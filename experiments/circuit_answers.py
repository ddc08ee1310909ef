"""Answers about the circuit: sentences and counts that follow from the rows by rule."""

from collections.abc import Iterable

import numpy as np
from circuit_measures import COMPARED, GAP, RISE, VERDICT, Compared
from circuit_pairs import Pair, compare, correlate, find_range, select
from circuit_statements import FEWEST_NETWORKS, LEVEL, MOST, STATEMENTS, is_judged, judge
from paired_losses import OBJECTIVES
from row_cells import Row, read_quantities, render_head, render_line, show_interval, show_number

from orbitscope.claims.claim import Claim
from orbitscope.claims.conditions import FAILS, HOLDS, IDENTITY, INCONCLUSIVE, MISSING
from orbitscope.statistics import PairedDifference

LOSS_NAMES: dict[str, str] = dict(zip(OBJECTIVES, ("the published loss", "the loss on words"), strict=True))

OTHERS_TEXT = (
    "Networks of the zoo informed some of the rules, so the verdicts here are of the others: pairs and seeds."
)

COUNT_TEXT = (
    "Networks in which the rule of each statement says holds / fails / inconclusive; *identity*: it follows "
    "from the kind of network. All networks that trained count once, of the zoo, pairs and seeds; those that "
    "lack the number do not count."
)

FEWEST_PAIRS = 6
"""Pairs without which the sign test cannot be below its level."""

ACCOUNT_TEXT = (
    "What pairs of the same seed say: mean differences, sequences minus words, with their intervals. A "
    "difference counts where the sign test is below .05, which six pairs reach only if all agree. Times are "
    "compared again in units of the rise time. Nothing is corrected for the number of measures."
)


def render(rows: list[Row], pairs: list[Pair]) -> str:
    """Sentences on statements and differences, with the counts and rules behind them."""
    parts = [
        _list(describe_coverage(rows, pairs)),
        f"**Which statements hold?** {OTHERS_TEXT}\n",
        _list(describe_statement(statement, rows) for statement in STATEMENTS),
        f"{COUNT_TEXT}\n",
        *(render_counts(rows, objective) for objective in OBJECTIVES),
        f"**What differs with the loss, and is it the pace?** {ACCOUNT_TEXT}\n",
        _list(describe_differences(rows, pairs)),
        "**Rules**\n",
        render_rules(),
    ]
    return "\n".join(parts)


def describe_coverage(rows: list[Row], pairs: list[Pair]) -> list[str]:
    """How many networks there are, and which loss emulates better."""
    n_diverged, n_plateau = (sum(row["phase"] == name for row in rows) for name in ("diverged", "on_plateau"))
    n_judged = sum(map(is_judged, rows))
    counted = (
        f"{len(rows)} networks: {n_judged} have verdicts, {n_plateau} are on the plateau of the loss, "
        f"{n_diverged} diverged."
    )
    gaps = [describe_gap(process, pairs) for process in _list_processes(pairs)]
    return [counted, describe_emulation(rows), *gaps]


def describe_emulation(rows: list[Row]) -> str:
    """How many networks of each loss emulate their process, by the verdict of their evaluation."""
    clauses = []
    for objective in OBJECTIVES:
        found = [VERDICT(read_quantities(row)) for row in select(rows, objective=objective)]
        words = [quantity.word for quantity in found if quantity is not None]
        clauses.append(f"{words.count('emulates')} of {len(words)} with {LOSS_NAMES[objective]}")
    return f"All judged measures of emulation are within their margins in {' and '.join(clauses)}."


def describe_gap(process: str, pairs: list[Pair]) -> str:
    """Which loss has the smaller cross-entropy gap in pairs of a process."""
    found = compare([pair for pair in pairs if pair.process == process], GAP)
    if not found.n_pairs:
        return f"{process}: no pair has a cross-entropy gap yet."
    return (
        f"{process}: the size of the cross-entropy gap is smaller with words in {found.n_higher} of "
        f"{found.n_pairs} pairs that survive (p = {show_number(found.p_value)})."
    )


def describe_statement(statement: Claim, rows: list[Row]) -> str:
    """What becomes of a statement with each loss, in networks that did not inform its rule."""
    others = [row for row in rows if row["set"] != "zoo"]
    clauses = [_describe_loss(statement, select(others, objective=objective)) for objective in OBJECTIVES]
    named = [f"with {LOSS_NAMES[name]} {text}" for name, text in zip(OBJECTIVES, clauses, strict=True)]
    return f"*{statement.name}, {statement.text}*: {'; '.join(named)}."


def _describe_loss(statement: Claim, rows: list[Row]) -> str:
    """Verdict over networks: holds or fails in most of them, or is mixed."""
    counts = count_verdicts(statement, rows)
    n = sum(counts.values())
    if not n:
        is_identity = _say_uncounted(statement, rows) == IDENTITY
        return "it follows from the kind of network" if is_identity else "it is not measured"
    verdict = next((name for name in (HOLDS, FAILS) if counts[name] >= MOST * n), "is mixed")
    verdict = verdict if n >= FEWEST_NETWORKS else "has too few networks"
    numbers = ", ".join(f"{name} in {count}" for name, count in counts.items() if count)
    return f"it **{verdict}** ({numbers} of {n})"


def count_verdicts(statement: Claim, rows: list[Row]) -> dict[str, int]:
    """How many networks have each verdict; those without the number do not count."""
    verdicts = [judge(statement, row) for row in rows]
    return {name: verdicts.count(name) for name in (HOLDS, FAILS, INCONCLUSIVE)}


def render_counts(rows: list[Row], objective: str) -> str:
    """Counts of verdicts with one loss, by process."""
    chosen = select(rows, objective=objective)
    processes = list(dict.fromkeys(row["process"] for row in chosen))
    lines = [render_head([LOSS_NAMES[objective], "all", *processes])]
    for statement in STATEMENTS:
        groups = [chosen, *([row for row in chosen if row["process"] == name] for name in processes)]
        counts = [count_verdicts(statement, group).values() for group in groups]
        cells = [
            " / ".join(map(str, count)) if sum(count) else _say_uncounted(statement, group)
            for count, group in zip(counts, groups, strict=True)
        ]
        lines.append(render_line([f"{statement.name}: {statement.text}", *cells]))
    return "\n".join(lines) + "\n"


def _say_uncounted(statement: Claim, rows: list[Row]) -> str:
    """What a cell says where no verdict counts."""
    words = {judge(statement, row) for row in rows} - {MISSING}
    return IDENTITY if words == {IDENTITY} else "-"


def describe_differences(rows: list[Row], pairs: list[Pair]) -> list[str]:
    """For each process: whether the losses differ in pace, and what differs beside it."""
    sentences = []
    for process in _list_processes(pairs):
        group = [pair for pair in pairs if pair.process == process]
        sentences += [describe_pace(process, rows), describe_pairs(process, group)]
        sentences += [describe_at_pace(process, group), describe_ties(process, rows)]
    return list(filter(None, sentences))


def describe_pace(process: str, rows: list[Row]) -> str:
    """Whether rise times of the two losses overlap: if not, nothing can tell loss and pace apart."""
    ranges = [find_range(select(rows, process=process, objective=name), RISE) for name in OBJECTIVES]
    if np.isnan(ranges).any():
        return f"{process}: rise times are not there for both losses yet."
    (low, high), (other_low, other_high) = ranges
    spans = [f"{show_number(start)} to {show_number(end)}" for start, end in ranges]
    known = f"{process}: rise times are {spans[0]} steps with the published loss, {spans[1]} with words."
    if low > other_high or other_low > high:
        return f"{known} They do not overlap, so across losses no regression can tell loss from pace."
    return f"{known} They overlap."


def describe_pairs(process: str, pairs: list[Pair]) -> str:
    """Which measures differ within pairs, and which way."""
    found = [(measure, compare(pairs, measure.find)) for measure in COMPARED if not _is_beside(measure)]
    return _say_sorted(f"{process}, pairs", [(item.heading, difference) for item, difference in found])


def describe_at_pace(process: str, pairs: list[Pair]) -> str:
    """Which times still differ in units of the rise time."""
    times = [(measure.heading, measure.at_pace) for measure in COMPARED if measure.at_pace is not None]
    found = [(heading.removesuffix(" (steps)"), compare(pairs, find)) for heading, find in times]
    return _say_sorted(f"{process}, in units of the rise time", found)


def describe_ties(process: str, rows: list[Row]) -> str:
    """Which measures go with the rise time among networks of one loss."""
    tied = []
    for measure in COMPARED:
        for objective in () if _is_beside(measure) or measure.find is RISE else OBJECTIVES:
            found = correlate(select(rows, process=process, objective=objective), measure.find, RISE)
            if found.p_value < LEVEL:
                tied.append(f"{measure.heading} ({show_number(found.rho)}, {objective}, n = {found.n})")
    return f"{process}, rank correlation with the rise time within one loss, p < {LEVEL}: {_join(tied)}."


def _is_beside(measure: Compared) -> bool:
    """Whether a measure stands elsewhere in the answers: emulation, and times in units of the pace."""
    return measure.find is GAP or measure.find in [item.at_pace for item in COMPARED]


def _say_sorted(subject: str, found: list[tuple[str, PairedDifference]]) -> str:
    """Sentence on what differs, what does not, and what has too few pairs; empty without any pair."""
    enough = [(name, item) for name, item in found if item.n_pairs >= FEWEST_PAIRS]
    groups = {
        "higher with the published loss": [
            it for it in enough if _differs(it[1]) and _is_mostly_higher(it[1])
        ],
        "higher with words": [it for it in enough if _differs(it[1]) and not _is_mostly_higher(it[1])],
        "no difference shown": [it for it in enough if not _differs(it[1])],
        f"fewer than {FEWEST_PAIRS} pairs, no test": [it for it in found if 0 < it[1].n_pairs < FEWEST_PAIRS],
    }
    named = {title: [_size(*item) for item in items] for title, items in groups.items()}
    clauses = [f"**{title}**: {', '.join(names)}" for title, names in named.items() if names]
    return f"{subject}. {'. '.join(clauses)}." if clauses else ""


def _differs(found: PairedDifference) -> bool:
    """Whether the sign test says so."""
    return found.p_value < LEVEL


def _is_mostly_higher(found: PairedDifference) -> bool:
    """Whether most pairs have the larger value with the published loss."""
    return found.n_higher > found.n_lower


def _size(name: str, found: PairedDifference) -> str:
    """Measure with its mean difference."""
    return f"{name} {show_interval({'value': found.mean, 'low': found.low, 'high': found.high})}"


def render_rules() -> str:
    """Claims with their rules, and what was known when these were written."""
    lines = [render_head(["claim", "", "holds if", "rule written"])]
    lines += [render_line([item.name, item.text, item.rule, item.set_on]) for item in STATEMENTS]
    share = f"{MOST:.0%} of at least {FEWEST_NETWORKS} networks"
    note = (
        "A rule fails where the interval lies wholly on the other side, else it is inconclusive. With a loss "
        f"a statement holds, or fails, if it does in {share} with the number; otherwise it is mixed."
    )
    return "\n".join(lines) + f"\n\n{note}\n"


def _list_processes(pairs: list[Pair]) -> list[str]:
    return list(dict.fromkeys(pair.process for pair in pairs))


def _join(names: list[str]) -> str:
    return ", ".join(names) or "none"


def _list(sentences: Iterable[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)
