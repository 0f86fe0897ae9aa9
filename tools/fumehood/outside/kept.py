"""What was found out is kept in the cache from one run to the next: believed only whole, and from the same code."""

from __future__ import annotations

import functools
import hashlib
import marshal
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from fumehood import __version__
from fumehood.errors import WorldError
from fumehood.outside.files import cache_folder, write_whole
from fumehood.outside.hearing import ONLY_FASTER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RACY = 2_000_000_000
"""Nanoseconds before reading within which a change may be followed by one that leaves no trace."""

_SEAL = 32
PACKAGE = os.path.dirname(os.path.dirname(__file__))


class Kept(Struct, frozen=True):
    """A file of the cache about one repository.

    Attributes:
        place: The file.
        head: How it begins, if it was written for the same.
    """

    place: Path
    head: bytes

    @classmethod
    def of(cls, name: str, version: int | str, root: Path, environ: Mapping[str, str], key: bytes = b"") -> Self:
        """Where something is kept.

        Args:
            name: Of the folder in the cache.
            version: What decides beside files; the code of this package and the version of Python always do.
            root: The repository.
            environ: Says where the cache is.
            key: A digest of whatever else decides.
        """
        file = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        head = f"fumehood {__version__} {changed(PACKAGE)} {name} {version}, Python {python}\n".encode()
        return cls(cache_folder(environ) / name / f"{file}{ONLY_FASTER}", head + key)

    def load(self) -> dict[str, Any]:
        """What was kept; nothing if that is damaged, or was written for something else."""
        try:
            content = self.place.read_bytes()
        except OSError:
            return {}
        start = len(self.head)
        seal, body = content[start : start + _SEAL], content[start + _SEAL :]
        if not content.startswith(self.head) or hashlib.sha256(body).digest() != seal:
            return {}
        loaded: dict[str, Any] = marshal.loads(body)  # noqa: S302 - sealed: it is what this module wrote
        return loaded

    def save(self, entries: dict[str, Any]) -> None:
        """Keep it; what a power cut leaves of it does not bear its seal."""
        body = marshal.dumps(entries)
        with suppress(WorldError):  # What cannot be kept is found out again.
            write_whole(self.place, self.head + hashlib.sha256(body).digest() + body, durable=False)


@functools.cache
def changed(package: str) -> int:
    """When a module of a package was changed last, in nanoseconds of the epoch: what is not released has no number."""
    modules = (os.path.join(top, name) for top, _, names in os.walk(package) for name in names if name.endswith(".py"))
    return max(os.stat(module).st_mtime_ns for module in modules)


def written(what: Any) -> bytes:  # noqa: ANN401 - whatever `marshal` takes
    """Equal bytes for what is equal, however it came about: the oldest form that has all these types."""
    return marshal.dumps(what, 2)
