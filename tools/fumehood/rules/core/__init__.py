"""Core: whether what it says of itself agrees."""
