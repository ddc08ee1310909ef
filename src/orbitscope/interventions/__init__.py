"""Interventions: what becomes of switching when neurons, or the noise, are turned down or up."""
