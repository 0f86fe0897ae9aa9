"""Metadata for projects that are imported from source: what an editable install would record, without a build.

Core, and an experiment with its own pyproject.toml, can then be asked for by ``importlib.metadata``, and their entry
points and commands work. Only what ``[project]`` says statically is known; a version that the build backend would
compute is recorded as ``0+dynamic``. Source: the packaging specifications for pyproject.toml and installed projects.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from fumehood.errors import ConfigurationError, Place
from fumehood.outside import toml_file
from fumehood.outside.files import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DYNAMIC_VERSION = "0+dynamic"
_NORMAL_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_NORMAL_VERSION = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))*|0\+dynamic", re.ASCII)


class SourceProject(Struct, frozen=True, kw_only=True):
    """A project that is imported from its source folder.

    Attributes:
        files: The files of its ``.dist-info``, by name.
        commands: Its console and GUI scripts.
    """

    name: str
    version: str
    files: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]

    @property
    def folder(self) -> str:
        """The name of its ``.dist-info`` folder."""
        return f"{self.name.replace('-', '_')}-{self.version}.dist-info"


def read(root: Path, pyproject: str) -> SourceProject | None:
    """The project that a pyproject.toml describes; None where it describes none.

    Args:
        root: The repository.
        pyproject: Path of the file in it.

    Raises:
        ConfigurationError: The file is no TOML, or its name or version is none that a project can have.
    """
    path = root / pyproject
    if not path.is_file():
        return None
    project = toml_file.load(path, name=pyproject).data.get("project")
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        return None
    try:
        return describe(project, location=path.parent)
    except ValueError as error:
        raise ConfigurationError(
            f"[project]: {error}", place=Place(pyproject), remedy="give the project a valid name and version"
        ) from error


def describe(project: Mapping[str, Any], *, location: Path) -> SourceProject:
    """What an editable install of a ``[project]`` table would record.

    Raises:
        ValueError: It has no project's name, or no version.
    """
    name, version = _normal(project["name"], str(project.get("version", DYNAMIC_VERSION)))
    metadata = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {version}"]
    if isinstance(project.get("requires-python"), str):
        metadata.append(f"Requires-Python: {project['requires-python']}")
    metadata += [f"Requires-Dist: {line}" for line in _strings(project.get("dependencies"))]
    groups = dict(_entry_points(project))
    origin = {"url": location.absolute().as_uri(), "dir_info": {"editable": True}}
    files = {
        "METADATA": "\n".join([*metadata, ""]),
        "INSTALLER": "fumehood\n",
        "direct_url.json": to_json(origin),
        "entry_points.txt": "".join(_section(group, entries) for group, entries in sorted(groups.items())),
    }
    commands = [*groups.get("console_scripts", {}).items(), *groups.get("gui_scripts", {}).items()]
    return SourceProject(
        name=name, version=version, files=tuple(sorted(files.items())), commands=tuple(sorted(commands))
    )


def _normal(name: str, version: str) -> tuple[str, str]:
    """Name and version in their normal form, in which most projects have them."""
    if _NORMAL_NAME.fullmatch(name) and _NORMAL_VERSION.fullmatch(version):
        return name, version
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - see above
    from packaging.version import Version  # noqa: PLC0415 - as above

    return canonicalize_name(name, validate=True), str(Version(version))


def _section(group: str, entries: Mapping[str, str]) -> str:
    lines = [f"[{group}]", *(f"{name} = {target}" for name, target in sorted(entries.items())), "", ""]
    return "\n".join(lines)


def _entry_points(project: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    for key, group in (("scripts", "console_scripts"), ("gui-scripts", "gui_scripts")):
        if isinstance(project.get(key), dict):
            yield group, _named(project[key])
    declared = project.get("entry-points")
    for group, entries in declared.items() if isinstance(declared, dict) else ():
        if isinstance(entries, dict):
            yield str(group), _named(entries)


def _named(entries: Mapping[str, object]) -> dict[str, str]:
    return {name: target for name, target in entries.items() if isinstance(target, str)}


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def write(site_packages: Path, project: SourceProject) -> None:
    """Write the ``.dist-info`` of a source project into an environment's own site-packages."""
    folder = site_packages / project.folder
    folder.mkdir(parents=True)
    record = [f"{project.folder}/{name},," for name, _ in project.files]
    for name, text in project.files:
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "RECORD").write_text("\n".join([*record, f"{project.folder}/RECORD,,", ""]), encoding="utf-8")
