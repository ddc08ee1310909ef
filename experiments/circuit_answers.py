"""Answers about the circuit: sentences and counts that follow from the rows by rule."""

import numpy as np
from circuit_measures import COMPARED, GAP, RISE, VERDICT, Compared
from circuit_pairs import Difference, Pair, compare, correlate, find_range, select
from circuit_rules import FAILS, HOLDS, INCONCLUSIVE, MISSING
from circuit_statements import FEWEST_NETWORKS, LEVEL, MOST, STATEMENTS, Statement, is_judged, judge
from paired_losses import OBJECTIVES
from row_cells import Row, render_head, render_line, show_interval, show_number

LOSS_NAMES: dict[str, str] = dict(zip(OBJECTIVES, ("the published loss", "the loss on words"), strict=True))

COUNT_TEXT = (
    "Networks in which the rule of each statement says holds / fails / inconclusive. All networks that "
    "trained count once, of the zoo, pairs and seeds; those that lack the number do not count."
)

FEWEST_PAIRS = 6
"""Pairs without which the sign test cannot be below its level."""

ACCOUNT_TEXT = (
    "What pairs of the same seed say. A difference counts where the sign test is below .05, which six pairs "
    "reach only if all agree. Times are compared again in units of the rise time."
)


def render(rows: list[Row], pairs: list[Pair]) -> str:
    """Sentences on statements and differences, with the counts and rules behind them."""
    parts = [
        _list(describe_coverage(rows, pairs)),
        "**Which statements hold?**\n",
        _list(describe_statement(statement, rows) for statement in STATEMENTS),
        f"{COUNT_TEXT}\n",
        *(render_counts(rows, objective) for objective in OBJECTIVES),
        f"**What differs with the loss, and is it the pace?** {ACCOUNT_TEXT}\n",
        _list(describe_differences(rows, pairs)),
        "**Rules**, fixed before the rows were looked at.\n",
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
        words = [VERDICT(row).get("word") for row in select(rows, objective=objective) if VERDICT(row)]
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


def describe_statement(statement: Statement, rows: list[Row]) -> str:
    """What becomes of a statement with each loss."""
    clauses = [_describe_loss(statement, select(rows, objective=objective)) for objective in OBJECTIVES]
    named = [f"with {LOSS_NAMES[name]} {text}" for name, text in zip(OBJECTIVES, clauses, strict=True)]
    return f"*{statement.name}, {statement.text}*: {'; '.join(named)}."


def _describe_loss(statement: Statement, rows: list[Row]) -> str:
    """Verdict over networks: holds or fails in most of them, or is mixed."""
    counts = count_verdicts(statement, rows)
    n = sum(counts.values())
    if not n:
        return "it is not measured"
    verdict = next((name for name in (HOLDS, FAILS) if counts[name] >= MOST * n), "is mixed")
    verdict = verdict if n >= FEWEST_NETWORKS else "has too few networks"
    numbers = ", ".join(f"{name} in {count}" for name, count in counts.items() if count)
    return f"it **{verdict}** ({numbers} of {n})"


def count_verdicts(statement: Statement, rows: list[Row]) -> dict[str, int]:
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
        cells = [" / ".join(map(str, count)) if sum(count) else MISSING for count in counts]
        lines.append(render_line([f"{statement.name}: {statement.text}", *cells]))
    return "\n".join(lines) + "\n"


def describe_differences(rows: list[Row], pairs: list[Pair]) -> list[str]:
    """For each process: whether the losses differ in pace, and what differs beside it."""
    sentences = []
    for process in _list_processes(pairs):
        sentences.append(describe_pace(process, rows))
        group = [pair for pair in pairs if pair.process == process]
        chosen = [measure for measure in COMPARED if measure.find not in (RISE, GAP)]
        times = {measure.at_pace for measure in chosen}
        sentences += [
            describe_difference(process, measure, rows, group)
            for measure in chosen
            if measure.find not in times
        ]
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


def describe_difference(process: str, measure: Compared, rows: list[Row], pairs: list[Pair]) -> str:
    """Whether a measure differs in pairs, and whether it does at equal pace or goes with it."""
    found = compare(pairs, measure.find)
    if not found.n_pairs:
        return ""
    begin = f"{process}, {measure.heading}: {_say_difference(found)}"
    if measure.at_pace is not None:
        return f"{begin}. In units of the rise time: {_say_difference(compare(pairs, measure.at_pace))}."
    return f"{begin}. {_describe_correlation(process, measure, rows)}"


def _say_difference(found: Difference) -> str:
    """Direction, size and test of a difference."""
    if not found.n_pairs:
        return "no pair has it"
    ways = f"higher with the published loss in {found.n_higher} of {found.n_pairs} pairs"
    size = show_interval({"value": found.mean, "low": found.low, "high": found.high})
    numbers = f"{ways}, mean difference {size}, p = {show_number(found.p_value)}"
    if found.n_pairs < FEWEST_PAIRS:
        return f"**too few pairs** ({numbers})"
    return f"**{'differs' if found.p_value < LEVEL else 'no difference shown'}** ({numbers})"


def _describe_correlation(process: str, measure: Compared, rows: list[Row]) -> str:
    """Whether a measure goes with the rise time among networks of one loss."""
    found = {
        name: correlate(select(rows, process=process, objective=name), measure.find, RISE)
        for name in OBJECTIVES
    }
    known = {name: item for name, item in found.items() if not np.isnan(item.rho)}
    if not known:
        return "Too few networks say whether it goes with the rise time."
    texts = [
        f"{show_number(item.rho)} with {LOSS_NAMES[name]} (n = {item.n})" for name, item in known.items()
    ]
    goes = any(item.p_value < LEVEL for item in known.values())
    verdict = "It goes with the rise time within a loss" if goes else "Within a loss no tie to it is shown"
    return f"{verdict}: rank correlation {' and '.join(texts)}."


def render_rules() -> str:
    """Statements with their rules."""
    lines = [render_head(["statement", "", "holds if"])]
    lines += [render_line([item.name, item.text, item.rule]) for item in STATEMENTS]
    share = f"{MOST:.0%} of at least {FEWEST_NETWORKS} networks"
    note = (
        "A rule fails where the interval lies wholly on the other side, else it is inconclusive. With a loss "
        f"a statement holds, or fails, if it does in {share} with the number; otherwise it is mixed."
    )
    return "\n".join(lines) + f"\n\n{note}\n"


def _list_processes(pairs: list[Pair]) -> list[str]:
    return list(dict.fromkeys(pair.process for pair in pairs))


def _list(sentences) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)
