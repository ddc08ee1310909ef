"""Figures of dwell times."""
