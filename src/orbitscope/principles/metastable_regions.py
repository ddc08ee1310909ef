"""Regions that activity keeps to, found without looking at symbols, and their cores."""
