"""Figures of :mod:`orbitscope.dynamics.noise_free`, each with its caption."""
