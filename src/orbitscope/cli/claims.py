"""``orbitscope claims``."""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..number_format import format_number
from ..system.commands import format_command
from .options import Json, UsageError

if TYPE_CHECKING:
    import xarray as xr

    from ..claims.claim import Verdict
    from ..workflows.judge_run import JudgedRun
    from ..workflows.pair_runs import Pairing

_SHORT = {"not measured": "-"}
"""Verdicts in a table of many runs."""

MOST_COLUMNS = 4
"""Runs that have a column each; of more there are counts alone."""


def claims(
    runs: list[Path] | None = None,
    /,
    *,
    by: str = "recipe",
    pair_by: str | None = None,
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
    by
        Label that groups several runs for the counts: recipe, process, objective, seed, cell or phase (of
        the training).
    pair_by
        Pair the runs that differ in this label alone, and test by signs in which of both a claim holds:
        objective, recipe, process or cell.
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
    from ..workflows.collect import collect_runs, find_runs, require_label
    from ..workflows.judge_run import judge_run
    from ..workflows.pair_runs import pair_runs
    from .display import ProgressDisplay, print_json

    require_label(by)
    found = find_runs(runs)
    if len(found) == 1:
        if pair_by is not None:
            raise UsageError("`--pair-by` needs several runs, got one. Name more runs, or a folder of runs.")
        judged = judge_run(found[0], quick=quick)
        print_json(describe_run(judged, found[0])) if json else print_run(judged, Path(found[0]))
        return
    with ProgressDisplay("Judging runs") as progress:
        dataset = collect_runs(found, quick=quick, progress=progress)
        pairing = None if pair_by is None else pair_runs(dataset, pair_by)
    if json:
        print_json(describe_runs(dataset, pairing))
    else:
        print_runs(dataset, by, pairing)


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


def describe_run(judged: "JudgedRun", path: str | Path) -> dict[str, Any]:
    """JSON form of the verdicts on one network: as of several, with the numbers that decided."""
    from ..runs.zoo import open_run
    from ..workflows.collect import label_run

    verdicts = {verdict.claim.name: verdict.word for verdict in judged.verdicts}
    return {"runs": [judged.to_plain() | label_run(open_run(path)) | {"verdicts": verdicts}]}


def describe_runs(dataset: "xr.Dataset", pairing: "Pairing | None") -> dict[str, Any]:
    """JSON form of the verdicts on several networks: of each, counts, and within pairs."""
    from ..workflows.collect import LABELS

    names, runs = dataset["claim"].values.tolist(), []
    for run in dataset["run"].values.tolist():
        column = dataset.sel(run=run)
        labels = {name: column[name].item() for name in LABELS}
        verdicts = dict(zip(names, column["verdict"].values.tolist(), strict=True))
        runs.append({"network": run, **labels, "verdicts": verdicts})
    counts = {name: dict(Counter(dataset["verdict"].sel(claim=name).values.tolist())) for name in names}
    pairs = None if pairing is None else _describe_pairs(dataset, pairing)
    return {"runs": runs, "counts": counts, "pairs": pairs}


def _describe_pairs(dataset: "xr.Dataset", pairing: "Pairing") -> dict[str, Any]:
    """Pairs, who was dropped, and in how many pairs a claim holds in one network alone."""
    from ..workflows.pair_runs import compare_in_pairs

    claims = {}
    for name in dataset["claim"].values.tolist():
        found = compare_in_pairs(dataset, pairing, claim=name)
        claims[name] = {
            "n_pairs": found.n_pairs,
            "only_first": found.n_higher,
            "only_second": found.n_lower,
            "p_value": found.p_value,
        }
    return pairing.to_plain() | {"claims": claims}


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
        command = format_command("analyse", path, *["--quick"] * run.quick)
        claims = "1 claim" if n_missing == 1 else f"{n_missing} claims"
        facts["Next"] = f"{command} may measure what is missing for {claims}"
    print_facts(facts)


def print_runs(dataset: "xr.Dataset", by: str, pairing: "Pairing | None") -> None:
    """Show counts of verdicts for each claim, each verdict of a few runs, and what pairs say."""
    from .display import print_blank, print_facts, print_table

    names, groups = dataset["run"].values.tolist(), _group_runs(dataset, by)
    few = names if len(names) <= MOST_COLUMNS else []
    heads = ("Claim", "Statement", *groups, *few)
    rows = []
    for claim in dataset["claim"].values.tolist():
        words = dict(zip(names, dataset["verdict"].sel(claim=claim).values.tolist(), strict=True))
        counts = [_count([words[name] for name in group]) for group in groups.values()]
        verdicts = [_SHORT.get(words[name], words[name]) for name in few]
        rows.append((claim, dataset["statement"].sel(claim=claim).item(), *counts, *verdicts))
    print_blank()
    print_table(heads, rows, title="Runs in which a claim holds / fails / is open; identities do not count")
    print_blank()
    if pairing is not None:
        print_pairs(dataset, pairing)
        print_blank()
    print_facts({"Rules": "orbitscope claims --rules", "Next": "orbitscope claims RUN gives the numbers"})


def print_pairs(dataset: "xr.Dataset", pairing: "Pairing") -> None:
    """Show in how many pairs a claim holds in one network alone, and who was dropped."""
    from .display import print_facts, print_table

    found = _describe_pairs(dataset, pairing)
    rows = []
    for name, counts in found["claims"].items():
        p_value = "" if math.isnan(counts["p_value"]) else format_number(counts["p_value"])
        rows.append((name, counts["only_first"], counts["only_second"], p_value, counts["n_pairs"]))
    heads = ("Claim", f"Only {pairing.values[0]}", f"Only {pairing.values[1]}", "p (signs)", "Pairs")
    print_table(heads, rows, title="Pairs in which a claim holds in one network and fails in the other")
    print_facts({"Dropped": "; ".join(f"{run} {why}" for run, why in pairing.dropped.items()) or "none"})


def _group_runs(dataset: "xr.Dataset", by: str) -> dict[str, list[str]]:
    """Names of all runs, and of those with each value of a label if there are several."""
    names, values = dataset["run"].values.tolist(), dataset[by].values.tolist()
    groups = {
        str(v): [n for n, x in zip(names, values, strict=True) if x == v] for v in dict.fromkeys(values)
    }
    return {"all": names} | (groups if len(groups) > 1 else {})


def _count(words: list[str]) -> str:
    """Holds / fails / open; empty where nothing was measured."""
    counts = [words.count(word) for word in ("holds", "fails", "inconclusive")]
    return " / ".join(map(str, counts)) if any(counts) else ""


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
