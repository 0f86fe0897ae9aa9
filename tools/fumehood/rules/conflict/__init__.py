"""Versions: whether an experiment can live on this core."""
