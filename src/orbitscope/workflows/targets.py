"""What the whole pipeline can be pointed at, and how each becomes a run with a network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError, RunFolderError
from ..hmm import HMM, dump_hmm, load_process
from ..hmm.files import advise_on_format
from ..importers import WEIGHT_SUFFIXES, advise_on_arrays
from ..progress import ProgressCallback
from ..runs import RunFolder
from ..runs.naming import name_process
from ..runs.zoo import PREFIX, open_writable_run
from ..settings import RunSettings
from ..system.checksums import digest_file
from ..system.commands import format_command
from ..system.foreign_files import require_path
from .import_network import import_run, list_differences
from .train_run import resume_run, train_run

TargetKind = Literal["run", "process", "weights"]

_FREE = ("threads", "symbol_names")
"""Settings that a run may have otherwise and still be the one that is meant."""


@dataclass(frozen=True)
class RunTarget:
    """A run folder, or a network of the zoo, of which a copy is made. Training that was stopped goes on."""

    path: str | Path

    @property
    def title(self) -> str:
        """What the progress is of."""
        return str(self.path)

    @property
    def trains(self) -> bool:
        """Whether there is something left to train."""
        is_copy = str(self.path).startswith(PREFIX)
        return not is_copy and not RunFolder(self.path).weights.is_file()

    def obtain(self, progress: ProgressCallback) -> RunFolder:
        """The run, trained to the end.

        Raises
        ------
        RunFolderError
            If there is no such run, or it is damaged or in use.
        """
        folder = open_writable_run(self.path)
        folder.read_settings()
        return resume_run(folder.path, progress=progress).folder if self.trains else folder


@dataclass(frozen=True)
class ProcessTarget:
    """A process, on which a network is trained.

    Attributes
    ----------
    settings : RunSettings
    out : Path
        Folder of the run. If it holds this very run, that goes on.
    """

    settings: RunSettings
    out: Path

    @property
    def title(self) -> str:
        """What the progress is of."""
        name = name_process(self.settings)
        return f"{name} ({self.settings.recipe}, seed {self.settings.seed}) in {self.out}"

    @property
    def trains(self) -> bool:
        """Whether there is something left to train."""
        return RunTarget(self.out).trains

    def obtain(self, progress: ProgressCallback) -> RunFolder:
        """The run, trained to the end.

        Raises
        ------
        RunFolderError
            If the folder holds another run, or is in use.
        """
        folder = RunFolder(self.out)
        if not folder.config.is_file():
            return train_run(self.settings, self.out, progress=progress).folder
        self._require_same(folder)
        return RunTarget(self.out).obtain(progress)

    def _require_same(self, folder: RunFolder) -> None:
        """Refuse to go on with a run of other settings, or of a process that has changed since."""
        differing = _list_differences(folder.read_settings(), self.settings)
        process, wanted = folder.read_process(), load_process(self.settings.process)
        if not isinstance(process, HMM) or dump_hmm(process) != dump_hmm(wanted):
            differing.append("the process itself")
        if differing:
            raise _describe_other_run(folder, differing)


@dataclass(frozen=True)
class WeightsTarget:
    """Weights that were trained elsewhere.

    Attributes
    ----------
    file : Path
    out : Path
        Folder of the run. If it holds these very weights, they are not imported anew.
    options : mapping
        As :func:`import_run` takes them.
    """

    file: Path
    out: Path
    options: Mapping[str, Any] = field(default_factory=dict)

    trains = False

    @property
    def title(self) -> str:
        """What the progress is of."""
        return f"{self.file} in {self.out}"

    def obtain(self, progress: ProgressCallback) -> RunFolder:
        """The imported run.

        Raises
        ------
        InputError
            If the network does not fit its process.
        RunFolderError
            If the folder holds another network, or is in use.
        """
        folder = RunFolder(self.out)
        if not folder.config.is_file():
            return import_run(self.file, self.out, **self.options)
        origin = folder.read_provenance().get("source")
        if not isinstance(origin, dict) or origin.get("sha256") != digest_file(self.file):
            raise RunFolderError(
                f"`{folder.path}` must hold the network of `{self.file}`, but holds another. Choose another "
                "`--out`."
            )
        if differing := list_differences(folder, **self.options):
            raise _describe_other_run(folder, differing)
        return folder


Target = RunTarget | ProcessTarget | WeightsTarget


def find_kind(target: str | Path) -> TargetKind:
    """What a name or path stands for.

    Raises
    ------
    InputError
        If it is nothing that the pipeline can be pointed at.
    """
    text, path = str(target), require_path(target)
    if text.startswith(PREFIX) or (path / "config.toml").is_file():
        return "run"
    is_weights = path.suffix.lower() in WEIGHT_SUFFIXES
    if path.is_dir():
        raise InputError(
            f"`{text}` must be a run folder with a config.toml, but has none. Name another, or a file in it."
        )
    if is_weights and not path.is_file():
        raise InputError(f"`{text}` must be a file with weights, but there is none. Check the path.")
    if is_weights:
        return "weights"
    if path.is_file() and path.suffix.lower() not in ("", ".toml"):
        raise InputError(
            f"`{text}` must be weights ({', '.join(WEIGHT_SUFFIXES)}) or an HMM file (.toml), got "
            f"`{path.suffix}`. {_advise_on_target(path)}"
        )
    load_process(text)
    return "process"


def _advise_on_target(path: Path) -> str:
    """What to do with a file that is neither weights nor an HMM."""
    advice = advise_on_format(path) or "If torch.save wrote it, rename it to end in .pt."
    return f"{advice} {advise_on_arrays(path)}".rstrip()


def _describe_other_run(folder: RunFolder, differing: list[str]) -> RunFolderError:
    return RunFolderError(
        f"`{folder.path}` must hold the run that is asked for, but it differs in {', '.join(differing)}. "
        f"Choose another `--out`, or go on with what is there: `{format_command('run', folder.path)}`."
    )


def _list_differences(one: RunSettings, other: RunSettings) -> list[str]:
    """Dotted names of the settings that differ."""
    flat = [dict(_flatten(settings.model_dump())) for settings in (one, other)]
    return [name for name in flat[0] if name not in _FREE and flat[0][name] != flat[1].get(name)]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in values.items():
        inner = isinstance(value, Mapping)
        pairs += _flatten(value, f"{prefix}{name}.") if inner else [(f"{prefix}{name}", value)]
    return pairs
