"""Folders that look like a place for experiments and that no setting names: for who runs fumehood the first time."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "experiments"
_DEPTH = 3
"""Folders above it, below the top one, at most: packages and their parts."""
_OF_TOOLS = frozenset({"build", "dist", "node_modules", "site-packages", "venv"})


def unnamed_places(root: Path) -> tuple[str, ...]:
    """The folders called ``experiments`` below a repository's top one that hold folders, sorted."""
    patterns = ("*/" * depth + _NAME for depth in range(1, _DEPTH + 1))
    found = (path for pattern in patterns for path in glob.glob(pattern, root_dir=root))
    return tuple(
        sorted(path for path in found if not _OF_TOOLS & {*path.split(os.sep)} and _holds_folders(root / path))
    )


def _holds_folders(folder: Path) -> bool:
    try:
        return any(entry.is_dir() and not entry.name.startswith((".", "__")) for entry in os.scandir(folder))
    except OSError:
        return False
