"""Coherence: whether dwells are more regular under more noise, or under more of a part of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from pydantic import Field

from ...circuit.switches import require_trajectories
from ...dynamics.driving.driven_states import NoStationaryRegimeError
from ...dynamics.driving.homogeneity import scales_with_noise
from ...errors import UndefinedAnalysisError
from ...hmm import HMM, sample_sequences
from ...network import NoiseRNN, draw_seed, spawn_rng
from ...part import Part
from ...part_settings import Drive, Resampling
from ...quantity import Quantity, Reference, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate, bootstrap_statistic
from ...subject import Subject
from .coherence_definitions import DEFINITIONS
from .coherence_shapes import MARGIN, SHAPES, judge_shape
from .dwell import require_changing_process
from .dwell_laws import compute_survival, measure_moments
from .emitted_symbols import EmittedSymbols, emit_symbols
from .noise_parts import NoisePart, list_noise_parts
from .resampled_dwells import FEWEST_DWELLS, count_sample, decode_states, divide

DOSES = (0.5, 1.0, 2.0)
"""Factors of a part of the noise."""

KINDS = ("decoded", "argmax")
"""Dwells of decoded states; runs of the most probable symbol."""

_INTACT = DOSES.index(1.0)


class CoherenceSettings(Drive, Resampling):
    """Settings of the part ``coherence``."""

    n_trajectories: int = Field(
        default=100, ge=1, description="independent trajectories: the units of intervals"
    )
    n_steps: int = Field(default=1000, ge=3, description="steps of each trajectory")
    burn_in: int = Field(default=200, ge=0, description="steps before these")
    horizon: int = Field(default=500, ge=1, description="steps at which dwells are cut, for mean and CV")
    margin: float = Field(
        default=MARGIN, gt=0, description="change of the CV that counts as none, as a share"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class CoherenceResult(Result):
    """Regularity of dwells by dose of a part of the noise.

    ``status`` holds ``notes``: what could not be measured, and why.

    Attributes
    ----------
    noise_part, part_size : (noise_part,)
        What is scaled, and its directions or neurons; 0 for all noise.
    dose : (dose,)
    kind : (kind,)
    n_dwells : (noise_part, dose, kind)
        Dwells whose end is seen.
    mean, cv : Estimate, (noise_part, dose, kind)
    mean_ratio, cv_ratio : Estimate, (noise_part, dose, kind)
        Over those of dose 1, on the same noise.
    shape : (noise_part, kind)
        A key of ``SHAPES``.
    process_mean, process_cv : Estimate, (kind,)
        Of a sample of the process, decoded alike, or of its symbols; NaN without an HMM.
    """

    noise_part: Shaped[np.ndarray, " noise_part"] = axes("noise_part", description="noise that is scaled")
    part_size: Int[np.ndarray, " noise_part"] = axes("noise_part", description="its directions or neurons")
    dose: Float[np.ndarray, " dose"] = axes("dose", description="factor of this noise")
    kind: Shaped[np.ndarray, " kind"] = axes("kind", description="what dwells")
    n_dwells: Int[np.ndarray, "noise_part dose kind"] = axes(
        "noise_part", "dose", "kind", description="dwells whose end is seen"
    )
    mean: Estimate = estimates("noise_part", "dose", "kind", unit="steps", description="mean dwell")
    cv: Estimate = estimates("noise_part", "dose", "kind", description="CV of dwells")
    mean_ratio: Estimate = estimates("noise_part", "dose", "kind", description="mean over that of dose 1")
    cv_ratio: Estimate = estimates("noise_part", "dose", "kind", description="CV over that of dose 1")
    shape: Shaped[np.ndarray, "noise_part kind"] = axes(
        "noise_part", "kind", description="how the CV changes with the dose"
    )
    process_mean: Estimate = estimates("kind", unit="steps", description="mean dwell of the process")
    process_cv: Estimate = estimates("kind", description="CV of dwells of the process")

    def list_quantities(self) -> list[Quantity]:
        """Shape of each part and kind beside its ratios of CVs; means and CVs by dose."""
        shapes, numbers = [], []
        for p, part in enumerate(self.noise_part.tolist()):
            for k, kind in enumerate(self.kind.tolist()):
                words = f"{NAMES[part]}, {kind}"
                shapes.append(self._judge(p, k, f"{part},{kind}", words))
                numbers += self._list_doses(p, k, f"{part},{kind}", words)
        return [*shapes, *numbers]

    def _judge(self, p: int, k: int, index: str, words: str) -> Quantity:
        ratios = [
            Reference(f"CV at {dose:g}", self.cv_ratio[p, d, k])
            for d, dose in enumerate(self.dose.tolist())
            if d != _INTACT and np.isfinite(self.cv_ratio.value[p, d, k])
        ]
        shape = str(self.shape[p, k])
        return DEFINITIONS["shape"].measure(index=index, name=words, word=shape, beside=tuple(ratios))

    def _list_doses(self, p: int, k: int, index: str, words: str) -> list[Quantity]:
        quantities = []
        for d, dose in enumerate(self.dose.tolist()):
            for key in ("mean", "cv", "mean_ratio", "cv_ratio"):
                found = getattr(self, key)[p, d, k]
                is_trivial = d == _INTACT and (p > 0 or key.endswith("ratio"))
                if np.isfinite(found.value) and not is_trivial:
                    name = f"{words}, dose {dose:g}"
                    beside = self._find_beside(key, k)
                    quantities.append(
                        DEFINITIONS[key].measure(found, f"{index},{dose:g}", name=name, beside=beside)
                    )
        return quantities

    def _find_beside(self, key: str, k: int) -> tuple[Reference, ...]:
        if key.endswith("ratio"):
            return known_value("if it does nothing", 1.0)
        process = getattr(self, f"process_{key}")[k]
        unit = DEFINITIONS[key].unit
        return (Reference("process sample", process, unit),) if np.isfinite(process.value) else ()


NAMES = {
    "all": "all noise",
    "deciding": "deciding directions",
    "rest": "all other directions",
    "population": "noise of the populations",
}
"""Parts of the noise in words."""


def compute_coherence(subject: Subject, settings: CoherenceSettings) -> CoherenceResult:
    """Scale parts of the noise, on the same random numbers, and measure how regular dwells are.

    Raises
    ------
    UndefinedAnalysisError
        If the network as it is has too few dwells of any kind.
    NoStationaryRegimeError
        If the network as it is grows without bound or is silent.

    Notes
    -----
    Self-induced stochastic resonance (Muratov, Vanden-Eijnden & E 2005) makes switching regular by noise. In
    a network that scales with its noise, runs of the most probable symbol do not depend on the scale of all
    of it: an identity. Decoded symbols do, because noise acts on them as an inverse temperature.
    """
    require_trajectories(settings.n_trajectories, "coherence.n_trajectories")
    generator = subject.start_generator("coherence")
    seed, rng = draw_seed(generator), spawn_rng(generator)
    hmm, notes = _find_process(subject)
    parts, missing = list_noise_parts(subject.found)
    counter = _Counter(hmm, subject.network.n_symbols, min(settings.horizon, settings.n_steps - 2))

    intact = counter.count(_emit(subject, NoisePart("all"), 1.0, settings, seed))
    if max(intact[0]) < FEWEST_DWELLS:
        raise UndefinedAnalysisError(
            f"the network must have ≥ {FEWEST_DWELLS} dwells whose begin and end are seen, got "
            f"{max(intact[0])}. Drive longer: `coherence.n_steps`."
        )
    counted = {}
    for p, part in enumerate(parts):
        for d, dose in enumerate(DOSES):
            try:
                is_intact = d == _INTACT
                counted[p, d] = (
                    intact if is_intact else counter.count(_emit(subject, part, dose, settings, seed))
                )
            except NoStationaryRegimeError as error:
                counted[p, d] = counter.count_nothing(settings.n_trajectories)
                missing.append(f"{NAMES[part.name]} × {dose:g}: {error}")
    n_dwells = np.array([[counted[p, d][0] for d in range(len(DOSES))] for p in range(len(parts))])
    sums = np.stack([np.stack([counted[p, d][1] for d in range(len(DOSES))]) for p in range(len(parts))])
    found = _measure(sums, n_dwells, rng, settings)
    is_identity = scales_with_noise(subject.network)
    process = _measure_process(hmm, counter, settings, rng)
    return CoherenceResult(
        settings=subject.record(settings) | {"fewest_dwells": FEWEST_DWELLS, "horizon": counter.horizon},
        status={"notes": [*notes, *missing], "is_identity": is_identity},
        noise_part=np.array([part.name for part in parts]),
        part_size=np.array([part.size for part in parts]),
        dose=np.array(DOSES),
        kind=np.array(KINDS),
        n_dwells=n_dwells,
        **found,
        shape=_judge_all(found["cv_ratio"], is_identity, settings.margin),
        process_mean=process[0],
        process_cv=process[1],
    )


def _find_process(subject: Subject) -> tuple[HMM | None, list[str]]:
    """The HMM that decodes, or none and why."""
    try:
        return require_changing_process(subject.hmm, "coherence"), []
    except UndefinedAnalysisError as error:
        return None, [f"decoded dwells: {error}"]


def _emit(
    subject: Subject, part: NoisePart, dose: float, settings: CoherenceSettings, seed: int
) -> EmittedSymbols:
    """Symbols under a dose of a part of the noise; the same random numbers for every one."""
    network: NoiseRNN
    network, factor = part.scale(subject.network, dose)
    return emit_symbols(
        network,
        settings.n_trajectories,
        settings.n_steps,
        burn_in=settings.burn_in,
        noise_std=factor * subject.noise_std,
        generator=torch.Generator(network.w_out.device).manual_seed(seed),
    )


@dataclass(frozen=True)
class _Counter:
    """Counts dwells of both kinds."""

    hmm: HMM | None
    n_symbols: int
    horizon: int

    def count(self, emitted: EmittedSymbols) -> tuple[list[int], Float[np.ndarray, "kind trajectory 2 age"]]:
        """Dwells whose end is seen, and counts by age, of all states together."""
        decoded = np.zeros(emitted.drawn.shape, dtype=int)
        if self.hmm is not None:
            decoded = decode_states(self.hmm, emitted.drawn)[0]
        n_states = 1 if self.hmm is None else self.hmm.n_states
        found = [
            count_sample(states, n, self.horizon)
            for states, n in ((decoded, n_states), (emitted.leading, self.n_symbols))
        ]
        return [int(n_dwells[0]) for n_dwells, _ in found], np.stack([counts.sum(1) for _, counts in found])

    def count_nothing(self, n_trajectories: int) -> tuple[list[int], np.ndarray]:
        """The same of a network that has no regime."""
        return [0] * len(KINDS), np.zeros((len(KINDS), n_trajectories, 2, self.horizon))


def _measure(
    sums: Float[np.ndarray, "part dose kind trajectory 2 age"],
    n_dwells: Int[np.ndarray, "part dose kind"],
    rng: np.random.Generator,
    settings: CoherenceSettings,
) -> dict[str, Estimate]:
    """Means, CVs and their ratios to dose 1; each resample has the same trajectories at every dose."""
    names = ("mean", "cv", "mean_ratio", "cv_ratio")
    rows: list[Any] = []
    for of_part, n_of_part in zip(sums, n_dwells, strict=True):
        per_unit = np.moveaxis(of_part, 2, 0)
        found = bootstrap_statistic(per_unit, _summarise, rng=rng, **settings.resampling).as_estimate()
        is_few = n_of_part < FEWEST_DWELLS
        is_blank = np.stack([is_few, is_few, *[is_few | is_few[_INTACT]] * 2])
        arrays = (found.value, found.low, found.high)
        rows.append(Estimate(*(np.where(is_blank, np.nan, array) for array in arrays)))
    return {name: Estimate.stack([row[i] for row in rows]) for i, name in enumerate(names)}


def _summarise(
    sums: Float[np.ndarray, "batch dose kind 2 age"],
) -> Float[np.ndarray, "batch measure dose kind"]:
    """Mean and CV, and both over those of dose 1."""
    moments = np.moveaxis(measure_moments(compute_survival(sums)), -1, 1)
    return np.concatenate([moments, divide(moments, moments[:, :, [_INTACT]])], axis=1)


def _measure_process(
    hmm: HMM | None, counter: _Counter, settings: CoherenceSettings, rng: np.random.Generator
) -> tuple[Estimate, Estimate]:
    """Mean and CV of a sample of the process: of decoded states, and of runs of its symbols."""
    if hmm is None:
        none = Estimate(np.full(len(KINDS), np.nan))
        return none, none
    symbols = sample_sequences(hmm, settings.n_trajectories, settings.n_steps, rng=rng).symbols
    symbols = symbols.astype(np.int16)
    n_dwells, sums = counter.count(EmittedSymbols(drawn=symbols, leading=symbols))
    found = bootstrap_statistic(
        np.moveaxis(sums, 0, 1),
        lambda sums: measure_moments(compute_survival(sums)),
        rng=rng,
        **settings.resampling,
    ).as_estimate()
    is_few = (np.array(n_dwells) < FEWEST_DWELLS)[:, None]
    arrays = (np.where(is_few, np.nan, array) for array in (found.value, found.low, found.high))
    known = Estimate(*arrays)
    return known[:, 0], known[:, 1]


def _judge_all(cv_ratio: Estimate, is_identity: bool, margin: float) -> Shaped[np.ndarray, "part kind"]:
    """Word for each part of the noise, the first of which is all of it, and kind of dwell."""
    n_parts, _, n_kinds = cv_ratio.value.shape
    words = [
        [judge_shape(cv_ratio[p, 0, k], cv_ratio[p, -1, k], margin=margin) for k in range(n_kinds)]
        for p in range(n_parts)
    ]
    argmax = KINDS.index("argmax")
    if is_identity and words[0][argmax] != "undefined":
        words[0][argmax] = "identity"
    assert all(word in SHAPES for row in words for word in row)
    return np.array(words)


PART = Part(
    name="coherence",
    question="does more noise make switching more regular?",
    result=CoherenceResult,
    settings=CoherenceSettings,
    compute=compute_coherence,
    definitions=DEFINITIONS,
    seconds=8.0,
    quick={"n_trajectories": 40, "n_steps": 600, "n_resamples": 200},
    uses=("noise_kernel", "populations"),
    requires_noise=True,
)
