"""What the files of a repository say about imports, remembered: only what has changed is read again."""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fumehood.imports import private
from fumehood.imports.scan import Scan, scan
from fumehood.outside.kept import written
from fumehood.outside.remembered import Reading, Remembered, remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


def _find(source: bytes) -> tuple[bytes, Any, bool, tuple[str, ...]]:
    """What a file says, still written down, since few questions are about every file, and what is seldom in it.

    That are its edits of ``sys.path``, whether it names modules in strings or by their beginnings, and imports through
    which it may reach private names.
    """
    found = scan(source)
    is_naming = bool(found.strings or found.prefixes)
    return written(tuple(found)), found.path_edits, is_naming, private.through(source)


IMPORTS = Reading(name="imports", version=10, find=_find)


class Scans(Mapping[str, Scan]):
    """What each file says, by its path; unfolded when it is asked for."""

    def __init__(self, written: Mapping[str, bytes], others: Callable[[str], bytes] | None = None) -> None:
        self._written = written
        self._others = others
        self._read: dict[str, Scan] = {}

    def __getitem__(self, path: str) -> Scan:
        if path not in self._read:
            self._read[path] = self._scan(path)
        return self._read[path]

    def _scan(self, path: str) -> Scan:
        if path not in self._written and self._others:
            try:
                return scan(self._others(path))
            except OSError:
                raise KeyError(path) from None
        return Scan._make(marshal.loads(self._written[path]))  # noqa: S302 - from a sealed file

    def __contains__(self, path: object) -> bool:
        return path in self._written

    def __iter__(self) -> Iterator[str]:
        return iter(self._written)

    def __len__(self) -> int:
        return len(self._written)


class Sources(Struct, frozen=True, kw_only=True):
    """The Python files of a repository, and what they say.

    Attributes:
        scans: What each says, by its path.
        path_edits: Edits of ``sys.path``, by the path of each file that has any.
        naming: The files that name modules in strings or by their beginnings.
        reaching: The modules through whose names private ones may be reached, by the path of each file with any.
        digests: Of the files' contents.
    """

    scans: Mapping[str, Scan]
    path_edits: Mapping[str, tuple[tuple[tuple[str, ...], int], ...]]
    naming: Sequence[str]
    reaching: Mapping[str, tuple[str, ...]]
    digests: Mapping[str, bytes]


def read_sources(root: Path, paths: Iterable[str], environ: Mapping[str, str], blobs: Mapping[str, str]) -> Sources:
    """What the Python files at these paths say; those that are not there or cannot be read are left out.

    Args:
        root: The repository.
        paths: Relative to it, with ``/``.
        environ: Says where the cache is.
        blobs: What git calls the contents of those that have not changed since git looked at them.
    """
    return sources_of(remembered(IMPORTS, root, paths, environ, blobs=blobs))


def sources_of(known: Remembered, others: Callable[[str], bytes] | None = None) -> Sources:
    """What the files say that have been read.

    Args:
        known: What was found in them by `IMPORTS`.
        others: Gives the source of any other file, which is read when it is asked for; without it there are no others.
    """
    return Sources(
        scans=Scans({path: found for path, (found, *_) in known.found.items()}, others),
        path_edits={path: edits for path, (_, edits, *_) in known.found.items() if edits},
        naming=[path for path, (_, _, is_naming, _) in known.found.items() if is_naming],
        reaching={path: modules for path, (*_, modules) in known.found.items() if modules},
        digests=known.digests,
    )
