"""Whether switching ends under an intervention: the verdicts, and how sentences say them."""

SWITCHING = {
    "both ways": "all but ends in every direction",
    "one way": "all but ends in some directions and goes on in others",
    "no": "goes on",
    "diverges": "cannot be looked at, since activity has no bound",
    "undefined": "may end or not",
}
"""What becomes of switching: it has ended in all directions, some, none; no bound; it cannot be told."""

WAYS = tuple(SWITCHING)
