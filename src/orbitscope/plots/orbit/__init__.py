"""Figures of :mod:`orbitscope.dynamics.orbit`, each with its caption."""
