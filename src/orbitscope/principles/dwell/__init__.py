"""Dwell times: their law and regularity, and what becomes of them when parts of the noise are scaled."""
