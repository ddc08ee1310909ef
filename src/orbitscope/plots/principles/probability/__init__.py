"""Figures of how switching gets its probabilities."""
