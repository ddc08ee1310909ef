"""Errors whose message states the requirement, the value found, and a remedy."""

import difflib
from collections.abc import Iterable


class OrbitscopeError(Exception):
    """Base of every error that a user can mend; the command line prints it without a traceback."""


class InputError(OrbitscopeError, ValueError):
    """A value given by the caller does not meet a requirement."""


class RunFolderError(OrbitscopeError, RuntimeError):
    """A run folder is missing, damaged, locked, or already in use."""


class StorageError(RunFolderError, OSError):
    """The system refuses to write a file: its disk is full, or the place is not ours to write to."""


class DamagedFileError(RunFolderError):
    """A file of a run folder is not what was written: truncated, changed, or not of its format."""


class TooLargeError(InputError):
    """What is asked for does not fit in memory."""


class UndefinedAnalysisError(OrbitscopeError):
    """What is asked for does not exist for this network: a finding about it, not a mistake of the caller."""


def unknown_name(kind: str, name: str, known: Iterable[str], *, listed_by: str = "") -> InputError:
    """Build the error for a name that is not known, naming the nearest ones and all the valid ones.

    Where those are too many for a message, a command lists them.
    """
    valid = sorted(known)
    near = difflib.get_close_matches(name, valid, n=3, cutoff=0.4)
    hint = f" Did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else ""
    remedy = f"`{listed_by}` lists all." if listed_by else f"Valid: {', '.join(valid)}."
    return InputError(f"unknown {kind} `{name}`.{hint} {remedy}")
