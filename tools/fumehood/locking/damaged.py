"""A file that uv fails at because it is damaged, in a folder of packages on this machine.

uv takes it for one that no line may have, and says so as often as it is asked, as it does of a conflict.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from fumehood.outside.archives import is_damaged
from fumehood.outside.uv_arguments import index_variables
from fumehood.reading.local_project import location

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fumehood.model.index_options import IndexOptions
    from fumehood.outside.uv import Uv


def damaged_file(uv: Uv, options: IndexOptions, *, text: str) -> Path | None:
    """The first damaged file that may be what uv speaks of; its text is no more than a hint which ones to read.

    Args:
        uv: It knows the repository, and further folders that its environment names.
        options: Where packages come from.
        text: uv's explanation of a failure.
    """
    for folder in _folders(uv, options):
        for file in sorted(os.listdir(folder)):
            name, version = _what(file)
            if name and name in text and version in text and is_damaged(folder / file):
                return folder / file
    return None


def _folders(uv: Uv, options: IndexOptions) -> Iterator[Path]:
    """Folders on this machine that packages are looked for in."""
    for link in {**uv.environ, **index_variables(options)}.get("UV_FIND_LINKS", "").split(","):
        folder = location(uv.cwd, link)
        if link and folder.is_dir():
            yield folder


def _what(file: str) -> tuple[str, str]:
    """The package and version that a file's name says; empty for any other file."""
    try:
        name, version = parse_wheel_filename(file)[:2] if file.endswith(".whl") else parse_sdist_filename(file)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return "", ""
    return name, str(version)
