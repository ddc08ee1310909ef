"""Main numbers of each part in words, for the summary table."""

import math
from dataclasses import dataclass

import numpy as np

from ..dynamics.circulation import CirculationResult
from ..dynamics.fixed_points import FixedPointResult
from ..dynamics.lyapunov import LyapunovResult
from ..dynamics.noise_free_exponents import NoiseFreeExponentsResult
from ..dynamics.noise_free_growth import NoiseFreeGrowthResult
from ..dynamics.noise_sensitivity import NoiseSensitivityResult
from ..dynamics.orbit_paths import OrbitPathsResult
from ..dynamics.orbit_size import OrbitSizeResult
from ..dynamics.readout_alignment import ReadoutAlignmentResult
from ..dynamics.regional_exponents import RegionalExponentsResult
from ..dynamics.regions import RegionResult
from ..dynamics.rotation import RotationResult
from ..dynamics.slow_clusters import SlowClusterResult
from ..dynamics.training_evolution import COMPARED, EvolutionResult
from ..plots.style import format_number
from ..plots.symbol_names import list_ends, name_symbol
from ..plots.training_evolution import describe_lag


@dataclass(frozen=True)
class Finding:
    """One line of the summary.

    Attributes
    ----------
    what : str
        What was measured.
    value : str
        Number with its interval, or a word.
    beside : str
        What it is to be compared with: a null, a control; empty if nothing.
    """

    what: str
    value: str
    beside: str = ""


def format_interval(value: float, low: float, high: float) -> str:
    """Number with its interval; a dash where it is undefined."""
    if math.isnan(value):
        return "–"
    if math.isnan(low):
        return format_number(value)
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}]"


def summarise_regions(result: RegionResult) -> list[Finding]:
    """Share and unstable directions of the regions, and the net flux around them."""
    rows = result.measure.tolist()
    findings = []
    for j, name in enumerate(result.region):
        share, unstable, null = (rows.index(m) for m in ("share", "unstable", "unstable_null"))
        limits = (result.estimate, result.low, result.high)
        numbers, random = ([float(values[row, j]) for values in limits] for row in (unstable, null))
        findings.append(
            Finding(
                f"{name}: {100 * result.estimate[share, j]:.1f} % of states, unstable directions",
                format_interval(*numbers),
                f"random active sets {format_interval(*random)}",
            )
        )
    contrast = result.contrast.tolist().index("beyond null")
    limits = (result.kick_minus_slow, result.kick_minus_slow_low, result.kick_minus_slow_high)
    beyond = format_interval(*(float(values[contrast]) for values in limits))
    findings.append(Finding("kick minus slow, beyond random active sets", beyond, "0 by chance"))
    flux = (float(value) for value in (result.net_flux, result.net_flux_low, result.net_flux_high))
    what = "net flux slow → kick → transition → slow (cycles per 100 steps)"
    findings.append(Finding(what, format_interval(*flux), "0 if reversible"))
    return findings


def summarise_growth(result: NoiseFreeGrowthResult) -> list[Finding]:
    """Verdict and rate, or where paths settle."""
    status = result.status
    if not status["homogeneous"]:
        n_ends = f"{len(result.end_share)} end{'s' if len(result.end_share) != 1 else ''}"
        return [Finding("without noise", f"{status['verdict']}, {n_ends}", "")]
    rates = f"largest {format_number(result.largest_rate)} /step"
    return [
        Finding("without noise", f"{status['verdict']}, {status['directions']}", "one fixed point: identity"),
        Finding("mean rate of log ‖h‖", f"{format_number(result.mean_rate)} /step", rates),
    ]


def summarise_fixed_points(result: FixedPointResult) -> list[Finding]:
    """Number of points of each kind."""
    counts = {kind: int((result.kind == kind).sum()) for kind in ("fixed", "ray", "slow")}
    found = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    unstable = int((result.n_unstable > 0).sum())
    beside = "the origin alone: identity" if result.status["homogeneous"] else ""
    return [
        Finding("points of the noise-free map", found, beside),
        Finding("of these unstable", str(unstable)),
    ]


def summarise_exponents(result: LyapunovResult) -> list[Finding]:
    """Largest exponent and verdict."""
    numbers = (float(values[0]) for values in (result.estimate, result.low, result.high))
    lost, n = result.status["n_collapsed"][0], len(result.per_trajectory)
    beside = result.status["verdict"] + (f", lost on {lost} of {n} trajectories" if lost else "")
    return [Finding("largest exponent (1/step)", format_interval(*numbers), beside)]


def summarise_noise_free_exponents(result: NoiseFreeExponentsResult) -> list[Finding]:
    """Largest exponent over all paths, and of those that come to each end."""
    ends = [
        Finding(
            f"{end}, {share:.0%} of the paths",
            format_number(float(mean[0])),
            f"{format_number(float(least[0]))} to {format_number(float(largest[0]))}",
        )
        for end, share, mean, least, largest in zip(
            list_ends(result),
            result.end_share,
            result.end_mean,
            result.end_least,
            result.end_largest,
            strict=True,
        )
    ]
    return [*summarise_exponents(result), *ends]


def summarise_regional_exponents(result: RegionalExponentsResult) -> list[Finding]:
    """First finite-time exponent of each region, and of kick minus slow."""
    findings = [
        Finding(
            f"{name}: first exponent of {result.settings['block_steps']} steps (1/step)",
            format_interval(*(float(values[i]) for values in (result.estimate, result.low, result.high))),
            f"{format_number(100 * float(result.expanding[i]))} % of blocks expand",
        )
        for i, name in enumerate(result.region)
    ]
    at = result.region.tolist().index("kick"), result.region.tolist().index("slow")
    limits = (result.difference, result.difference_low, result.difference_high)
    beyond = format_interval(*(float(values[at]) for values in limits))
    return [*findings, Finding("kick minus slow (1/step)", beyond, "0 if alike")]


def summarise_paths(result: OrbitPathsResult) -> list[Finding]:
    """Variance in the plane, and decay of the norm without noise."""
    share = result.plane.explained_variance_ratio.sum()
    first, last = (float(np.median(norms)) for norms in result.free_norm[:, [0, -1]].T)
    n_steps, before = result.free_norm.shape[1] - 1, f"{format_number(first)} before"
    return [
        Finding("variance in the orbit plane", f"{share:.0%}"),
        Finding(f"median ‖h‖ {n_steps} steps after the noise", format_number(last), before),
    ]


def summarise_rotation(result: RotationResult) -> list[Finding]:
    """Area rate beside its nulls, winding, and irreversibility of the output."""
    rate = (float(v) for v in (result.area_rate, result.area_rate_low, result.area_rate_high))
    winding = (float(v) for v in (result.winding, result.winding_low, result.winding_high))
    names = ("output_irreversibility", "output_irreversibility_low", "output_irreversibility_high")
    output = (float(getattr(result, name)) for name in names)
    quantile, p_value = format_number(float(result.output_null_quantile)), float(result.output_p_value)
    by_chance = f"0 if reversible; 95 % by chance {quantile} (p = {format_number(p_value, digits=2)})"
    nulls = ", ".join(
        f"{name} {format_number(float(q))} (p = {format_number(float(p), digits=2)})"
        for name, q, p in zip(result.null, result.null_quantile, result.p_value, strict=True)
    )
    units = "standardised" if result.settings["standardise"] else "raw"
    return [
        Finding(
            f"area rate |a|, {units} activity (1/step)", format_interval(*rate), f"95 % of nulls: {nulls}"
        ),
        Finding("turns in 100 steps", format_interval(*winding), "0 if reversible"),
        Finding("irreversibility of the output (nat)", format_interval(*output), by_chance),
    ]


def summarise_size(result: OrbitSizeResult) -> list[Finding]:
    """Slope of the total size."""
    row = result.measure.tolist().index("total")
    numbers = (float(values[row]) for values in (result.slope, result.slope_low, result.slope_high))
    beside = "1: identity" if result.is_identity else "measured"
    return [Finding("slope of log size against log noise_std", format_interval(*numbers), beside)]


def summarise_alignment(result: ReadoutAlignmentResult) -> list[Finding]:
    """Projection of each centred row on the orbit plane and share of its logit's variance, beside nulls."""
    centred, logit = (result.variant.tolist().index(name) for name in ("centred", "logit"))

    def compare(row: int, i: int, power: int) -> str:
        nulls = zip(result.null, result.null_quantile[row, :, i], result.p_holm[row, :, i], strict=True)
        return "95 % of " + ", ".join(
            f"{name} {format_number(float(q) ** power)} (p = {format_number(float(p), digits=2)})"
            for name, q, p in nulls
        )

    findings = []
    for i, symbol in enumerate(name_symbol(result, int(s)) for s in result.symbol):
        for row, power, what in (
            (centred, 1, f"readout of symbol {symbol} in the orbit plane"),
            (logit, 2, f"share of the variance of logit {symbol} in the orbit plane"),
        ):
            value = format_number(float(result.projection[row, i]) ** power)
            findings.append(Finding(what, value, compare(row, i, power)))
    return findings


def summarise_circulation(result: CirculationResult) -> list[Finding]:
    """Net circulation of each kind of cycle."""
    findings = []
    for i, cycle in enumerate(result.cycle):
        numbers = (float(values[i]) for values in (result.circulation, result.low, result.high))
        p = format_number(float(result.p_value[i]), digits=2)
        beside = f"{result.n_forward[i]} forward, {result.n_backward[i]} backward, p = {p}"
        findings.append(Finding(f"net circulation, {cycle} cycles", format_interval(*numbers), beside))
    return findings


def summarise_sensitivity(result: NoiseSensitivityResult) -> list[Finding]:
    """Growth of the spread over five steps of entirely fresh noise, and slow against transition."""
    rule, gamma, late = 0, int(np.argmax(result.gamma)), result.step.tolist().index(5)
    findings = []
    for i, region in enumerate(result.region):
        limits = (result.spread_ratio, result.spread_ratio_low, result.spread_ratio_high)
        numbers = (float(values[i, rule, gamma, late]) for values in limits)
        what = f"{region}: spread after 5 steps over that after 1"
        findings.append(Finding(what, format_interval(*numbers), f"{result.n_starts[i]} starts"))
    slow, transition = (result.region.tolist().index(name) for name in ("slow", "transition"))
    limits = (result.contrast, result.contrast_low, result.contrast_high)
    numbers = (float(values[slow, transition, rule, gamma]) for values in limits)
    return [*findings, Finding("slow over transition", format_interval(*numbers), "1 if alike")]


def summarise_clusters(result: SlowClusterResult) -> list[Finding]:
    """Number of clusters, and how they agree with the symbols."""
    numbers = (result.adjusted_rand, result.adjusted_rand_low, result.adjusted_rand_high)
    shares = ", ".join(f"{share:.0%}" for share in result.share)
    return [
        Finding("slow regions, found without labels", str(len(result.cluster)), shares),
        Finding("adjusted Rand index with the symbol", format_interval(*map(float, numbers)), "0 by chance"),
    ]


def summarise_evolution(result: EvolutionResult) -> list[Finding]:
    """Dates and lags."""
    findings = []
    for i, event in enumerate(result.event):
        limits = [float(values[i]) for values in (result.lag_low, result.lag_high)]
        has_lag = event != "loss drop" and np.isfinite(limits).all()
        beside = describe_lag(*limits) if has_lag else ""
        date = (float(values[i]) for values in (result.date, result.date_low, result.date_high))
        what = str(event) if event == "loss drop" else f"onset of {str(event).replace('_', ' ')}"
        findings.append(Finding(f"{what} (epoch)", format_interval(*date), beside))
    return findings + [_compare_with_untrained(result, name) for name in COMPARED]


def _compare_with_untrained(result: EvolutionResult, name: str) -> Finding:
    """A measure of the last checkpoint that has it, beside untrained networks."""
    row = result.measure.tolist().index(name)
    last = int(np.flatnonzero(np.isfinite(result.estimate[row]))[-1])
    numbers = (float(values[row, last]) for values in (result.estimate, result.low, result.high))
    low, high = (float(values[row]) for values in (result.untrained_low, result.untrained_high))
    beside = "" if np.isnan(low) else f"untrained {format_number(low)} to {format_number(high)}"
    what = f"{name.replace('_', ' ')} at epoch {result.checkpoint_epoch[last]}"
    return Finding(what, format_interval(*numbers), beside)
