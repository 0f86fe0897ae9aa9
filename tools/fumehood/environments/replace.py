"""Putting a new environment in the place of the one before, which comes back if anything goes wrong."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fumehood.environments.lease import Lease, held
from fumehood.environments.state import STATE
from fumehood.errors import ConfigurationError, Place
from fumehood.outside.files import PREFIX_LOCK, entries, remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def aside(environment: Path) -> list[Path]:
    """Where an environment is while the next one is made; several only after crashes."""
    return entries(environment.parent, _previous(environment).name)


def sweep(environment: Path) -> None:
    """Remove what a run has left of the environment before that was killed while it did so; a lease is held on it."""
    remove_tree(_previous(environment))


def _previous(environment: Path) -> Path:
    return environment.with_name(f".{environment.name}.previous")


@contextlib.contextmanager
def replacing(environment: Path) -> Iterator[None]:
    """Move an environment aside for a block of code that makes the next one, and back if the block fails.

    Raises:
        ConfigurationError: Something stands in its place that is no environment; it is not touched.
        OSError: The disk refused.
    """
    for leftover in aside(environment):
        remove_tree(leftover)
    previous = _previous(environment)
    if os.path.lexists(previous):  # it resists
        previous = previous.with_name(f"{previous.name}-{os.getpid()}")
    existed = os.path.lexists(environment)
    if existed:
        _check_replaceable(environment)
        _wait_for_uv(environment)
        environment.rename(previous)
    else:
        environment.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        remove_tree(environment)
        if existed:
            previous.rename(environment)
        raise
    if existed:
        remove_tree(previous)


def _wait_for_uv(environment: Path) -> None:
    """Wait for a uv that outlived the run that started it: it would go on installing at this very path."""
    lock = environment / PREFIX_LOCK
    if lock.is_file():
        with held(Lease(lock, lambda _: None), exclusive=True):
            pass


def _check_replaceable(environment: Path) -> None:
    # One of fumehood's own may have lost anything but its notes, as where somebody began to remove it.
    is_own = (environment / STATE).exists()
    is_environment = is_own or (environment / "pyvenv.cfg").exists() or (environment / "conda-meta").is_dir()
    if environment.is_symlink() or (not is_environment and not environment.is_dir()):
        what = "a symbolic link" if environment.is_symlink() else "a file"
    elif not is_environment and any(entry.name != "tmp" for entry in environment.iterdir()):
        what = "a folder that is no virtual environment"
    else:
        return
    raise ConfigurationError(
        f"{what} stands where the environment should be",
        place=Place(str(environment)),
        remedy="move it away, or choose another place with --envdir",
    )
