"""Standard output and error of a command: any encoding, closed streams, and signals that stop it."""

import codecs
import os
import signal
import sys
import threading
import unicodedata

_PLAIN = {
    **{"≥": ">=", "≤": "<=", "≈": "~", "±": "+-", "×": "x", "−": "-", "–": "-", "—": "-", "…": "..."},
    **{"→": "->", "·": ".", "√": "sqrt", "½": "1/2", "∞": "inf", "∈": "in", "‖": "||", "’": "'"},
    **{"⟨": "<", "⟩": ">", "ε": "eps", "λ": "lambda", "μ": "mu", "σ": "sigma", "π": "pi", "Σ": "sum"},
    **{"Δ": "d", "χ": "chi"},
}
"""What stands for a character that an encoding lacks."""

_HANDLER = "orbitscope.plain"


def prepare_output() -> None:
    """Make both streams take any text: what an encoding lacks is written plainly, a closed one takes all."""
    codecs.register_error(_HANDLER, _replace)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - it lives as long as we
        elif hasattr(stream, "reconfigure") and (not is_utf8(stream) or stream.errors == "strict"):
            stream.reconfigure(errors=_HANDLER)  # UTF-8 lacks the bytes of names in other encodings


def drop_output() -> None:
    """Let what is still to be written on standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_unicode(text: str) -> bool:
    """Whether UTF-8 has all of a text; names of files may hold bytes of other encodings."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def is_utf8(stream: object) -> bool:
    """Whether a stream takes every character as it is."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name == "utf-8"


def interrupt_on_sigterm() -> None:
    """Let SIGTERM interrupt like Ctrl-C; only the main thread may install handlers."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Plain text in the place of characters that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    plain = "".join(_PLAIN.get(character) or _simplify(character) for character in text)
    return plain, error.end


def _simplify(character: str) -> str:
    """A letter without its accents, a superscript as a digit; else a question mark."""
    decomposed = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return decomposed or "?"
