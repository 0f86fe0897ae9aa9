"""What the files of a repository say about imports, remembered: only what has changed is read again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fumehood.imports.facts import facts
from fumehood.imports.scan import Scan, scan
from fumehood.outside.remembered import Reading, remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fumehood.model.source import SourceFacts


def _find(source: bytes) -> tuple[object, ...]:
    return tuple(scan(source))


_IMPORTS = Reading(name="imports", version=1, find=_find)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The Python files of a repository, and what they say.

    Attributes:
        scans: What each says, by its path.
        parsed: How many of them had to be read anew.
        digest: A digest of all their contents and paths.
    """

    scans: Mapping[str, Scan]
    parsed: int
    digest: bytes

    def facts(self, path: str) -> SourceFacts:
        """What a file says, as values."""
        return facts(self.scans[path])


def read_sources(root: Path, paths: Iterable[str], environ: Mapping[str, str]) -> Sources:
    """What the Python files at these paths say; those that are not there or cannot be read are left out.

    Args:
        root: The repository.
        paths: Relative to it, with ``/``.
        environ: Says where the cache is.
    """
    known = remembered(_IMPORTS, root, paths, environ)
    scans = {path: Scan._make(found) for path, found in known.found.items()}
    return Sources(scans=scans, parsed=known.fresh, digest=known.digest)
