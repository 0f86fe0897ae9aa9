"""``[tool.uv]`` of ``pyproject.toml`` and ``uv.toml``, as far as they decide what a lock holds.

Source: uv's reference, "Settings". What is wrong in these files uv says itself when it resolves.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from fumehood.errors import FumehoodError, raise_all
from fumehood.model.uv_settings import UvSettings
from fumehood.outside import toml_file
from fumehood.outside.toml_file import table_at
from fumehood.outside.uv_arguments import is_on
from fumehood.reading.uv_by_hand import misplaced
from fumehood.settings import PYPROJECT, UV_TOML

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_OVERRIDES = ("override-dependencies", "exclude-dependencies")
_DECIDING = (
    *_OVERRIDES,
    "constraint-dependencies",
    "dependency-metadata",
    "environments",
    "exclude-newer",
    "exclude-newer-package",
    "fork-strategy",
    "index-strategy",
    "no-binary",
    "no-binary-package",
    "no-build",
    "no-build-package",
    "only-binary",
    "prerelease",
    "required-environments",
    "resolution",
)


def read(root: Path, environ: Mapping[str, str]) -> UvSettings:
    """What uv is configured to in a repository; nothing where a variable keeps it from reading that.

    Raises:
        FumehoodError: It is told what is right for one call by hand only: all of it at once.
    """
    if is_on(environ.get("UV_NO_CONFIG", "")):
        return UvSettings()
    raise_all(list(misplaced(root, environ)))
    tables = [table for table in (_table(root, UV_TOML), _table(root, PYPROJECT, "tool", "uv")) if table]
    parts = [{key: part[key] for key in _DECIDING if key in part} for table in tables for part in _with_pip(table)]
    said = [part for part in parts if part]
    if not said:
        return UvSettings()
    text = json.dumps(said, sort_keys=True, default=str)
    return UvSettings(
        digest=f"uv {hashlib.sha256(text.encode()).hexdigest()}",
        environments=tuple(marker for table in said for marker in _markers(table)),
        overridden=frozenset(canonicalize_name(line.name) for table in said for line in _overrides(table)),
    )


def _table(root: Path, name: str, *keys: str) -> Mapping[str, Any]:
    try:
        return table_at(toml_file.load(root / name, name=name).data, *keys)
    except FumehoodError:
        return {}


def _with_pip(table: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The table, and the part of it that is for uv's pip interface alone."""
    return table, table_at(table, "pip")


def _markers(table: Mapping[str, Any]) -> Iterator[str]:
    for text in _strings(table, "environments"):
        try:
            yield str(Marker(text))
        except InvalidMarker:
            continue


def _overrides(table: Mapping[str, Any]) -> Iterator[Requirement]:
    for key in _OVERRIDES:
        for text in _strings(table, key):
            try:
                yield Requirement(text)
            except InvalidRequirement:
                continue


def _strings(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key)
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]
