"""The run folder: settings, process, provenance, history, checkpoints, weights; every write is atomic."""

import contextlib
import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import filelock
import torch

from ..errors import DamagedFileError, InputError, RunFolderError
from ..hmm import HMM
from ..network import NoiseRNN, build_network
from ..process import Process, find_process_file, read_process, save_process
from ..process.files import HMM_FILE, SEQUENCES_FILE
from ..recipes import IMPORTED
from ..settings import RunSettings
from ..system.atomic_files import append_text, list_temporary_files, name_refused, remove_file, write_text
from ..system.checksums import digest_file
from ..system.commands import format_command, quote
from ..system.foreign_files import read_text, require_path
from ..system.plain_json import parse_json
from ..training import EpochRecord, TrainingState
from .checkpoints import load_tensors, load_weights, restore_training_state, save_tensors, save_training_state
from .history import format_line, read_records, read_records_until

_LOGGER = logging.getLogger(__name__)

_CHECKPOINT_NAME = re.compile(r"epoch-(\d{6,})\.safetensors", re.ASCII)
"""Other files beside checkpoints, such as copies, are none."""


class RunFolder:
    """Paths and formats of one run; holds no state beside its path.

    ``config.toml`` (resolved settings), the process (``hmm.toml``, or ``sequences.npz`` if it is recorded;
    a network may have neither), ``provenance.json``, ``history.jsonl``,
    ``checkpoints/epoch-*.safetensors`` (weights), ``checkpoints/last.safetensors`` and
    ``previous.safetensors`` (whole training state), ``weights.safetensors`` (best weights),
    ``results/<part>.nc``, ``figures/``, ``status.json`` (running, finished, interrupted, diverged or
    imported; epoch; reason).
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config = self.path / "config.toml"
        self.hmm_file = self.path / HMM_FILE
        self.sequences_file = self.path / SEQUENCES_FILE
        self.provenance = self.path / "provenance.json"
        self.history = self.path / "history.jsonl"
        self.weights = self.path / "weights.safetensors"
        self.checkpoints = self.path / "checkpoints"
        self.results = self.path / "results"
        self.figures = self.path / "figures"
        self.status = self.path / "status.json"

    def __repr__(self) -> str:
        facts = [
            self._show(self.config, lambda: dict(self.read_settings()), ("process", "recipe", "seed")),
            self._show(self.status, lambda: parse_json(self.status.read_bytes()), ("status", "epoch")),
        ]
        return f"RunFolder({str(self.path)!r}, {', '.join(facts)})"

    @staticmethod
    def _show(file: Path, read: Callable[[], dict[str, Any]], keys: tuple[str, ...]) -> str:
        """Values from a file of the run, or what is wrong with it."""
        try:
            values = read()
            return ", ".join(f"{key}={values[key]!r}" for key in keys)
        except Exception:  # a repr must not raise, whatever the folder holds
            return f"{file.name} damaged" if os.path.exists(file) else f"no {file.name}"

    def create(self, settings: RunSettings, process: Process | None, provenance: dict[str, Any]) -> None:
        """Start a run: the folder must be new or empty.

        The symbols of the settings become those of the process. Settings that name symbols must name these,
        and must name some for a network without a process.
        """
        settings = _name_symbols(settings, process)
        self.require_vacant()
        save_process(process, self.path)
        text = settings.to_toml()
        digests = {self.config.name: hashlib.sha256(text.encode()).hexdigest()}
        if file := self.find_process_file():
            digests[file.name] = digest_file(file)
        write_text(self.provenance, json.dumps(provenance | {"sha256": digests}, indent=2) + "\n")
        write_text(self.config, text)

    def require_vacant(self) -> None:
        """Check that a run can be started here: the folder must be new or empty."""
        if self.path.is_file() or (self.path.is_dir() and self._is_occupied()):
            raise RunFolderError(
                f"`{self.path}` must be a new or empty folder, but it exists. Continue it with "
                f"`{format_command('train', '--resume', self.path)}`, or choose another `--out`."
            )

    def _is_occupied(self) -> bool:
        """Whether anything is here beside what a start that was killed can leave (config.toml comes last)."""
        unfinished = {HMM_FILE, SEQUENCES_FILE, self.provenance.name}
        names = {child.name for child in self.path.iterdir() if not child.name.startswith(".")}
        return not names <= unfinished

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second writer out; released when the process ends, however it ends.

        Temporary files of writes that were killed are deleted.
        """
        file = self.path / ".lock"
        lock = filelock.FileLock(file)
        with name_refused(file):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                raise RunFolderError(
                    f"`{self.path}` must have one writer, but another process is working in it. "
                    "Wait for it or stop it."
                ) from None
        try:
            if self.config.is_file():
                self._remove_leftovers()
            yield
        finally:
            lock.release()

    def _remove_leftovers(self) -> None:
        for folder in (self.path, self.checkpoints, self.results, self.figures):
            for leftover in list_temporary_files(folder, deep=folder != self.path):
                remove_file(leftover)

    def read_settings(self) -> RunSettings:
        """Resolved settings of the run."""
        if not require_path(self.config).is_file():
            raise RunFolderError(
                f"`{self.path}` must be a run folder with a config.toml, but has none. "
                "Make one with `orbitscope train` or `orbitscope import`."
            )
        try:
            settings = RunSettings.from_toml(read_text(self.config))
        except (InputError, UnicodeDecodeError) as error:
            raise DamagedFileError(f"`{self.config}` must hold the settings of a run, but: {error}") from None
        if not settings.symbol_names:
            command = f"python experiments/convert_settings.py {quote(self.config)}"
            raise RunFolderError(
                f"`{self.config}` must name the symbols, but has no `symbol_names`: an older version wrote "
                f"it. Add them with `{command}` in a checkout of orbitscope."
            )
        return settings

    def read_process(self) -> Process | None:
        """What the network is compared with: an HMM, recorded sequences, or None.

        Raises
        ------
        DamagedFileError
            If the settings name a process whose file is not there.
        """
        process, name = read_process(self.path), self.read_settings().process
        if process is None and name:
            raise DamagedFileError(
                f"`{self.path}` must hold its process `{name}`, but has neither {HMM_FILE} nor "
                f"{SEQUENCES_FILE}. Restore the file from where the run was made."
            )
        return process

    def read_hmm(self, purpose: str = "for this") -> HMM:
        """Process of the run, for what needs an HMM.

        Parameters
        ----------
        purpose : str
            What it is needed for, as the error says it: ``to be evaluated``.

        Raises
        ------
        RunFolderError
            If the run has recorded sequences or no process at all.
        """
        process = self.read_process()
        if isinstance(process, HMM):
            return process
        found = "none" if process is None else "recorded sequences"
        raise RunFolderError(
            f"`{self.path}` must have an HMM {purpose}, but has {found}. Import it with `--process NAME` or "
            "`--hmm FILE`, or analyse it: parts that need no HMM run without."
        )

    def find_process_file(self) -> Path | None:
        """File of the process, None for a network without one."""
        return find_process_file(self.path)

    def list_edited(self) -> list[str]:
        """Names of the files of settings and process that are others than when the run was begun."""
        provenance = self.read_provenance() if self.provenance.is_file() else {}
        digests = self._read_table(provenance, "sha256")
        return [
            file.name
            for file in (self.config, self.hmm_file, self.sequences_file)
            if file.name in digests and (not file.is_file() or digest_file(file) != digests[file.name])
        ]

    def warn_of_edited(self) -> None:
        """Say that results go by other settings, or another process, than the network was trained with."""
        if edited := self.list_edited():
            _LOGGER.warning(
                "`%s`: %s changed since the run was begun. Results go by what is there now, not by what the "
                "network was trained with.",
                *(self.path, " and ".join(edited)),
            )

    def require_unedited(self) -> None:
        """Refuse to go on with other settings or another process than those that the run was begun with.

        Raises
        ------
        RunFolderError
            Naming the files that have changed. Runs of older versions do not tell.
        """
        if edited := self.list_edited():
            raise RunFolderError(
                f"`{self.path}` must have the settings and the process that its training began with, but "
                f"{' and '.join(edited)} changed since. Restore that, or start a new run with `--settings "
                f"{self.config}`."
            )

    def read_provenance(self) -> dict[str, Any]:
        """Versions, seeds and origin of the run."""
        try:
            found = parse_json(self.provenance.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DamagedFileError(f"`{self.provenance}` must be a JSON file, but: {error}.") from None
        if not isinstance(found, dict):
            raise DamagedFileError(
                f"`{self.provenance}` must hold a JSON object, got {type(found).__name__}."
            )
        return found

    def _read_table(self, provenance: dict[str, Any], name: str) -> dict[str, Any]:
        """An object within the provenance; empty where there is none."""
        found = provenance.get(name, {})
        if not isinstance(found, dict):
            raise DamagedFileError(
                f"`{self.provenance}` must hold a JSON object as `{name}`, got {type(found).__name__}."
            )
        return found

    def append_history(self, record: EpochRecord) -> None:
        """Add one epoch."""
        append_text(self.history, format_line(record))

    def read_history(self) -> list[EpochRecord]:
        """Epoch records in order, see :func:`read_records`; none without a history."""
        return read_records(self.history)

    def write_history(self, records: Iterable[EpochRecord]) -> None:
        """Replace the history."""
        write_text(self.history, "".join(format_line(record) for record in records))

    def trim_history(self, last_epoch: int) -> list[EpochRecord]:
        """Drop what lies beyond the epoch that training resumes from."""
        records = read_records_until(self.history, last_epoch)
        self.write_history(records)
        return records

    def write_status(self, status: str, epoch: int, reason: str = "") -> None:
        """Say where the run stands."""
        content = {"status": status, "epoch": epoch, "reason": reason}
        write_text(self.status, json.dumps(content, indent=2) + "\n")

    def read_status(self) -> dict[str, Any]:
        """Where the run stands, as `write_status` says it; empty where that is not known."""
        try:
            found = parse_json(self.status.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def save_state(self, state: TrainingState) -> None:
        """Save the training state, keeping the one before it."""
        last = self.checkpoints / "last.safetensors"
        if last.exists():
            with name_refused(last):
                last.replace(self.checkpoints / "previous.safetensors")
        save_training_state(last, state)

    def restore_state(self, state: TrainingState) -> list[str]:
        """Load the newest training state that is whole into ``state``; returns what was found damaged.

        A damaged file is set aside as ``*.damaged``, so that the next save does not put it in the place of
        the good one. A file of another shape is not damaged: that is an error.
        """
        damaged: list[str] = []
        for name in ("last", "previous"):
            path = self.checkpoints / f"{name}.safetensors"
            if path.exists():
                try:
                    restore_training_state(path, state)
                except DamagedFileError as error:
                    damaged.append(str(error))
                    path.replace(path.with_suffix(".damaged"))
                else:
                    return damaged
        set_aside = sorted(path.name for path in self.checkpoints.glob("*.damaged"))
        if set_aside:
            raise DamagedFileError(
                f"`{self.checkpoints}` must hold a whole training state, but has only "
                f"{', '.join(set_aside)}. Delete these to train again from the start, or start a new run."
            )
        return damaged

    def find_saved_epoch(self) -> int:
        """Epoch of the newest saved training state, 0 if there is none."""
        for name in ("last", "previous"):
            path = self.checkpoints / f"{name}.safetensors"
            with contextlib.suppress(RunFolderError):
                return int(load_tensors(path).metadata["epoch"])
        return 0

    def has_training_state(self) -> bool:
        """Whether there is, or was before it was damaged, a state that training can go on from."""
        states = ("last", "previous")
        return any(
            (self.checkpoints / f"{n}.{end}").exists() for n in states for end in ("safetensors", "damaged")
        )

    def save_checkpoint(self, weights: dict[str, torch.Tensor], epoch: int) -> None:
        """Keep the weights of an epoch for analyses over training."""
        save_tensors(self.checkpoints / f"epoch-{epoch:06d}.safetensors", weights, {"epoch": epoch})

    def list_checkpoints(self) -> dict[int, Path]:
        """Kept weights by epoch."""
        paths = sorted(self.checkpoints.glob("epoch-*.safetensors"))
        named = {path: _CHECKPOINT_NAME.fullmatch(path.name) for path in paths}
        return {int(match[1]): path for path, match in named.items() if match}

    def save_weights(self, weights: dict[str, torch.Tensor], metadata: dict[str, Any]) -> None:
        """Write the final (best) weights."""
        save_tensors(self.weights, weights, metadata)

    def load_network(self, *, epoch: int | None = None) -> NoiseRNN:
        """Build the run's network with its best weights, or with those kept at ``epoch``."""
        settings = self.read_settings()
        path = self.weights if epoch is None else self.find_checkpoint(epoch)
        if settings.recipe == IMPORTED and not self._has_whole_weights():
            raise DamagedFileError(
                f"`{self.weights}` must hold the imported weights, but is missing or damaged. "
                f"{self.advise_import()}"
            )
        if epoch is None and not path.is_file():
            raise RunFolderError(
                f"`{self.path}` must be trained to the end, but has no weights.safetensors yet. Continue it "
                f"with `{format_command('train', '--resume', self.path)}`, or load a checkpoint by its epoch."
            )
        saved, model = load_tensors(path), settings.model
        network = build_network(
            settings.n_symbols,
            cell=model.cell,
            hidden_size=model.hidden_size,
            input_size=model.input_size,
            bias=model.bias,
            generator=torch.Generator().manual_seed(0),
        )
        load_weights(network, saved.tensors, path)
        return network

    def _has_whole_weights(self) -> bool:
        try:
            load_tensors(self.weights)
        except RunFolderError:
            return False
        return True

    def advise_import(self) -> str:
        """How to get an imported network again, from where it came."""
        settings, file = self.read_settings(), self.find_process_file()
        origin, model = self._read_table(self.read_provenance(), "source"), settings.model
        source, prefix = str(origin.get("from", "FILE")), origin.get("prefix")
        if source.endswith(" in memory"):
            return f"Import it again in Python with `orbitscope.import_run`: it came from a {source}."
        options = ["--cell", model.cell, *(["--prefix", prefix] if prefix else [])]
        if file is None:
            options += ["--symbol-names", ",".join(settings.symbol_names)]
        else:
            options += ["--process" if file.name == HMM_FILE else "--sequences", file]
        if model.noise_std != 1:
            options += ["--noise-std", model.noise_std]
        command = format_command("import", source, *options, "--out", "NEW")
        return f"Import it again from where it came: `{command}`."

    def find_checkpoint(self, epoch: int) -> Path:
        """File of the weights that were kept at an epoch."""
        kept = self.list_checkpoints()
        if epoch not in kept:
            known = ", ".join(map(str, kept)) or "none was"
            raise InputError(
                f"`epoch` must be one that was kept ({known}), got {epoch}. "
                "Leave it out for the final weights."
            )
        return kept[epoch]


def _name_symbols(settings: RunSettings, process: Process | None) -> RunSettings:
    """Settings with the symbols of a process; settings that name other symbols are refused."""
    if process is None:
        if not settings.symbol_names:
            raise InputError(
                "`symbol_names` must name the symbols of a network without a process, got none. Give a name "
                "for each row of the readout."
            )
        return settings
    if settings.symbol_names not in ((), process.symbol_names):
        raise InputError(
            f"`symbol_names` must be those of the process, {', '.join(process.symbol_names)}, got "
            f"{', '.join(settings.symbol_names)}. Leave them out of the settings."
        )
    return settings.override({"symbol_names": process.symbol_names})
