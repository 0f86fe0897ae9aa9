"""Spans of time as people write them."""

from __future__ import annotations

import re

_UNITS = {"h": 3600, "m": 60, "s": 1}
_TEXT = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,4})m)?(?:(\d{1,5})s)?", re.ASCII)


def parse_duration(text: str) -> int:
    """Seconds of ``90s``, ``45m``, ``2h`` or ``1h30m``.

    Raises:
        ValueError: It is no such text, or no time at all; the message is a clause that fits behind a place.
    """
    match = _TEXT.fullmatch(text.replace(" ", ""))
    seconds = (
        sum(int(number or 0) * unit for number, unit in zip(match.groups(), _UNITS.values(), strict=True))
        if match
        else 0
    )
    if not seconds:
        raise ValueError(f'a time is text such as "45m" or "1h30m", not {text!r}')
    return seconds


def render_duration(seconds: float) -> str:
    """Seconds as people say them: ``45m``, ``1h30m``, ``12s``."""
    left = round(seconds)
    parts = []
    for letter, unit in _UNITS.items():
        number, left = divmod(left, unit)
        parts += [f"{number}{letter}"] if number else []
    return "".join(parts) or "0s"
