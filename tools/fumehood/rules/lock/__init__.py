"""Locks: whether they still say what they were made from."""
