"""Principles: how regular switching is, how its probabilities come about, what a network is composed of."""
