"""``orbitscope import``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .options import Json, UsageError, require_new_file

if TYPE_CHECKING:
    from ..hmm import HMM


def import_files(
    file: Path | None = None,
    /,
    *,
    out: Path | None = None,
    process: str | None = None,
    hmm: Path | None = None,
    cell: str | None = None,
    prefix: str | None = None,
    noise_std: float = 1.0,
    json: Json = False,
) -> None:
    """Bring in a PyTorch network, or a hidden Markov model of another library.

    `import FILE.pt --process linear-2 --cell tanh --out RUN` makes a run folder of a state dict
    (`rnn.weight_ih_l0`, `rnn.weight_hh_l0`, `fc.weight`, biases optional). `import --hmm FILE` turns arrays
    saved from hmmlearn, dynamax or ssm (.npz, .json, .toml, .mat) into an HMM file for `orbitscope train`.

    Parameters
    ----------
    file
        Weights: a PyTorch state dict (.pt, .pth), saved on CPU or GPU.
    out
        New run folder; with `--hmm` alone, new .toml file. [default: HMM files go to standard output]
    process
        Process that the network emulates: preset, name such as `linear-8`, or an HMM file.
    hmm
        Arrays of another library: the file to convert, or the process of FILE.
    cell
        `relu` or `tanh`, required for a network: the file does not tell, and torch.nn.RNN is tanh unless made
        with nonlinearity='relu'.
    prefix
        Text before the names of the weights, when it cannot be guessed.
    noise_std
        Standard deviation of the input noise that the network was trained with.
    json
        Print one JSON document on standard output.
    """
    if file is None and hmm is None:
        raise UsageError("a file to import is required, got none. Name FILE.pt, or --hmm FILE.")
    if file is None:
        _convert(_read_process(process, hmm), out, json=json)
    else:
        known = _read_process(process, hmm)
        network = {"cell": _require_cell(cell), "prefix": prefix, "noise_std": noise_std}
        _import_network(file, known, process, out, network, json=json)


def _read_process(process: str | None, hmm: Path | None) -> "HMM":
    from ..hmm import load_process
    from ..importers import import_hmm

    if (process is None) == (hmm is None):
        raise UsageError(
            "a network needs the one process that it emulates, got "
            + ("none. Add --process NAME or --hmm FILE." if hmm is None else "two. Drop --process or --hmm.")
        )
    return load_process(process) if process is not None else import_hmm(hmm)


def _require_cell(cell: str | None) -> str:
    if cell is None:
        raise UsageError(
            "`--cell` must be relu or tanh, got none. The file does not tell; torch.nn.RNN is tanh unless "
            "made with nonlinearity='relu'."
        )
    return cell


def _convert(hmm: "HMM", out: Path | None, *, json: bool) -> None:
    from ..hmm import dump_hmm
    from ..system.atomic_files import write_text
    from .display import print_facts, print_json

    text = dump_hmm(hmm)
    if out is not None:
        if out.suffix != ".toml":
            raise InputError(f"`--out` must end in .toml for an HMM, got `{out}`.")
        write_text(require_new_file(out), text)
    if json:
        sizes = {"n_states": hmm.n_states, "n_symbols": hmm.n_symbols}
        print_json({"out": out, **sizes} if out else {"hmm": text, **sizes})
    elif out is None:
        sys.stdout.write(text)
    else:
        print_facts({"Saved": f"{hmm.n_states} states, {hmm.n_symbols} symbols in {out}"})
        print_facts({"Next": f"orbitscope train {out}"})


def _import_network(
    file: Path, hmm: "HMM", process: str | None, out: Path | None, network: dict[str, Any], *, json: bool
) -> None:
    from ..workflows.import_network import import_run
    from .display import print_facts, print_json

    out = out or Path("runs") / file.stem
    folder = import_run(file, out, process=process, hmm=hmm, **network)
    settings = folder.read_settings()
    model = settings.model
    if json:
        print_json({"run": folder.path, "process": settings.process, "model": model.model_dump()})
        return
    print_facts(
        {
            "Run": folder.path,
            "Network": f"{model.cell}, {model.hidden_size} hidden units, {model.input_size} noise channels",
            "Next": f"orbitscope evaluate {folder.path}",
        }
    )
