"""Distributions that extend fumehood, as if they were installed: a folder for the import path."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from fumehood.environments import source_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.project import Project


def offer(folder: Path, files: Mapping[str, str]) -> None:
    """Write modules, and the metadata that installing their ``pyproject.toml`` would leave, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if name != "pyproject.toml":
            (folder / name).write_text(text, encoding="utf-8")
    described = tomllib.loads(files["pyproject.toml"])["project"]
    source_metadata.write(folder, source_metadata.describe(described, location=folder))


def install(project: Project, files: Mapping[str, str]) -> None:
    """Offer a distribution to every process that the project starts from now on."""
    folder = project.root.parent / "extensions"
    offer(folder, files)
    paths = [part for part in project.env.get("PYTHONPATH", "").split(":") if part]
    project.env["PYTHONPATH"] = ":".join(dict.fromkeys([str(folder), *paths]))


def pyproject(name: str, group: str, entry: str) -> str:
    """The least that a distribution with one entry point has to say: ``entry`` is ``name = "module:attribute"``."""
    return f'[project]\nname = "{name}"\nversion = "1.0"\n\n[project.entry-points."{group}"]\n{entry}\n'
