"""Histories and evaluations with known numbers, and what is found in figures of them."""

from dataclasses import replace

import numpy as np

from orbitscope.evaluation import EvaluationResult
from orbitscope.statistics import ChangePoint, Estimate
from orbitscope.training import EpochRecord

NO_PLATEAU = ChangePoint("no_plateau", None, None, float("nan"))
ON_PLATEAU = ChangePoint("on_plateau", None, 5, 1.0)
PAST = ChangePoint("past_transition", 30, 5, 1.0)

MEASURES = {  # margin, target, estimate, low, high, verdict
    "symbol_matrix_error": (0.02, 0.0, 0.015, 0.012, 0.018, "equivalent"),
    "frequency_error": (0.005, 0.0, 0.02, 0.015, 0.025, "different"),
    "run_length_distance": (0.03, 0.0, 0.03, 0.02, 0.04, "inconclusive"),
    "classifier_auc": (0.05, 0.5, 0.6, 0.58, 0.62, "different"),
    "ngram_divergence_2": (np.nan, 0.0, 0.004, 0.003, 0.005, "no margin"),
    "sinkhorn_loss": (np.nan, np.nan, 5.5, np.nan, np.nan, "no margin"),
    "refit_kl_rate": (np.nan, 0.0, np.nan, np.nan, np.nan, "no margin"),
    "cross_entropy_gap": (0.01, 0.0, np.inf, 0.02, np.inf, "different"),
}


def build_history(n_epochs=60, *, validate_every=5, shift=0.0, **changes):
    """A plateau at 7.3, a drop in epoch 31 to 4.5, and a batch size that grows from 1024 to 4096."""
    history = []
    for epoch in range(1, n_epochs + 1):
        batch_size = 1024 if epoch <= 40 else 2048 if epoch <= 50 else 4096
        floor = {1024: 5.1, 2048: 4.8, 4096: 4.6}[batch_size]
        is_validated = validate_every and epoch % validate_every == 0
        loss = 7.2 if epoch <= 30 else 4.5 + 2 / (epoch - 29)
        record = EpochRecord(
            epoch=epoch,
            loss=loss + shift,
            floor=floor,
            plateau=7.3,
            validation_loss=loss - 0.2 + shift if is_validated else None,
            validation_floor=4.6 if is_validated else None,
            symbol_matrix_error=0.3 if epoch <= 30 else 0.3 / (epoch - 29),
            frequency_error=0.01,
            memory=0.0 if epoch <= 30 else 1.0,
            volatility=0.25,
            marginal_error=0.5,
            gradient_norm=1.0,
            batch_size=batch_size,
            learning_rate=1e-3 if epoch <= 40 else 1e-3 * 0.9 ** (epoch - 40),
            self_weight=1.0,
            seconds=1.0,
        )
        history.append(replace(record, **changes))
    return history


def build_evaluation(n_symbols=3, *, starts=("zero", "stationary"), n_steps=30, names=None, seed=0):
    rng = np.random.default_rng(seed)
    n_starts, n_measures, n_lengths = len(starts), len(MEASURES), n_steps - 2
    symbols = np.array(names or [str(i) for i in range(n_symbols)])
    columns = dict(
        zip(
            ("margin", "target", "estimate", "low", "high"),
            zip(*MEASURES.values(), strict=True),
            strict=False,
        )
    )
    columns = {name: np.array(values, dtype=float) for name, values in columns.items()}
    estimate, low, high = (np.tile(columns[name], (n_starts, 1)) for name in ("estimate", "low", "high"))
    decay = 0.8 ** np.arange(n_lengths) * np.exp(
        0.05 * rng.standard_normal((n_starts, 3, n_symbols, n_lengths))
    )
    decay /= decay.sum(axis=-1, keepdims=True)
    raster = np.repeat(rng.integers(n_symbols, size=(n_starts, 2, 8, n_steps // 3)), 3, axis=-1)
    return EvaluationResult(
        settings={"evaluation": {"confidence": 0.95}},
        status={"notes": []},
        start=np.array(starts),
        source=np.array(["network", "floor", "exact"]),
        measure=np.array(list(MEASURES)),
        description=np.array(list(MEASURES)),
        unit=np.array(["1"] * 4 + ["nat"] + ["1"] * (n_measures - 5)),
        margin=columns["margin"],
        target=columns["target"],
        estimate=Estimate(estimate, low, high),
        test=Estimate(estimate, low + 0.001, high - 0.001),
        floor=Estimate(estimate / 10, low / 10, high / 10),
        verdict=np.tile([values[-1] for values in MEASURES.values()], (n_starts, 1)),
        n_units=np.full((n_starts, n_measures), 100),
        symbol=symbols,
        next_symbol=symbols,
        symbol_matrix=rng.dirichlet(np.ones(n_symbols), size=(n_starts, 3, n_symbols)),
        frequencies=rng.dirichlet(np.full(n_symbols, 50.0), size=(n_starts, 3)),
        run_length=np.arange(1, n_lengths + 1),
        run_law=decay.mean(axis=2),
        symbol_run_law=decay,
        sampled_source=np.array(["network", "floor"]),
        raster=raster,
    )


def change(estimate, index, numbers):
    """The same estimates with other numbers (value, low, high) in one place."""
    arrays = [array.copy() for array in (estimate.value, estimate.low, estimate.high)]
    for array, number in zip(arrays, numbers, strict=True):
        array[index] = number
    return Estimate(*arrays)


def lose_a_symbol(result):
    """The last symbol never occurs, so its rows are undefined."""
    matrix, law = result.symbol_matrix.copy(), result.symbol_run_law.copy()
    matrix[..., -1, :] = np.nan
    law[..., -1, :] = np.nan
    return replace(result, symbol_matrix=matrix, symbol_run_law=law)


def find_line(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def list_texts(ax):
    return [text.get_text() for text in ax.texts]
