"""Weights between neurons: of the groups that carry switches, of the neurons that drive these, and in all."""
