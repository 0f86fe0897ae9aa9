"""What the files of a repository say about imports, remembered: only what has changed is read again.

A file whose time and size are as they were is believed to be the same; of another one its content decides. One that had
just been written when it was read is looked at again, as with git's index. Source: git's "racy-git" documentation.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import marshal
import multiprocessing
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fumehood import __version__
from fumehood.errors import WorldError
from fumehood.imports.facts import facts
from fumehood.imports.scan import Scan, scan
from fumehood.outside.files import cache_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from fumehood.model.source import SourceFacts

_RACY = 2_000_000_000
"""Nanoseconds before reading within which a change may be followed by one that leaves no trace."""

_FORMAT = f"fumehood {__version__} imports 1, Python {sys.version_info.major}.{sys.version_info.minor}\n".encode()
"""What a Python accepts as syntax decides too."""

_SEAL = 32
_WORTH_PROCESSES = 400
"""So many files at least take longer to read than processes take to start."""

_MOST_PROCESSES = 8
_CHUNK = 200

Stored = tuple[int, int, bytes, tuple[object, ...]]
"""Time of modification in nanoseconds (0 if it is not to be relied on), size, digest of the content, and the scan."""


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
    place = _place(root, environ)
    known = _load(place)
    began = time.time_ns()
    current: dict[str, Stored] = {}
    changed: dict[str, os.stat_result] = {}
    for path in sorted(paths):
        try:
            state = os.stat(f"{root}/{path}")
        except (OSError, ValueError):
            continue
        stored = known.get(path)
        if stored and stored[0] == state.st_mtime_ns and stored[1] == state.st_size:
            current[path] = stored
        else:
            changed[path] = state
    by_content = {stored[2]: stored[3] for stored in known.values()} if changed else {}
    read = _read(str(root), list(changed), by_content)
    for path, (digest, found) in read.items():
        time_ns = changed[path].st_mtime_ns
        current[path] = (time_ns if time_ns < began - _RACY else 0, changed[path].st_size, digest, found)
    if read or len(current) != len(known):
        _save(place, current)
    whole = hashlib.blake2b(b"".join(os.fsencode(path) + current[path][2] for path in sorted(current)))
    scans = {path: Scan._make(stored[3]) for path, stored in current.items()}
    return Sources(scans=scans, parsed=len(read), digest=whole.digest())


def _read(
    root: str, paths: list[str], known: Mapping[bytes, tuple[object, ...]]
) -> dict[str, tuple[bytes, tuple[object, ...]]]:
    workers = min(os.cpu_count() or 1, _MOST_PROCESSES)
    if len(paths) < _WORTH_PROCESSES or workers == 1:
        return dict(_read_some(root, paths, known))
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    found: dict[str, tuple[bytes, tuple[object, ...]]] = {}
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        for part in pool.map(_read_some, [root] * len(chunks), chunks, [{}] * len(chunks)):
            found.update(part)
    return found


def _read_some(
    root: str, paths: Sequence[str], known: Mapping[bytes, tuple[object, ...]]
) -> list[tuple[str, tuple[bytes, tuple[object, ...]]]]:
    found = []
    for path in paths:
        with suppress(OSError), open(f"{root}/{path}", "rb") as file:
            source = file.read()
            digest = hashlib.blake2b(source, digest_size=16).digest()
            found.append((path, (digest, known.get(digest) or tuple(scan(source)))))
    return found


def _place(root: Path, environ: Mapping[str, str]) -> Path:
    name = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()
    return cache_folder(environ) / "imports" / f"{name}.bin"


def _load(place: Path) -> dict[str, Stored]:
    """What was remembered; nothing if that is damaged, or from another version."""
    try:
        content = place.read_bytes()
    except OSError:
        return {}
    head, seal, body = content[: len(_FORMAT)], content[len(_FORMAT) :][:_SEAL], content[len(_FORMAT) + _SEAL :]
    if head != _FORMAT or hashlib.sha256(body).digest() != seal:
        return {}
    loaded: dict[str, Stored] = marshal.loads(body)  # noqa: S302 - sealed: it is what this module wrote
    return loaded


def _save(place: Path, entries: Mapping[str, Stored]) -> None:
    body = marshal.dumps(dict(entries))
    with suppress(WorldError):  # What cannot be remembered is read again.
        write_whole(place, _FORMAT + hashlib.sha256(body).digest() + body)
