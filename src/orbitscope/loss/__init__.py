"""Sinkhorn divergence between batches of one-hot sequences."""

from .divergence import DivergenceResult as DivergenceResult
from .divergence import SinkhornDivergence as SinkhornDivergence
from .divergence import sinkhorn_divergence as sinkhorn_divergence
from .workspace import Workspace as Workspace
