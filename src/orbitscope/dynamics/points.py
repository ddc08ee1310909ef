"""States handed to an analysis, one row each."""

from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..network import NoiseRNN


def require_points(network: NoiseRNN, states: Float[Tensor, "point state"]) -> None:
    """Check that states have the width of the network and are finite, and that there is one at least."""
    width = network.cell.state_size
    if states.ndim != 2 or states.shape[1] != width or len(states) == 0:
        raise InputError(
            f"`states` must be (point, {width}) with at least one point, got shape {tuple(states.shape)}."
        )
    if not bool(states.isfinite().all()):
        raise InputError("`states` must be finite, got NaN or infinity. Leave out states that diverged.")
