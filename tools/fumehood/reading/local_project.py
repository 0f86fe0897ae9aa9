"""What a folder or file on this machine that a requirement line names says of its own requirements.

A lock that was made with ``-e .`` or ``./libs/tool`` holds what that project asked for then. Only what decides about
that counts: a version number, a description or the settings of a linter change no lock.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from fumehood.errors import FumehoodError
from fumehood.model.experiment import SETUP_SCRIPTS
from fumehood.outside import toml_file
from fumehood.outside.files import digest_file
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD_FILES = (PYPROJECT, *SETUP_SCRIPTS)
"""The files in a project's folder that may decide about its metadata."""

_DECIDING = ("name", "requires-python", "dependencies", "optional-dependencies")


def location(root: Path, url: str) -> Path:
    """The folder or file that a local address without extras names, wherever the line stands: uv runs in the root."""
    place = url.partition("#")[0]
    return Path(unquote(urlsplit(place).path)) if place.startswith("file:") else root / place


def digest(path: Path) -> str:
    """A digest of what a local project requires: of a wheel or an archive its bytes, of a folder what it declares.

    Where only the build backend knows what it requires, every change of the files that tell the backend counts.
    """
    if not path.is_dir():
        return digest_file(path) or "missing"
    if (declared := _declared(path / PYPROJECT)) is not None:
        return hashlib.sha256(json.dumps(declared, sort_keys=True).encode()).hexdigest()
    return " ".join(digest_file(path / name) or "-" for name in BUILD_FILES)


def _declared(path: Path) -> Mapping[str, Any] | None:
    """The part of a ``[project]`` table that decides, if all of it is written out there."""
    try:
        project = toml_file.load(path, name=path.name).data.get("project")
    except FumehoodError:
        return None
    if not isinstance(project, dict) or {*_DECIDING} & {*project.get("dynamic", ())}:
        return None
    return {key: project[key] for key in _DECIDING if key in project}
