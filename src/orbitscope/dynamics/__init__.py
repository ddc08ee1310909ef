"""Dynamics of a network, driven by noise and without: what it does, not whether it emulates."""
