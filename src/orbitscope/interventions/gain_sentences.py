"""What interventions do to switching, in sentences: one place for captions, conclusions and commands."""

from collections.abc import Mapping

from .gain_response import GainResponse
from .targets import describe_target


def say_what_if(result: GainResponse, t: int, gain: float) -> str:
    """What a gain on a target does: in which directions switching all but ends, and all hazards."""
    at = result.find_gain(gain)
    what = describe_target(str(result.target[t]), int(result.target_size[t]))
    hazards = [
        f"{name} × {result.hazard[t, at, d]}"
        for d, name in enumerate(result.direction.tolist())
        if result.hazard[t, at, d].value == result.hazard[t, at, d].value
    ]
    numbers = f" ({', '.join(hazards)})" if hazards else ""
    share = result.occupancy[t, at]
    where = "" if share.value != share.value else f" Most frequent symbol: {share:%} of the steps."
    return f"With gain {gain:g} on {what} {_VERDICTS[str(result.trapped[t, at])]}{numbers}.{where}"


_VERDICTS: Mapping[str, str] = {
    "both ways": "switching all but ends, in every direction",
    "one way": "switching all but ends in some directions, and goes on in others",
    "no": "the network goes on switching",
    "diverges": "activity has no bound",
    "undefined": "it cannot be told whether switching ends",
}
