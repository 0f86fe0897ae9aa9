"""What ``[tool.uv.pip]`` and ``uv.toml`` may not say here: no option takes it back, and uv heeds it in every call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import ConfigurationError, FumehoodError
from fumehood.outside import toml_file
from fumehood.outside.toml_file import table_at
from fumehood.outside.uv_arguments import is_on
from fumehood.settings import PYPROJECT, UV_TOML

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BY_HAND_ONLY = ("extra", "group", "no-emit-package", "prefix", "python-platform", "python-version", "target")


def misplaced(root: Path, environ: Mapping[str, str]) -> Iterator[ConfigurationError]:
    """Complaints about what would change which packages locks have, or what is installed, and where.

    There are none where a variable keeps uv from reading these files.
    """
    if is_on(environ.get("UV_NO_CONFIG", "")):
        return
    yield from _misplaced(root, UV_TOML, "pip")
    yield from _misplaced(root, PYPROJECT, "tool", "uv", "pip")


def _misplaced(root: Path, name: str, *keys: str) -> Iterator[ConfigurationError]:
    try:
        file = toml_file.load(root / name, name=name)
    except FumehoodError:
        return
    for key in _BY_HAND_ONLY:
        if table_at(file.data, *keys).get(key):
            what = f"[{'.'.join(keys)}] {key} would decide about every lock and environment"
            yield ConfigurationError(what, place=file.place(*keys, key), remedy=f"give --{key} to `uv pip` instead")
