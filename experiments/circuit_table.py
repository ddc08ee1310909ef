"""Fill the tables of the circuit: what makes each network switch, one row per network.

    python experiments/circuit_table.py --threads 1
    python experiments/circuit_table.py --networks zoo:linear-2 linear-2-words-0
    python experiments/circuit_table.py --quick --networks zoo:linear-3
    python experiments/circuit_table.py --page

Networks are those of the zoo, of experiments/paired_runs/ and of experiments/seed_networks/. They are
analysed in memory: nothing is written into their folders. A network that diverged has a row without numbers.

Resumable: docs/results.md is rewritten after each network from the rows in docs/circuit.jsonl. A row keeps
the quantities of an analysis by key, as `orbitscope explain` names them. Parts that a row has with the
present settings, of the same weights, are not computed again, whatever became of the code: `--redo` computes
them anew.
With `--quick` rows and page are in runs/circuit-quick/.
"""

import argparse
import datetime
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import circuit_page
import paired_losses
import rows as table
from paired_losses import OBJECTIVES
from row_cells import Entry, Row, list_plain

from orbitscope.errors import RunFolderError
from orbitscope.evaluation import EvaluationResult, conclude_emulation
from orbitscope.parts import REGISTRY, resolve_settings, select_parts
from orbitscope.quantity import Quantity
from orbitscope.results import load_result
from orbitscope.runs import RunFolder
from orbitscope.runs.zoo import list_zoo, open_run
from orbitscope.system.atomic_files import write_text
from orbitscope.system.installation import find_commit
from orbitscope.system.plain_json import make_plain
from orbitscope.system.threads import use_threads
from orbitscope.workflows.analyse import Analysis, analyse_subject
from orbitscope.workflows.analyse_run import open_subject
from orbitscope.workflows.collect import DIVERGED, label_run

ROWS = table.ROOT / "docs" / "circuit.jsonl"
QUICK = table.ROOT / "runs" / "circuit-quick"
FOLDERS = {
    "pairs": table.ROOT / "experiments" / "paired_runs",
    "seeds": table.ROOT / "experiments" / "seed_networks",
}
"""Sets of networks beside the zoo, and where they are."""

PARTS = (
    *("noise_free_growth", "fixed_points", "rotation", "orbit_size", "readout_alignment"),
    *("regions", "circulation", "noise_sensitivity", "slow_clusters"),
    *("switches", "commitment", "noise_kernel", "carriers"),
    *("connectivity", "populations", "low_rank", "interventions"),
    *("metastable_regions", "dwell", "coherence", "hazard", "committor", "region_chain", "primitives"),
)
"""Parts of dynamics that the ledger of claims reads, of the circuit, its causes and its principles."""

OVER_TRAINING = ("training_evolution",)
"""Parts of networks whose checkpoints are looked at."""

EVALUATED = ("cross_entropy_gap", "sinkhorn_loss_excess")
"""Measures of an evaluation that a row holds beside those with a margin."""

_MAIN_ALONE = (
    *("connectivity", "populations", "low_rank"),
    *("dwell", "coherence", "hazard", "committor", "region_chain", "primitives"),
)
"""Parts of which a row holds main quantities, and raw weights."""


@dataclass(frozen=True)
class Network:
    """A network, the set that it belongs to, and its folder."""

    name: str
    set: str
    folder: RunFolder

    @property
    def is_followed(self) -> bool:
        """Whether its checkpoints are looked at: those of the pairs with the published loss."""
        return self.set == "pairs" and self.folder.read_settings().loss.objective == OBJECTIVES[0]

    @property
    def has_weights(self) -> bool:
        """A run that diverged has none."""
        return self.folder.weights.is_file()


def main() -> None:
    """Analyse the networks whose rows lack something and rewrite the page after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = {network.name: network for network in list_networks()}
    parser.add_argument("--networks", nargs="+", default=list(known), choices=known, metavar="NAME")
    parser.add_argument("--page", action="store_true", help="only rewrite the page")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--redo", action="store_true", help="compute anew what is there")
    parser.add_argument("--quick", action="store_true", help="small sizes, into runs/circuit-quick/")
    arguments = parser.parse_args()
    if arguments.quick:
        use_quick_files()
    for name in [] if arguments.page else arguments.networks:
        fill_row(known[name], arguments.threads, redo=arguments.redo, quick=arguments.quick)
    write_page()


def list_networks() -> Iterator[Network]:
    """All networks: those of the zoo, of the paired experiment, and of several seeds."""
    for name in list_zoo():
        yield Network(name, "zoo", open_run(name))
    for kind, folder in FOLDERS.items():
        for config in sorted(folder.glob("*/config.toml")):
            yield Network(config.parent.name, kind, RunFolder(config.parent))


def use_quick_files() -> None:
    """Rows and page of a first look beside those of the tables."""
    global ROWS
    ROWS, table.PAGE = QUICK / "circuit.jsonl", QUICK / "results.md"
    QUICK.mkdir(parents=True, exist_ok=True)
    write_text(table.PAGE, "<!-- circuit tables: generated --><!-- end of circuit tables -->\n")


def fill_row(network: Network, threads: int, *, redo: bool, quick: bool) -> None:
    """Compute what the row of a network lacks, and rewrite the page."""
    old = next((row for row in table.read_rows(ROWS) if row["network"] == network.name), None)
    facts = describe_network(network)
    if redo or old is None or old["weights"] != facts["weights"]:
        old = facts | {"parts": {}, "quantities": {}}
    missing = list_missing(network, old["parts"], quick=quick) if network.has_weights else []
    if missing or network.name not in {row["network"] for row in table.read_rows(ROWS)}:
        add_row(compute_row(network, old | facts, missing, threads, quick=quick))
        write_page()


def list_missing(network: Network, parts: dict[str, Any], *, quick: bool) -> list[str]:
    """Parts that a row lacks, or has with other settings."""
    wanted = select_parts((*PARTS, *OVER_TRAINING) if network.is_followed else PARTS)
    settings = resolve_settings(wanted, {}, quick=quick)
    plain = {part.name: _make_json(settings[part.name].model_dump()) for part in wanted}
    return [name for name in plain if parts.get(name, {}).get("settings") != plain[name]]


def compute_row(network: Network, row: Row, missing: list[str], threads: int, *, quick: bool) -> Row:
    """Row with these parts, and those that they need, computed; without any it only says what it is."""
    if not missing:
        return row
    with use_threads(threads):
        found = analyse_subject(open_subject(network.folder), only=missing, quick=quick, name=network.name)
    outcomes = found.outcomes
    print(network.name, *(f"{o.part} {o.status} {o.seconds:.0f} s" for o in outcomes), sep="\n  ", flush=True)
    return merge(row, found, describe_parts(found, threads))


def describe_parts(found: Analysis, threads: int) -> dict[str, Any]:
    """What became of each part, with which settings, code and threads."""
    parts = select_parts(outcome.part for outcome in found.outcomes)
    settings = resolve_settings(parts, {}, quick=found.quick)
    origin = {"commit": find_commit(), "date": datetime.date.today().isoformat(), "threads": threads}
    return {
        o.part: {"status": o.status, "reason": o.reason, "seconds": round(o.seconds, 1)}
        | {"settings": _make_json(settings[o.part].model_dump()), **origin}
        for o in found.outcomes
    }


def merge(row: Row, found: Analysis, parts: dict[str, Any]) -> Row:
    """Row with new parts in place of older ones, in the order of the registry."""
    both = row["parts"] | parts
    kept = {key: entry for key, entry in row["quantities"].items() if key.partition(".")[0] not in parts}
    return row | {
        "commit": ", ".join(dict.fromkeys(str(part["commit"]) for part in both.values())),
        "date": max(part["date"] for part in both.values()),
        "threads": max(part["threads"] for part in both.values()),
        "parts": {name: both[name] for name in REGISTRY if name in both},
        "quantities": kept | list_plain(filter(_is_kept, found.quantities.values())),
    }


def _is_kept(quantity: Quantity) -> bool:
    """Not single blocks and ranks, nor interventions on targets of one direction: rows would be long."""
    part, _, key = quantity.key.partition(".")
    if part == "interventions":
        return ":" not in key.replace("noise:1", "")
    return part not in _MAIN_ALONE or quantity.is_main or key.startswith("raw_weight")


def describe_network(network: Network) -> Row:
    """What a network is, how its training ended, and whether it emulates its process."""
    weights = network.folder.weights.read_bytes() if network.has_weights else b""
    return {
        "network": network.name,
        "set": network.set,
        **label_run(network.folder),
        **({} if network.has_weights else {"phase": DIVERGED}),  # no other run is packed without weights
        "weights": hashlib.sha256(weights).hexdigest()[:12],
        "emulation": describe_emulation(network.folder) if network.has_weights else None,
        "commit": find_commit(),
        "date": datetime.date.today().isoformat(),
        "threads": 1,
    }


def describe_emulation(folder: RunFolder) -> dict[str, Entry] | None:
    """Verdict and the measures that claims read, of the packed evaluation; None without one."""
    try:
        result = load_result(folder.results / "evaluation.nc", EvaluationResult)
    except RunFolderError:
        return None
    verdict = conclude_emulation(result, loss=folder.read_settings().loss).verdict
    measures = list_plain(q for q in result.list_quantities_from("zero") if q.margin or q.key in EVALUATED)
    return {"verdict": {"word": verdict}} | measures


def add_row(row: Row) -> None:
    """Write one row, in place of an older one of the same network."""
    rows = [*(old for old in table.read_rows(ROWS) if old["network"] != row["network"]), row]
    table.write_rows(ROWS, sorted(rows, key=circuit_page.order))


def write_page() -> None:
    """Rewrite the generated part of docs/results.md."""
    rows, trained = table.read_rows(ROWS), table.read_rows(paired_losses.ROWS)
    table.write_section("circuit tables", circuit_page.render(rows, trained))


def _make_json(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they come back from a row."""
    return json.loads(json.dumps(make_plain(settings)))


if __name__ == "__main__":
    main()
