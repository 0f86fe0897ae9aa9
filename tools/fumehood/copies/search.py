"""The copies in many files: fingerprints say which pairs of files to compare, and only those are read in full."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fumehood.copies.fingerprints import fingerprints, hashes
from fumehood.copies.matching import copies_in
from fumehood.copies.tokens import Code, read
from fumehood.outside.remembered import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from fumehood.copies.matching import Copy

_MOST_ORIGINALS = 8
"""A row that more of core's files have is an idiom, and nobody's original; and so many files are compared with one."""

_FEWEST_ROWS = 2
"""Rows that two files have to share before they are compared."""


FINGERPRINTS = Reading(name="copies", version=2, find=fingerprints)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCopies:
    """What one file has from others.

    Attributes:
        tokens: How many tokens its code has in all.
        copies: In the order in which they stand.
    """

    path: str
    tokens: int
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeReader:
    """Reads files of a repository as code, those last read twice only once."""

    root: Path

    def code(self, path: str) -> Code:
        """A file's code; none where it cannot be read."""
        return _code(self.root, path)


@functools.lru_cache(maxsize=64)
def _code(root: Path, path: str) -> Code:
    try:
        return read((root / path).read_bytes())
    except OSError:
        return read(b"")


def find_copies(
    root: Path, known: Mapping[str, tuple[int, bytes]], own: Iterable[str], core: Iterable[str]
) -> Iterator[FileCopies]:
    """What each of some files has from others.

    Args:
        root: The repository.
        known: What `FINGERPRINTS` finds in all of them.
        own: Python files that may have copies, relative to the repository.
        core: Python files that they may have them from.
    """
    holders = _holders(known, sorted(core))
    reader = CodeReader(root)
    for path in sorted(own):
        if path in known:
            tokens, prints = known[path]
            candidates = _candidates(prints, holders)
            originals = {name: reader.code(name) for name in candidates}
            copies = copies_in(reader.code(path), originals) if originals else ()
            yield FileCopies(path=path, tokens=tokens, copies=copies)


def _holders(known: Mapping[str, tuple[int, bytes]], paths: Iterable[str]) -> dict[int, list[str]]:
    """The files that have each row, but for rows that too many have."""
    holders: dict[int, list[str]] = {}
    for path in paths:
        for row in hashes(known[path][1]) if path in known else ():
            held = holders.setdefault(row, [])
            if len(held) <= _MOST_ORIGINALS:
                held.append(path)
    return {row: held for row, held in holders.items() if len(held) <= _MOST_ORIGINALS}


def _candidates(prints: bytes, holders: Mapping[int, list[str]]) -> list[str]:
    """The files that share most rows."""
    shared = Counter(path for row in holders.keys() & set(hashes(prints)) for path in holders[row])
    return [path for path, count in shared.most_common(_MOST_ORIGINALS) if count >= _FEWEST_ROWS]
