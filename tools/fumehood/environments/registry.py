"""Which environments on this machine use which layers, so that `gc` can tell what nobody needs.

The cache has one small file for each environment that was made with it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.environments import state
from fumehood.environments.replace import aside
from fumehood.model.digest import sha256
from fumehood.outside.files import entries, read_json, to_json, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.environments.state import EnvironmentState


_FOLDER = "environments"


class _Note(Struct, frozen=True):
    """What is kept of an environment: where it is."""

    path: Path


def add(cache: Path, environment: Path) -> None:
    """Remember an environment, if it is not remembered yet."""
    path = os.path.abspath(environment)
    note = cache / _FOLDER / f"{sha256(path.encode()).hexdigest()[:32]}.json"
    if not note.exists():
        write_whole(note, to_json(_Note(Path(path))) + "\n", durable=False)


def environments(cache: Path) -> list[tuple[Path, EnvironmentState]]:
    """Every remembered environment that is whole, by path; the notes of those that are gone are removed."""
    return sorted(_whole(cache), key=lambda one: one[0])


def _whole(cache: Path) -> Iterator[tuple[Path, EnvironmentState]]:
    for note in entries(cache / _FOLDER, ""):
        kept = read_json(note, _Note)
        if kept is None:
            continue
        path, found = kept.path, state.read(kept.path)
        if found is not None:
            yield path, found
        elif _is_gone(path) and not aside(path):  # else it is being made anew
            with contextlib.suppress(OSError):
                note.unlink()


def _is_gone(path: Path) -> bool:
    """Whether there is nothing; of what is in a folder that is closed to this user that cannot be said."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
