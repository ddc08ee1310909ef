"""The `orbitscope` command: registers the commands by name, and turns errors into messages and exit codes.

Exit codes: 0 done; 1 an error that a message explains; 2 wrong usage; 130 interrupted by Ctrl-C or SIGTERM.
With ``--json`` a failure prints ``{"error": {"code": …, "kind": …, "message": …}}`` on standard output; the
message stands on standard error in any case.
"""

import contextlib
import errno
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from .. import __version__
from ..errors import OrbitscopeError
from ..system.memory import is_out_of_memory
from ..system.openmp import limit_spinning
from ..system.output import drop_output, interrupt_on_sigterm, prepare_output
from .options import HELP_ALL, IS_COMMAND

SUCCESS, FAILURE, USAGE, INTERRUPTED = 0, 1, 2, 130

_CODES = {"TrainingInterruptedError": INTERRUPTED, "UsageError": USAGE}

_EPILOGUE = (
    "Start with: orbitscope run zoo:linear-3 --quick. Every command takes --help (--help-all where it has "
    "many settings) and --json: one document on standard output, everything else on standard error. Exit "
    "codes: 0 done, 1 error, 2 wrong usage, 130 interrupted."
)

app = App(
    "orbitscope",
    help="Train noise-driven recurrent networks to emulate hidden Markov models, then take them apart.",
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=__version__,
    suppress_keyboard_interrupt=False,
)

_COMMANDS = {
    "presets": ("presets:presets", "List the processes that have a name."),
    "zoo": ("zoo:zoo", "List the trained networks that come with the package."),
    "run": ("run:run", "Do everything for one network: train or load, evaluate, analyse, judge claims."),
    "train": ("train:train", "Train a network to emulate a process, then evaluate it."),
    "evaluate": ("evaluate:evaluate", "Compare a run's network with its process: table and figures."),
    "analyse": ("analyse:analyse", "Look inside a run's network: global and local dynamics, part by part."),
    "intervene": ("intervene:intervene", "Ask what becomes of switching when neurons or noise have a gain."),
    "claims": ("claims:claims", "Say which claims hold for a network, by rules written down before."),
    "compare": ("compare:compare", "Put the numbers of many networks side by side: table, figure, CSV."),
    "explain": ("explain:explain", "Say what a quantity is, and how to read it."),
    "sample": ("sample:sample", "Sample symbol sequences from a run's network or from a process."),
    "import": ("import_files:import_files", "Bring in a PyTorch network, or an HMM of another library."),
    "choose-epsilon": ("choose_epsilon:choose", "Find the ε at which the loss tells a process best."),
    "doctor": ("doctor:doctor", "Describe this machine, and what a run will need on it."),
}

_ALIASES = {"analyse": "analyze"}

for _order, (_name, (_target, _help)) in enumerate(_COMMANDS.items()):
    app.command(
        f"orbitscope.cli.{_target}", name=_name, alias=_ALIASES.get(_name), help=_help, sort_key=_order
    )


def main() -> None:
    """Run the command line and exit with its code."""
    limit_spinning()  # before a command loads torch
    prepare_output()
    interrupt_on_sigterm()
    IS_COMMAND.set(True)
    sys.exit(run(sys.argv[1:]))


def run(tokens: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    token = HELP_ALL.set("--help-all" in tokens)
    try:
        return _run(["--help" if word == "--help-all" else word for word in tokens])
    finally:
        HELP_ALL.reset(token)


def _run(tokens: Sequence[str]) -> int:
    if any("\0" in token for token in tokens):
        return _fail(tokens, USAGE, "UsageError", "arguments must not hold a NUL, got one. Leave it out.")
    try:
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        return _fail(tokens, USAGE, "UsageError", f"{error} See `{_help_command(tokens)}`.")
    except KeyboardInterrupt as interrupt:
        message = " ".join(["interrupted; only what was finished is saved.", *map(str, interrupt.args)])
        return _fail(tokens, INTERRUPTED, "Interrupted", message)
    except BrokenPipeError:  # the reader of our output has seen enough, as in `orbitscope sample … | head`
        drop_output()
        return SUCCESS
    except OrbitscopeError as error:
        kind = type(error).__name__
        return _fail(tokens, _CODES.get(kind, FAILURE), kind, str(error))
    except OSError as error:
        return _fail(tokens, FAILURE, type(error).__name__, _describe_refusal(error))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        advice = "Ask for smaller sizes; `orbitscope doctor` says what this machine has."
        return _fail(tokens, FAILURE, "MemoryError", f"this needs more memory than there is. {advice}")
    return SUCCESS


def _describe_refusal(error: OSError) -> str:
    """What the system refused, for files that are read, and for streams."""
    if error.filename is not None:
        what, remedy = f"`{error.filename}` must be readable", "Change that, or choose another file."
    elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        drop_output()  # all other writes name their file
        what, remedy = "standard output must take all results", "Free some space, then do it again."
    else:
        return str(error)
    return f"{what}, but: {error.strerror}. {remedy}"


def _help_command(tokens: Sequence[str]) -> str:
    named = [*tokens[:1]] if tokens and tokens[0] in _COMMANDS else []
    return " ".join(["orbitscope", *named, "--help"])


def _fail(tokens: Sequence[str], code: int, kind: str, message: str) -> int:
    from .display import print_error, print_json

    with contextlib.suppress(OSError):  # a full disk behind standard error: the exit code still tells
        print_error(message)
    if "--json" in tokens:
        print_json({"error": {"code": code, "kind": kind, "message": message}})
    return code
