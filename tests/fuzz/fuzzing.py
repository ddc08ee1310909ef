"""Many generated inputs for one check: how many, from which seed, and how files are damaged.

The seed is fixed, so that a failure comes again; ``ORBITSCOPE_FUZZ_SEED=7`` tries other inputs, and
``ORBITSCOPE_FUZZ_FACTOR=10`` ten times as many. Hypothesis prints what reproduces a failure. Inputs that have
failed are kept as plain tests beside those of the module at fault.
"""

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from orbitscope.errors import OrbitscopeError

SEED = int(os.environ.get("ORBITSCOPE_FUZZ_SEED", "0"))
N_QUICK = 20
"""Examples of each check in the default tests."""

FACTOR = float(os.environ.get("ORBITSCOPE_FUZZ_FACTOR", "1"))
"""How many times as many examples the slow tests try."""

Check = Callable[..., None]


def fuzz(
    n_examples: int, *, n_quick: int = N_QUICK, **strategies: st.SearchStrategy
) -> Callable[[Check], Check]:
    """Try a check with values of strategies: ``n_quick`` in the default tests, else ``n_examples``.

    The other arguments of the check are fixtures.
    """
    counts = [n_quick, pytest.param(round(n_examples * FACTOR), marks=pytest.mark.slow)]

    def decorate(check: Check) -> Check:
        parameters = inspect.signature(check).parameters
        fixtures = [parameter for name, parameter in parameters.items() if name not in strategies]

        def test(n_tried: int, **given_fixtures: object) -> None:
            options = settings(
                max_examples=n_tried,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            )
            seed(SEED)(options(given(**strategies)(check)))(**given_fixtures)

        tried = inspect.Parameter("n_tried", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        test.__signature__ = inspect.Signature([tried, *fixtures])
        test.__doc__ = check.__doc__
        return pytest.mark.parametrize("n_tried", counts, ids=["few", "many"])(test)

    return decorate


@contextlib.contextmanager
def refusal_allowed() -> Iterator[None]:
    """Let errors pass that a user can mend; every other error is a defect."""
    with contextlib.suppress(OrbitscopeError):
        yield


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes of a file after some were changed, cut, inserted or repeated."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.sampled_from((1, 1, 2, 8, 64, 1000)))
        kind = draw(st.sampled_from(("change", "change", "cut", "end", "insert", "repeat")))
        if kind == "change" and at < len(data):
            data[at] ^= draw(st.integers(1, 255))
        elif kind == "cut":
            del data[at : at + size]
        elif kind == "end":
            del data[at:]
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "repeat":
            data[at:at] = data[at : at + size]
    return bytes(data)


def write(path: Path, content: bytes | str) -> Path:
    """Fill a file; text as UTF-8."""
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return path
