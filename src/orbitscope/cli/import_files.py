"""``orbitscope import``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..system.commands import format_command
from .options import Json, UsageError, require_new_file

if TYPE_CHECKING:
    from ..runs import RunFolder


def import_files(
    file: Path | None = None,
    /,
    *,
    out: Path | None = None,
    process: str | None = None,
    hmm: Path | None = None,
    sequences: Path | None = None,
    symbol_names: str | None = None,
    cell: str | None = None,
    prefix: str | None = None,
    noise_std: float = 1.0,
    json: Json = False,
) -> None:
    """Bring in a PyTorch network, or a hidden Markov model of another library.

    `import FILE.pt --process linear-2 --cell tanh --out RUN` makes a run folder of a state dict
    (`rnn.weight_ih_l0`, `rnn.weight_hh_l0`, `fc.weight`, biases optional); without a process it can be
    analysed, but not evaluated. `import --hmm FILE` turns arrays saved from hmmlearn, dynamax or ssm (.npz,
    .json, .toml, .mat) into an HMM file for `orbitscope train`.

    Parameters
    ----------
    file
        Weights: a PyTorch state dict (.pt, .pth, .ckpt, .safetensors), saved on CPU or GPU.
    out
        New run folder; with `--hmm` alone, new .toml file. [default: HMM files go to standard output]
    process
        Process that the network emulates: preset, name such as `linear-8`, or an HMM file.
    hmm
        Arrays of another library (.npz, .json, .toml, .mat): the file to convert, or the process of FILE.
    sequences
        Recorded sequences that FILE was trained on (.npy, .npz, .csv, .tsv, .txt, .h5): a line each, numbers
        from 0 or words.
    symbol_names
        Names of the symbols of a network without an HMM, in the order of the readout's rows, separated by
        commas. [default: 0,1,…; words of `--sequences` in alphabetical order]
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
    refuse_two_processes(process, hmm, sequences, symbol_names)
    if file is None and hmm is not None:
        _convert(hmm, out, json=json)
    elif file is not None:
        _require_weights(file)
        network = {"cell": require_cell(cell), "prefix": prefix, "noise_std": noise_std}
        network |= read_known_process(process, hmm, sequences)
        _import_network(file, out, network | {"symbol_names": split_names(symbol_names)}, json=json)


def _require_weights(file: Path) -> None:
    """Say how an HMM, arrays or sequences are imported, where they were named as if they were a network."""
    from ..hmm.files import SEQUENCE_SUFFIXES
    from ..importers import HMM_SUFFIXES, WEIGHT_SUFFIXES, advise_on_arrays

    suffix, advice = file.suffix.lower(), []
    if suffix in HMM_SUFFIXES:
        advice.append(f"If it holds an HMM: `{format_command('import', '--hmm', file)}`.")
    if suffix in SEQUENCE_SUFFIXES:
        command = format_command("import", "FILE.pt", "--sequences", file)
        advice.append(f"If it holds recorded sequences: `{command}`.")
    if arrays := advise_on_arrays(file):
        advice.append(arrays)
    if advice:
        raise UsageError(
            f"`{file}` must be a file with weights ({', '.join(WEIGHT_SUFFIXES)}), got `{file.suffix}`. "
            f"{' '.join(advice)}"
        )


def refuse_two_processes(
    process: str | None, hmm: Path | None, sequences: Path | None, symbol_names: str | None
) -> None:
    """Refuse two processes, and names of symbols beside an HMM, which has its own."""
    options = {"--process": process, "--hmm": hmm, "--sequences": sequences}
    if sequences is None:
        options["--symbol-names"] = symbol_names
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise UsageError(
            "a network must have at most one process, which names its symbols, got "
            f"{' and '.join(given)}. Drop all but one."
        )


def read_known_process(process: str | None, hmm: Path | None, sequences: Path | None) -> dict[str, Any]:
    """What the network was trained on, as options of `import_run`; empty where that is not known."""
    from ..importers import import_hmm, load_sequences

    if hmm is not None:
        return {"hmm": import_hmm(hmm)}
    if sequences is not None:
        return {"sequences": load_sequences(sequences)}
    return {"process": process}


def split_names(names: str | None) -> list[str]:
    """Names that are separated by commas; none where the option was left out."""
    return [] if names is None else [name.strip() for name in names.split(",")]


def require_cell(cell: str | None) -> str:
    """The cell, which a file with weights does not tell."""
    if cell is None:
        raise UsageError(
            "`--cell` must be relu or tanh, got none. The file does not tell; torch.nn.RNN is tanh unless "
            "made with nonlinearity='relu'."
        )
    return cell


def _convert(file: Path, out: Path | None, *, json: bool) -> None:
    from ..hmm import dump_hmm
    from ..importers import import_hmm
    from ..system.atomic_files import write_text
    from .display import print_facts, print_json

    hmm = import_hmm(file)
    text = dump_hmm(hmm)
    if out is not None:
        if out.suffix != ".toml":
            raise InputError(f"`--out` must end in .toml for an HMM, got `{out}`.")
        write_text(require_new_file(out), text)
    if json:
        sizes = {"n_states": hmm.n_states, "n_symbols": hmm.n_symbols}
        print_json({"out": out, **sizes} if out else {"hmm": text, **sizes})
    elif out is None:
        _require_unicode(text)
        sys.stdout.write(text)
    else:
        print_facts({"Saved": f"{hmm.n_states} states, {hmm.n_symbols} symbols in {out}"})
        print_facts({"Next": format_command("train", out)})


def _require_unicode(text: str) -> None:
    """Refuse to write an HMM file to a stream that would change its names."""
    from ..system.output import is_utf8

    if not text.isascii() and not is_utf8(sys.stdout):
        raise InputError(
            f"names of the HMM must be written as UTF-8, but standard output is {sys.stdout.encoding}. "
            "Write a file with `--out FILE.toml`."
        )


def _import_network(file: Path, out: Path | None, options: dict[str, Any], *, json: bool) -> None:
    from ..workflows.import_network import import_run
    from .display import print_facts, print_json

    out = out or Path("runs") / file.stem
    folder = import_run(file, out, **options)
    settings = folder.read_settings()
    model, order = settings.model, _describe_order(options, settings.symbol_names)
    if json:
        names = {"process": settings.process or None, "symbol_names": settings.symbol_names}
        print_json({"run": folder.path, **names, "model": model.model_dump()})
        return
    print_facts(
        {
            "Run": folder.path,
            "Network": f"{model.cell}, {model.hidden_size} hidden units, {model.input_size} noise channels",
            "Symbols": ", ".join(settings.symbol_names),
            **({"Outputs": order} if order else {}),
            "Next": format_command(_find_next(folder), folder.path),
        }
    )


def _describe_order(options: dict[str, Any], names: tuple[str, ...]) -> str:
    """Which output is which word of recorded sequences; nothing where their symbols are numbers."""
    if "sequences" not in options or all(name.isdecimal() for name in names):
        return ""
    numbered = ", ".join(f"{symbol} {name}" for symbol, name in enumerate(names))
    is_default = not options["symbol_names"] and list(names) == sorted(names)
    return numbered + (" (alphabetical; change with --symbol-names)" if is_default else "")


def _find_next(folder: "RunFolder") -> str:
    """Command that comes next: only what has an HMM can be evaluated."""
    from ..hmm import HMM

    return "evaluate" if isinstance(folder.read_process(), HMM) else "analyse"
