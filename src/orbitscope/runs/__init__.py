"""Run folders, checkpoints and provenance."""

from .checkpoints import digest_tensors as digest_tensors
from .checkpoints import load_tensors as load_tensors
from .checkpoints import load_weights as load_weights
from .checkpoints import save_tensors as save_tensors
from .folder import RunFolder as RunFolder
from .packing import choose_epochs as choose_epochs
from .packing import copy_run as copy_run
from .packing import pack_run as pack_run
from .provenance import describe_provenance as describe_provenance
from .provenance import digest_code as digest_code
from .provenance import list_other_versions as list_other_versions
