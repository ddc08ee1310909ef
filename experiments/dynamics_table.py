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

import dynamics_page
import rows as table

from orbitscope.errors import RunFolderError
from orbitscope.runs import find_commit
from orbitscope.runs.zoo import list_zoo
from orbitscope.statistics import Estimate
from orbitscope.workflows.analyse import PartOutcome
from orbitscope.workflows.analyse_run import analyse_run, load_part

ROWS = table.ROOT / "docs" / "dynamics.jsonl"

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
    outcomes = analyse_run(network, threads=threads, redo=redo).outcomes
    print(network, *(f"{o.part} {o.status} {o.seconds:.0f} s" for o in outcomes), sep="\n  ", flush=True)
    return {
        "network": network,
        "commit": find_commits(network, outcomes),
        "date": datetime.date.today().isoformat(),
        "threads": threads,
        "parts": {o.part: {"status": o.status, "reason": o.reason} for o in outcomes},
        "regions": describe(network, "regions", describe_regions),
        "noise_free_growth": describe(network, "noise_free_growth", describe_growth),
        "exponents": describe(network, "exponents", lambda r: list_numbers(r.mean_exponent[0])),
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


def list_numbers(estimate: Estimate) -> list[float]:
    """A single number and the limits of its interval."""
    return [float(number) for number in (estimate.value, estimate.low, estimate.high)]


def describe_regions(result: Any) -> dict[str, Any]:
    """Share, unstable directions and their null in each region, order of visits and net flux."""
    measures, names = result.measure.tolist(), result.region.tolist()
    found = {
        measure: {
            region: list_numbers(result.estimate[measures.index(measure), names.index(region)])
            for region in dynamics_page.REGIONS
        }
        for measure in SHOWN
    }
    order = {
        f"{names[i]} to {names[j]}": list_numbers(result.asymmetry[i, j]) for i, j in ((0, 1), (1, 2), (2, 0))
    }
    contrasts = {str(name): list_numbers(result.kick_minus_slow[i]) for i, name in enumerate(result.contrast)}
    flux = list_numbers(result.net_flux)
    return found | {"order": order, "net_flux": flux, "kick_minus_slow": contrasts}


def describe_regional_exponents(result: Any) -> dict[str, Any]:
    """First finite-time exponent of each region, and that of kick minus that of slow."""
    names = result.region.tolist()
    found = {
        region: list_numbers(result.mean_exponent[names.index(region)]) for region in dynamics_page.REGIONS
    }
    at = names.index("kick"), names.index("slow")
    return found | {"kick_minus_slow": list_numbers(result.difference[at])}


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
    nulls = result.area_rate_nulls
    return {
        "p_value": {null.name: float(null.p_value) for null in nulls},
        "area_rate": list_numbers(result.area_rate),
        "null_quantile": {null.name: float(null.quantile) for null in nulls},
        "n_untrained": len(result.untrained.draws),
        "irreversibility": [
            *list_numbers(result.output_irreversibility),
            float(result.output_null.p_value),
        ],
        "variance": result.plane.explained_variance_ratio.tolist(),
    }


def describe_circulation(result: Any) -> dict[str, Any]:
    """Net circulation of direct cycles, and their numbers."""
    row = result.cycle.tolist().index("direct")
    numbers = list_numbers(result.circulation[row])
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
            "date": list_numbers(result.date[i]),
            "lag": list_numbers(result.lag[i]),
        }
        for i, event in enumerate(result.event)
    }


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
