"""Globs of the settings and of waivers: what matches a folder is about all that is in it."""

from __future__ import annotations

import fnmatch


def around(path: str) -> list[str]:
    """The folders that a path is in, outermost first, and the path itself."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def matches(path: str, *patterns: str) -> bool:
    """Whether one of some globs matches a path, or a folder that it is in; an empty path is matched by ``*`` only."""
    return any(fnmatch.fnmatchcase(place, pattern.rstrip("/")) for pattern in patterns for place in around(path))
