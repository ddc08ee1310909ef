"""Figures of the recurrent weights: between groups, between populations, and their low rank."""
