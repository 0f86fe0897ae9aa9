"""Folders in the middle of a repository that are nobody's but fumehood's, and that git does not see."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.outside.files import disk_errors, entries, remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = ".fumehood-"
_INNER = "it"


@contextlib.contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """An empty folder on the file system of its parent, removed in the end with all that is still in it.

    Its name begins with a dot, so that it is taken for no experiment, and git ignores it with all that it holds: a kill
    leaves nothing that could be committed.

    Args:
        parent: An existing folder.

    Raises:
        WorldError: The disk refused.
    """
    with disk_errors(f"making a folder in {parent}"):
        outer, descriptor = _held(parent)
    try:
        with disk_errors(f"writing to {outer}"):
            (outer / ".gitignore").write_text("*\n", encoding="utf-8")
            inner = outer / _INNER
            inner.mkdir()
        yield inner
    finally:
        _remove(outer)
        os.close(descriptor)


def sweep(parent: Path) -> None:
    """Remove the private folders whose process was killed; those of one that is at work are locked."""
    for leftover in entries(parent, _PREFIX):
        with contextlib.suppress(OSError):  # It is at work, or somebody else removes the folder.
            descriptor = os.open(leftover, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(leftover)
            finally:
                os.close(descriptor)


def _remove(outer: Path) -> None:
    """What keeps git from seeing the rest goes last."""
    remove_tree(outer / _INNER)
    remove_tree(outer)


def _held(parent: Path) -> tuple[Path, int]:
    """A new folder with its lock, which the kernel gives back however this process ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with contextlib.suppress(FileNotFoundError):  # Somebody swept before it was locked.
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            with contextlib.suppress(OSError):  # Without working locks nobody can sweep either.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)
