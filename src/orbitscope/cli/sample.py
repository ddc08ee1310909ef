"""``orbitscope sample``."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..errors import InputError
from ..settings import LARGEST_SEED
from .options import Json, UsageError, require_at_least, require_at_most, require_new_file

if TYPE_CHECKING:
    import numpy as np

    from ..progress import ProgressCallback

_BLOCK = 2000
"""Sequences drawn at a time: part of what a seed means, so it must not depend on the machine."""

_BYTES_PER_SYMBOL = 4
"""A symbol in its block and among all, with as much for what is written."""

_SUFFIXES = (".npy", ".csv", ".npz")


def sample(
    source: Annotated[str, Parameter(name="RUN|PROCESS")],
    /,
    *,
    n_sequences: int = 1000,
    n_steps: int | None = None,
    seed: int = 0,
    epoch: int | None = None,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Sample symbol sequences from a run's network, or from a process.

    Without `--out` the sequences go to standard output as CSV without a header: one sequence per line, each
    symbol as its number, counted from 0 in the order of `symbol_names` of the run or process.

    Parameters
    ----------
    source
        Run folder, network of the zoo (`zoo:NAME`), or a process: preset, name such as `ring-6`, or an
        HMM file (.toml).
    n_sequences
        Number of sequences.
    n_steps
        Symbols per sequence. [default: the training length]
    seed
        Seed of the noise; the same seed gives the same sequences.
    epoch
        Use the network of this epoch instead of the best one (it must have a checkpoint).
    out
        New file: .csv, .npy (sequence, time), or .npz with `symbols` and `symbol_names`.
    json
        Print one JSON document on standard output.
    """
    from .display import ProgressDisplay, print_facts, print_json

    require_at_least(1, n_sequences=n_sequences, n_steps=n_steps)
    require_at_least(0, seed=seed, epoch=epoch)
    require_at_most(LARGEST_SEED, seed=seed)
    if epoch is not None and not _is_run(source):
        raise UsageError(f"`--epoch` must go with a run, but `{source}` is a process. Leave it out.")
    if out is not None and require_new_file(out).suffix not in _SUFFIXES:
        raise InputError(f"`--out` must end in {', '.join(_SUFFIXES)}, got `{out}`.")
    sampler = (
        _open_run(source, n_steps, seed, epoch) if _is_run(source) else _open_process(source, n_steps, seed)
    )
    with ProgressDisplay(f"Sampling {source}") as progress:
        symbols = _sample_in_blocks(sampler, n_sequences, progress)
    if out is not None:
        _save(out, symbols, sampler.symbol_names)
    summary = {
        "source": source,
        "n_sequences": n_sequences,
        "n_steps": symbols.shape[1],
        "seed": seed,
        "out": out,
    }
    if json:
        print_json(summary if out else {**summary, "symbols": symbols})
    elif out:
        print_facts(
            {
                "Saved": f"{n_sequences} sequences of {symbols.shape[1]} symbols in {out}",
                "Next": f"orbitscope.load_sequences({str(out)!r}) reads them in Python",
            }
        )
    else:
        sys.stdout.writelines(_format_csv(symbols))


@dataclass(frozen=True)
class _Sampler:
    """Draws a number of further sequences (sequence, time) when called."""

    draw: "Callable[[int], np.ndarray]"
    n_steps: int
    symbol_names: tuple[str, ...]


def _is_run(source: str) -> bool:
    from ..runs.zoo import PREFIX

    return source.startswith(PREFIX) or Path(source).is_dir()


def _open_run(source: str, n_steps: int | None, seed: int, epoch: int | None) -> _Sampler:
    import torch

    from ..network import sample_symbols
    from ..runs.zoo import open_run

    folder = open_run(source)
    settings = folder.read_settings()
    network = folder.load_network(epoch=epoch)
    generator = torch.Generator().manual_seed(seed)
    length, noise_std = settings.data.n_steps if n_steps is None else n_steps, settings.model.noise_std

    def draw(n_sequences: int) -> "np.ndarray":
        return sample_symbols(network, n_sequences, length, noise_std=noise_std, generator=generator).numpy()

    return _Sampler(draw, length, settings.symbol_names)


def _open_process(name: str, n_steps: int | None, seed: int) -> _Sampler:
    import numpy as np

    from ..hmm import list_presets, load_preset, load_process, sample_sequences
    from ..recipes import DEFAULT_STEPS

    hmm = load_process(name)
    usual = load_preset(name).n_steps if name in list_presets() else DEFAULT_STEPS
    length = usual if n_steps is None else n_steps
    rng = np.random.default_rng(seed)

    def draw(n_sequences: int) -> "np.ndarray":
        return sample_sequences(hmm, n_sequences, length, rng=rng).symbols

    return _Sampler(draw, length, hmm.symbol_names)


def _sample_in_blocks(sampler: "_Sampler", n_sequences: int, progress: "ProgressCallback") -> "np.ndarray":
    """Sequences in blocks, (sequence, time)."""
    import numpy as np

    from ..progress import Progress
    from ..system.memory import require_memory

    require_memory(
        _BYTES_PER_SYMBOL * n_sequences * sampler.n_steps, "sampling", "Ask for fewer or shorter sequences."
    )
    blocks = []
    for first in range(0, n_sequences, _BLOCK):
        blocks.append(sampler.draw(min(_BLOCK, n_sequences - first)))
        progress(
            Progress("sample", float(min(first + _BLOCK, n_sequences)), float(n_sequences), "sequences", {})
        )
    return np.concatenate(blocks)


def _save(path: Path, symbols: "np.ndarray", symbol_names: tuple[str, ...]) -> None:
    import numpy as np

    from ..system.atomic_files import replace_file

    with replace_file(path) as temporary, temporary.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, symbols)
        elif path.suffix == ".npz":
            np.savez_compressed(file, symbols=symbols, symbol_names=np.array(symbol_names))
        else:
            file.writelines(line.encode() for line in _format_csv(symbols))


def _format_csv(symbols: "np.ndarray") -> Iterator[str]:
    for sequence in symbols:
        yield ",".join(map(str, sequence.tolist())) + "\n"
