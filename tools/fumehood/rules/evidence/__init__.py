"""Evidence: whether the README of an experiment shows what it is for and what came of it."""
