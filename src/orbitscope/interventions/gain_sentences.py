"""What a single intervention does to switching, in a sentence."""

from .gain_response import GainResponse
from .targets import describe_target
from .trap_verdicts import SWITCHING


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
    return f"With gain {gain:g} on {what} switching {SWITCHING[str(result.trapped[t, at])]}{numbers}.{where}"
