"""Regions by residency: slow, kick and transition, what sets them apart, and which follows which."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int, Integer, Shaped
from pydantic import Field

from ...errors import UndefinedAnalysisError
from ...network import spawn_rng
from ...part import Part
from ...part_settings import Drive, Resampling, Rollouts, SpectralStride, Steps, Trajectories
from ...quantity import Quantity, Reference, known_value
from ...results import Result, axes, estimates
from ...statistics import BootstrapResult, Estimate, bootstrap_statistic, divide_sums
from ...subject import Subject
from ..driving.driven_states import DrivenPath, drive
from ..orbit.orbit_plane import place_states
from .region_definitions import DEFINITIONS
from .region_labels import REGIONS, SLOW_ABOVE, TRANSITION_BELOW, classify_regions, find_uncertain
from .region_measures import MEASURES, measure_spectra, measure_states
from .region_order import compare_orders, count_visits, measure_flux

CONTRASTS = ("network", "null", "beyond null")
"""Of what unstable directions are compared between kick and slow."""

_MOST_OTHER_SYMBOLS = 0.01
"""Share of states with another symbol that rounding on another processor may leave."""

_MAIN = ("share", "unstable")
_MORE = ("uncertain", "entropy", "speed", "sign_rate", "unstable_uniform")
"""Quantities of each region."""


class RegionSettings(Drive, Resampling):
    """Settings of the part ``regions``; the paper's 10 000 states are 100 trajectories of 100 steps."""

    n_trajectories: Trajectories = 100
    n_steps: Steps = 100
    max_steps: int = Field(default=60, ge=1, description="steps after which a residency is cut")
    n_rollouts: Rollouts = 20
    spectral_stride: SpectralStride = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionResult(Result):
    """The regions of the driven states of a network.

    Attributes
    ----------
    region : (region,)
        Names; ``next_region`` repeats them.
    measure, description, unit : (measure,)
    estimate : Estimate, (measure, region)
        Mean over the states of a region, and its interval over trajectories; NaN without states.
    n_points : (region,)
        States of each region.
    contrast : (contrast,)
        "network", "null" (random active sets of equal size and frequencies) and "beyond null".
    kick_minus_slow : Estimate, (contrast,)
        Unstable directions of the noise-free map in kick minus those in slow, with their interval.
    visits : (region, next_region)
        How often a visit to a region was followed by one to another, over all trajectories.
    net_share : Estimate, (region, next_region)
        (N_ij − N_ji)/(N_ij + N_ji) of these visits and its interval: 0 where either order is as frequent.
        Around the three regions N_ij − N_ji is the same but for the ends of trajectories: these are one
        net flux over three totals, not three findings.
    net_flux : Estimate, ()
        Net cycles slow, kick, transition, slow, and their interval over trajectories (NaN without visits).
    label : (trajectory, time)
        Index of the region; −1 is undefined.
    residency : (trajectory, time)
        Mean number of steps until the most probable symbol changes.
    symbol : (trajectory, time)
        Most probable symbol.
    logit_sign_changes : (trajectory, time)
        Mean sign changes of the start symbol's logit.
    position : (trajectory, time, component)
        Coordinates in the orbit plane, in standard deviations of the first.
    n_unstable : (trajectory, spectral_time)
        Eigenvalues with |λ| > 1 of the noise-free map.
    spectral_time : (spectral_time,)
        Steps at which spectra were taken.
    """

    region: Shaped[np.ndarray, " region"] = axes("region", description="region by residency")
    measure: Shaped[np.ndarray, " measure"] = axes("measure", description="name of the measure")
    description: Shaped[np.ndarray, " measure"] = axes("measure", description="what the measure is")
    unit: Shaped[np.ndarray, " measure"] = axes("measure", description="unit of the measure")
    estimate: Estimate = estimates("measure", "region", description="mean of a region")
    n_points: Int[np.ndarray, " region"] = axes("region", description="states of a region")
    contrast: Shaped[np.ndarray, " contrast"] = axes(
        "contrast", description="of the network, null, beyond it"
    )
    kick_minus_slow: Estimate = estimates(
        "contrast", description="unstable directions in kick minus those in slow"
    )
    visits: Int[np.ndarray, "region region"] = axes("region", "next_region", description="successive visits")
    net_share: Estimate = estimates("region", "next_region", description="net share of visits in this order")
    net_flux: Estimate = estimates(
        unit="cycles per 100 steps", description="net cycles slow, kick, transition, slow"
    )
    label: Integer[np.ndarray, "trajectory time"] = axes(
        "trajectory", "time", description="region of a state"
    )
    residency: Float[np.ndarray, "trajectory time"] = axes(
        "trajectory", "time", unit="steps", description="residency"
    )
    symbol: Integer[np.ndarray, "trajectory time"] = axes(
        "trajectory", "time", description="most probable symbol"
    )
    logit_sign_changes: Float[np.ndarray, "trajectory time"] = axes(
        "trajectory", "time", description="sign changes of the start symbol's logit"
    )
    position: Float[np.ndarray, "trajectory time component"] = axes(
        "trajectory", "time", "component", description="coordinates in the orbit plane"
    )
    n_unstable: Integer[np.ndarray, "trajectory spectral_time"] = axes(
        "trajectory", "spectral_time", description="eigenvalues with |λ| > 1"
    )
    spectral_time: Integer[np.ndarray, " spectral_time"] = axes(
        "spectral_time", unit="steps", description="steps with spectra"
    )

    def list_quantities(self) -> list[Quantity]:
        """Share and unstable directions of the regions, and the net flux around them; then the rest."""
        kick = {name: self.kick_minus_slow[i] for i, name in enumerate(self.contrast.tolist())}
        by_chance, reversible = known_value("by chance", 0.0), known_value("if reversible", 0.0)
        random = (Reference("random active sets", kick["null"]),)
        return [
            *self._measure_regions(_MAIN),
            DEFINITIONS["kick_minus_slow"].measure(kick["beyond null"], beside=by_chance),
            DEFINITIONS["net_flux"].measure(self.net_flux, beside=reversible),
            *self._measure_regions(_MORE),
            DEFINITIONS["kick_minus_slow_raw"].measure(kick["network"], beside=random),
            *self._measure_order(),
        ]

    def _measure_regions(self, keys: Iterable[str]) -> Iterator[Quantity]:
        """Means over the states of each region."""
        rows = {name: i for i, name in enumerate(self.measure.tolist())}
        rows["sign_rate"] = rows["logit_sign_rate"]
        for j, name in enumerate(self.region.tolist()):
            random = (Reference("random active sets", self.estimate[rows["unstable_null"], j]),)
            for key in keys:
                beside = random if key == "unstable" else ()
                yield DEFINITIONS[key].measure(self.estimate[rows[key], j], name, beside=beside)

    def _measure_order(self) -> Iterator[Quantity]:
        """Net share of the visits along each edge of slow → kick → transition → slow."""
        names, reversible = self.region.tolist(), known_value("if reversible", 0.0)
        for i, name in enumerate(names):
            j = (i + 1) % len(names)
            edge, label = f"{name}-{names[j]}", f"{name} → {names[j]}"
            yield DEFINITIONS["order"].measure(self.net_share[i, j], edge, name=label, beside=reversible)


def compute_regions(subject: Subject, settings: RegionSettings) -> RegionResult:
    """Divide driven states into regions and measure each.

    Raises
    ------
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Paper: Torre et al. 2025, figures on residency and local dynamics. Differs: regions leave no state out
    (the published slow states also have p_max > .8), intervals are over trajectories, and the counts stand
    beside those of random active sets, because they follow which and how many neurons are active. Net
    shares have the interval of :func:`compute_net_share`.
    """
    network, generator = subject.network, subject.start_generator("regions")
    noise = {"noise_std": subject.noise_std, "generator": generator}
    path = drive(subject, settings, n_steps=settings.n_steps + 1, generator=generator)
    rollouts = {"max_steps": settings.max_steps, "n_rollouts": settings.n_rollouts}
    values = measure_states(network, path.states[:-1], **rollouts, **noise)
    label = classify_regions(values["residency"])
    values["uncertain"] = find_uncertain(values["residency"], values["residency_error"])

    spectral_time = np.arange(0, settings.n_steps, settings.spectral_stride)
    local = measure_spectra(network, path, spectral_time, **noise)
    resample = partial(bootstrap_statistic, rng=spawn_rng(generator), **settings.resampling)
    table = resample(_sum_by_region(label, values, spectral_time, local), divide_sums)
    visits = count_visits(label)
    return RegionResult(
        settings=subject.record(settings) | {"transition_below": TRANSITION_BELOW, "slow_above": SLOW_ABOVE},
        status={"empty": [name for i, name in enumerate(REGIONS) if not (label == i).any()]},
        **_name_axes(),
        n_points=np.array([(label == i).sum() for i in range(len(REGIONS))]),
        estimate=table.as_estimate(),
        kick_minus_slow=_contrast_kick(table),
        visits=visits.sum(0),
        net_share=compare_orders(visits, confidence=settings.confidence),
        net_flux=measure_flux(label, visits, resample),
        label=label.astype(np.int8),
        residency=values["residency"],
        symbol=values["symbol"],
        logit_sign_changes=values["logit_sign_changes"],
        position=place_states(network, path.states[:-1]).transpose(0, 1).cpu().numpy(),
        n_unstable=local["unstable"].astype(np.int16),
        spectral_time=spectral_time,
    )


def replay_regions(subject: Subject) -> DrivenPath:
    """Drive the network of a subject again to the states that its part ``regions`` labelled.

    Step t of the path is time t of the labels; a last step follows.

    Raises
    ------
    UndefinedAnalysisError
        If it does not come to the same symbols: labels of another machine.
    """
    found = subject.found["regions"]
    settings = RegionSettings(**{key: found.settings[key] for key in RegionSettings.model_fields})
    generator = subject.start_generator("regions")
    path = drive(subject, settings, n_steps=settings.n_steps + 1, generator=generator)
    symbol = subject.network.compute_logits(path.states[:-1]).argmax(-1).T.cpu().numpy()
    if (symbol != found.symbol).mean() > _MOST_OTHER_SYMBOLS:
        raise UndefinedAnalysisError(
            "the states of `regions` must come again from its settings, but their symbols differ. Compute it "
            "anew on this machine (`--redo`)."
        )
    return path


def _name_axes() -> dict[str, np.ndarray]:
    """Names of regions, measures and contrasts, and what the measures are."""
    return {
        "region": np.array(REGIONS),
        "contrast": np.array(CONTRASTS),
        "measure": np.array(list(MEASURES)),
        "description": np.array([description for description, _ in MEASURES.values()]),
        "unit": np.array([unit for _, unit in MEASURES.values()]),
    }


def _contrast_kick(means: BootstrapResult) -> Estimate:
    """Unstable directions in kick minus those in slow, of the network, of the null, and beyond the null."""
    rows = [list(MEASURES).index(name) for name in ("unstable", "unstable_null")]
    slow, kick = (REGIONS.index(name) for name in ("slow", "kick"))

    def compare(values: np.ndarray) -> np.ndarray:
        network, null = (values[..., row, kick] - values[..., row, slow] for row in rows)
        return np.stack([network, null, network - null], axis=-1)

    return means.derive(compare)


def _sum_by_region(
    label: np.ndarray,
    values: Mapping[str, np.ndarray],
    spectral_time: np.ndarray,
    local: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Sums of each measure and the number of states behind them, (trajectory, 2, measure, region)."""
    is_in = label[..., None] == np.arange(len(REGIONS))
    sums = {
        "share": (is_in.sum(1), np.broadcast_to((label >= 0).sum(1)[:, None], (len(label), len(REGIONS))))
    }
    sums |= {name: _sum_inside(value, is_in) for name, value in values.items() if name in MEASURES}
    sums |= {name: _sum_inside(value, is_in[:, spectral_time]) for name, value in local.items()}
    return np.stack([np.stack(sums[name], axis=1) for name in MEASURES], axis=2).astype(float)


def _sum_inside(value: np.ndarray, is_in: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum over the states of each region, and their number, by trajectory."""
    is_known = np.isfinite(value)[..., None] & is_in
    return np.where(is_known, value[..., None], 0.0).sum(1), is_known.sum(1)


PART = Part(
    name="regions",
    question="slow, kick and transition: what sets them apart, which follows which?",
    result=RegionResult,
    settings=RegionSettings,
    compute=compute_regions,
    definitions=DEFINITIONS,
    seconds=10.0,
    quick={"n_trajectories": 20, "n_steps": 50, "n_rollouts": 5},
    least_hidden=2,
)
