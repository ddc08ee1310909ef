"""Dwell regularity: whether the network is more regular than the process that it emulates."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from pydantic import Field

from ...circuit.switches import require_trajectories
from ...errors import InputError, UndefinedAnalysisError
from ...hmm import HMM, compute_run_length_law, compute_stationary_probs, sample_sequences
from ...network import spawn_rng
from ...part import Part
from ...part_settings import Drive, Resampling
from ...quantity import Quantity, Reference, known_value
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null, judge_nulls
from ...subject import Subject
from .dwell_definitions import DEFINITIONS
from .dwell_laws import bin_hazard, choose_age_bins, compare_ages, compute_survival, measure_moments
from .emitted_symbols import EmittedSymbols, emit_symbols
from .resampled_dwells import (
    FEWEST_DWELLS,
    ResampledDwells,
    compare_cv,
    decode_states,
    find_cv,
    find_mean,
    resample_dwells,
)
from .spectra import LEAST_SEGMENT, look_for_rhythm
from .time_scales import TIME_SCALES, collect_time_scales

SOURCES = ("network", "process sample")
"""Whose dwells are decoded."""

MOST_REGULAR = 0.9
"""Upper limit of the ratio of CVs below which the network counts as more regular than its process."""

_N_BINS = 16
"""Bins of age at most, for the hazard."""


class DwellSettings(Drive, Resampling):
    """Settings of the part ``dwell``."""

    n_steps: int = Field(default=1000, ge=LEAST_SEGMENT, description="steps of each trajectory")
    burn_in: int = Field(default=300, ge=0, description="steps before these")
    horizon: int = Field(default=500, ge=1, description="steps at which dwells are cut, for mean and CV")
    segment: int = Field(default=500, ge=LEAST_SEGMENT, description="steps behind a spectrum")
    n_null: int = Field(default=99, ge=19, description="samples of the process behind the null of the peak")


@dataclass(frozen=True, kw_only=True, eq=False)
class DwellResult(Result):
    """Dwells of a network and of a sample of its process, decoded by the same HMM.

    ``status`` holds ``notes``: what could not be measured, and why.

    Attributes
    ----------
    source : (source,)
    group : (group,)
        All states together, then each.
    n_dwells : (source, group)
    age : (age,)
        Steps, from 0.
    survival : Estimate, (source, group, age)
        Probability that a dwell outlasts so many steps.
    bin_first, bin_last : (bin,)
        Ages of a bin.
    hazard : Estimate, (source, group, bin)
    mean, cv, late_over_early, beyond : Estimate, (source, group)
    exact_mean, exact_cv : (group,)
        Of the hidden states of the process: geometric, cut at the same horizon.
    cv_ratio : Estimate, (group,)
    argmax_mean, argmax_cv : Estimate, ()
    argmax_exact_mean, argmax_exact_cv : ()
        Of the runs of symbols of the process.
    time_scale, time : (time_scale,)
    separation : Estimate, ()
    frequency : (frequency,)
    power, process_power : Estimate, (frequency,)
        That of the process is the mean of its samples, with their central 95 %.
    exact_power : (frequency,)
    peak_height : Estimate, ()
    peak_null : Null, ()
    peak_frequency : Estimate, ()
    """

    source: Shaped[np.ndarray, " source"] = axes("source", description="whose dwells")
    group: Shaped[np.ndarray, " group"] = axes("group", description="all states, or one")
    n_dwells: Int[np.ndarray, "source group"] = axes(
        "source", "group", description="dwells whose end is seen"
    )
    age: Int[np.ndarray, " age"] = axes("age", unit="steps", description="steps since a dwell began")
    survival: Estimate = estimates("source", "group", "age", description="share that outlasts an age")
    bin_first: Int[np.ndarray, " bin"] = axes("bin", unit="steps", description="first age of a bin")
    bin_last: Int[np.ndarray, " bin"] = axes("bin", unit="steps", description="last age of a bin")
    hazard: Estimate = estimates("source", "group", "bin", unit="1/step", description="hazard by age")
    mean: Estimate = estimates("source", "group", unit="steps", description="mean dwell")
    cv: Estimate = estimates("source", "group", description="CV of dwells")
    late_over_early: Estimate = estimates("source", "group", description="late over early hazard")
    beyond: Estimate = estimates("source", "group", description="share beyond the horizon")
    exact_mean: Float[np.ndarray, " group"] = axes(
        "group", unit="steps", description="mean dwell of hidden states"
    )
    exact_cv: Float[np.ndarray, " group"] = axes("group", description="CV of dwells of hidden states")
    cv_ratio: Estimate = estimates("group", description="CV over that of the process sample")
    argmax_mean: Estimate = estimates(unit="steps", description="mean run of the most probable symbol")
    argmax_cv: Estimate = estimates(description="CV of runs of the most probable symbol")
    argmax_exact_mean: Float[np.ndarray, ""] = axes(unit="steps", description="mean run of the process")
    argmax_exact_cv: Float[np.ndarray, ""] = axes(description="CV of runs of the process")
    time_scale: Shaped[np.ndarray, " time_scale"] = axes("time_scale", description="which time scale")
    time: Estimate = estimates("time_scale", unit="steps", description="time scale")
    separation: Estimate = estimates(description="dwell over transition")
    frequency: Float[np.ndarray, " frequency"] = axes(
        "frequency", unit="1/step", description="cycles per step"
    )
    power: Estimate = estimates("frequency", description="spectrum of the network's symbols")
    process_power: Estimate = estimates("frequency", description="spectrum of samples of the process")
    exact_power: Float[np.ndarray, " frequency"] = axes("frequency", description="spectrum of the process")
    peak_height: Estimate = estimates(description="highest power away from 0 over the lowest frequencies")
    peak_null: Null = nulls("samples of the process", description="the same of the process")
    peak_frequency: Estimate = estimates(unit="1/step", description="where it is")

    @property
    def has_rhythm(self) -> bool:
        """Whether the spectrum has a peak: inside, above the lowest power, and beyond the process."""
        is_peak = bool(np.isfinite(self.peak_frequency.value) and self.peak_height.low > 1)
        return is_peak and judge_nulls([float(self.peak_null.p_value)]) == "yes"

    def list_quantities(self) -> list[Quantity]:
        """Law of dwells beside that of the process, runs of symbols, time scales, and the spectral peak."""
        dwells = [quantity for g in range(len(self.group)) for quantity in self._list_group(g)]
        runs = [self._beside_exact(f"argmax_{key}", unit) for key, unit in (("mean", "steps"), ("cv", "1"))]
        times = [
            DEFINITIONS["time"].measure(self.time[i], name.replace(" ", "_"), name=name)
            for i, name in enumerate(self.time_scale.tolist())
            if i and np.isfinite(self.time.value[i])
        ]
        separation = DEFINITIONS["separation"].measure(self.separation)
        peak = [
            DEFINITIONS["peak_height"].measure(self.peak_height, beside=(self.peak_null,)),
            DEFINITIONS["peak_frequency"].measure(self.peak_frequency),
        ]
        shown = [*runs, separation, *peak]
        return [*dwells, *times, *(quantity for quantity in shown if np.isfinite(quantity.estimate.value))]

    def _list_group(self, g: int) -> list[Quantity]:
        """Measures of all states, or of one, where there are enough dwells of the network."""
        if not np.isfinite(self.mean.value[0, g]):
            return []
        name = self.group.tolist()[g]
        prefix, index = ("state_", g - 1) if g else ("", None)
        exact = {"mean": self.exact_mean[g], "cv": self.exact_cv[g]}
        quantities = []
        for key, unit in (("mean", "steps"), ("cv", "1"), ("late_over_early", "1"), ("beyond", "share")):
            found = getattr(self, key)
            beside = [
                Reference(words, value, unit)
                for words, value in (
                    ("process sample", found[1, g]),
                    ("hidden states, exact", Estimate(exact.get(key, np.nan))),
                )
                if np.isfinite(value.value)
            ]
            if np.isfinite(found.value[0, g]):
                quantities.append(
                    DEFINITIONS[f"{prefix}{key}"].measure(found[0, g], index, name=name, beside=tuple(beside))
                )
        if np.isfinite(self.cv_ratio.value[g]):
            alike = known_value("if alike", 1.0)
            quantities.append(
                DEFINITIONS[f"{prefix}cv_ratio"].measure(self.cv_ratio[g], index, name=name, beside=alike)
            )
        return quantities

    def _beside_exact(self, key: str, unit: str) -> Quantity:
        exact = float(getattr(self, key.replace("argmax", "argmax_exact")))
        beside = (Reference("process, exact", Estimate(exact), unit),) if np.isfinite(exact) else ()
        return DEFINITIONS[key].measure(getattr(self, key), beside=beside)


def compute_dwell(subject: Subject, settings: DwellSettings) -> DwellResult:
    """Dwells of decoded states and the spectrum of symbols, beside a sample of the process.

    Raises
    ------
    UndefinedAnalysisError
        If there is no HMM that changes its state, or too few dwells of network or process.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Own construction. The paper compares raw runs of the most probable symbol with a geometric law. Here
    network and process are decoded by the same HMM, in the same window, with the same treatment of dwells
    that are cut. Both laws are shifted alike by what a decoder misses.
    """
    require_trajectories(settings.n_trajectories, "dwell.n_trajectories")
    hmm = require_changing_process(subject.hmm, "dwell")
    generator = subject.start_generator("dwell")
    run = {"burn_in": settings.burn_in, "noise_std": subject.noise_std, "generator": generator}
    emitted = emit_symbols(subject.network, settings.n_trajectories, settings.n_steps, **run)
    rng = spawn_rng(generator)
    sampled = sample_sequences(hmm, settings.n_trajectories, settings.n_steps, rng=rng).symbols
    options = {"rng": rng, **settings.resampling}
    horizon = min(settings.horizon, settings.n_steps - 2)

    laws, notes = _decode(hmm, (emitted.drawn, sampled), horizon, options)
    time, separation, missing = collect_time_scales(subject.found, _follow_mean(laws[0]), **options)
    runs, untold = _measure_runs(emitted, hmm, horizon, options)
    segment = min(settings.segment, settings.n_steps)
    rhythm = look_for_rhythm(emitted.drawn, hmm, segment=segment, n_null=settings.n_null, **options)
    if np.isnan(rhythm.height.value):
        untold.append("spectral peak: the network emits a single symbol")
    return DwellResult(
        settings=subject.record(settings)
        | {
            "horizon": horizon,
            "segment": segment,
            "fewest_dwells": FEWEST_DWELLS,
            "most_regular": MOST_REGULAR,
        },
        status={"notes": [*notes, *untold, *missing]},
        **_describe_laws(hmm, laws, horizon),
        **runs,
        time_scale=np.array(TIME_SCALES),
        time=time,
        separation=separation,
        frequency=rhythm.frequency,
        power=rhythm.power,
        process_power=rhythm.process_power,
        exact_power=rhythm.exact_power,
        peak_height=rhythm.height,
        peak_null=rhythm.null,
        peak_frequency=rhythm.peak_frequency,
    )


def require_changing_process(hmm: HMM | None, part: str) -> HMM:
    """The HMM, started where it is stationary.

    Raises
    ------
    UndefinedAnalysisError
        If there is none, or it has no stationary regime in which it changes its state.
    """
    if hmm is None:
        raise UndefinedAnalysisError(
            f"the process must be an HMM for the part `{part}`: it decodes states. Give one, or look at "
            "`switches`."
        )
    try:
        stationary = compute_stationary_probs(hmm)
    except InputError as error:
        raise UndefinedAnalysisError(str(error)) from None
    if not (stationary * (1 - np.diag(hmm.transition_matrix))).sum() > 0:
        raise UndefinedAnalysisError(
            f"the process must change its state for the part `{part}`, but stays where it is. Use one of ≥ 2 "
            "states that it leaves."
        )
    return replace(hmm, initial_probs=stationary)


def _decode(
    hmm: HMM, samples: tuple[np.ndarray, np.ndarray], horizon: int, options: dict[str, Any]
) -> tuple[list[ResampledDwells], list[str]]:
    """Dwells of the network and of the sample of the process."""
    laws, notes = [], []
    for source, symbols in zip(SOURCES, samples, strict=True):
        states, n_impossible = decode_states(hmm, symbols)
        if n_impossible:
            notes.append(f"{source}: {n_impossible} trajectories that the HMM cannot emit have no dwells")
        laws.append(resample_dwells(states, hmm.n_states, horizon, **options))
        if not laws[-1].is_known[0]:
            raise UndefinedAnalysisError(
                f"the {source} must have ≥ {FEWEST_DWELLS} decoded dwells whose begin and end are seen, got "
                f"{laws[-1].n_dwells[0]} in {symbols.size} steps. Drive longer: `dwell.n_steps`."
            )
        notes += [
            f"{source}: state {i} has fewer than {FEWEST_DWELLS} dwells"
            for i, is_known in enumerate(laws[-1].is_known[1:])
            if not is_known
        ]
    return laws, notes


def _describe_laws(hmm: HMM, laws: list[ResampledDwells], horizon: int) -> dict[str, Any]:
    """Laws of dwells of network and process, their measures, and the exact ones of hidden states."""
    bins = choose_age_bins(horizon, _N_BINS)
    reaching = np.stack([law.sums.estimate[:, 1, bins[:, 0] - 1] for law in laws])
    hazard = _derive(laws, lambda sums: bin_hazard(sums, bins))
    is_rare = reaching < FEWEST_DWELLS
    exact = measure_moments(_survive_exactly(hmm, horizon))
    return {
        "source": np.array(SOURCES),
        "group": np.array(["all", *(f"state {i}" for i in range(hmm.n_states))]),
        "n_dwells": np.stack([law.n_dwells for law in laws]),
        "age": np.arange(horizon + 1),
        "survival": _derive(laws, compute_survival),
        "bin_first": bins[:, 0],
        "bin_last": bins[:, 1],
        "hazard": Estimate(
            *(np.where(is_rare, np.nan, values) for values in (hazard.value, hazard.low, hazard.high))
        ),
        "mean": _derive(laws, find_mean),
        "cv": _derive(laws, find_cv),
        "late_over_early": _derive(laws, compare_ages),
        "beyond": _derive(laws, lambda sums: compute_survival(sums)[..., -1]),
        "exact_mean": exact[:, 0],
        "exact_cv": exact[:, 1],
        "cv_ratio": compare_cv(*laws),
    }


def _derive(laws: list[ResampledDwells], measure: Any) -> Estimate:
    return Estimate.stack([law.derive(measure) for law in laws])


def _survive_exactly(hmm: HMM, horizon: int) -> Float[np.ndarray, "group age"]:
    """Geometric survival of the stays in each hidden state, and of all stays together."""
    stay = np.diag(hmm.transition_matrix)
    of_state = stay[:, None] ** np.arange(horizon + 1)
    entries = hmm.initial_probs * (1 - stay)  # the stationary ones
    return np.concatenate([(entries / entries.sum() @ of_state)[None], of_state])


def _follow_mean(law: ResampledDwells) -> Any:
    """Mean dwell of all states, with its resamples."""
    values, samples = (find_mean(sums[..., 0, :, :]) for sums in (law.sums.estimate, law.sums.samples))
    tail = (1 - law.sums.confidence) / 2
    low, high = map(np.array, np.quantile(samples, [tail, 1 - tail]))
    return replace(law.sums, estimate=np.array(values), low=low, high=high, samples=samples)


def _measure_runs(
    emitted: EmittedSymbols, hmm: HMM, horizon: int, options: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Runs of the most probable symbol, and the exact law of those of the process."""
    law, notes = resample_dwells(emitted.leading, hmm.n_symbols, horizon, **options), []
    if not law.is_known[0]:
        notes.append(f"runs of the most probable symbol: fewer than {FEWEST_DWELLS}")
    try:
        # P(length ≥ l) from l = 1 on is S(l − 1).
        exact = measure_moments(compute_run_length_law(hmm, max_length=horizon + 1).pooled_survival)
    except InputError:
        exact = np.full(2, np.nan)
        notes.append("runs of the most probable symbol: the process never changes its symbol")
    mean, cv = law.derive(find_mean)[0], law.derive(find_cv)[0]
    of_process = {"argmax_exact_mean": np.array(exact[0]), "argmax_exact_cv": np.array(exact[1])}
    return {"argmax_mean": mean, "argmax_cv": cv, **of_process}, notes


PART = Part(
    name="dwell",
    question="is the network more regular than its process?",
    result=DwellResult,
    settings=DwellSettings,
    compute=compute_dwell,
    definitions=DEFINITIONS,
    seconds=6.0,
    quick={"n_trajectories": 60, "n_steps": 600, "n_resamples": 200, "n_null": 39},
    uses=("regions", "regional_exponents", "commitment", "noise_kernel"),
    requires_noise=True,
)
