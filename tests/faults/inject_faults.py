"""Run one command again and again, with a fault at each of its writes in turn; print what became of it.

    python inject_faults.py FAULT TEMPLATE WORK COMMAND RECOVERY

COMMAND and RECOVERY are JSON lists of words. Each try is a forked child that works in a copy of TEMPLATE. An
audit hook counts what it does to files below that folder, and lets the k-th of these fail: ``full`` (no space
is left), ``forbidden`` (no permission), ``kill`` (the process ends at once). COMMAND then runs again without
faults, or RECOVERY where there is a new run. The tries end with the first that meets no fault. What all
must end with is what COMMAND leaves undisturbed.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import orbitscope.plots.figures
from orbitscope.cli.main import run

KILLED = 137

_CREATES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.truncate"}
_NEEDS_SPACE = {"open", "os.rename", "os.mkdir"}


def main() -> None:
    """Print JSON: exit code and files of the undisturbed command, and the tries."""
    fault, template, work = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    command, recovery = (json.loads(words) for words in sys.argv[4:])
    orbitscope.plots.figures.draw_evaluation_figures = lambda result: {}  # they take most of the time
    shutil.copytree(template, work / "undisturbed")
    os.chdir(work / "undisturbed")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = run(command)  # in this process, so that its forks need not load anything
    files, tries = _digest(work / "undisturbed"), []
    while not tries or tries[-1]["at"]:
        tries.append(_try(fault, template, work / str(len(tries)), command, recovery, len(tries)))
    sys.stdout.write(json.dumps({"code": code, "files": files, "tries": tries[:-1]}))


def _try(
    fault: str, template: Path, folder: Path, command: list[str], recovery: list[str], number: int
) -> dict:
    """What became of the command with this fault, and of its repetition."""
    shutil.copytree(template, folder)
    first = _run_in_child(folder, command, partial(_inject, fault, number, folder))
    mark = folder / "fault"
    if not mark.exists():
        return {"at": ""}
    left = _list_temporary(folder)
    words = recovery if (folder / "new" / "config.toml").is_file() else command
    second = _run_in_child(folder, words, lambda: None)
    found = {"at": mark.read_text(), "first": first, "left": left, "second": second}
    found |= {"files": _digest(folder), "left_in_runs": _list_temporary(folder / "run")}
    shutil.rmtree(folder)
    return found


def _list_temporary(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob(".*.tmp*")]


def _run_in_child(folder: Path, words: Sequence[str], prepare: Callable[[], None]) -> dict:
    """Exit code and output of a command in a fork of this process."""
    out, err = folder / "stdout", folder / "stderr"
    child = os.fork()
    if not child:
        os.chdir(folder)
        for path, stream in ((out, 1), (err, 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        code = 70
        try:
            prepare()
            code = run(words)
            sys.stdout.flush()
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"code": code, "stdout": out.read_text(), "stderr": err.read_text()}


def _inject(fault: str, number: int, folder: Path) -> None:
    """Let the write of this number fail, the first being 0."""
    seen = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        if not _is_write(event, arguments, folder) or (fault == "full" and event not in _NEEDS_SPACE):
            return
        seen += 1
        if seen - 1 != number:
            return
        mark = os.open(folder / "fault", os.O_WRONLY | os.O_CREAT)
        os.write(mark, f"{event} {arguments[0]}".encode())
        os.close(mark)
        if fault == "kill":
            os._exit(KILLED)
        code = errno.ENOSPC if fault == "full" else errno.EACCES
        raise OSError(code, os.strerror(code), str(arguments[0]))

    sys.addaudithook(hook)


def _is_write(event: str, arguments: tuple, folder: Path) -> bool:
    """Whether an event changes a file of the copy."""
    if event != "open" and event not in _CHANGES:
        return False
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _CREATES):
        return False
    if not isinstance(arguments[0], str | Path):
        return False
    path = Path(os.path.abspath(arguments[0]))
    if (event in ("open", "os.mkdir") and path.is_dir()) or (event == "os.remove" and not path.exists()):
        return False  # nothing to do
    return path.is_relative_to(folder) and path.name not in ("stdout", "stderr", "fault")


def _digest(folder: Path) -> dict[str, str]:
    """SHA-256 of what a command must leave alike, however often it was disturbed."""
    suffixes = (".safetensors", ".nc", ".toml", ".csv", ".npz")
    paths = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.suffix in suffixes}
    shown = {name: path for name, path in paths.items() if not name.startswith(".") and "/." not in name}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in shown.items()}


if __name__ == "__main__":
    main()
