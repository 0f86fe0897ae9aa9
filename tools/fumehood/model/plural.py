"""Numbers of things, as messages and reports say them."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """So many of something, whose plural ends in an s."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
