"""Frozen values and the arithmetic on them; nothing here opens a file or starts a program."""
