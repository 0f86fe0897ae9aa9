"""Reuse: whether an experiment uses what core has, and uses it as core means it."""
