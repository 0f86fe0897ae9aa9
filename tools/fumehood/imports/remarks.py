"""What of a file is neither comment nor blank line, by its text alone: where that is the same, so is the program."""

from __future__ import annotations

import re

_LEXEME = re.compile(
    rb"""
    \"{3} (?:[^\\]|\\.)*? \"{3} | '{3} (?:[^\\]|\\.)*? '{3} | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | \#[^\n]*
    """,
    re.VERBOSE | re.DOTALL,
)
NESTED = re.compile(rb"""[fFtT][rR]?(?:"[^"\n]*\{[^"}\n]*"|'[^'\n]*\{[^'}\n]*')""")
"""A quotation mark in a replacement field: since Python 3.12 a string may go on behind it (PEP 701)."""

_READ = re.compile(rb"#[ \t]*type:|coding[:=]")
"""Comments that some read, and those that say how a file is encoded."""


def without_remarks(source: bytes) -> tuple[list[bytes], list[bytes]] | None:
    """The strings of a file, and its lines without comments; None where its text alone cannot tell what they are."""
    if b"\r" in source or b"\\\n" in source or NESTED.search(source) or _READ.search(source):
        return None
    strings: list[bytes] = []

    def keep(found: re.Match[bytes]) -> bytes:
        if found[0].startswith(b"#"):
            return b""
        strings.append(found[0])
        return found[0]

    lines = _LEXEME.sub(keep, source).split(b"\n")
    return strings, [bare for line in lines if (bare := line.rstrip())]
