"""Memory: work that needs too much is refused before it begins; an error for lack of it is known."""

import psutil

from ..errors import TooLargeError


def require_memory(n_bytes: float | int, what: str, remedy: str) -> None:
    """Refuse work that would not fit into the memory that is available now.

    Parameters
    ----------
    n_bytes : float
    what : str
        What needs it, at the start of a sentence.
    remedy : str

    Raises
    ------
    TooLargeError
    """
    available = psutil.virtual_memory().available
    if n_bytes > available:
        raise TooLargeError(
            f"{what} needs about {n_bytes / 2**30:.3g} GB, but {available / 2**30:.1f} GB are available. "
            f"{remedy}"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, NumPy or torch says that there is not enough memory."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("allocate memory" in said or "out of memory" in said)
    )
