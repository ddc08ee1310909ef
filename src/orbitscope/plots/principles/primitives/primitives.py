"""Figures of the part ``primitives``."""

from ...drawing import Drawing
from .plane_panels import describe_primitive_planes, plot_primitive_planes
from .selectivity_panels import describe_primitives, plot_primitives

FIGURES = (
    Drawing("primitives", plot_primitives, describe_primitives),
    Drawing("primitive_planes", plot_primitive_planes, describe_primitive_planes, shows=("primitives",)),
)
