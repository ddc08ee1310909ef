"""Figures of the primitives: what interventions on pairs do, and the planes of pairs."""
