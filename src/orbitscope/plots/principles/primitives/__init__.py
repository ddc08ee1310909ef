"""Figures of primitives."""
