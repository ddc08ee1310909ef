"""Primitives: whether a network of many states is composed of one two-state mechanism for each pair."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from ...dynamics.driving.driven_states import drive
from ...dynamics.driving.neuron_scales import measure_active_scales
from ...errors import UndefinedAnalysisError
from ...network import spawn_rng
from ...part import Part
from ...part_settings import Drive, Resampling, Steps, Trajectories
from ...statistics import Estimate, bootstrap_statistic, divide_sums
from ...subject import Subject
from ..region_cores import RegionCores, find_last_core
from .gaussian_surrogate import fit_surrogate
from .pair_geometry import (
    Geometry,
    PairPaths,
    bound,
    describe_paths,
    draw_loop_null,
    draw_resamples,
    gather_paths,
    measure_geometry,
    measure_state_share,
)
from .pair_noise import (
    Controls,
    DecidingNoise,
    build_kernels,
    find_deciding_noise,
    match_passages,
    rank_neurons,
)
from .pair_segments import (
    FEWEST_PASSAGES,
    Passages,
    find_passages,
    keep_seen,
    list_pairs,
    list_phases,
    tell_hidden,
)
from .pair_selectivity import (
    FAMILIES,
    LEAST_EXPECTED,
    Family,
    Selectivity,
    build_neuron_family,
    build_noise_families,
    judge_pairs,
    list_networks,
    measure_selectivity,
    run_passages,
)
from .primitive_definitions import DEFINITIONS
from .primitive_result import PrimitiveResult as PrimitiveResult


class PrimitiveSettings(Drive, Resampling):
    """Settings of the part ``primitives``."""

    n_trajectories: Trajectories = 100
    n_steps: Steps = 600
    burn_in: int = Field(default=200, ge=0, description="steps before these; 0 starts in silence")
    n_resamples: int = Field(default=400, ge=1, description="bootstrap resamples of trajectories")
    n_phases: int = Field(default=6, ge=3, description="places on each path from core to core")
    n_around: int = Field(default=2, ge=0, description="steps before and after a passage that belong to it")
    n_lags: int = Field(default=15, ge=1, description="steps before a passage whose noise is looked at")
    n_null: int = Field(default=199, ge=19, description="draws of nulls from recorded paths")
    n_surrogates: int = Field(default=3, ge=1, description="samples of the Gaussian HMM")
    n_first: int = Field(default=12, ge=1, description="first neurons of a direction that are turned off")
    n_controls: int = Field(default=20, ge=1, description="random interventions; with fewer p is never < .05")
    n_runs: int = Field(default=40, ge=2, description="trajectories under each intervention")
    run_steps: int = Field(default=300, ge=2, description="steps of each of these")


@torch.no_grad()
def compute_primitives(subject: Subject, settings: PrimitiveSettings) -> PrimitiveResult:
    """Passages between the cores of each pair of regions: their paths, deciding noise and selectivity.

    Raises
    ------
    UndefinedAnalysisError
        If there is one region only, or no pair has enough passages, or there are too few trajectories.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Torre et al. 2025 call networks of three and four states compositions of the two-state one. Methods are
    in docs/methods/primitives.md. Nothing looks at symbols: two states of the ring emit the same one.
    """
    _require_enough(settings)
    network, generator = subject.network, subject.start_generator("primitives")
    rng, cores = spawn_rng(generator), subject.found["metastable_regions"].cores
    path = drive(subject, settings, generator=generator)
    hidden = network.show_hidden(path.states)
    core, region = tell_hidden(cores, hidden)
    passages = keep_seen(find_passages(core, region), settings.n_around, settings.n_steps)
    passages, controls = match_passages(find_last_core(core), passages, n_lags=settings.n_lags, rng=rng)
    pairs, few = _require_pairs(passages, cores.n_regions)
    passages, controls, code = _number(passages, controls, pairs)

    resampling = {"rng": rng, **settings.resampling}
    kernels = build_kernels(
        path.noise, passages, controls, code, n_lags=settings.n_lags, noise_std=subject.noise_std
    )
    noise = find_deciding_noise(kernels, settings.n_null, **resampling)
    scales = measure_active_scales(hidden)
    order = rank_neurons(hidden, passages, controls, code, scales)
    found = _describe_geometry(hidden, passages, pairs, scales, settings, resampling)
    surrogates = _draw_surrogates(hidden, region, cores, pairs, scales, settings, generator)
    families = _build_families(subject, hidden, noise, order, pairs, settings, rng)
    measured = _intervene(subject, cores, pairs, families, settings, generator, rng)
    names = [f"{a}-{b}" for a, b in pairs]
    return PrimitiveResult(
        settings=subject.record(settings)
        | {"fewest_passages": FEWEST_PASSAGES, "least_expected": LEAST_EXPECTED},
        status={"few": few, "notes": _list_notes(measured, families, len(pairs))},
        pair=np.array(names),
        origin=np.array([x for a, b in pairs for x in (a, b)]),
        target=np.array([x for a, b in pairs for x in (b, a)]),
        n_passages=np.bincount(code, minlength=2 * len(pairs)),
        phase=list_phases(settings.n_phases, settings.n_around),
        duration=_bound_durations(passages, code, settings, resampling),
        **found,
        **surrogates,
        n_regions=np.array(cores.n_regions),
        **_list_noise_fields(noise),
        **_list_selectivity_fields(measured, families),
    )


def _require_enough(settings: PrimitiveSettings) -> None:
    if settings.n_trajectories < 4:
        raise UndefinedAnalysisError(
            f"`primitives.n_trajectories` must be ≥ 4, got {settings.n_trajectories}: halves of them are "
            "compared. Use 100."
        )


def _require_pairs(passages: Passages, n_regions: int) -> tuple[list[tuple[int, int]], list[str]]:
    pairs, few = list_pairs(passages, n_regions)
    if not pairs:
        raise UndefinedAnalysisError(
            f"some pair of regions must have ≥ {FEWEST_PASSAGES} passages each way, but none has: "
            f"{'; '.join(few)}. Drive longer: `primitives.n_trajectories`, `primitives.n_steps`."
        )
    return pairs, few


def _number(
    passages: Passages, controls: Controls, pairs: list[tuple[int, int]]
) -> tuple[Passages, Controls, Int[np.ndarray, " event"]]:
    """Passages of these pairs, and the number of the direction of each."""
    code = np.full(len(passages), -1)
    for p, (a, b) in enumerate(pairs):
        code[passages.find(a, b)] = 2 * p
        code[passages.find(b, a)] = 2 * p + 1
    rows = np.flatnonzero(code >= 0)
    return passages.select(rows), (controls[0][rows], controls[1][rows]), code[rows]


def _bound_durations(
    passages: Passages, code: np.ndarray, settings: PrimitiveSettings, resampling: dict[str, Any]
) -> Estimate:
    sums = np.zeros((settings.n_trajectories, 2, int(code.max()) + 1))
    np.add.at(sums[:, 0], (passages.trajectory, code), passages.arrive - passages.leave)
    np.add.at(sums[:, 1], (passages.trajectory, code), 1)
    return bootstrap_statistic(sums, divide_sums, **resampling).as_estimate()


def _describe_geometry(
    hidden: Float[Tensor, "time trajectory hidden"],
    passages: Passages,
    pairs: list[tuple[int, int]],
    scales: Float[np.ndarray, " hidden"],
    settings: PrimitiveSettings,
    resampling: dict[str, Any],
) -> dict[str, Any]:
    """Planes, loops and overlaps with their intervals and nulls."""
    paths = _gather(hidden, passages, pairs, scales, settings)
    weights = draw_resamples(paths.n_trajectories, settings.n_resamples, resampling["rng"])
    found = measure_geometry(paths, weights)
    shown, planes = describe_paths(paths)
    return {
        "path": shown,
        "plane_share": bound(found.plane_share, settings.confidence),
        "state_share": measure_state_share(paths, planes, **resampling),
        "roundness": bound(found.roundness, settings.confidence),
        "exchanged": draw_loop_null(paths, found.roundness[0], settings.n_null, resampling["rng"]),
        "overlap": bound(found.overlap, settings.confidence),
        "angle": np.degrees(np.arccos(found.cosine[0])),
        "overlap_random": np.array(2 / max(2, int(np.isfinite(scales).sum()))),
    }


def _gather(
    hidden: Tensor,
    passages: Passages,
    pairs: list[tuple[int, int]],
    scales: np.ndarray,
    settings: PrimitiveSettings,
) -> PairPaths:
    sizes = {"n_phases": settings.n_phases, "n_around": settings.n_around}
    return gather_paths(hidden, passages, pairs, scales, **sizes)


def _list_notes(measured: Selectivity, families: list[Family], n_pairs: int) -> list[str]:
    """What could not be measured."""
    notes = list(measured.notes)
    if n_pairs > 1 and not families[0].controls:
        notes.append("noise: without weights of several inputs there are no random directions of equal drive")
    first = 0
    for family in families:
        known = np.isfinite(measured.change.value[first : first + len(family.targets)])
        first += len(family.targets)
        if not known.all():
            notes.append(
                f"{family.name}: {(~known).sum()} of {known.size} rates are not known, their regions are "
                "hardly visited"
            )
    return notes


def _draw_surrogates(
    hidden: Float[Tensor, "time trajectory hidden"],
    region: Int[np.ndarray, "trajectory time"],
    cores: RegionCores,
    pairs: list[tuple[int, int]],
    scales: Float[np.ndarray, " hidden"],
    settings: PrimitiveSettings,
    generator: torch.Generator,
) -> dict[str, np.ndarray]:
    """The same measures of samples of the Gaussian HMM; NaN for pairs with too few passages in it."""
    surrogate = fit_surrogate(hidden, region, cores.n_regions)
    n_drawn, n_pairs = settings.n_surrogates, len(pairs)
    found = {
        "duration_surrogate": np.full((n_drawn, 2 * n_pairs), np.nan),
        "plane_share_surrogate": np.full((n_drawn, n_pairs), np.nan),
        "roundness_surrogate": np.full((n_drawn, n_pairs), np.nan),
        "overlap_surrogate": np.full((n_drawn, n_pairs, n_pairs), np.nan),
    }
    for i in range(n_drawn):
        drawn, _ = surrogate.sample(
            settings.n_trajectories, settings.n_steps, like=hidden, generator=generator
        )
        passages = keep_seen(find_passages(*tell_hidden(cores, drawn)), settings.n_around, settings.n_steps)
        often, _ = list_pairs(passages, cores.n_regions)
        kept = [p for p, pair in enumerate(pairs) if pair in often]
        if not kept:
            continue
        geometry = measure_geometry(_gather(drawn, passages, [pairs[p] for p in kept], scales, settings))
        _fill(found, i, kept, geometry)
        for p in kept:
            for way, (a, b) in enumerate((pairs[p], pairs[p][::-1])):
                rows = passages.find(a, b)
                found["duration_surrogate"][i, 2 * p + way] = np.mean(
                    (passages.arrive - passages.leave)[rows]
                )
    return found


def _fill(found: dict[str, np.ndarray], i: int, kept: list[int], geometry: Geometry) -> None:
    """Write the geometry of the pairs of one sample."""
    found["plane_share_surrogate"][i, kept] = geometry.plane_share[0]
    found["roundness_surrogate"][i, kept] = geometry.roundness[0]
    found["overlap_surrogate"][i][np.ix_(kept, kept)] = geometry.overlap[0]


def _build_families(
    subject: Subject,
    hidden: Float[Tensor, "time trajectory hidden"],
    noise: DecidingNoise,
    order: Int[np.ndarray, "direction hidden"],
    pairs: list[tuple[int, int]],
    settings: PrimitiveSettings,
    rng: np.random.Generator,
) -> list[Family]:
    """Interventions on each pair; random ones beside them where there is another pair to spare."""
    weights = subject.network.cell.find_input_weights()
    w_ih = None if weights is None else weights.double().cpu().numpy()
    n_controls = settings.n_controls if len(pairs) > 1 else 0
    ways = [f"{x} → {y}" for a, b in pairs for x, y in ((a, b), (b, a))]
    drawn = {"n_controls": n_controls, "rng": rng}
    return [
        *build_noise_families(noise.pair_direction, w_ih, [f"{a}-{b}" for a, b in pairs], **drawn),
        build_neuron_family(subject.network, hidden, order, ways, n_first=settings.n_first, **drawn),
    ]


def _intervene(
    subject: Subject,
    cores: RegionCores,
    pairs: list[tuple[int, int]],
    families: list[Family],
    settings: PrimitiveSettings,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> Selectivity:
    counts, is_unbounded = run_passages(
        list_networks(subject.network, families),
        cores,
        pairs,
        n_trajectories=settings.n_runs,
        n_steps=settings.run_steps,
        burn_in=settings.burn_in,
        noise_std=subject.noise_std,
        generator=generator,
    )
    options = {"n_controls": settings.n_controls, "rng": rng, **settings.resampling}
    return measure_selectivity(families, counts, is_unbounded, **options)


def _list_noise_fields(noise: DecidingNoise) -> dict[str, Any]:
    return {
        "profile": noise.profile,
        "direction_noise": noise.direction,
        "pair_noise": noise.pair_direction,
        "cosine": noise.cosine,
        "opposite": noise.opposite,
        "pair_cosine": noise.pair_cosine,
        "singular_value": noise.singular_value,
        "singular_limit": np.array(noise.singular_limit),
        "rank": np.array(noise.rank),
    }


def _list_selectivity_fields(measured: Selectivity, families: list[Family]) -> dict[str, Any]:
    judged = [
        judge_pairs(measured.pair_selectivity[f], measured.null.p_value[f]) for f in range(len(families))
    ]
    return {
        "family": np.array(FAMILIES),
        "run": np.array([target.name for family in families for target in family.targets]),
        "run_family": np.array([f for f, family in enumerate(families) for _ in family.targets]),
        "run_passages": measured.n_passages,
        "change": measured.change,
        "selectivity": measured.selectivity,
        "pair_selectivity": measured.pair_selectivity,
        "random_sets": measured.null,
        "control_selectivity": measured.control_selectivity,
        "is_selective": np.stack([codes for _, codes in judged]),
        "verdict": np.array([word for word, _ in judged]),
    }


PART = Part(
    name="primitives",
    question="is a network of many states composed of one mechanism for each pair of them?",
    result=PrimitiveResult,
    settings=PrimitiveSettings,
    compute=compute_primitives,
    definitions=DEFINITIONS,
    seconds=8.0,
    quick={
        "n_steps": 300,
        "n_null": 49,
        "n_surrogates": 1,
        "n_runs": 20,
        "run_steps": 200,
        "n_resamples": 200,
    },
    needs=("metastable_regions",),
    requires_noise=True,
    least_hidden=2,
)
