"""Where pytest is told which folders hold tests, and which belong on the import path.

The first file counts that configures pytest, and no other. Source: the pytest documentation, "Configuration", and its
``_pytest.config.findpaths``.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
from typing import TYPE_CHECKING, Any

from fumehood.errors import FumehoodError
from fumehood.outside import toml_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OWN = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
"""Files that configure pytest and nothing else, and so count even where they are empty."""

_SHARED = {"tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def folders(root: Path, project: Mapping[str, Any], option: str) -> tuple[str, ...]:
    """The paths that an option of pytest names, relative to the repository; none where nothing is said.

    Args:
        root: The repository.
        project: What its pyproject.toml holds.
        option: ``testpaths`` or ``pythonpath``.
    """
    value = _configured(root, project).get(option, ())
    with contextlib.suppress(ValueError):  # A quote that is never closed; pytest does not start either.
        named = _words(value) if isinstance(value, str) else value
        return tuple(posixpath.normpath(str(path)) for path in named) if isinstance(named, list) else ()
    return ()


def _words(text: str) -> list[str]:
    import shlex  # noqa: PLC0415 - few repositories need it

    return shlex.split(text)


def _configured(root: Path, project: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in OWN:
        if os.path.isfile(root / name):
            return _of_toml(root, name) if name.endswith(".toml") else _of_section(root, name, "pytest") or {}
    if table := toml_file.table_at(project, "tool", "pytest"):
        return toml_file.table_at(table, "ini_options") if table.keys() == {"ini_options"} else table
    found = (_of_section(root, name, section) for name, section in _SHARED.items() if os.path.isfile(root / name))
    return next(filter(None, found), {})


def _of_toml(root: Path, name: str) -> Mapping[str, Any]:
    with contextlib.suppress(FumehoodError):
        return toml_file.table_at(toml_file.load(root / name, name=name).data, "pytest")
    return {}


def _of_section(root: Path, name: str, section: str) -> Mapping[str, Any]:
    from fumehood.reading import setup_script  # noqa: PLC0415 - few repositories have such a file

    said = setup_script.configuration(root / name)
    return dict(said[section]) if section in said else {}
