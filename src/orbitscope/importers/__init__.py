"""Foreign hidden Markov models, symbol sequences and networks, read without importing what wrote them.

Names are resolved on first use, so that reading sequences does not load torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .file_checks import WEIGHT_SUFFIXES as WEIGHT_SUFFIXES
    from .file_checks import advise_on_arrays as advise_on_arrays
    from .hmm_objects import HMM_SUFFIXES as HMM_SUFFIXES
    from .hmm_objects import import_hmm as import_hmm
    from .sequence_files import load_sequences as load_sequences
    from .state_dicts import import_state_dict as import_state_dict
    from .weight_sources import WeightSource as WeightSource
    from .weight_sources import name_source as name_source
    from .weight_sources import read_tensors as read_tensors

_MODULE_OF = {
    "HMM_SUFFIXES": "hmm_objects",
    "import_hmm": "hmm_objects",
    "load_sequences": "sequence_files",
    "import_state_dict": "state_dicts",
    "advise_on_arrays": "file_checks",
    "WEIGHT_SUFFIXES": "file_checks",
    "WeightSource": "weight_sources",
    "name_source": "weight_sources",
    "read_tensors": "weight_sources",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULE_OF)
