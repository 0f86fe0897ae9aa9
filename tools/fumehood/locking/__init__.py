"""Layered locks: what they say, whether they still hold, and how they are made."""
