"""What an environment remembers of how it was made: enough to decide in milliseconds whether it still is right."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping  # noqa: TC003 - msgspec looks it up when it reads a state
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.outside.files import digest_file, read_json, to_json, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STATE = "fumehood.json"
PTH = "_fumehood.pth"
"""The file in site-packages that says what is on the import path."""
SCHEMA = 1


class FileState(Struct, frozen=True, kw_only=True):
    """A file as it was: by time and size at a glance, by digest in doubt. All None for a file that was not there."""

    mtime_ns: int | None = None
    size: int | None = None
    digest: str | None = None


class EnvironmentState(Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """The contents of ``fumehood.json`` in an environment; written last, so an environment without it is not whole.

    Attributes:
        key: Digest of everything that decides about the environment and is not in a file.
        digest: Digest of the plan.
        files: Every file that decides about the environment, relative to the repository.
        own: The files in it that decide what it imports, relative to it.
        layers: Digests of the layers and the view that it stacks.
        cache: The cache that these are in.
        plugin: The folder of fumehood's pytest plugin.
        layout: ``stacked`` or ``flat``.
        why_flat: Why it is flat.
        versions: What is installed, by name.
        changes: How the delta changes core's pins, one line each.
        reason: Why it was built.
        unlocked: Whether a committed lock was passed over, because it was not current.
        lines: Digest of the requirement lines where variables stand in them, so that the files do not tell; else empty.
    """

    key: str
    digest: str
    root: str
    session: str
    interpreter: str
    layout: str
    why_flat: str | None
    layers: tuple[str, ...]
    cache: str
    plugin: str
    versions: Mapping[str, str]
    changes: tuple[str, ...]
    files: Mapping[str, FileState]
    own: Mapping[str, FileState]
    reason: str
    unlocked: bool = False
    lines: str = ""


def read(environment: Path) -> EnvironmentState | None:
    """The state of an environment; None where there is no whole environment of this format."""
    return read_json(environment / STATE, EnvironmentState)


def write(environment: Path, state: EnvironmentState) -> None:
    """Write the state of an environment, which makes it whole."""
    # Not forced to the disk, where it would then be before the files that it vouches for.
    write_whole(environment / STATE, to_json(state) + "\n", durable=False)


def look_at(root: Path, paths: Iterable[str]) -> dict[str, FileState]:
    """The present state of files of a repository, or of an environment."""
    return {path: _look(f"{root}/{path}") for path in sorted(set(paths))}


def _look(path: str) -> FileState:
    try:
        status = os.stat(path)
    except OSError:
        return FileState()
    digest = _digest(path, status.st_mtime_ns, status.st_size)
    return FileState(mtime_ns=status.st_mtime_ns, size=status.st_size, digest=digest)


@functools.lru_cache(maxsize=1024)
def _digest(path: str, mtime_ns: int, size: int) -> str | None:  # noqa: ARG001 - another time or size, another answer
    """The digest of a file, found once as long as it looks the same: environments have most of theirs in common."""
    return digest_file(path)


def changed_file(root: Path, files: Mapping[str, FileState]) -> str | None:
    """The first file that is no longer as it was; None when all are. Reads only those whose time or size differ."""
    for path, before in files.items():
        try:
            status = os.stat(f"{root}/{path}")
        except OSError:
            if before.size is not None:
                return path
            continue
        if (status.st_mtime_ns, status.st_size) == (before.mtime_ns, before.size):
            continue
        if before.digest is None or digest_file(f"{root}/{path}") != before.digest:
            return path
    return None


def difference(before: EnvironmentState, versions: Mapping[str, str]) -> str:
    """What changes in the installed versions, in one line; empty when nothing does."""
    names = sorted(set(before.versions) | set(versions))
    parts = [
        f"{name} {before.versions.get(name, '(new)')} → {versions.get(name, '(gone)')}"
        for name in names
        if before.versions.get(name) != versions.get(name)
    ]
    shown = ", ".join(parts[:3])
    return shown if len(parts) <= 3 else f"{shown} and {len(parts) - 3} more"  # noqa: PLR2004 - a line holds three
