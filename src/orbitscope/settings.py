"""Settings of every stage: one small frozen model each, read from TOML, every key documented.

No torch import here, so that the command line can show and check settings at once.
"""

import tomllib
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import InputError, unknown_name
from .reprs import format_repr
from .system.cores import THREAD_LIMIT
from .system.output import is_unicode
from .system.toml_text import parse_toml

_S = TypeVar("_S", bound="Settings")
"""Settings of one stage (typing.Self cannot be executed by beartype in tests)."""


LARGEST_SEED = 2**63 - 1
"""What every source of random numbers takes."""

LARGEST_SIZE = 10**9
"""Sizes beyond it are surely a mistake; a run of such a size would fill any memory."""

_NO_SIZES = ("seed", "memory_budget")


class Settings(BaseModel):
    """Base of all settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def build(cls: type[_S], values: Mapping[str, Any], *, path: str = "") -> _S:
        """Validate ``values``; errors name the key, the requirement and the value."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise explain_error(cls, error, path) from None

    @model_validator(mode="after")
    def _refuse_mistaken_sizes(self: _S) -> _S:
        for name, value in self:
            if type(value) is int and name not in _NO_SIZES and value > LARGEST_SIZE:
                raise ValueError(f"{name} must be ≤ {LARGEST_SIZE:_}, got {value}. Lower it")
        return self


class ModelSettings(Settings):
    """The network (Torre et al. 2025, section 2)."""

    cell: Literal["relu", "tanh"] = Field(default="relu", description="update rule; the paper's is relu")
    hidden_size: int = Field(default=150, ge=1, description="hidden units")
    input_size: int = Field(default=100, ge=1, description="noise channels")
    bias: bool = Field(default=False, description="biases in cell and readout; the paper has none")
    noise_std: float = Field(default=1.0, ge=0, description="standard deviation of the input noise")


class DataSettings(Settings):
    """Sequences sampled from the process; a third each for training, validation and floors."""

    n_sequences: int = Field(default=30_000, ge=6, description="sequences in all, split in thirds")
    n_steps: int = Field(default=30, ge=2, description="length T of a sequence, in steps")

    @property
    def n_per_split(self) -> int:
        """Sequences in each third."""
        return self.n_sequences // 3


class LossSettings(Settings):
    """What training compares: sampled sequences by the Sinkhorn divergence, or expected laws of words."""

    objective: Literal["sequences", "words"] = Field(
        default="sequences", description="what is compared with the process; the paper's is sequences"
    )
    epsilon: float = Field(
        default=0.04, gt=0, description="regularisation, blur squared; the paper's is 0.04"
    )
    mode: Literal["published", "converged"] = Field(
        default="published", description="annealing only, or converged"
    )
    memory_budget: int = Field(
        default=2**30, ge=2**20, description="bytes for the matrices of one evaluation"
    )
    max_words: int = Field(default=800, ge=2, description="largest number of words in one law of words")
    neighbour_weight: float = Field(
        default=0.0,
        ge=0,
        description="weight of log-likelihood ratios of neighbouring processes beside the laws of words",
    )


class TrainSettings(Settings):
    """Optimisation. Batch size and learning rate stay constant, then the batch grows and the rate falls."""

    epochs: int = Field(default=500, ge=1, description="passes over the training sequences")
    batch_size: int = Field(
        default=4096, ge=2, description="sequences per update, in fixed order; at most all"
    )
    final_batch_size: int | None = Field(default=None, ge=2, description="batch size reached by doubling")
    learning_rate: float = Field(default=1e-3, gt=0, description="Adam step size")
    final_learning_rate: float | None = Field(default=None, gt=0, description="step size at the last epoch")
    growth_start: float = Field(
        default=1.0, ge=0, le=1, description="share of the epochs before the batch starts to double"
    )
    growth_end: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of the epochs after which the batch has its final size; without: decay_start",
    )
    decay_start: float = Field(
        default=1.0, ge=0, le=1, description="share of the epochs before the learning rate falls"
    )
    gradient_clip: float = Field(default=0.9, gt=0, description="largest norm of the gradient")
    temperature: float = Field(default=1.0, gt=0, description="Gumbel-Softmax temperature of the gradient")
    settle_epochs: int = Field(
        default=0,
        ge=0,
        description="epochs in which the network settles on the plateau with the paper's gradient",
    )
    settle_learning_rate: float | None = Field(
        default=None, gt=0, description="Adam step size while the network settles on the plateau"
    )
    plateau_self_weight: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of the self term in the gradient while symbols lack memory; rises to 1 with it",
    )
    plateau_batch_size: int | None = Field(
        default=None, ge=2, description="sequences per update until the plateau is left"
    )
    plateau_learning_rate: float | None = Field(
        default=None, gt=0, description="Adam step size until the plateau is left"
    )
    plateau_draws: int = Field(
        default=1,
        ge=1,
        description="symbol sequences drawn from each rollout until the plateau is left",
    )
    activity_growth_weight: float = Field(
        default=0.0,
        ge=0,
        description="weight of the squared growth of log activity over the later half of the window",
    )
    average_start: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of the epochs after which weights are averaged; the average is the network",
    )
    beta1: float = Field(default=0.9, ge=0, lt=1, description="Adam decay of the first moment")
    beta2: float = Field(default=0.9, ge=0, lt=1, description="Adam decay of the second moment")
    validate_every: int = Field(default=1, ge=1, description="epochs between validation losses")
    checkpoint_every: int = Field(
        default=10, ge=1, description="epochs between kept weights, denser early on"
    )
    stop_after: int = Field(
        default=0,
        ge=0,
        description="validations in a row at which all margins hold, from h = 0, for training to end; "
        "weights are averaged from the plateau on; 0: never",
    )

    @model_validator(mode="after")
    def _check_schedule(self) -> "TrainSettings":
        final = self.final_batch_size
        if final is not None and final < self.batch_size:
            raise ValueError(
                f"train.final_batch_size must be ≥ train.batch_size = {self.batch_size}, got {final}. "
                "Raise it, or lower train.batch_size"
            )
        if final not in (None, self.batch_size):
            self._check_growth()
        if self.final_learning_rate not in (None, self.learning_rate) and self.decay_start == 1.0:
            raise ValueError(
                "train.decay_start must be < 1 for train.final_learning_rate to be reached, got 1. "
                "Set it, e.g. to 0.6"
            )
        return self

    def _check_growth(self) -> None:
        if self.growth_start == 1.0:
            raise ValueError(
                "train.growth_start must be < 1 for train.final_batch_size to be reached, got 1. "
                "Set it, e.g. to 0.3"
            )
        name = "decay_start" if self.growth_end is None else "growth_end"
        if self.growth_start > (end := getattr(self, name)):
            raise ValueError(
                f"train.growth_start must be ≤ train.{name} = {end}, where the batch has its final size, "
                f"got {self.growth_start}. Lower it"
            )


class EvaluationSettings(Settings):
    """What is measured when a network is compared with its process, and the margins of equivalence."""

    n_symbols_total: int = Field(default=3_000_000, ge=1000, description="symbols for softmax statistics")
    n_sequences: int = Field(default=20_000, ge=100, description="sampled sequences for the other statistics")
    n_trajectories: int = Field(
        default=1000, ge=20, description="long stationary trajectories cut into sequences"
    )
    burn_in: int = Field(default=500, ge=0, description="steps before a stationary start")
    n_matched: int = Field(
        default=1000, ge=10, description="sequences of a batch for matching and Sinkhorn loss"
    )
    n_matches: int = Field(default=5, ge=2, description="disjoint batches for matching and Sinkhorn loss")
    n_refitted: int = Field(default=500, ge=10, description="sequences from which an HMM is re-estimated")
    n_refits: int = Field(default=4, ge=2, description="HMMs re-estimated from disjoint sequences")
    max_refit_states: int = Field(
        default=12, ge=0, description="no re-estimation of HMMs with more states than this"
    )
    max_word_length: int = Field(default=5, ge=1, description="longest n-gram compared")
    n_entropy: int = Field(default=100_000, ge=100, description="HMM sequences for the block entropy")
    n_raster: int = Field(default=30, ge=1, description="sequences kept for the raster figure")
    n_resamples: int = Field(default=1000, ge=100, description="bootstrap resamples")
    confidence: float = Field(default=0.95, gt=0, lt=1, description="coverage of the intervals")
    alpha: float = Field(
        default=0.05, gt=0, lt=0.5, description="level of each one-sided test of equivalence"
    )
    margin_symbol_matrix: float = Field(default=0.02, gt=0, description="largest error of the symbol matrix")
    margin_frequency: float = Field(default=0.005, gt=0, description="largest error of a symbol frequency")
    margin_volatility: float = Field(default=0.04, gt=0, description="relative error of the volatility")
    margin_rare_symbol: float = Field(default=0.2, gt=0, description="relative error of the rarest symbol")
    margin_cross_entropy: float = Field(default=0.01, gt=0, description="nat per symbol above block entropy")
    margin_impossible: float = Field(
        default=0.01, gt=0, description="share of sequences impossible under the process"
    )
    margin_run_length: float = Field(default=0.03, gt=0, description="total variation of the run-length law")
    margin_auc: float = Field(default=0.05, gt=0, description="two-sample AUC above one half")

    @model_validator(mode="after")
    def _check_sizes(self) -> "EvaluationSettings":
        needed = {
            "n_raster": (self.n_raster, "n_trajectories"),
            "n_matched × n_matches": (self.n_matched * self.n_matches, "n_sequences"),
            "n_refitted × n_refits": (self.n_refitted * self.n_refits, "n_sequences"),
        }
        for name, (number, where) in needed.items():
            if number > getattr(self, where):
                raise ValueError(
                    f"evaluate.{name} must be ≤ evaluate.{where} = {getattr(self, where)}, got {number}. "
                    f"Lower the first, or raise evaluate.{where}"
                )
        return self


class RunSettings(Settings):
    """Everything that determines a run, beside the process itself."""

    process: str = Field(
        description="name of the preset or generalised process, or file it came from; empty without one"
    )
    symbol_names: tuple[str, ...] = Field(
        default=(), description="names of the symbols, a list of strings; a run has those of its process"
    )
    recipe: str = Field(default="fast", description="recipe that the defaults came from")
    seed: int = Field(
        default=0, ge=0, le=LARGEST_SEED, description="one seed, from which every random stream is derived"
    )
    threads: int = Field(
        default=2, ge=1, le=THREAD_LIMIT, description="threads; weights are bit-identical for any number"
    )
    device: str = Field(default="cpu", description="torch device")
    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    loss: LossSettings = LossSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluationSettings = EvaluationSettings()

    @property
    def n_symbols(self) -> int:
        """Number of symbols: that of their names."""
        return len(self.symbol_names)

    @model_validator(mode="after")
    def _check_symbol_names(self) -> "RunSettings":
        n_different = len(set(self.symbol_names))
        if n_different != self.n_symbols or n_different == 1:
            raise ValueError(
                f"symbol_names must be at least 2 different names, got {self.n_symbols} "
                f"({n_different} different). Give one unique name each, or leave them out"
            )
        return self

    @model_validator(mode="after")
    def _check_encoding(self) -> "RunSettings":
        """Names of files may have bytes of another encoding, which no file of settings can hold."""
        for name in (self.process, *self.symbol_names):
            if not is_unicode(name):
                raise ValueError(f"names must be Unicode, got {name!r}. Rename what is called so")
        return self

    def __repr__(self) -> str:
        keys = ", ".join(f"{key}={value!r}" for key, value in self if not isinstance(value, Settings))
        stages = [f"{key}={value!r}" for key, value in self if isinstance(value, Settings)]
        return format_repr(type(self).__name__, [keys, *stages])

    __str__ = __repr__

    def to_toml(self) -> str:
        """Resolved settings as TOML; keys without a value are left out."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))

    @classmethod
    def from_toml(cls, text: str) -> "RunSettings":
        """Read settings written by :meth:`to_toml` or by hand."""
        try:
            values = parse_toml(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"settings must be valid TOML: {error}.") from None
        return cls.build(values)

    def override(self, changes: Mapping[str, Any]) -> "RunSettings":
        """Copy with changes given as nested or dotted keys (``{"train.epochs": 12}``)."""
        return type(self).build(merge_settings(self.model_dump(), nest_keys(changes)))


def nest_keys(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``{"train.epochs": 12}`` into ``{"train": {"epochs": 12}}``; nested input stays as it is."""
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        head, _, rest = key.partition(".")
        inner = nest_keys({rest: value}) if rest else value
        inner = nest_keys(inner) if isinstance(inner, Mapping) else inner
        nested = merge_settings(nested, {head: inner})
    return nested


def merge_settings(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge ``changes`` into ``base``, table by table; values of ``changes`` win."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge_settings(old, value)
        merged[key] = value
    return merged


def explain_error(cls: type[BaseModel], error: ValidationError, path: str) -> InputError:
    """Turn pydantic's first complaint into one that names key, requirement, value and remedy."""
    first = error.errors()[0]
    keys = [path, *map(str, first["loc"])] if path else [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return unknown_name("setting", ".".join(keys), _valid_keys(cls, first["loc"][:-1], path))
    requirement = first["msg"].removeprefix("Value error, ")
    requirement = requirement[0].lower() + requirement[1:]
    if not keys or first["type"] == "value_error":
        return InputError(f"{requirement}.")
    if first["type"] == "missing":
        return InputError(f"`{'.'.join(keys)}` is required. Add it to the settings.")
    description = _describe(cls, first["loc"])
    remedy = f" It is: {description}." if description else ""
    limits = first.get("ctx", {})
    bound = next((f" must be {sign} {limits[key]:g}" for key, sign in _SIGNS.items() if key in limits), "")
    return InputError(f"`{'.'.join(keys)}`{bound or f': {requirement}'}, got {first['input']!r}.{remedy}")


_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
"""Bounds of a number, by their names in pydantic."""


def _model_at(cls: type[BaseModel], location: tuple) -> type[BaseModel]:
    for part in location:
        cls = cls.model_fields[str(part)].annotation  # type: ignore[assignment]
    return cls


def _valid_keys(cls: type[BaseModel], location: tuple, path: str) -> list[str]:
    prefix = ".".join([*([path] if path else []), *map(str, location)])
    return [f"{prefix}.{key}" if prefix else key for key in _model_at(cls, location).model_fields]


def _describe(cls: type[BaseModel], location: tuple) -> str | None:
    named = [part for part in location if isinstance(part, str)]  # not the place in a list
    field = _model_at(cls, tuple(named[:-1])).model_fields.get(named[-1]) if named else None
    return field.description if field else None
