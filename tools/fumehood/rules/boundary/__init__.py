"""Boundaries: whether imports lead only where they may, from experiments to core."""
