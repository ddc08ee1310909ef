"""Commands as messages print them: quoted, so that a shell reads each path and name as one word."""

import shlex


def format_command(*words: object) -> str:
    """The line of ``orbitscope`` with these words.

    Examples
    --------
    >>> format_command("evaluate", Path("runs/my run"))
    "orbitscope evaluate 'runs/my run'"
    """
    return shlex.join(["orbitscope", *map(str, words)])


def quote(word: object) -> str:
    """One word of a command, for a shell."""
    return shlex.quote(str(word))
