"""Words that the captions of several figures share."""


def begin_with(seen: str, *details: str) -> str:
    """A caption: one sentence on what is seen, in bold, then the details that there are."""
    return " ".join([f"**{seen}**", *(detail for detail in details if detail)])


def count(n: int, noun: str) -> str:
    """A number of things: "1 point", "2 points"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def capitalise(text: str) -> str:
    """The same with a capital first letter."""
    return text[:1].upper() + text[1:]
