"""Where experiments are in a repository, and how the code of one is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.repository import fixed_part

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.repository import Repository


def roots(repository: Repository) -> tuple[str, ...]:
    """The folders that experiments are in, in the order of the settings; no folder that is an experiment itself."""
    taken = {experiment.path for experiment in repository.experiments} | {broken.path for broken in repository.broken}
    found = [fixed_part(pattern) for pattern in repository.settings.experiments]
    return tuple(root for root in found if root not in taken)


def root_of(repository: Repository, path: str) -> str:
    """The nearest of these that a folder is in; the folder above it where it is in none."""
    around = [root for root in roots(repository) if path.startswith(f"{root}/")]
    return max(around, key=len, default=path.rpartition("/")[0])


def dotted(root: Path, path: str) -> str:
    """How a folder is imported where the folder above it is a package; empty where it is none."""
    above, _, name = path.rpartition("/")
    parts = [name]
    while above and (root / above / "__init__.py").exists():
        above, _, name = above.rpartition("/")
        parts.insert(0, name)
    return ".".join(parts) if len(parts) > 1 else ""
