"""Which names stand in which files, remembered: only files that have changed are looked through again."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import TYPE_CHECKING

from fumehood.outside.remembered import Reading, remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from fumehood.outside.remembered import States


def mentions(
    root: Path, paths: Iterable[str], names: Iterable[str], environ: Mapping[str, str], states: States
) -> Mapping[str, Sequence[str]]:
    """The names that each file has as words of their own, however they are spelled; files that are not there have none.

    Args:
        root: The repository.
        paths: Relative to it, with ``/``.
        names: Of distributions, normalised.
        environ: Says where the cache is.
        states: Of files that were looked at before.
    """
    if not (wanted := tuple(sorted(names))):
        return {}
    version = hashlib.blake2b("\0".join(wanted).encode(), digest_size=16).hexdigest()
    reading = Reading(name="mentions", version=version, find=functools.partial(_find, wanted))
    return remembered(reading, root, paths, environ, states=states).found


def _find(names: tuple[str, ...], source: bytes) -> tuple[str, ...]:
    text = source.lower()
    return tuple(
        name for name in names if name.partition("-")[0].encode() in text and _pattern(name).search(text) is not None
    )


@functools.cache
def _pattern(name: str) -> re.Pattern[bytes]:
    spelled = "[-_.]".join(map(re.escape, name.split("-")))
    return re.compile(rf"(?<![\w-]){spelled}(?![\w-])".encode())
