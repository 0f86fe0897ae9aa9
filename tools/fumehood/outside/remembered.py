"""What was found in each of many files, remembered: only what has changed is read again, by several processes.

A file whose time and size are as they were is believed to be the same; of another one its content decides. One that had
just been written when it was read is looked at again, as with git's index. Source: git's "racy-git" documentation.
"""

from __future__ import annotations

import functools
import hashlib
import marshal
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fumehood import __version__
from fumehood.errors import WorldError
from fumehood.outside.files import cache_folder, write_whole
from fumehood.outside.hearing import ONLY_FASTER
from fumehood.outside.processes import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_RACY = 2_000_000_000
"""Nanoseconds before reading within which a change may be followed by one that leaves no trace."""

_SEAL = 32
_WORTH_PROCESSES = 400
"""So many files at least take longer to read than processes take to start."""

_CHUNK = 200

Stored = tuple[int, int, bytes, Any]
"""Time of modification in nanoseconds (0 if it is not to be relied on), size, digest of the content, what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One kind of thing to find in a file.

    Attributes:
        name: Of the folder in the cache.
        version: What decides beside the content of a file; this package and the version of Python always do.
        find: A function of a module, from a file's bytes to what `marshal` takes.
    """

    name: str
    version: int | str
    find: Callable[[bytes], Any]

    @property
    def head(self) -> bytes:
        """How a file of the cache begins that was written for the same."""
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"fumehood {__version__} {self.name} {self.version}, Python {python}\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What was found in files.

    Attributes:
        found: By path; those that are not there or cannot be read are left out.
        fresh: How many of them had to be read anew.
    """

    found: Mapping[str, Any]
    fresh: int


def remembered(reading: Reading, root: Path, paths: Iterable[str], environ: Mapping[str, str]) -> Remembered:
    """What is found in the files at these paths.

    Args:
        reading: What to find.
        root: The repository.
        paths: Relative to it, with ``/``.
        environ: Says where the cache is.
    """
    place = _place(reading, root, environ)
    known = _load(place, reading.head)
    began, top = time.time_ns(), str(root)
    current: dict[str, Stored] = {}
    changed: dict[str, os.stat_result] = {}
    for path in sorted(paths):
        try:
            state = os.stat(f"{top}/{path}")
        except (OSError, ValueError):
            continue
        stored = known.get(path)
        if stored and stored[0] == state.st_mtime_ns and stored[1] == state.st_size:
            current[path] = stored
        else:
            changed[path] = state
    by_content = {stored[2]: stored[3] for stored in known.values()} if changed else {}
    read = _read(reading, top, list(changed), by_content)
    for path, (digest, found) in read.items():
        time_ns = changed[path].st_mtime_ns
        current[path] = (time_ns if time_ns < began - _RACY else 0, changed[path].st_size, digest, found)
    if read or len(current) != len(known):
        _save(place, reading.head, current)
    return Remembered(
        found={path: stored[3] for path, stored in current.items()},
        fresh=len(read),
    )


def following(name: str, root: Path, key: bytes, find: Callable[[], Any], environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - what `marshal` gives back
    """What follows from a key: as it was kept the last time, if that was for the same key; else found, and kept.

    Args:
        name: Of the folder in the cache.
        root: The repository.
        key: A digest of all that decides.
        find: Finds it anew, as something that `marshal` takes and that is not empty.
        environ: Says where the cache is.
    """
    reading = Reading(name=name, version=1, find=bytes)
    place, head = _place(reading, root, environ), reading.head + key
    known = _load(place, head)
    if not known:
        known = find()
        _save(place, head, known)
    return known


def _read(reading: Reading, root: str, paths: list[str], known: Mapping[bytes, Any]) -> dict[str, tuple[bytes, Any]]:
    """What is found in files; one whose content is known, as after a fresh checkout, is not gone through again."""
    found: dict[str, tuple[bytes, Any]] = {}
    if known:
        for path, digest, _ in _contents(root, paths):
            if digest in known:
                found[path] = digest, known[digest]
    unknown = [path for path in paths if path not in found]
    work = functools.partial(_read_some, reading, root)
    return found | dict(spread(work, unknown, chunk=_CHUNK, worth=_WORTH_PROCESSES))


def _read_some(reading: Reading, root: str, paths: Sequence[str]) -> list[tuple[str, tuple[bytes, Any]]]:
    return [(path, (digest, reading.find(source))) for path, digest, source in _contents(root, paths)]


def _contents(root: str, paths: Iterable[str]) -> Iterator[tuple[str, bytes, bytes]]:
    """Each file that can be read, with the digest of its content and the content."""
    for path in paths:
        with suppress(OSError), open(f"{root}/{path}", "rb") as file:
            source = file.read()
            yield path, hashlib.blake2b(source, digest_size=16).digest(), source


def _place(reading: Reading, root: Path, environ: Mapping[str, str]) -> Path:
    name = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()
    return cache_folder(environ) / reading.name / f"{name}{ONLY_FASTER}"


def _load(place: Path, head: bytes) -> dict[str, Any]:
    """What was remembered; nothing if that is damaged, or from another version."""
    try:
        content = place.read_bytes()
    except OSError:
        return {}
    seal, body = content[len(head) :][:_SEAL], content[len(head) + _SEAL :]
    if not content.startswith(head) or hashlib.sha256(body).digest() != seal:
        return {}
    loaded: dict[str, Any] = marshal.loads(body)  # noqa: S302 - sealed: it is what this module wrote
    return loaded


def _save(place: Path, head: bytes, entries: dict[str, Any]) -> None:
    body = marshal.dumps(entries)
    with suppress(WorldError):  # What cannot be remembered is read again.
        write_whole(place, head + hashlib.sha256(body).digest() + body)
