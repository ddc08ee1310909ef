"""Figures of the principles."""
