"""Figures of an evaluation: laws of symbols, runs, and all measures."""
