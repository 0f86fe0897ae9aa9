"""Owners: whether each experiment has one, and all that names them agrees."""
