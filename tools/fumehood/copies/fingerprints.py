"""Which files may share code: a hash for each row of tokens that begins at a keyword or at an ``=``.

Rows are taken where the code itself says so, and not at every so-manieth token: code that was inserted before them
does not move them, and nor does another formatting. Source: Schleimer, Wilkerson and Aiken, "Winnowing: Local
Algorithms for Document Fingerprinting" (2003), for fingerprints; it calls hashes that are chosen by content anchors.
"""

from __future__ import annotations

import re
import zlib
from array import array
from typing import TYPE_CHECKING

from fumehood.copies.tokens import Code, kinds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROW = 30
"""Tokens in a row that is hashed: about four lines."""

_ROWS = re.compile(rb"[=\x80-\xff](?=(.{%d}))" % ROW, re.DOTALL)


def fingerprints(source: bytes) -> tuple[int, bytes]:
    """How many tokens a file's code has, and the hashes of its rows, each once, sorted: four bytes each."""
    kinds = kinds_of(source)
    return len(kinds), array("I", sorted(set(map(zlib.crc32, _ROWS.findall(kinds))))).tobytes()


def hashes(prints: bytes) -> array[int]:
    """The hashes in what `fingerprints` says."""
    return array("I", prints)


def rows(code: Code) -> Iterator[tuple[int, int]]:
    """Each row of a file's code: the position of its first token, and its hash."""
    for match in _ROWS.finditer(code.kinds):
        yield match.start(1), zlib.crc32(match[1])
