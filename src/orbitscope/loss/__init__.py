"""Losses: Sinkhorn divergence of one-hot sequences, χ² divergence of laws of words, likelihood ratios."""

from .divergence import PUBLISHED_EPSILON as PUBLISHED_EPSILON
from .divergence import DivergenceResult as DivergenceResult
from .divergence import SinkhornDivergence as SinkhornDivergence
from .divergence import sinkhorn_divergence as sinkhorn_divergence
from .likelihood_ratios import NeighbourDivergence as NeighbourDivergence
from .trajectory_means import compare_means as compare_means
from .word_laws import WordDivergence as WordDivergence
from .workspace import Workspace as Workspace
