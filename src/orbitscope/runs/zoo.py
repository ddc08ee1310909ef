"""The zoo: trained networks that come with the package, opened by name wherever a run is."""

from pathlib import Path

from ..errors import InputError, RunFolderError, unknown_name
from ..network import NoiseRNN
from ..system.commands import format_command
from ..system.foreign_files import require_path
from . import RunFolder, copy_run

PREFIX = "zoo:"
"""Start of the name of a network of the zoo, as in ``zoo:linear-2-faithful``."""

_COPY_PREFIX = "zoo-"
"""Start of the name of a folder that holds a copy."""

_NETWORKS = Path(__file__).resolve().parent.parent / "zoo_networks"


def list_zoo() -> list[str]:
    """Names of all networks of the zoo: ``zoo:PROCESS`` (recipe ``published``), ``zoo:PROCESS-faithful``."""
    names = (config.parent.name for config in _NETWORKS.glob("*/config.toml"))
    return sorted(PREFIX + name for name in names if not name.startswith("."))


def open_run(target: str | Path) -> RunFolder:
    """Open a run folder, or a network of the zoo, to read from it.

    Parameters
    ----------
    target : path or str
        Run folder, or a name that :func:`list_zoo` gives. The folders of the zoo are part of the installed
        package: write to what :func:`open_writable_run` gives.

    Raises
    ------
    InputError
        If the zoo has no network of that name.
    """
    name = _find_zoo_name(target)
    return RunFolder(target if name is None else _NETWORKS / name)


def load_network(target: str | Path, *, epoch: int | None = None) -> NoiseRNN:
    """Load the network of a run folder or of the zoo, ready to run.

    Parameters
    ----------
    target : path or str
        Run folder, or a name that :func:`list_zoo` gives.
    epoch : int, optional
        Epoch whose weights to load, of those that were kept; by default the run's best weights.

    Returns
    -------
    NoiseRNN
        On the CPU, in evaluation mode; no weight requires a gradient (``requires_grad_()`` brings that back).

    Raises
    ------
    InputError
        If the zoo has no network of that name, or no weights were kept at ``epoch``.
    RunFolderError
        If there is no such run, it is damaged, or it was not trained to the end and no epoch is given.

    Examples
    --------
    >>> network = load_network("zoo:linear-3")
    >>> network.compute_logits(network.initial_state(4))  # (trajectory, symbol)
    """
    return open_run(target).load_network(epoch=epoch).eval().requires_grad_(False)


def open_writable_run(target: str | Path, *, runs: str | Path = "runs") -> RunFolder:
    """Open a run folder to write to it; a network of the zoo is copied to ``RUNS/zoo-NAME`` first.

    Raises
    ------
    InputError
        If the zoo has no network of that name.
    RunFolderError
        If there is such a folder with another network.
    """
    name, folder = _find_zoo_name(target), find_writable_run(target, runs=runs)
    if name is None or folder.config.is_file():
        return folder
    try:
        return copy_run(RunFolder(_NETWORKS / name), folder.path)
    except RunFolderError:
        if folder.config.is_file():  # another process has copied it at the same time
            return folder
        raise


def find_writable_run(target: str | Path, *, runs: str | Path = "runs") -> RunFolder:
    """Find the folder that :func:`open_writable_run` gives, whether it is there or not: nothing is copied.

    Raises
    ------
    InputError
        If the zoo has no network of that name.
    RunFolderError
        If there is such a folder with another network.
    """
    name = _find_zoo_name(target)
    if name is None:
        return RunFolder(target)
    copy = RunFolder(Path(runs) / f"{_COPY_PREFIX}{name}")
    if not copy.config.is_file():
        return copy
    if not _holds_network(copy, name):
        raise RunFolderError(
            f"`{copy.path}` must be a copy of {PREFIX}{name}, but holds another network, maybe that of "
            "another version. Move it away."
        )
    return copy


def _refuse_bare_name(text: str) -> None:
    """A name of the zoo without its prefix is a slip, unless there is such a folder."""
    if PREFIX + text in list_zoo() and not Path(text).exists():
        raise InputError(
            f"`{text}` must be a run folder, but there is none. Did you mean the trained network "
            f"`{PREFIX}{text}`? To train one of your own: `{format_command('train', text)}`."
        )


def name_network(folder: RunFolder) -> str:
    """Name of a run's network: that of its folder, or that of the zoo if the folder is a copy from there."""
    folder_name = folder.path.resolve().name
    return PREFIX + folder_name.removeprefix(_COPY_PREFIX) if is_copy(folder) else folder_name


def is_copy(folder: RunFolder) -> bool:
    """Whether a folder is a copy of a network of the zoo, by its name and its weights."""
    folder_name = folder.path.resolve().name
    name = folder_name.removeprefix(_COPY_PREFIX)
    return folder_name != name and PREFIX + name in list_zoo() and _holds_network(folder, name)


def _holds_network(folder: RunFolder, name: str) -> bool:
    """Whether a folder has the weights of this network of the zoo."""
    weights = RunFolder(_NETWORKS / name).weights
    return folder.weights.is_file() and folder.weights.read_bytes() == weights.read_bytes()


def _find_zoo_name(target: str | Path) -> str | None:
    """Name without prefix of a network of the zoo, None for a path."""
    text = str(target)
    if not text.startswith(PREFIX):
        require_path(text)
        _refuse_bare_name(text)
        return None
    if not list_zoo():
        raise InputError(f"`{text}` must be a network of the zoo, but this version comes without any.")
    if text not in list_zoo():
        raise unknown_name("network of the zoo", text, list_zoo())
    return text.removeprefix(PREFIX)
