"""Words that the captions of several figures share."""


def count(n: int, noun: str) -> str:
    """A number of things: "1 point", "2 points"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def capitalise(text: str) -> str:
    """The same with a capital first letter."""
    return text[0].upper() + text[1:]
