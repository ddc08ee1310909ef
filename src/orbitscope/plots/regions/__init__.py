"""Figures of :mod:`orbitscope.dynamics.regions`, each with its caption."""
