"""Figures of :mod:`orbitscope.dynamics.stability`, each with its caption."""
