"""``orbitscope claims``."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .options import Json, UsageError

if TYPE_CHECKING:
    from ..claims.claim import Verdict
    from ..workflows.judge_run import JudgedRun

_SHORT = {"not measured": "-"}
"""Verdicts in a table of many runs."""


def claims(
    runs: list[Path] | None = None,
    /,
    *,
    quick: Annotated[bool, Parameter(negative=())] = False,
    rules: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
) -> None:
    """Say which claims hold for a network: each has a rule that was written down before.

    Verdicts rest on the results that `orbitscope evaluate` and `orbitscope analyse` have saved; nothing is
    computed. Several runs give one table, with counts.

    Parameters
    ----------
    runs
        Run folders, folders that hold some, or networks of the zoo.
    quick
        Judge the results of a first look (`orbitscope analyse --quick`).
    rules
        List the claims and their rules, and judge nothing.
    json
        Print one JSON document on standard output.
    """
    if rules:
        print_rules(json=json)
        return
    if not runs:
        raise UsageError("`RUN` is required. Name run folders, or networks that `orbitscope zoo` lists.")
    from ..workflows.judge_run import find_runs, judge_run
    from .display import print_json

    judged = [judge_run(run, quick=quick) for run in find_runs(runs)]
    if json:
        print_json({"runs": [run.to_plain() for run in judged], "counts": count_all(judged)})
    elif len(judged) == 1:
        print_run(judged[0], runs[0])
    else:
        print_runs(judged)


def print_rules(*, json: bool) -> None:
    """Show every claim with its rule."""
    from ..claims.ledger import CLAIMS
    from .display import print_json, print_table

    keys = ("name", "text", "rule", "source", "set_on")
    rows = [{key: getattr(claim, key) for key in keys} for claim in CLAIMS]
    if json:
        print_json({"claims": rows})
        return
    heads = ("Claim", "Statement", "Holds if", "Rule written")
    print_table(heads, [(row["name"], row["text"], row["rule"], row["set_on"]) for row in rows])


def count_all(judged: list["JudgedRun"]) -> dict[str, dict[str, int]]:
    """Verdicts on each claim over all runs."""
    names = [verdict.claim.name for verdict in judged[0].verdicts]
    words = [[run.verdicts[i].word for run in judged] for i in range(len(names))]
    return {name: dict(Counter(found)) for name, found in zip(names, words, strict=True)}


def print_run(run: "JudgedRun", path: Path) -> None:
    """Show how many claims hold, and each with the numbers that decided."""
    from .display import print_blank, print_facts, print_sentences, print_table

    print_blank()
    print_sentences(_list_sentences(run))
    print_blank()
    rows = [
        (verdict.claim.name, verdict.word, verdict.claim.text, _show_numbers(verdict))
        for verdict in run.verdicts
    ]
    print_table(("Claim", "Verdict", "Statement", "Numbers that decided"), rows)
    print_blank()
    n_missing = run.count("not measured")
    facts = {"Rules": "orbitscope claims --rules"}
    if n_missing:
        facts["Next"] = f"orbitscope analyse {path} measures what is missing for {n_missing} claims"
    print_facts(facts)


def print_runs(judged: list["JudgedRun"]) -> None:
    """Show a verdict for each claim and run, and how many runs have each."""
    from .display import print_blank, print_facts, print_table

    heads = ("Claim", "Statement", "Holds", "Fails", "Open", *(run.network for run in judged))
    counts = count_all(judged)
    rows = []
    for i, verdict in enumerate(judged[0].verdicts):
        found = counts[verdict.claim.name]
        numbers = [str(found.get(word, 0)) for word in ("holds", "fails", "inconclusive")]
        words = [_SHORT.get(run.verdicts[i].word, run.verdicts[i].word) for run in judged]
        rows.append((verdict.claim.name, verdict.claim.text, *numbers, *words))
    print_blank()
    print_table(heads, rows, numbers=heads[2:5])
    print_blank()
    print_facts({"Rules": "orbitscope claims --rules", "Next": "orbitscope claims RUN gives the numbers"})


def _list_sentences(run: "JudgedRun") -> Iterator[str]:
    """How many claims hold, and whether the network emulates its process."""
    yield run.list_sentences()[0]
    if run.emulation is not None:
        yield run.emulation.sentences[0]
    if run.quick:
        yield "This is a first look: intervals are wide, so more is inconclusive than need be."


def _show_numbers(verdict: "Verdict") -> str:
    """The numbers that decided; empty where there are none."""
    return "" if verdict.word in ("not measured", "identity") else verdict.numbers
