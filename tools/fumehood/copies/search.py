"""The copies in many files: fingerprints say which pairs of files to compare, and only those are read in full."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fumehood.copies.fingerprints import fingerprints, hashes
from fumehood.copies.matching import Copy, Lines, copies_in
from fumehood.copies.tokens import Code, read
from fumehood.outside.remembered import Reading, following_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from fumehood.outside.remembered import Remembered

_MOST_ORIGINALS = 8
"""A row that more of core's files have is an idiom, and nobody's original; and so many files are compared with one."""

_FEWEST_ROWS = 2
"""Rows that two files have to share before they are compared."""


FINGERPRINTS = Reading(name="copies", version=2, find=fingerprints)


class FileCopies(Struct, frozen=True, kw_only=True):
    """What one file has from others.

    Attributes:
        tokens: How many tokens its code has in all.
        copies: In the order in which they stand.
    """

    path: str
    tokens: int
    copies: tuple[Copy, ...] = ()


@functools.lru_cache(maxsize=64)
def code_of(root: Path, path: str) -> Code:
    """The code of a repository's file; none where it cannot be read."""
    try:
        return read((root / path).read_bytes())
    except OSError:
        return read(b"")


def find_copies(
    root: Path, known: Remembered, own: Iterable[str], core: Iterable[str], environ: Mapping[str, str]
) -> Iterator[FileCopies]:
    """What each of some files has from others.

    Args:
        root: The repository.
        known: What `FINGERPRINTS` finds in all of them.
        own: Python files that may have copies, relative to the repository.
        core: Python files that they may have them from.
        environ: Says where it is remembered of each file until that changes, or one that it may have something from.
    """
    mine = [path for path in sorted(own) if path in known.found]
    theirs = [path for path in sorted(core) if path in known.found]
    candidates = _all_candidates(root, known, mine, theirs, environ)

    def find(path: str) -> tuple[bool, tuple[RawCopy, ...]]:
        originals = {name: code_of(root, name) for name in candidates[path]}
        return True, tuple(map(_raw, copies_in(code_of(root, path), originals)))

    contents = {
        path: _digest(known.digests[name] for name in (path, *names)) for path, names in candidates.items() if names
    }
    copies = following_each("copied", root, b"", contents, find, environ)
    for path in mine:
        found = tuple(_copy(*raw) for raw in copies.get(path, ()))
        yield FileCopies(path=path, tokens=known.found[path][0], copies=found)


RawCopy = tuple[tuple[int, int], str, tuple[int, int], int, bool]
"""A copy as `marshal` takes it."""


def _raw(copy: Copy) -> RawCopy:
    there = copy.original_lines
    return (copy.lines.first, copy.lines.last), copy.original, (there.first, there.last), copy.tokens, copy.renamed


def _copy(*raw: Any) -> Copy:  # noqa: ANN401 - a RawCopy
    (first, last), original, (first_there, last_there), tokens, renamed = raw
    return Copy(
        lines=Lines(first=first, last=last),
        original=original,
        original_lines=Lines(first=first_there, last=last_there),
        tokens=tokens,
        renamed=renamed,
    )


def _all_candidates(
    root: Path, known: Remembered, mine: Iterable[str], theirs: Sequence[str], environ: Mapping[str, str]
) -> dict[str, Sequence[str]]:
    """The files that each file shares most rows with, by its path."""

    @functools.cache
    def holders() -> dict[int, list[str]]:
        return _holders(known.found, theirs)

    def find(path: str) -> tuple[bool, Sequence[str]]:
        return True, _candidates(known.found[path][1], holders())

    prints = _digest(part for path in theirs for part in (os.fsencode(path), b"\0", known.found[path][1]))
    contents = {path: known.digests[path] for path in mine}
    return following_each("candidates", root, prints, contents, find, environ)


def _digest(parts: Iterable[bytes]) -> bytes:
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


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
