"""What the part ``primitives`` finds, and the quantities that it lists."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from ...quantity import Beside, Quantity, Reference, known_value
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null
from .primitive_definitions import DEFINITIONS

_KEYS = ("removed", "doubled", "neurons")
"""Families in keys."""

_OWN = ("without its noise", "with its noise doubled", "with gain 0 on its first neurons")
"""Families in words, after the name of a pair or of a direction."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PrimitiveResult(Result):
    """Paths, deciding noise and interventions of pairs of metastable regions.

    ``status`` holds ``few``, the pairs with too few passages, and ``notes``. Directions of a pair are
    neighbours, there before back. Activity is in units of the standard deviation of each neuron.

    Attributes
    ----------
    pair : (pair,)
    origin, target, n_passages : (direction,)
    duration : Estimate, (direction,)
    duration_surrogate : (surrogate, direction)
        NaN where a sample of the Gaussian HMM has too few passages.
    phase : (point,)
        Place on a path: 0 … 1 from core to core, whole steps before and after.
    path : (pair, way, point, axis)
        Mean paths in the plane of the pair, both from its first region on.
    plane_share, state_share, roundness : Estimate, (pair,)
    plane_share_surrogate, roundness_surrogate : (surrogate, pair)
    exchanged : Null, (pair,)
        Roundness where ways are exchanged.
    overlap : Estimate, (pair, with_pair)
        On the diagonal that of two halves of one pair.
    angle : (pair, with_pair, axis)
        Principal angles, the smallest first.
    overlap_surrogate : (surrogate, pair, with_pair)
    overlap_random : ()
        Expected of random planes.
    profile : (lag,)
    direction_noise, pair_noise : (direction, input), (pair, input)
    cosine : Estimate, (direction, with_direction)
    opposite : Estimate, (pair,)
    pair_cosine : Estimate, (pair, with_pair)
    singular_value, singular_limit, rank : (mode,), (), ()
    n_regions : ()
    family : (family,)
    run, run_family : (run,)
        Interventions, and the number of their family.
    run_passages : (direction,)
        Passages of the intact network beside them.
    change, selectivity : Estimate, (run, direction)
    pair_selectivity : Estimate, (family, pair)
    random_sets : Null, (family, pair)
    control_selectivity : (family, control, direction)
    is_selective : (family, pair)
        1, 0, or −1 where it is not known.
    verdict : (family,)
    """

    pair: Shaped[np.ndarray, " pair"] = axes("pair", description="pair of regions")
    origin: Int[np.ndarray, " direction"] = axes("direction", description="region before")
    target: Int[np.ndarray, " direction"] = axes("direction", description="region after")
    n_passages: Int[np.ndarray, " direction"] = axes("direction", description="passages")
    duration: Estimate = estimates("direction", unit="steps", description="mean duration of passages")
    duration_surrogate: Float[np.ndarray, "surrogate direction"] = axes(
        "surrogate", "direction", unit="steps", description="the same of a Gaussian HMM"
    )
    phase: Float[np.ndarray, " point"] = axes("point", description="place on a path")
    path: Float[np.ndarray, "pair way point axis"] = axes(
        "pair",
        "way",
        "point",
        "axis",
        unit="sd of a neuron",
        description="mean paths in the plane of the pair",
    )
    plane_share: Estimate = estimates("pair", description="share of mean paths in their plane")
    state_share: Estimate = estimates("pair", description="share of single states in it")
    roundness: Estimate = estimates("pair", description="roundness of the loop there and back")
    plane_share_surrogate: Float[np.ndarray, "surrogate pair"] = axes(
        "surrogate", "pair", description="share in the plane in a Gaussian HMM"
    )
    roundness_surrogate: Float[np.ndarray, "surrogate pair"] = axes(
        "surrogate", "pair", description="roundness in a Gaussian HMM"
    )
    exchanged: Null = nulls("ways exchanged", "pair", description="roundness where ways are exchanged")
    overlap: Estimate = estimates("pair", "with_pair", description="mean squared cosine between planes")
    angle: Float[np.ndarray, "pair with_pair axis"] = axes(
        "pair", "with_pair", "axis", unit="degrees", description="principal angles between planes"
    )
    overlap_surrogate: Float[np.ndarray, "surrogate pair with_pair"] = axes(
        "surrogate", "pair", "with_pair", description="overlap in a Gaussian HMM"
    )
    overlap_random: Float[np.ndarray, ""] = axes(description="expected overlap of random planes")
    profile: Float[np.ndarray, " lag"] = axes("lag", description="weights of the lags of the noise")
    direction_noise: Float[np.ndarray, "direction input"] = axes(
        "direction", "input", description="deciding direction of the noise of each way"
    )
    pair_noise: Float[np.ndarray, "pair input"] = axes(
        "pair", "input", description="deciding direction of the noise of each pair"
    )
    cosine: Estimate = estimates("direction", "with_direction", description="cosines of those of ways")
    opposite: Estimate = estimates("pair", description="cosine of there and back")
    pair_cosine: Estimate = estimates("pair", "with_pair", description="cosines of those of pairs")
    singular_value: Float[np.ndarray, " mode"] = axes("mode", description="of the deciding directions")
    singular_limit: Float[np.ndarray, ""] = axes(description="95 % quantile of the largest one by chance")
    rank: Int[np.ndarray, ""] = axes(description="singular values above it")
    n_regions: Int[np.ndarray, ""] = axes(description="metastable regions")
    family: Shaped[np.ndarray, " family"] = axes("family", description="kind of intervention")
    run: Shaped[np.ndarray, " run"] = axes("run", description="what an intervention acts on")
    run_family: Int[np.ndarray, " run"] = axes("run", description="number of its kind")
    run_passages: Int[np.ndarray, " direction"] = axes(
        "direction", description="passages of the intact network beside interventions"
    )
    change: Estimate = estimates("run", "direction", description="log change of a rate")
    selectivity: Estimate = estimates("run", "direction", description="own change beyond other pairs")
    pair_selectivity: Estimate = estimates(
        "family", "pair", description="selectivity of the less selective way"
    )
    random_sets: Null = nulls("random sets", "family", "pair", description="largest selectivity of all pairs")
    control_selectivity: Float[np.ndarray, "family control direction"] = axes(
        "family", "control", "direction", description="selectivity of random interventions"
    )
    is_selective: Int[np.ndarray, "family pair"] = axes(
        "family", "pair", description="1 if beyond random sets, −1 if not known"
    )
    verdict: Shaped[np.ndarray, " family"] = axes("family", description="whether the network is composed")

    def name_direction(self, i: int) -> str:
        """Regions of a direction, with an arrow."""
        return f"{self.origin[i]} → {self.target[i]}"

    def list_quantities(self) -> list[Quantity]:
        """Verdicts and selectivities, then noise, then geometry."""
        n_pairs = DEFINITIONS["n_pairs"].measure(len(self.pair))
        verdicts = [
            DEFINITIONS["verdict"].measure(index=key, name=family, word=str(word))
            for key, family, word in zip(_KEYS, self.family.tolist(), self.verdict.tolist(), strict=True)
        ]
        found = [n_pairs, *verdicts, *self._list_selectivities(), *self._list_noise(), *self._list_geometry()]
        return [quantity for quantity in found if quantity.word or np.isfinite(quantity.estimate.value)]

    def _list_selectivities(self) -> list[Quantity]:
        found = []
        for f, (key, words) in enumerate(zip(_KEYS, _OWN, strict=True)):
            for p, pair in enumerate(self.pair.tolist()):
                null = (self.random_sets[f, p],) if np.isfinite(self.random_sets.quantile[f, p]) else ()
                estimate, name = self.pair_selectivity[f, p], f"{pair} {words}"
                found.append(
                    DEFINITIONS["selectivity"].measure(estimate, f"{key},{pair}", name=name, beside=null)
                )
            for run, d in self.list_own(f):
                index, name = f"{key},{self.origin[d]}-{self.target[d]}", f"{self.name_direction(d)} {words}"
                for kind, values in (("way_selectivity", self.selectivity), ("change", self.change)):
                    found.append(DEFINITIONS[kind].measure(values[run, d], index, name=name))
        return found

    def list_own(self, family: int) -> list[tuple[int, int]]:
        """Runs of a kind of intervention with the direction that each is meant for."""
        runs = np.flatnonzero(self.run_family == family).tolist()
        is_shared = len(runs) == len(self.pair)
        return [(runs[d // 2 if is_shared else d], d) for d in range(len(self.origin))]

    def _list_noise(self) -> list[Quantity]:
        beside = (Reference("regions − 1", Estimate(int(self.n_regions) - 1)),)
        found = [DEFINITIONS["rank"].measure(int(self.rank), beside=beside)]
        two_state = known_value("of a two-state mechanism", -1.0)
        for p, pair in enumerate(self.pair.tolist()):
            found.append(DEFINITIONS["opposite"].measure(self.opposite[p], pair, name=pair, beside=two_state))
        for p, q, index, name in self._list_two_pairs():
            found.append(DEFINITIONS["pair_cosine"].measure(self.pair_cosine[p, q], index, name=name))
        return found

    def _list_geometry(self) -> list[Quantity]:
        found = []
        for p, pair in enumerate(self.pair.tolist()):
            for key, values, nulls_beside in (
                ("roundness", self.roundness, (self.exchanged[p],)),
                ("plane_share", self.plane_share, ()),
            ):
                surrogate = _refer(getattr(self, f"{key}_surrogate")[:, p], DEFINITIONS[key].unit)
                beside = (*nulls_beside, *surrogate)
                found.append(DEFINITIONS[key].measure(values[p], pair, name=pair, beside=beside))
            found.append(DEFINITIONS["state_share"].measure(self.state_share[p], pair, name=pair))
            random = (Reference("random planes", Estimate(self.overlap_random)),)
            beside = (*random, *_refer(self.overlap_surrogate[:, p, p]))
            found.append(DEFINITIONS["halves"].measure(self.overlap[p, p], pair, name=pair, beside=beside))
        for p, q, index, name in self._list_two_pairs():
            same = (self.overlap.value[p, p] + self.overlap.value[q, q]) / 2
            beside = (
                Reference("halves of one pair", Estimate(same)),
                Reference("random planes", Estimate(self.overlap_random)),
                *_refer(self.overlap_surrogate[:, p, q]),
            )
            found.append(DEFINITIONS["overlap"].measure(self.overlap[p, q], index, name=name, beside=beside))
        for d in range(len(self.origin)):
            index, name = f"{self.origin[d]}-{self.target[d]}", self.name_direction(d)
            beside = _refer(self.duration_surrogate[:, d], "steps")
            found.append(DEFINITIONS["duration"].measure(self.duration[d], index, name=name, beside=beside))
        return found

    def _list_two_pairs(self) -> list[tuple[int, int, str, str]]:
        names = self.pair.tolist()
        return [
            (p, q, f"{names[p]},{names[q]}", f"{names[p]} and {names[q]}")
            for p in range(len(names))
            for q in range(p + 1, len(names))
        ]


def _refer(values: np.ndarray, unit: str = "1") -> tuple[Beside, ...]:
    """Samples of the Gaussian HMM beside a quantity: their median and range, where they are known."""
    known = values[np.isfinite(values)]
    if not len(known):
        return ()
    return (Reference("Gaussian HMM", Estimate(np.median(known), known.min(), known.max()), unit),)
