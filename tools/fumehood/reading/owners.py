"""Where a repository says who owns what."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.reading.codeowners import CodeOwners

LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")


def read(root: Path) -> CodeOwners | None:
    """The repository's CODEOWNERS, from the first place that has one; None where there is none that can be read."""
    for location in LOCATIONS:
        try:
            text = (root / location).read_text(encoding="utf-8-sig", errors="surrogateescape")
        except OSError:
            continue
        from fumehood.reading import codeowners  # noqa: PLC0415 - many repositories have none

        return codeowners.parse(text, path=location)
    return None


def is_there(root: Path) -> bool:
    """Whether there is a CODEOWNERS in one of its places, whatever it is."""
    return any(os.path.lexists(root / location) for location in LOCATIONS)


def usual_location(root: Path) -> str:
    """Where a repository that has no CODEOWNERS would have one: with the forge's other files, else where all look."""
    if (root / ".github").is_dir():
        return ".github/CODEOWNERS"
    is_gitlab = (root / ".gitlab").is_dir() or (root / ".gitlab-ci.yml").exists()
    return ".gitlab/CODEOWNERS" if is_gitlab else "CODEOWNERS"
