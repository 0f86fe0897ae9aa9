"""The entry points that a project offers to installers and plugins, wherever they are written down.

They stand in ``[project]``, or in tables of Poetry or flit; in repositories from before that, and where it says that
they are ``dynamic``, in ``setup.cfg``, or written out in ``setup.py``, which counts only where ``setup.cfg`` says
nothing about them. What a ``setup.py`` computes is not known. Source: the packaging specifications for pyproject.toml
and entry points; the documentation of Poetry and flit, "pyproject.toml"; the
setuptools documentation, "Entry Points" and "Configuring setuptools using setup.cfg files".
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import os
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.errors import FumehoodError, Place
from fumehood.model.experiment import SETUP_SCRIPTS
from fumehood.outside import toml_file
from fumehood.reading import text_file
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

COMMANDS = ("console_scripts", "gui_scripts")
"""The groups that installers make commands of."""

_TABLES = {
    ("project", "scripts"): COMMANDS[0],
    ("project", "gui-scripts"): COMMANDS[1],
    ("tool", "poetry", "scripts"): COMMANDS[0],
    ("tool", "flit", "scripts"): COMMANDS[0],
}
_GROUPS = (("project", "entry-points"), ("tool", "poetry", "plugins"), ("tool", "flit", "entrypoints"))
_DYNAMIC = frozenset({"entry-points", "scripts", "gui-scripts"})
_CONFIGURATION, _SCRIPT = SETUP_SCRIPTS
_SECTION = "options.entry_points"
_KEYWORD = "entry_points"


class EntryPoint(Struct, frozen=True, kw_only=True):
    """One name that a project offers.

    Attributes:
        value: As it is written: ``module:attribute [extra]``.
    """

    group: str
    name: str
    value: str
    place: Place

    @property
    def module(self) -> str:
        """The module that it is in."""
        return self.value.partition(":")[0].partition("[")[0].strip()


def read(root: Path, folder: str = "") -> tuple[EntryPoint, ...]:
    """The entry points of a project; files that are wrong have none.

    Args:
        root: The repository.
        folder: Of the project, with a ``/`` at its end; empty for core.
    """
    beginning = f"{root}/{folder}"
    if not any(os.path.exists(f"{beginning}{name}") for name in (PYPROJECT, *SETUP_SCRIPTS)):
        return ()  # Most experiments have none of them, and need no more than this look.
    project = _project(root, f"{folder}{PYPROJECT}")
    if project is not None:
        table, found = project
        dynamic = table.get("dynamic")
        if not isinstance(dynamic, list) or not _DYNAMIC.intersection(map(str, dynamic)):
            return found
    else:
        found = ()
    with contextlib.suppress(FumehoodError, SyntaxError, ValueError, RecursionError):
        configured = tuple(_of_configuration(root, folder))
        return (*found, *(configured or _of_script(root, f"{folder}{_SCRIPT}")))
    return found


def _project(root: Path, name: str) -> tuple[Mapping[str, object], tuple[EntryPoint, ...]] | None:
    """``[project]``, and what it and the tables of build backends offer; None where there is none of them."""
    if not os.path.exists(root / name):
        return None
    try:
        file = toml_file.load(root / name, name=name)
    except FumehoodError:
        return {}, ()
    project = toml_file.table_at(file.data, "project")
    found = tuple(
        EntryPoint(group=group, name=key, value=_reference(value), place=file.place(*keys, key))
        for keys, group in _places(file.data)
        for key, value in toml_file.table_at(file.data, *keys).items()
    )
    return (project, found) if project or found else None


def _places(data: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The tables that may offer entry points, each with the group that it is about."""
    for keys, group in _TABLES.items():
        yield keys, group
    for keys in _GROUPS:
        yield from (((*keys, group), group) for group in toml_file.table_at(data, *keys))


def _reference(value: object) -> str:
    """What is offered: a text, or in Poetry a table that has it."""
    table = value if isinstance(value, dict) else {}
    return str(table.get("reference") or table.get("callable") or value)


def _of_configuration(root: Path, folder: str) -> Iterator[EntryPoint]:
    """What a ``setup.cfg`` has in its own section, or in files that it names."""
    name = f"{folder}{_CONFIGURATION}"
    if not os.path.exists(root / name):
        return
    from fumehood.reading import setup_script  # noqa: PLC0415 - installed projects have no such file

    said = setup_script.configuration(root / name)
    elsewhere = said.get("options", _KEYWORD, fallback="")
    for file in elsewhere.removeprefix("file:").split(",") if elsewhere.startswith("file:") else ():
        path = f"{folder}{file.strip()}"
        yield from of_text(enumerate(text_file.read(root / path, name=path).splitlines(), 1), path)
    if said.has_section(_SECTION):
        lines = text_file.read(root / name, name=name).splitlines()
        header = next((number for number, line in enumerate(lines, 1) if line.strip() == f"[{_SECTION}]"), 1)
        for group, value in said.items(_SECTION):
            start = next((number for number, line in enumerate(lines[header:], header + 1) if group in line), header)
            for text, line in setup_script.numbered(value.split("\n"), lines, start):
                yield from _entry(group, text, Place(name, line))


def _of_script(root: Path, name: str) -> Iterator[EntryPoint]:
    """What a ``setup.py`` has written out: lists or text by group, or one text with the groups in brackets."""
    if not os.path.exists(root / name):
        return
    from fumehood.reading import setup_script  # noqa: PLC0415 - as above

    tree = ast.parse(text_file.read(root / name, name=name))
    call = setup_script.call_of_setup(tree)
    given = next((keyword.value for keyword in call.keywords if keyword.arg == _KEYWORD), None) if call else None
    match setup_script.meant(tree, given) if given else None:
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                items = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
                for line, text in itertools.chain.from_iterable(map(_lines, items)):
                    if isinstance(key, ast.Constant):
                        yield from _entry(str(key.value), text, Place(name, line))
        case ast.Constant() as value:
            yield from of_text(_lines(value), name)


def _lines(value: ast.expr) -> Iterator[tuple[int, str]]:
    """The lines of a literal string, each with where it stands."""
    match value:
        case ast.Constant(value=str(text)):
            for number, line in enumerate(text.splitlines(), value.lineno):
                yield min(number, value.end_lineno or number), line


def of_text(lines: Iterable[tuple[int, str]], name: str) -> Iterator[EntryPoint]:
    """What a text says that is written like the ``entry_points.txt`` of an installed project."""
    group = ""
    for number, line in lines:
        text = line.strip()
        if text.startswith("["):
            group = text.strip("[] \t")
        else:
            yield from _entry(group, text, Place(name, number))


def _entry(group: str, text: str, place: Place) -> Iterator[EntryPoint]:
    """The entry point in a line, unless that is empty or a comment."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if equals and not name.startswith(("#", ";")):
        yield EntryPoint(group=group, name=name, value=value, place=place)
