"""Primitives: whether a network of many states is composed of one two-state mechanism for each pair."""
