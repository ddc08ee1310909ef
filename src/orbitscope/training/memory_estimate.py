"""How much memory training will take here, before it starts."""

import math

from ..settings import RunSettings
from ..system.memory import require_memory

_BASE_BYTES = 350 * 2**20
"""Interpreter, torch and its libraries."""

_FLOAT_BYTES = 4

_WORD_KINDS = 8
"""Consecutive words and spread ones, whose halves are kept for the gradient."""


def estimate_memory(settings: RunSettings, n_symbols: int) -> int:
    """Peak memory of training with these settings, in bytes; `make bench` shows it beside a measured one."""
    data, model, train, loss = settings.data, settings.model, settings.train, settings.loss
    batch = max(train.batch_size, train.final_batch_size or 0, train.plateau_batch_size or 0)
    batch = min(batch, data.n_per_split)
    per_step = model.input_size + 3 * model.hidden_size + 6 * n_symbols
    network = _FLOAT_BYTES * batch * data.n_steps * per_step
    targets = _FLOAT_BYTES * 4 * data.n_per_split * data.n_steps * n_symbols
    if loss.objective == "words":
        words = _FLOAT_BYTES * batch * data.n_steps * _WORD_KINDS * 2 * math.isqrt(loss.max_words)
        return _BASE_BYTES + network + targets + words
    matrices = min(batch**2 * (_FLOAT_BYTES + 1), 2 * loss.memory_budget)
    return _BASE_BYTES + network + targets + matrices


def check_memory(settings: RunSettings, n_symbols: int) -> None:
    """Refuse a run that would not fit into the memory that is available now."""
    remedy = (
        "Lower `train.batch_size` (and `train.final_batch_size`, `train.plateau_batch_size`), `data.n_steps` "
        "or `model.hidden_size`."
    )
    require_memory(estimate_memory(settings, n_symbols), "training", remedy)
