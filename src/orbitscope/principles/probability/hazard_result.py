"""What the part ``hazard`` finds: its settings, its result, and the quantities of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from pydantic import Field

from ...part_settings import BurnIn, Resampling, Steps, Trajectories
from ...quantity import Beside, Margin, Quantity, Reference, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate, decide_equivalence
from .hazard_definitions import DEFINITIONS

_VERDICTS = {"equivalent": "within", "different": "outside", "inconclusive": "undecided"}

ALL = "all"
"""The first kind of switch: any."""

Lead = Annotated[int, Field(ge=0)]
Gain = Annotated[float, Field(ge=0)]


class HazardSettings(Resampling):
    """Settings of the part ``hazard``."""

    leads: tuple[Lead, ...] = Field(
        default=(0, 1, 2, 4, 8),
        description="steps before a switch up to which noise is known, beside 0",
    )
    gains: tuple[Gain, ...] = Field(
        default=(0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5),
        description="gains of the noise along the deciding directions",
    )
    margin: float = Field(default=1.5, gt=1, description="factor within which a predicted hazard holds")
    young: int = Field(default=5, ge=1, description="steps after a switch that are compared with later ones")
    n_controls: int = Field(default=10, ge=1, description="random subspaces of equal drive")
    n_trajectories: Trajectories = 100
    n_steps: Steps = 400
    burn_in: BurnIn = 200

    @property
    def known_leads(self) -> tuple[int, ...]:
        """Leads in their order, 0 the first."""
        return tuple(sorted({0, *self.leads}))


@dataclass(frozen=True, kw_only=True, eq=False)
class HazardResult(Result):
    """Hazards by age, and a threshold on filtered noise as their cause.

    ``status`` holds ``notes``: what could not be measured, and why; ``few``: directions with too few switches
    for a model.

    Attributes
    ----------
    kind : (kind,)
        All switches, then each direction of switching.
    age, age_end : (age,)
        First and last age of a bin.
    hazard, model_hazard : Estimate, (kind, age)
        Counted, and predicted by the model of the other half of the trajectories.
    process_hazard : (kind, age)
        Exact hazard of the symbols of the process; NaN without an HMM.
    age_ratio, model_age_ratio, age_error : Estimate, (kind,)
        Hazard of young over later ages, counted and predicted, and the second over the first.
    process_age_ratio : (kind,)
    origin, target, direction : (direction,)
        Symbols before and after, and their names, of directions that have a model.
    is_scaled : ()
        Whether filtered noise is divided by the size of the state.
    n_window : (fit,)
        Steps of noise of the filters of even, odd and all trajectories; 0 without a model.
    intercept, slope : (fit, direction)
        Of the models of even, odd and all trajectories.
    lead : (lead,)
    auc : Estimate, (lead, direction)
        NaN where no noise of the filter is left.
    auc_equal : (control, lead, direction)
        The same of random subspaces of the noise that carry as much drive.
    auc_unscaled, auc_size, auc_added : Estimate, (direction,)
        Without the size, of the size alone, and what the size adds; NaN where it is not used.
    score : (direction, decile)
        Mean score of each tenth of the steps.
    counted, predicted : Estimate, (direction, decile)
        Hazards of these tenths.
    top_share, calibration : Estimate, (direction,)
    threshold, softness, tail, kurtosis : Estimate, (direction,)
    mean_hazard : (direction,)
        Switches per step in the symbol before.
    gain : (gain,)
    gain_counted, gain_predicted : Estimate, (gain, direction)
        Hazards in new runs.
    gain_ratio, gain_constant : Estimate, (gain, direction)
        Hazard of the model, and one that does not depend on the noise, over the counted one.
    gain_verdict : (gain, direction)
    verdict : (direction,)
        On all gains but 1.
    """

    kind: Shaped[np.ndarray, " kind"] = axes("kind", description="which switches")
    age: Int[np.ndarray, " age"] = axes("age", unit="steps", description="first age of a bin")
    age_end: Int[np.ndarray, " age"] = axes("age", unit="steps", description="last age of a bin")
    hazard: Estimate = estimates("kind", "age", unit="1/step", description="hazard by age")
    model_hazard: Estimate = estimates("kind", "age", unit="1/step", description="predicted hazard by age")
    process_hazard: Float[np.ndarray, "kind age"] = axes(
        "kind", "age", unit="1/step", description="hazard of the process by age"
    )
    age_ratio: Estimate = estimates("kind", description="young over later hazard")
    model_age_ratio: Estimate = estimates("kind", description="the same, predicted")
    age_error: Estimate = estimates("kind", description="predicted ratio over counted ratio")
    process_age_ratio: Float[np.ndarray, " kind"] = axes("kind", description="the same of the process")
    origin: Int[np.ndarray, " direction"] = axes("direction", description="symbol before")
    target: Int[np.ndarray, " direction"] = axes("direction", description="symbol after")
    direction: Shaped[np.ndarray, " direction"] = axes("direction", description="direction of switching")
    is_scaled: Bool[np.ndarray, ""] = axes(description="whether noise is over the size of the state")
    n_window: Int[np.ndarray, " fit"] = axes("fit", unit="steps", description="steps of the filter")
    intercept: Float[np.ndarray, "fit direction"] = axes("fit", "direction", description="of the model")
    slope: Float[np.ndarray, "fit direction"] = axes("fit", "direction", description="of the model")
    lead: Int[np.ndarray, " lead"] = axes("lead", unit="steps", description="steps before the switch")
    auc: Estimate = estimates("lead", "direction", description="held-out AUC")
    auc_equal: Float[np.ndarray, "control lead direction"] = axes(
        "control", "lead", "direction", description="held-out AUC of equal drive"
    )
    auc_unscaled: Estimate = estimates("direction", description="held-out AUC without the size")
    auc_size: Estimate = estimates("direction", description="held-out AUC of the size alone")
    auc_added: Estimate = estimates("direction", description="AUC that the size adds")
    score: Float[np.ndarray, "direction decile"] = axes(
        "direction", "decile", unit="sd", description="mean score of a tenth"
    )
    counted: Estimate = estimates("direction", "decile", unit="1/step", description="hazard of a tenth")
    predicted: Estimate = estimates("direction", "decile", unit="1/step", description="its prediction")
    top_share: Estimate = estimates("direction", description="share of switches in the top tenth")
    calibration: Estimate = estimates("direction", description="predicted over counted, top tenth")
    threshold: Estimate = estimates("direction", unit="sd", description="threshold")
    softness: Estimate = estimates("direction", unit="sd", description="rest that the filter does not see")
    tail: Estimate = estimates("direction", unit="1/step", description="Gaussian tail beyond the threshold")
    kurtosis: Estimate = estimates("direction", description="excess kurtosis of the filtered noise")
    mean_hazard: Float[np.ndarray, " direction"] = axes("direction", unit="1/step", description="hazard")
    gain: Float[np.ndarray, " gain"] = axes("gain", description="factor of the deciding noise")
    gain_counted: Estimate = estimates("gain", "direction", unit="1/step", description="hazard by gain")
    gain_predicted: Estimate = estimates("gain", "direction", unit="1/step", description="its prediction")
    gain_ratio: Estimate = estimates("gain", "direction", description="predicted over counted")
    gain_constant: Estimate = estimates("gain", "direction", description="constant hazard over counted")
    gain_verdict: Shaped[np.ndarray, "gain direction"] = axes(
        "gain", "direction", description="verdict on a gain"
    )
    verdict: Shaped[np.ndarray, " direction"] = axes("direction", description="verdict on all gains but 1")

    def list_quantities(self) -> list[Quantity]:
        """How well filtered noise tells and predicts switches, per direction; hazards by age."""
        directions = [quantity for j in range(len(self.direction)) for quantity in self._list_direction(j)]
        return [*self._list_ages(), *directions]

    def _list_ages(self) -> Iterator[Quantity]:
        indices = [ALL, *(f"{a}-{b}" for a, b in zip(self.origin, self.target, strict=True))]
        for i, (index, name) in enumerate(zip(indices, self.kind.tolist(), strict=True)):
            known = float(self.process_age_ratio[i])
            process = (Reference("process", Estimate(known)),) if np.isfinite(known) else ()
            words = "all switches" if name == ALL else name
            yield DEFINITIONS["age_ratio"].measure(self.age_ratio[i], index, name=words, beside=process)
            if len(self.direction):
                beside = (self._compare(self.age_error[i]),)
                yield DEFINITIONS["age_model"].measure(self.age_error[i], index, name=words, beside=beside)

    def _list_direction(self, j: int) -> Iterator[Quantity]:
        index, name = f"{self.origin[j]}-{self.target[j]}", str(self.direction[j])
        yield DEFINITIONS["auc"].measure(
            self.auc[0, j],
            index,
            name=name,
            beside=(*self._refer_to_equal(j), *known_value("chance", 0.5)),
        )
        if self.is_scaled:
            size = (Reference("size alone", self.auc_size[j]),)
            yield DEFINITIONS["auc_added"].measure(self.auc_added[j], index, name=name, beside=size)
        yield DEFINITIONS["top_share"].measure(self.top_share[j], index, name=name)
        margin = (self._compare(self.calibration[j]),)
        yield DEFINITIONS["calibration"].measure(self.calibration[j], index, name=name, beside=margin)
        for key in ("threshold", "softness", "kurtosis"):
            yield DEFINITIONS[key].measure(getattr(self, key)[j], index, name=name)
        hazard = (Reference("hazard", Estimate(self.mean_hazard[j]), "1/step"),)
        yield DEFINITIONS["tail"].measure(self.tail[j], index, name=name, beside=hazard)
        word, beside = str(self.verdict[j]), self._count_verdicts(j)
        yield DEFINITIONS["gain_verdict"].measure(None, index, name=name, word=word, beside=beside)
        yield from self._list_gains(j, index, name)
        for i in np.flatnonzero(np.isfinite(self.auc.value[:, j])).tolist():
            lead = int(self.lead[i])
            words = f"{name}: filtered noise {lead}"
            yield DEFINITIONS["auc_lead"].measure(self.auc[i, j], f"{lead},{index}", name=words)

    def _list_gains(self, j: int, index: str, name: str) -> Iterator[Quantity]:
        for i, gain in enumerate(self.gain.tolist()):
            constant = Reference("constant hazard", self.gain_constant[i, j])
            ratio = self.gain_ratio[i, j]
            verdict = str(self.gain_verdict[i, j])
            beside: tuple[Beside, ...] = (Margin(self.settings["margin"], 0.0, ratio, verdict), constant)
            words = f"{name} at {gain:g} of the deciding noise"
            yield DEFINITIONS["gain"].measure(ratio, f"{gain:g},{index}", name=words, beside=beside)

    def _count_verdicts(self, j: int) -> tuple[Reference, ...]:
        """Gains that the model predicts, and all that are a test."""
        verdicts = self.gain_verdict[self.gain != 1, j].tolist()
        n_tests = sum(verdict in ("predicts", "fails", "undecided") for verdict in verdicts)
        known = (("gains predicted", verdicts.count("predicts")), ("gains that are a test", n_tests))
        return tuple(Reference(name, Estimate(number)) for name, number in known)

    def _compare(self, ratio: Estimate) -> Margin:
        """A ratio beside the factor within which a prediction holds."""
        margin = self.settings["margin"]
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = np.log([float(ratio.low), float(ratio.high)])
        verdict = _VERDICTS[decide_equivalence(float(low), float(high), float(np.log(margin)))]
        return Margin(margin, 0.0, ratio, verdict if np.isfinite(float(ratio)) else "undefined")

    def _refer_to_equal(self, j: int) -> tuple[Reference, ...]:
        """Range of the random subspaces at lead 0, where there are any."""
        known = self.auc_equal[:, 0, j]
        known = known[np.isfinite(known)]
        if not len(known):
            return ()
        return (Reference("equal drive", Estimate(np.median(known), known.min(), known.max())),)
