"""Figures of :mod:`orbitscope.dynamics.over_training`, each with its caption."""
