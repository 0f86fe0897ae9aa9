"""What was found in each of many files, remembered: only what has changed is read again, by several processes.

A file whose time and size are as they were is believed to be the same, and one whose content git knows by name; of
another one its content decides. One that had
just been written when it was read is looked at again, as with git's index. Source: git's "racy-git" documentation.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import time
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from fumehood.outside.kept import RACY, Kept
from fumehood.outside.processes import begun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_WORTH_PROCESSES = 400
"""So many files at least take longer to read than processes take to start."""

_CHUNK = 200

Stored = tuple[int, int, bytes, Any]
"""Time of modification in nanoseconds (0 if not to be relied on), size, git's name for the content, what was found."""


class Reading(Struct, frozen=True, kw_only=True):
    """One kind of thing to find in a file.

    Attributes:
        name: Of the folder in the cache.
        version: What decides beside the content of a file; this package and the version of Python always do.
        find: A function of a module, from a file's bytes to what `marshal` takes.
    """

    name: str
    version: int | str
    find: Callable[[bytes], Any]


class Remembered(Struct, frozen=True, kw_only=True):
    """What was found in files.

    Attributes:
        found: By path; those that are not there or cannot be read are left out.
        digests: Of their contents.
    """

    found: Mapping[str, Any]
    digests: Mapping[str, bytes]


def remembered(
    reading: Reading,
    root: Path,
    paths: Iterable[str],
    environ: Mapping[str, str],
    *,
    states: States | None = None,
    blobs: Mapping[str, str] = MappingProxyType({}),
) -> Remembered:
    """What is found in the files at these paths.

    Args:
        reading: What to find.
        root: The repository.
        paths: Relative to it, with ``/``.
        environ: Says where the cache is.
        states: See `ahead`.
        blobs: See `ahead`.
    """
    with ahead([Asked(reading=reading, paths=paths)], root, environ, states=states, blobs=blobs) as reader:
        return reader.found(reading)


class Asked(Struct, frozen=True, kw_only=True):
    """What is to be found in which files.

    Attributes:
        paths: Relative to the repository, with ``/``.
        are_all: Whether these are all the files there are; of others, what was found is kept.
    """

    reading: Reading
    paths: Iterable[str]
    are_all: bool = True


States = dict[str, "os.stat_result | None"]
"""How files were when they were looked at first, by path; None for those that cannot be looked at."""


@contextlib.contextmanager
def ahead(
    asked: Sequence[Asked],
    root: Path,
    environ: Mapping[str, str],
    *,
    states: States | None = None,
    blobs: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Reader]:
    """Begin to find several things, each file read once for all of them; the caller goes on meanwhile.

    Args:
        asked: What to find.
        root: The repository.
        environ: Says where the cache is.
        states: From whoever asks several times within one run, and then looks at each file once.
        blobs: What git calls the contents of files that have not changed since git looked at them, as `Listing` has it.
    """
    began, top = time.time_ns(), str(root)
    looked_at: States = {} if states is None else states
    shelves = [_Shelf.of(one, root, environ) for one in asked]
    for shelf, one in zip(shelves, asked, strict=True):
        shelf.recognise(one.paths, top, looked_at, blobs)
    unread = _recognised(shelves, top)
    work = functools.partial(_read_some, [shelf.reading for shelf in shelves], top)
    with begun(work, unread, chunk=_CHUNK, worth=_WORTH_PROCESSES) as results:
        yield Reader(fresh=len(unread), _shelves=shelves, _results=results, _began=began)


class Reader(Struct, kw_only=True):
    """Files that are being read.

    Attributes:
        fresh: How many of them have to be read anew.
        advance: Hears how many more have been read.
    """

    fresh: int
    advance: Callable[[int], object] = lambda _count: None
    _shelves: list[_Shelf]
    _results: Iterator[list[_Found]]
    _began: int
    _is_finished: bool = False

    def found(self, reading: Reading) -> Remembered:
        """What was found, once all of them are read."""
        if not self._is_finished:
            self._finish()
        shelf = next(shelf for shelf in self._shelves if shelf.reading == reading)
        return Remembered(
            found={path: stored[3] for path, stored in shelf.current.items()},
            digests={path: stored[2] for path, stored in shelf.current.items()},
        )

    def _finish(self) -> None:
        for some in self._results:
            self.advance(len(some))
            for path, digest, found in some:
                for number, what in found:
                    self._shelves[number].put(path, digest, what)
        for shelf in self._shelves:
            shelf.save(self._began)
        self._is_finished = True


class _Shelf(Struct, kw_only=True):
    """What is remembered of one reading, and what has to be read anew."""

    reading: Reading
    kept: Kept
    are_all: bool
    known: dict[str, Stored]
    current: dict[str, Stored] = field(default_factory=dict)
    changed: dict[str, os.stat_result] = field(default_factory=dict)

    @classmethod
    def of(cls, asked: Asked, root: Path, environ: Mapping[str, str]) -> _Shelf:
        """What was remembered the last time."""
        kept = Kept.of(asked.reading.name, asked.reading.version, root, environ)
        return cls(reading=asked.reading, kept=kept, are_all=asked.are_all, known=kept.load())

    def recognise(self, paths: Iterable[str], top: str, states: States, blobs: Mapping[str, str]) -> None:
        """Put every file in it that is as it was."""
        for path in sorted(paths):
            stored = self.known.get(path)
            if stored and stored[2].hex() == blobs.get(path):
                self.current[path] = stored
                continue
            if path not in states:
                states[path] = _state(f"{top}/{path}")
            if (state := states[path]) is None:
                continue
            if stored and stored[0] == state.st_mtime_ns and stored[1] == state.st_size:
                self.current[path] = stored
            else:
                self.changed[path] = state

    def put(self, path: str, digest: bytes, found: Any) -> None:  # noqa: ANN401 - what `Reading.find` gave
        """Take what was found in a file; when that was last modified is looked at in the end."""
        self.current[path] = self.changed[path].st_mtime_ns, self.changed[path].st_size, digest, found

    def save(self, began: int) -> None:
        """Keep what was found for the next time."""
        for path in self.changed.keys() & self.current.keys():
            if self.current[path][0] >= began - RACY:
                self.current[path] = 0, *self.current[path][1:]
        current = self.current if self.are_all else self.known | self.current
        if self.changed or len(current) != len(self.known):
            self.kept.save(current)


def _state(place: str) -> os.stat_result | None:
    try:
        return os.stat(place)
    except (OSError, ValueError):
        return None


def following_each(
    name: str,
    root: Path,
    key: bytes,
    contents: Mapping[str, bytes],
    find: Callable[[str], tuple[bool, Any]],
    environ: Mapping[str, str],
) -> dict[str, Any]:
    """What follows from each file and from a key: as it was kept the last time, if that was for the same of both.

    Args:
        name: Of the folder in the cache.
        root: The repository.
        key: A digest of all that decides beside the file's content.
        contents: Digests of the files' contents, by path.
        find: Finds it anew for a path, as something that `marshal` takes, and says whether it can be kept: not where it
            follows from other files too.
        environ: Says where the cache is.
    """
    kept = Kept.of(name, 1, root, environ, key)
    known = kept.load()
    current: dict[str, tuple[bytes, bool, Any]] = {}
    for path, digest in contents.items():
        stored = known.get(path)
        if stored is None or stored[0] != digest or not stored[1]:
            stored = (digest, *find(path))
        current[path] = stored
    if current != known:
        kept.save(current)
    return {path: stored[2] for path, stored in current.items()}


_Found = tuple[str, bytes, list[tuple[int, Any]]]
"""The path of a file, the digest of its content, and what was found in it by the number of the reading."""


def _recognised(shelves: Sequence[_Shelf], top: str) -> list[tuple[str, tuple[int, ...]]]:
    """Put what is known of contents, as after a fresh checkout; what is left are files with numbers of readings."""
    by_content = [
        {stored[2]: stored[3] for stored in shelf.known.values()} if shelf.changed else {} for shelf in shelves
    ]
    wanted: dict[str, list[int]] = {}
    for number, shelf in enumerate(shelves):
        for path in shelf.changed:
            wanted.setdefault(path, []).append(number)
    for path, digest, _ in _contents(top, wanted if any(by_content) else ()):
        for number in [number for number in wanted[path] if digest in by_content[number]]:
            shelves[number].put(path, digest, by_content[number][digest])
            wanted[path].remove(number)
    return [(path, tuple(numbers)) for path, numbers in wanted.items() if numbers]


def _read_some(readings: Sequence[Reading], top: str, files: Sequence[tuple[str, tuple[int, ...]]]) -> list[_Found]:
    numbers = dict(files)
    return [
        (path, digest, [(number, readings[number].find(source)) for number in numbers[path]])
        for path, digest, source in _contents(top, numbers)
    ]


def _contents(root: str, paths: Iterable[str]) -> Iterator[tuple[str, bytes, bytes]]:
    """Each file that can be read, with the digest of its content and the content."""
    for path in paths:
        with suppress(OSError), open(f"{root}/{path}", "rb") as file:
            source = file.read()
            yield path, _name(source), source


def _name(source: bytes) -> bytes:
    """What git calls a content. Source: "Git Objects" in Pro Git."""
    return hashlib.sha1(b"blob %d\0%s" % (len(source), source), usedforsecurity=False).digest()
