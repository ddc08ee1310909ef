"""Primitives: what switching between each pair of regions shares with that of other pairs."""
