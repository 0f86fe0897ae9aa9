"""What an installation prefix holds, read from the RECORD and metadata of its distributions.

Sources: "Recording installed projects" and "Entry points specification" of the Python packaging specifications.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName

MODULE_SUFFIXES = (".py", ".so", ".pyd", ".pyc")
NATIVE_SUFFIXES = (".so", ".dylib", ".pyd", ".dll")
RECORD = "RECORD"
_UNUSUAL = re.compile(r"(?:^|/)\.{0,2}(?:/|$)").search
"""Finds what keeps a path from being in its normal form."""


class RecordedFile(Struct, frozen=True, kw_only=True):
    """A line of RECORD, its path relative to the prefix."""

    path: str
    digest: str
    size: int | None


class InstalledDistribution(Struct, frozen=True, kw_only=True):
    """One installed distribution.

    Attributes:
        name: The normalised name.
        folder: Its ``.dist-info``, relative to the prefix.
        requires: Its ``Requires-Dist`` lines.
        files: Everything its RECORD names.
        commands: Its console and GUI scripts, ``(name, "module:attribute")``.
    """

    name: NormalizedName
    version: str
    folder: str
    requires: tuple[str, ...]
    files: tuple[RecordedFile, ...]
    commands: tuple[tuple[str, str], ...]


def distributions(prefix: Path, site_packages: str) -> Iterator[InstalledDistribution]:
    """Every distribution installed below a prefix, in the order of their folders' names.

    Pythons of Fedora and its kin have compiled ones of an environment in ``lib64``.

    Raises:
        OSError: The metadata of one is missing.
    """
    for place in (site_packages, f"lib64{site_packages.removeprefix('lib')}"):
        for folder in sorted((prefix / place).glob("*.dist-info")):
            yield _distribution(prefix, f"{place}/{folder.name}")


def load_readers() -> None:
    """Load the modules with which distributions are read, which nothing needs that finds its layers there."""
    import csv  # noqa: F401, PLC0415

    from fumehood.reading import entry_points  # noqa: F401, PLC0415


def _distribution(prefix: Path, folder: str) -> InstalledDistribution:
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - only a layer that is new or verified is read

    fields = tuple(_fields((prefix / folder / "METADATA").read_text(encoding="utf-8", errors="replace")))
    first = dict(reversed(fields))
    return InstalledDistribution(
        name=canonicalize_name(first.get("name", "")),
        version=first.get("version", ""),
        folder=folder,
        requires=tuple(value for name, value in fields if name == "requires-dist"),
        files=tuple(recorded(prefix, folder)),
        commands=tuple(_commands(prefix / folder)),
    )


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """The fields of a METADATA file, names in lower case, folded ones in one line.

    The standard library reads it as an e-mail, and loads all that e-mails can be, which takes longer than to install
    most distributions. Source: the core metadata specification.
    """
    for line in re.sub(r"\n[ \t]+", " ", text.partition("\n\n")[0]).split("\n"):
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()


def recorded(prefix: Path, folder: str) -> Iterator[RecordedFile]:
    """The lines of the RECORD in a ``.dist-info`` folder.

    Raises:
        OSError: There is none.
    """
    import csv  # noqa: PLC0415 - only a layer that is new or verified is read

    site_packages = os.path.dirname(folder)
    with (prefix / folder / RECORD).open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if not row:
                continue
            path, digest, size = (*row, "", "")[:3]
            inside = f"{site_packages}/{path}"
            if _UNUSUAL(path):
                inside = os.path.normpath(inside)
            if inside.endswith(".pyc"):  # some wheels bring bytecode, which the installation then compiles anew
                digest = size = ""
            yield RecordedFile(path=inside, digest=digest, size=int(size) if size.isdecimal() else None)


def _commands(folder: Path) -> Iterator[tuple[str, str]]:
    from fumehood.reading.entry_points import COMMANDS, of_text  # noqa: PLC0415 - only a new layer is read

    try:
        text = (folder / "entry_points.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    found = tuple(of_text(enumerate(text.splitlines(), 1), ""))
    for group in COMMANDS:
        yield from ((one.name, one.value.partition("[")[0].strip()) for one in found if one.group == group)


def damaged(prefix: Path, files: Iterable[RecordedFile]) -> Iterator[str]:
    """Of the files that a RECORD names, those that are missing or not of the size that it says."""
    for file in files:
        try:
            size = os.stat(f"{prefix}/{file.path}").st_size
        except OSError:
            yield file.path
            continue
        if file.size is not None and size != file.size:
            yield file.path


Tree = dict[str, Any]
"""What stands at the top of an import path, one entry for each name that an import could find.

``"package"`` (with an ``__init__``) and ``"module"`` are leaves; a folder without ``__init__`` may be a namespace
package, shared with other paths, so it is a tree again. Native libraries below it are marked by the key `NATIVE`.
"""

NATIVE = "/native"


def tree_of(files: Iterable[str]) -> Tree:
    """The import tree of files, their paths relative to a folder on the import path."""
    paths = [path.split("/") for path in files if not path.startswith("../")]
    packages = {tuple(parts[:-1]) for parts in paths if parts[-1].startswith("__init__.") and len(parts) > 1}
    tree: Tree = {}
    for parts in paths:
        if not parts[0].endswith((".dist-info", ".data", ".egg-info")):
            _plant(tree, parts, packages)
    return tree


def _plant(tree: Tree, parts: list[str], packages: set[tuple[str, ...]]) -> None:
    native = parts[-1].endswith(NATIVE_SUFFIXES) or ".so." in parts[-1]
    for depth, part in enumerate(parts[:-1], start=1):
        if part == "__pycache__":
            return
        if tuple(parts[:depth]) in packages:
            tree[part] = "package"
            return
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            return
        tree = below
        if native:
            tree[NATIVE] = True
    if parts[-1].endswith(MODULE_SUFFIXES):
        tree[parts[-1].partition(".")[0]] = "module"


def importable(tree: Mapping[str, Any]) -> bool:
    """Whether an import could find anything in a tree: a folder of data alone is in nobody's way."""
    return any(
        importable(below) if isinstance(below, dict) else below in {"package", "module"}
        for name, below in tree.items()
        if name != NATIVE
    )
