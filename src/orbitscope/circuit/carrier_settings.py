"""Settings of the part ``carriers``."""

from pydantic import Field

from ..part_settings import Resampling, Rollouts


class CarrierSettings(Resampling):
    """Settings of the part ``carriers``."""

    n_twins: int = Field(default=400, ge=60, description="switches with twins, of all directions")
    apart: int = Field(default=10, ge=1, description="steps from the common state of twins to the first lead")
    n_tries: int = Field(default=30, ge=2, description="paths that are tried for each twin that stays")
    n_contexts: int = Field(
        default=250, ge=2, multiple_of=2, description="random sets of patched neurons for each twin"
    )
    n_rollouts: Rollouts = 6
    n_together: int = Field(default=12, ge=1, description="neurons of the sets that are compared")
    n_matched: int = Field(default=39, ge=19, description="random sets matched in activity and readout")
    n_shown: int = Field(default=16, ge=1, description="twins of each direction whose paths are kept")
    n_shuffles: int = Field(
        default=19, ge=0, description="copies with shuffled weights: 0 for none, else ≥ 19"
    )
