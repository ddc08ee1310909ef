"""Run folders of networks that were trained elsewhere."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..hmm import HMM, dump_hmm, load_process
from ..importers import WeightSource, import_state_dict, name_source, read_tensors
from ..network import NoiseRNN, require_same_symbols
from ..process import Process, RecordedSequences, order_symbols
from ..recipes import IMPORTED, build_settings
from ..runs import RunFolder, describe_provenance, digest_tensors
from ..settings import RunSettings
from ..system.atomic_files import build_folder
from ..system.checksums import digest_file
from .recorded_symbols import require_symbol_of_each_row


def import_run(
    source: WeightSource,
    out: str | Path,
    *,
    cell: str | None = None,
    process: str | None = None,
    hmm: HMM | None = None,
    sequences: RecordedSequences | None = None,
    symbol_names: Sequence[str] = (),
    prefix: str | None = None,
    noise_std: float = 1.0,
) -> RunFolder:
    """Make a run folder of a network that was trained elsewhere, ready for analyses.

    Only a network with an HMM (``process`` or ``hmm``) can be evaluated, too.

    Parameters
    ----------
    source : path, mapping or torch.nn.Module
        File, state dict or module, as :func:`orbitscope.import_state_dict` reads it.
    out : path
        Folder of the run; must be new or empty.
    cell : str, optional
        ``relu`` or ``tanh``; may be left out for a module with a ``torch.nn.RNN``. A state dict does not
        tell, and ``torch.nn.RNN`` is tanh unless made with ``nonlinearity="relu"``.
    process : str, optional
        Name of the process that the network emulates, or path of its HMM file; beside ``hmm`` or
        ``sequences`` only what it is called.
    hmm : HMM, optional
        The process itself, when it has no such name.
    sequences : RecordedSequences, optional
        What the network was trained on, when that is recorded, see :func:`orbitscope.load_sequences`.
    symbol_names : sequence of str, optional
        Names of the symbols of a network without an HMM, one for each row of the readout, in this order; "0",
        "1", … by default. With ``sequences`` they must hold all words that occur, which are in alphabetical
        order by default. An HMM names its own symbols.
    prefix : str, optional
        Text before the names of the weights, when it cannot be guessed.
    noise_std : float >= 0
        Standard deviation of the input noise that the network was trained with.

    Returns
    -------
    RunFolder
        With settings, process, provenance (origin and SHA-256), weights, and status ``imported``.

    Raises
    ------
    InputError
        If the network does not fit its process or the names of its symbols, or both an HMM and sequences
        are given.
    RunFolderError
        If the folder is in use.

    Examples
    --------
    >>> import_run("net.pt", "runs/mine", cell="tanh", process="linear-2")
    >>> import_run(model, "runs/mine-too", process="linear-2")  # a torch.nn.Module with a torch.nn.RNN
    >>> import_run(model, "runs/song", symbol_names=["a", "b", "c"])  # no process: to be analysed
    """
    names = tuple(symbol_names)
    known = _choose_process(process, hmm, sequences, names)
    network = import_state_dict(source, cell=cell, prefix=prefix)
    if names or known is None:
        names = _name_symbols(network, names)
    if isinstance(known, RecordedSequences):
        require_symbol_of_each_row(known, network.n_symbols)
    elif known is not None:
        require_same_symbols(network, known)

    label = Path(source).stem if isinstance(source, str | Path) else "unnamed"
    name = "" if known is None else process or known.name or label
    settings = _describe_settings(name, network, noise_std).override({"symbol_names": names})
    origin = _describe_origin(source, prefix or "")
    with build_folder(Path(out)) as temporary:
        folder = RunFolder(temporary)
        folder.create(settings, known, describe_provenance(settings) | {"source": origin})
        folder.save_weights(network.state_dict(), {"epoch": None, **origin})
        folder.write_status(IMPORTED, 0, f"weights from {origin['from']}")
    return RunFolder(out)


def list_differences(
    folder: RunFolder,
    *,
    cell: str | None = None,
    process: str | None = None,
    hmm: HMM | None = None,
    sequences: RecordedSequences | None = None,
    symbol_names: Sequence[str] = (),
    prefix: str | None = None,
    noise_std: float | None = None,
) -> list[str]:
    """In what an imported run is another than these options of :func:`import_run` ask for."""
    settings = folder.read_settings()
    pairs = {
        "cell": (cell, settings.model.cell),
        "noise_std": (noise_std, settings.model.noise_std),
        "symbol_names": (tuple(symbol_names) or None, settings.symbol_names),
        "prefix": (prefix, (folder.read_provenance().get("source") or {}).get("prefix")),
    }
    differing = [name for name, (wanted, there) in pairs.items() if wanted not in (None, there)]
    known = _choose_process(process, hmm, sequences, tuple(symbol_names))
    there = folder.read_process()
    if known is not None and _dump(known) != _dump(there):
        differing.append("the process itself")
    return differing


def _dump(process: Process | None) -> str | Process | None:
    """An HMM in full, with the names of its states; anything else as it is."""
    return dump_hmm(process) if isinstance(process, HMM) else process


def _choose_process(
    process: str | None, hmm: HMM | None, sequences: RecordedSequences | None, names: tuple[str, ...]
) -> Process | None:
    """The process that is given, or the one of this name; None if there is neither.

    Recorded symbols are numbered in the order of the names, where there are some.
    """
    if hmm is not None and sequences is not None:
        raise InputError("a network must have at most one process, got `hmm` and `sequences`. Drop one.")
    if sequences is not None and names:
        sequences = order_symbols(sequences, names)
    given = sequences if hmm is None else hmm
    return load_process(process) if given is None and process is not None else given


def _name_symbols(network: NoiseRNN, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names for the rows of the readout; numbers in the place of none."""
    if names and len(names) != network.n_symbols:
        raise InputError(
            f"`symbol_names` must name the {network.n_symbols} rows of the readout, got {len(names)}: "
            f"{', '.join(names)}. Give one name for each."
        )
    return names or tuple(str(symbol) for symbol in range(network.n_symbols))


def _describe_origin(source: WeightSource, prefix: str) -> dict[str, str]:
    """Where the weights are from, with a SHA-256 of the file, or of the tensors in memory."""
    if isinstance(source, str | Path):
        digest = digest_file(Path(source))
    else:
        tensors = read_tensors(source)
        digest = digest_tensors({name: tensors[name] for name in tensors if name.startswith(prefix)})
    return {"from": name_source(source), "sha256": digest} | ({"prefix": prefix} if prefix else {})


def _describe_settings(process: str, network: NoiseRNN, noise_std: float) -> RunSettings:
    """Settings of the published recipe for this process, with the shape of the network."""
    model = {
        "cell": network.cell.name,
        "hidden_size": network.hidden_size,
        "input_size": network.input_size,
        "bias": network.out_bias is not None,
        "noise_std": noise_std,
    }
    settings = build_settings(process, recipe="published", changes={"model": model})
    return settings.override({"recipe": IMPORTED})
