"""The committor: which region comes next, where on the way it is decided, and how many attempts fail."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from ...circuit.switches import read_symbols
from ...dynamics.driving.driven_states import drive
from ...errors import UndefinedAnalysisError
from ...network import spawn_rng
from ...part import Part
from ...quantity import Quantity, Reference, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate, bootstrap_statistic
from ...subject import Subject
from .committor_checks import N_SETS
from .committor_definitions import DEFINITIONS
from .committor_tables import (
    MAX_LEAD,
    NEAR,
    count_censored,
    describe_calibration,
    describe_failures,
    describe_passages,
    describe_rates,
    measure_zones,
    share_all_zones,
)
from .committors import compute_committors
from .excursion_choice import FEWEST_PASSAGES, CommittorSettings, choose, name_direction
from .excursions import find_excursions


@dataclass(frozen=True, kw_only=True, eq=False)
class CommittorResult(Result):
    """Committors of states outside cores, along passages between cores and on failed attempts.

    ``status`` holds ``few``, the directions with too few passages, and ``half_lead``, that of the part
    ``commitment`` if it was found.

    Attributes
    ----------
    region : (region,)
        Of ``metastable_regions``.
    group : (group,)
        "all" and the directions with enough passages.
    origin, target : (group,)
        Regions; −1 for all.
    n_passages : (group,)
        Passages that are looked at.
    lead, length, beyond, switch_share, switch_lead : Estimate, (group,)
        Steps from the surface to the entry, steps of a passage, ratio of their sums, share with a switch of
        the most probable symbol, steps from the surface to this switch.
    lead_of : (passage,)
        Steps from the surface to the entry of each passage.
    offset : (offset,)
        Steps before the entry.
    leaving : Estimate, (group, offset)
        Mean 1 − q_a along passages; 0 before they begin.
    leaving_quartile : (group, offset, quartile)
        Lower and upper quartile over passages.
    zone : (zone,)
        Regions by residency.
    zone_along : Estimate, (offset, zone)
        Share of the states on passages.
    attempts : Estimate, (region,)
        Excursions from a core per step.
    rate, commit, product : Estimate, (direction,)
        Of every direction with a passage: passages per step, share of the attempts, attempts × share.
    rate_origin, rate_target : (direction,)
    reach, turned_back : Estimate, (region,)
        Of failed attempts: largest 1 − q_a, share beyond the surface.
    state_set : (set,)
    zone_share : Estimate, (set, zone)
    kick_excess : Estimate, ()
    predicted, left : Estimate, (bin,)
        Mean 1 − q_a of the points in a bin, and share whose own path left.
    n_in_bin : (bin,)
    calibration, bias : Estimate, ()
    censored : Estimate, ()
    """

    region: Int[np.ndarray, " region"] = axes("region", description="number of the region")
    group: Shaped[np.ndarray, " group"] = axes("group", description="all passages, or a direction")
    origin: Int[np.ndarray, " group"] = axes("group", description="region that is left; -1 for all")
    target: Int[np.ndarray, " group"] = axes("group", description="region that is entered; -1 for all")
    n_passages: Int[np.ndarray, " group"] = axes("group", description="passages that are looked at")
    lead: Estimate = estimates("group", unit="steps", description="from the surface to the entry")
    length: Estimate = estimates("group", unit="steps", description="length of a passage")
    beyond: Estimate = estimates("group", description="share of the passage beyond the surface")
    switch_share: Estimate = estimates("group", description="share of passages with a switch")
    switch_lead: Estimate = estimates("group", unit="steps", description="from the surface to the switch")
    lead_of: Float[np.ndarray, " passage"] = axes(
        "passage", unit="steps", description="from the surface to the entry"
    )
    offset: Int[np.ndarray, " offset"] = axes("offset", unit="steps", description="steps before the entry")
    leaving: Estimate = estimates("group", "offset", description="mean 1 - q of the origin")
    leaving_quartile: Float[np.ndarray, "group offset quartile"] = axes(
        "group", "offset", "quartile", description="lower and upper quartile over passages"
    )
    zone: Shaped[np.ndarray, " zone"] = axes("zone", description="region by residency")
    zone_along: Estimate = estimates("offset", "zone", description="share of states on passages")
    attempts: Estimate = estimates("region", unit="1/step", description="excursions per step")
    rate_origin: Int[np.ndarray, " direction"] = axes("direction", description="region that is left")
    rate_target: Int[np.ndarray, " direction"] = axes("direction", description="region that is entered")
    rate: Estimate = estimates("direction", unit="1/step", description="passages per step")
    commit: Estimate = estimates("direction", description="share of the attempts that succeed")
    product: Estimate = estimates("direction", unit="1/step", description="attempts x share that succeeds")
    reach: Estimate = estimates("region", description="largest 1 - q of a failed attempt")
    turned_back: Estimate = estimates("region", description="share of failures beyond the surface")
    state_set: Shaped[np.ndarray, " set"] = axes("set", description="which states")
    zone_share: Estimate = estimates("set", "zone", description="share in a region by residency")
    kick_excess: Estimate = estimates(description="kick at the surface minus kick outside cores")
    predicted: Estimate = estimates("bin", description="mean 1 - q of the origin")
    left: Estimate = estimates("bin", description="share of the paths that left")
    n_in_bin: Float[np.ndarray, " bin"] = axes("bin", description="points, halves of rollouts averaged")
    calibration: Estimate = estimates(description="slope of the outcome against the committor")
    bias: Estimate = estimates(description="share that left minus mean committor")
    censored: Estimate = estimates(description="share of rollouts that come to no core")

    def list_quantities(self) -> list[Quantity]:
        """Where it is decided, how many attempts fail, the regions at the surface, and the checks."""
        return [
            *(quantity for i in range(len(self.group)) for quantity in self._list_passages(i)),
            *(DEFINITIONS["attempts"].measure(self.attempts[k], k) for k in self.region.tolist()),
            *(quantity for i in range(len(self.rate_origin)) for quantity in self._list_rates(i)),
            *(
                DEFINITIONS[key].measure(getattr(self, key)[k], k)
                for key in ("reach", "turned_back")
                for k in self.region.tolist()
            ),
            *(self._name_zone(i) for i in range(len(self.zone))),
            DEFINITIONS["kick_excess"].measure(self.kick_excess, beside=known_value("if unrelated", 0.0)),
            DEFINITIONS["calibration"].measure(self.calibration, beside=known_value("of a committor", 1.0)),
            DEFINITIONS["bias"].measure(self.bias, beside=known_value("of a committor", 0.0)),
            DEFINITIONS["censored"].measure(self.censored),
        ]

    def _list_passages(self, i: int) -> list[Quantity]:
        index = f"{self.origin[i]}-{self.target[i]}" if i else "all"
        name = str(self.group[i]) if i else "all passages"
        half_lead = self.status["half_lead"]
        beside = (Reference("half-lead", Estimate(*half_lead), "steps"),) if half_lead and not i else ()
        keys = ("lead", "length", "beyond", "switch_lead", "switch_share")
        return [
            DEFINITIONS[key].measure(
                getattr(self, key)[i], index, name=name, beside=beside if key == "switch_lead" else ()
            )
            for key in keys
        ]

    def _list_rates(self, i: int) -> list[Quantity]:
        index = f"{self.rate_origin[i]}-{self.rate_target[i]}"
        name = name_direction(int(self.rate_origin[i]), int(self.rate_target[i]))
        product = (Reference("attempts × share, the same by definition", self.product[i], "1/step"),)
        return [
            DEFINITIONS["commit"].measure(self.commit[i], index, name=name),
            DEFINITIONS["rate"].measure(self.rate[i], index, name=name, beside=product),
        ]

    def _name_zone(self, i: int) -> Quantity:
        beside = tuple(
            Reference(str(self.state_set[j]), self.zone_share[j, i], "share") for j in range(1, N_SETS)
        )
        return DEFINITIONS["at_surface"].measure(self.zone_share[0, i], str(self.zone[i]), beside=beside)


@torch.no_grad()
def compute_committor(subject: Subject, settings: CommittorSettings) -> CommittorResult:
    """Estimate committors on passages, on failed attempts and at random, and where they pass a half.

    Raises
    ------
    UndefinedAnalysisError
        If there is one region, no direction has ``FEWEST_PASSAGES`` passages, or no state is outside cores.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Own construction; committors as of E & Vanden-Eijnden (2006). Cores are rules fixed beforehand, fitted to
    other trajectories. Trajectories are the units of all intervals.
    """
    cores = subject.found["metastable_regions"].cores
    _require_time(settings)
    generator = subject.start_generator("committor")
    rng = spawn_rng(generator)
    path = drive(subject, settings, generator=generator)
    core = cores.find_cores(subject.network.show_hidden(path.states)).T.cpu().numpy()
    excursions = find_excursions(core)
    chosen = choose(core, excursions, settings, rng=rng)
    states = path.states[torch.from_numpy(chosen.time), torch.from_numpy(chosen.trajectory)]
    found = compute_committors(
        subject.network,
        states,
        cores.find_cores,
        cores.n_regions,
        noise_std=subject.noise_std,
        max_steps=settings.max_steps,
        n_rollouts=settings.n_rollouts,
        generator=generator,
    )
    resample = partial(bootstrap_statistic, rng=rng, **settings.resampling)
    symbols = read_symbols(subject.network, path.states)
    zones = measure_zones(subject, path, chosen, found, settings, rng=rng)
    return CommittorResult(
        settings=subject.record(settings)
        | {"fewest_passages": FEWEST_PASSAGES, "near": NEAR, "max_lead": MAX_LEAD},
        status={"few": chosen.few, "half_lead": _find_half_lead(subject)},
        region=np.arange(cores.n_regions),
        **describe_passages(chosen, found, symbols, resample),
        **describe_rates(core, excursions, cores.n_regions, resample),
        **describe_failures(chosen, found, len(core), cores.n_regions, resample),
        **describe_calibration(chosen, found, core, settings, resample),
        **share_all_zones(zones, len(core), resample),
        censored=count_censored(chosen, found, len(core), resample),
    )


def _require_time(settings: CommittorSettings) -> None:
    if settings.n_steps <= settings.max_steps:
        raise UndefinedAnalysisError(
            f"`committor.n_steps` must be above `committor.max_steps` = {settings.max_steps}, got "
            f"{settings.n_steps}: what paths do is followed as long as rollouts. Use 250 and 60."
        )
    if settings.n_trajectories < 2:
        raise UndefinedAnalysisError(
            f"`committor.n_trajectories` must be ≥ 2, got {settings.n_trajectories}: intervals are over "
            "trajectories. Use 200."
        )


def _find_half_lead(subject: Subject) -> list[float | None]:
    """Half-lead of all switches with its limits, if the part ``commitment`` was found."""
    commitment = subject.found.get("commitment")
    if commitment is None or not np.isfinite(commitment.half_lead.value[0]):
        return []
    found = commitment.half_lead[0]
    if not np.isfinite([found.low, found.high]).all():
        return [float(found.value)]
    return [float(found.value), float(found.low), float(found.high)]


PART = Part(
    name="committor",
    question="which region comes next, and where on the way is it decided?",
    result=CommittorResult,
    settings=CommittorSettings,
    compute=compute_committor,
    definitions=DEFINITIONS,
    seconds=6.0,
    quick={
        "n_passages": 80,
        "n_failures": 60,
        "n_points": 400,
        "n_labelled": 80,
        "n_rollouts": 20,
        "n_resamples": 200,
    },
    needs=("metastable_regions",),
    uses=("commitment",),
    requires_noise=True,
)
