"""What followed from several files and folders, believed while each of them is as it was.

A folder's time changes with the names in it, and a file's with its content. As in `remembered`, what had just been
changed when it was read is not relied on; the time of the change itself, which nobody can set, counts too.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from fumehood.outside import hearing
from fumehood.outside.kept import RACY, Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

State = tuple[int, int, int, int, int]
"""Times of modification and of change in nanoseconds, size, inode and mode."""


class Notes(Struct):
    """What is noted of a repository.

    Attributes:
        used: How many notes were believed.
    """

    root: str
    _kept: Kept
    _known: dict[str, tuple[list[tuple[str, State | None]], Any]]
    used: int = 0
    _current: dict[str, tuple[list[tuple[str, State | None]], Any]] = field(default_factory=dict)
    _began: int = field(default_factory=time.time_ns)

    @classmethod
    def of(cls, name: str, version: int, root: Path, environ: Mapping[str, str]) -> Notes:
        """Those that were kept the last time; for the arguments see `Kept.of`."""
        kept = Kept.of(name, version, root, environ)
        return cls(str(root), _kept=kept, _known=kept.load())

    def recall(self, key: str) -> Any | None:  # noqa: ANN401 - what `marshal` gives back
        """What was noted under a key; None where something that it follows from has changed."""
        note = self._known.get(key)
        if note is None or any(state_of(f"{self.root}/{path}") != state for path, state in note[0]):
            return None
        if hearing.is_heard():
            for path, _ in note[0]:
                hearing.looked(f"{self.root}/{path}")
        self._current[key] = note
        self.used += 1
        return note[1]

    def note(self, key: str, what: Any, follows_from: Iterable[str]) -> None:  # noqa: ANN401 - what `marshal` takes
        """Note what followed, unless something has just changed.

        Args:
            key: What it is about.
            what: Something that `marshal` takes, and not None.
            follows_from: Files and folders, relative to the repository; also those that are not there.
        """
        states = [(path, state_of(f"{self.root}/{path}")) for path in follows_from]
        if all(state is None or max(state[:2]) < self._began - RACY for _, state in states):
            self._current[key] = states, what

    def keep(self) -> None:
        """Keep what is noted for the next time, if it is not what was kept before."""
        if self.used < len(self._current) or len(self._current) < len(self._known):
            self._kept.save(self._current)


def state_of(path: str) -> State | None:
    """What changes when a file or folder does; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_mode
