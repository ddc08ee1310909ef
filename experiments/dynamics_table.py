"""Fill the tables of dynamics: analyse every network of the zoo, one row per network.

    python experiments/dynamics_table.py
    python experiments/dynamics_table.py --networks zoo:linear-3
    python experiments/dynamics_table.py --page

Resumable: parts that are there are kept (`orbitscope analyse`), and docs/results.md is rewritten from the
rows in docs/dynamics.jsonl after each network. A row holds the quantities of the analysis by key, as
`orbitscope explain` names them. Results and figures are in runs/zoo-NAME/.
"""

import argparse
import datetime
from collections.abc import Iterable
from typing import Any

import dynamics_page
import rows as table
from row_cells import list_plain

from orbitscope.runs.zoo import list_zoo
from orbitscope.system.installation import find_commit
from orbitscope.workflows.analyse import PartOutcome
from orbitscope.workflows.analyse_run import analyse_run

ROWS = table.ROOT / "docs" / "dynamics.jsonl"


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
    found = analyse_run(network, threads=threads, redo=redo)
    outcomes = found.outcomes
    print(network, *(f"{o.part} {o.status} {o.seconds:.0f} s" for o in outcomes), sep="\n  ", flush=True)
    return {
        "network": network,
        "commit": find_commits(outcomes),
        "date": datetime.date.today().isoformat(),
        "threads": threads,
        "parts": {o.part: {"status": o.status, "reason": o.reason} for o in outcomes},
        "quantities": list_plain(found.quantities.values()),
    }


def find_commits(outcomes: Iterable[PartOutcome]) -> str | None:
    """Commit of the code that computed the results; several if some were kept that the same code computed."""
    made = [outcome.result.settings["commit"] for outcome in outcomes if outcome.result is not None]
    return ", ".join(dict.fromkeys(filter(None, made))) or find_commit()


def add_row(row: dict[str, Any]) -> None:
    """Write one row, in place of an older one of the same network."""
    rows = [*(old for old in table.read_rows(ROWS) if old["network"] != row["network"]), row]
    table.write_rows(ROWS, sorted(rows, key=dynamics_page.order))


def write_page() -> None:
    """Rewrite the generated part of docs/results.md."""
    rows = table.read_rows(ROWS)
    table.write_section("dynamics tables", dynamics_page.render(rows))


if __name__ == "__main__":
    main()
