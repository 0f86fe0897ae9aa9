"""Requirement files that are written for a test, and what was read in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.reading import requirements_txt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fumehood.model.requirement import RequirementSet


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files into a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def read(root: Path, content: str | bytes, environ: Mapping[str, str] | None = None) -> RequirementSet:
    """What a requirements.txt with this content says."""
    write(root, {"requirements.txt": content})
    return requirements_txt.read(root / "requirements.txt", root=root, environ=environ or {})


def lines(found: RequirementSet) -> list[tuple[str, str]]:
    """Place and text of each requirement."""
    return [(str(requirement.place), requirement.text) for requirement in found.requirements]
