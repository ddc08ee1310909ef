"""Run folders of networks that were trained elsewhere."""

import hashlib
from pathlib import Path

from ..hmm import HMM, load_process
from ..importers import WeightSource, import_state_dict, name_source, read_tensors
from ..network import NoiseRNN, require_same_symbols
from ..recipes import build_settings
from ..runs import RunFolder, describe_provenance, digest_tensors
from ..settings import RunSettings

RECIPE = "imported"
"""Recipe named in the settings of an imported run."""


def import_run(
    source: WeightSource,
    out: str | Path,
    *,
    cell: str | None = None,
    process: str | None = None,
    hmm: HMM | None = None,
    prefix: str | None = None,
    noise_std: float = 1.0,
) -> RunFolder:
    """Make a run folder of a network that was trained elsewhere, ready for evaluation and analyses.

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
        Name of the process that the network emulates, or path of its HMM file.
    hmm : HMM, optional
        The process itself, when it has no such name.
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
        If neither process nor HMM is given, or the network does not fit it.
    RunFolderError
        If the folder is in use.

    Examples
    --------
    >>> import_run("net.pt", "runs/mine", cell="tanh", process="linear-2")
    >>> import_run(model, "runs/mine-too", process="linear-2")  # a torch.nn.Module with a torch.nn.RNN
    """
    if hmm is None:
        hmm = load_process(process or "")
    network = import_state_dict(source, cell=cell, prefix=prefix)
    require_same_symbols(network, hmm)
    origin = _describe_origin(source)
    label = Path(source).stem if isinstance(source, str | Path) else "unnamed"
    settings = _describe_settings(process or hmm.name or label, network, noise_std)
    folder = RunFolder(out)
    with folder.lock():
        folder.create(settings, hmm, describe_provenance(settings) | {"source": origin})
        folder.save_weights(network.state_dict(), {"epoch": None, **origin})
        folder.write_status(RECIPE, 0, f"weights from {origin['from']}")
    return folder


def _describe_origin(source: WeightSource) -> dict[str, str]:
    """Where the weights are from, with a SHA-256 of the file, or of the tensors in memory."""
    if isinstance(source, str | Path):
        digest = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    else:
        digest = digest_tensors(read_tensors(source))
    return {"from": name_source(source), "sha256": digest}


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
    return settings.override({"recipe": RECIPE})
