"""Which environments on this machine use which layers, so that `gc` can tell what nobody needs.

The cache has a symbolic link to each environment that was made with it: one call makes it, and never half of it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.environments import state
from fumehood.environments.replace import aside
from fumehood.model.digest import sha256
from fumehood.outside.files import disk_errors, entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.environments.state import EnvironmentState


_FOLDER = "environments"


def add(cache: Path, environment: Path) -> None:
    """Remember an environment, if it is not remembered yet.

    Raises:
        WorldError: The disk refused.
    """
    path = os.path.abspath(environment)
    folder = f"{cache}/{_FOLDER}"
    note = f"{folder}/{sha256(os.fsencode(path)).hexdigest()[:32]}"
    with disk_errors(f"writing {note}"), contextlib.suppress(FileExistsError):
        try:
            os.symlink(path, note)
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
            os.symlink(path, note)


def environments(cache: Path) -> list[tuple[Path, EnvironmentState]]:
    """Every remembered environment that is whole, by path; the notes of those that are gone are removed."""
    return sorted(_whole(cache), key=lambda one: one[0])


def _whole(cache: Path) -> Iterator[tuple[Path, EnvironmentState]]:
    for note in entries(cache / _FOLDER, ""):
        try:
            path = Path(os.readlink(note))
        except OSError:  # somebody else has removed it, or it is none
            continue
        found = state.read(path)
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
