"""Which file imports which, read from the sources of the whole repository."""
