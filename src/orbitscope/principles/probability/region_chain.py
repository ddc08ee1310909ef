"""The chain of regions: its transitions by lag, whether it is Markov, and which HMM one would infer."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from ...dynamics.driving.driven_states import drive
from ...errors import UndefinedAnalysisError
from ...network import iterate_rollout, spawn_rng
from ...part import Part
from ...quantity import Quantity, Reference
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null, bootstrap_statistic
from ...subject import Subject
from ..region_cores import RegionCores, find_last_core
from .chapman_kolmogorov import (
    BASE_LAGS,
    LAGS,
    POWERS,
    compare_powers,
    count_pairs,
    count_powers,
    draw_null_deviations,
    find_largest_deviation,
    find_timescales,
    normalise_rows,
)
from .hmm_comparison import FLOOR_OF, RegionChainSettings, compare_inferred
from .region_chain_definitions import DEFINITIONS


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionChainResult(Result):
    """Transitions of the core that was visited last, and HMMs that one would infer.

    ``status`` holds ``notes``.

    Attributes
    ----------
    region : (region,)
    lag : (lag,)
    transition : Estimate, (lag, region, next_region)
        T(τ), from every step.
    timescale : Estimate, (lag, mode)
    occupancy, dwell : Estimate, (region,)
        Share of the steps, and steps per change, by last core.
    base_lag : (base,)
    power : (power,)
    observed, predicted : Estimate, (base, power, region, next_region)
        T(n τ) and T(τ)ⁿ, both from every τ-th step.
    deviation, deviation_null : Estimate and Null, (base,)
    emission : Estimate, (region, symbol)
        Mean symbol probabilities of each region.
    rooted : (region, next_region)
        T(τ)^(1/τ) at the longest base lag; NaN if it is no transition matrix.
    region_of_state : (state,)
        Region of each state of the HMM; −1 where regions are fewer.
    process_transition, process_emission : (state, next_state), (state, symbol)
        Of the HMM; no rows without one.
    refit_transition, refit_emission : (state, next_state), (state, symbol)
        Of the HMM from symbols, mean over groups; NaN if there is none.
    method : (method,)
    kl_rate, transition_error, emission_error : Estimate, (method,)
        NaN where they do not exist.
    """

    region: Int[np.ndarray, " region"] = axes("region", description="number of the region")
    lag: Int[np.ndarray, " lag"] = axes("lag", unit="steps", description="steps between two looks")
    transition: Estimate = estimates("lag", "region", "next_region", description="transition probability")
    timescale: Estimate = estimates("lag", "mode", unit="steps", description="implied timescale")
    occupancy: Estimate = estimates("region", description="share of the steps")
    dwell: Estimate = estimates("region", unit="steps", description="steps per change")
    base_lag: Int[np.ndarray, " base"] = axes("base", unit="steps", description="lag that is tested")
    power: Int[np.ndarray, " power"] = axes("power", description="how many lags")
    observed: Estimate = estimates("base", "power", "region", "next_region", description="over n lags")
    predicted: Estimate = estimates("base", "power", "region", "next_region", description="n-th power of one")
    deviation: Estimate = estimates("base", description="largest difference")
    deviation_null: Null = nulls("Markov chains", "base", description="largest difference of Markov chains")
    emission: Estimate = estimates("region", "symbol", description="mean symbol probabilities")
    rooted: Float[np.ndarray, "region next_region"] = axes(
        "region", "next_region", description="root of the transitions over the longest lag"
    )
    region_of_state: Int[np.ndarray, " state"] = axes("state", description="region of a state")
    process_transition: Float[np.ndarray, "state next_state"] = axes(
        "state", "next_state", description="transitions of the HMM"
    )
    process_emission: Float[np.ndarray, "state symbol"] = axes(
        "state", "symbol", description="emissions of the HMM"
    )
    refit_transition: Float[np.ndarray, "state next_state"] = axes(
        "state", "next_state", description="transitions of the HMM from symbols"
    )
    refit_emission: Float[np.ndarray, "state symbol"] = axes(
        "state", "symbol", description="emissions of the HMM from symbols"
    )
    method: Shaped[np.ndarray, " method"] = axes("method", description="what an HMM is inferred from")
    kl_rate: Estimate = estimates("method", unit="nat per symbol", description="KL rate from the process")
    transition_error: Estimate = estimates("method", description="largest error of a transition")
    emission_error: Estimate = estimates("method", description="largest error of an emission")

    @property
    def is_aligned(self) -> bool:
        """Whether each region is that of one state."""
        return len(self.region_of_state) == len(self.region) and bool((self.region_of_state >= 0).all())

    def list_quantities(self) -> list[Quantity]:
        """Hazards and dwells beside the HMM, tests of memory, and HMMs that one would infer."""
        n_states, regions = len(self.region_of_state), self.region.tolist()
        merged = [DEFINITIONS["n_merged"].measure(n_states - len(regions))] if n_states else []
        pairs = [(a, b) for a in regions for b in regions if a != b]
        return [
            *merged,
            *(
                DEFINITIONS["hazard"].measure(
                    self.transition[0, a, b], f"{a}-{b}", name=f"region {a} → {b}", beside=self._of_hmm(a, b)
                )
                for a, b in pairs
            ),
            *(DEFINITIONS["dwell"].measure(self.dwell[a], a, beside=self._of_hmm(a)) for a in regions),
            *(DEFINITIONS["timescale"].measure(self.timescale[i, 0], int(self.lag[i])) for i in (0, -1)),
            *(
                DEFINITIONS["deviation"].measure(self.deviation[i], lag, beside=(self.deviation_null[i],))
                for i, lag in enumerate(self.base_lag.tolist())
            ),
            *(quantity for i in FLOOR_OF for quantity in self._list_inferred(i)),
        ]

    def _of_hmm(self, a: int, b: int | None = None) -> tuple[Reference, ...]:
        """Hazard of the state of a region, or its mean dwell, where regions and states are aligned."""
        if not self.is_aligned:
            return ()
        states = self.region_of_state.tolist()
        i = states.index(a)
        if b is not None:
            return (Reference("HMM", Estimate(self.process_transition[i, states.index(b)]), "1/step"),)
        leave = 1 - self.process_transition[i, i]
        return (Reference("HMM", Estimate(1 / leave if leave > 0 else np.inf), "steps"),)

    def _list_inferred(self, i: int) -> list[Quantity]:
        name, floor = str(self.method[i]), FLOOR_OF[i]
        found = []
        for key in ("kl_rate", "transition_error", "emission_error"):
            values = getattr(self, key)
            if np.isnan(values.value[i]):
                continue
            unit = DEFINITIONS[key].unit
            beside = (Reference(str(self.method[floor]), values[floor], unit),)
            found.append(
                DEFINITIONS[key].measure(values[i], name.replace(" ", "_"), name=name, beside=beside)
            )
        return found


@torch.no_grad()
def compute_region_chain(subject: Subject, settings: RegionChainSettings) -> RegionChainResult:
    """Follow the last core along long trajectories; test its memory, and infer an HMM from it.

    Raises
    ------
    UndefinedAnalysisError
        If there is one region, trajectories are too short or too few, or the core never changes.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Own construction. Core sets as of Buchete & Hummer (2008), Chapman-Kolmogorov test as of Prinz et al.
    (2011), with a parametric null of ours.
    """
    cores = subject.found["metastable_regions"].cores
    _require_enough(settings)
    generator = subject.start_generator("region_chain")
    rng = spawn_rng(generator)
    seen = _follow(subject, cores, settings, generator=generator)
    chain = find_last_core(seen["core"])
    resample = partial(bootstrap_statistic, rng=rng, **settings.resampling)
    transitions = _describe_transitions(chain, cores.n_regions, resample)
    notes: list[str] = []
    return RegionChainResult(
        settings=subject.record(settings),
        status={"notes": notes},
        region=np.arange(cores.n_regions),
        **transitions,
        **_test_memory(chain, cores.n_regions, settings, resample, rng=rng),
        emission=resample(seen["emitted"], normalise_rows).as_estimate(),
        **compare_inferred(subject, chain, seen, cores.n_regions, settings, notes, rng=rng),
    )


def _require_enough(settings: RegionChainSettings) -> None:
    least = 2 * LAGS[-1]
    if settings.n_steps < least:
        raise UndefinedAnalysisError(
            f"`region_chain.n_steps` must be ≥ {least}, twice the longest lag, got {settings.n_steps}. Use "
            "1000."
        )
    if settings.n_trajectories < 2 * settings.n_groups:
        raise UndefinedAnalysisError(
            f"`region_chain.n_trajectories` must be ≥ {2 * settings.n_groups}, two for each group, got "
            f"{settings.n_trajectories}. Use 200."
        )


def _follow(
    subject: Subject, cores: RegionCores, settings: RegionChainSettings, *, generator: torch.Generator
) -> dict[str, np.ndarray]:
    """Core and symbol of every step, and sums of the symbol probabilities of each trajectory by region.

    Returns
    -------
    dict
        ``core``, ``symbols`` (trajectory, time), ``emitted`` (trajectory, region, symbol).
    """
    network = subject.network
    start = drive(subject, settings, n_steps=1, generator=generator).states[0]
    n_trajectories, n_symbols = len(start), network.n_symbols
    core = np.empty((n_trajectories, settings.n_steps), dtype=np.int8)
    symbols = np.empty((n_trajectories, settings.n_steps), dtype=np.int16)
    emitted = torch.zeros(n_trajectories, cores.n_regions, n_symbols, dtype=torch.float64)
    owner = torch.arange(n_trajectories)
    noise = {"noise_std": subject.noise_std, "generator": generator}
    for chunk in iterate_rollout(network, settings.n_steps, start=start, **noise):
        hidden = network.show_hidden(chunk.states)
        probs = network.compute_probabilities(chunk.states)
        drawn = torch.multinomial(probs.flatten(0, 1), 1, generator=generator).reshape(probs.shape[:2])
        region = cores.find_regions(hidden).cpu()
        for step in range(len(region)):
            emitted.index_put_((owner, region[step]), probs[step].double().cpu(), accumulate=True)
        steps = slice(chunk.first_step, chunk.first_step + len(region))
        core[:, steps] = cores.find_cores(hidden).T.cpu().numpy()
        symbols[:, steps] = drawn.T.cpu().numpy()
    return {"core": core, "symbols": symbols, "emitted": emitted.numpy()}


def _describe_transitions(
    chain: Int[np.ndarray, "trajectory time"], n_regions: int, resample: Any
) -> dict[str, Any]:
    """Transition matrices and timescales by lag, occupancy and dwell."""
    counts = np.stack([count_pairs(chain, lag, n_regions) for lag in LAGS], axis=1)
    changes = counts[:, 0].sum(0) * (1 - np.eye(n_regions, dtype=int))
    if not changes.any():
        raise UndefinedAnalysisError(
            f"activity must pass from core to core, but did not in {chain.size} steps. Drive longer: "
            "`region_chain.n_trajectories`, `region_chain.n_steps`."
        )
    lags = np.array(LAGS)
    found = resample(counts, normalise_rows)

    def dwell(sums: np.ndarray) -> np.ndarray:
        visits = sums.sum(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.stack(
                [visits / visits.sum(-1, keepdims=True), visits / (visits - np.einsum("baa->ba", sums))],
                axis=1,
            )

    held = resample(counts[:, 0], dwell).as_estimate()
    return {
        "lag": lags,
        "transition": found.as_estimate(),
        "timescale": found.derive(lambda matrices: find_timescales(matrices, lags)),
        "occupancy": held[0],
        "dwell": held[1],
    }


def _test_memory(
    chain: Int[np.ndarray, "trajectory time"],
    n_regions: int,
    settings: RegionChainSettings,
    resample: Any,
    *,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Chapman-Kolmogorov at each base lag, beside chains that are Markov."""
    compared, deviations, draws = [], [], []
    for lag in BASE_LAGS:
        found = resample(count_powers(chain, lag, n_regions), compare_powers)
        _, cell = find_largest_deviation(found.estimate[None])
        compared.append(found.as_estimate())
        deviations.append(found.derive(partial(_read_cell, cell=int(cell[0]))))
        draws.append(draw_null_deviations(chain, lag, n_regions, n_draws=settings.n_null, rng=rng))
    both, deviation = Estimate.stack(compared), Estimate.stack(deviations)
    return {
        "base_lag": np.array(BASE_LAGS),
        "power": np.array(POWERS),
        "observed": both[:, 0],
        "predicted": both[:, 1],
        "deviation": deviation,
        "deviation_null": Null.of_draws("Markov chains", deviation.value, np.stack(draws, axis=1)),
    }


def _read_cell(compared: Float[np.ndarray, "*batch 2 power region next"], *, cell: int) -> np.ndarray:
    """|T(n τ) − T(τ)ⁿ| in one cell."""
    gap = np.abs(compared[..., 0, :, :, :] - compared[..., 1, :, :, :])
    return gap.reshape(*gap.shape[:-3], -1)[..., cell]


PART = Part(
    name="region_chain",
    question="do regions follow each other as states of an HMM do, and which HMM would one infer?",
    result=RegionChainResult,
    settings=RegionChainSettings,
    compute=compute_region_chain,
    definitions=DEFINITIONS,
    seconds=8.0,
    quick={"n_trajectories": 60, "n_steps": 400, "n_resamples": 200},
    needs=("metastable_regions",),
    requires_noise=True,
)
