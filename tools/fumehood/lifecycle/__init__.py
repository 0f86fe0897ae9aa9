"""The life of an experiment: how one begins, whether it is well, and how one ends."""
