"""The requirements in a ``pyproject.toml``: ``[project]``, its extras, and the dependency groups of PEP 735."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.dependency_groups import CyclicDependencyGroup, DependencyGroupResolver
from packaging.utils import canonicalize_name

from fumehood.errors import ConfigurationError, FumehoodError, Place, raise_all
from fumehood.model.index_options import IndexOptions
from fumehood.model.requirement import RequirementSet
from fumehood.outside import toml_file
from fumehood.outside.toml_file import table_at
from fumehood.reading import requirement_line, requirements_txt, text_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from fumehood.model.requirement import Requirement

_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
    | (?P<string>
        \"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5}         # over several lines, up to two quotes before the end
        | "(?:\\.|[^"\\\n])*" | '[^'\n]*'
      )
    | (?P<header>^[ \t]*\[)
    | (?P<open>[\[{]) | (?P<close>[\]}])
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_KEY_FOLLOWS = re.compile(r"[ \t]*[=.]")


def read_project(
    path: Path, *, root: Path, groups: tuple[str, ...] = (), extras: tuple[str, ...] = ()
) -> RequirementSet:
    """Read the dependencies of a project, and those of the extras and dependency groups that are named.

    A file without ``[project]`` and ``[build-system]``, or a project without dependencies, has none. Where setuptools
    takes them from requirement files (``[tool.setuptools.dynamic]``), so does this. Where they are dynamic otherwise,
    or there is no ``[project]`` as with older Poetry, only the build backend knows them: then the project is one
    requirement on itself, editable, whose metadata uv has built when it resolves.

    Args:
        path: The ``pyproject.toml``.
        root: The repository, to which the files of places are relative.
        groups: Names of ``[dependency-groups]``, includes followed.
        extras: Names of ``[project.optional-dependencies]``; extras that name the project's own extras are followed.

    Raises:
        FumehoodError: Every mistake at once, each a `ConfigurationError` with file and line.
    """
    name = text_file.shown(path, root)
    try:
        file = toml_file.load(path, name=name)
        lines = tomllib.loads(lines_of_strings(file.text))
    except (ValueError, RecursionError) as error:
        # tomllib gives up on brackets nested in thousands, and on numbers of thousands of digits.
        said = "brackets are nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigurationError(f"not valid TOML: {said}", place=Place(name), remedy="correct the syntax") from None
    reading = _Reading(path=path, root=root, file=file, lines=lines)
    reading.read("dependencies")
    reading.read_groups(groups)
    reading.read_extras(extras)
    raise_all(reading.mistakes)
    return RequirementSet(requirements=tuple(reading.requirements), files=tuple(dict.fromkeys((name, *reading.files))))


def lines_of_strings(text: str) -> str:
    """The same TOML document with every string that is a value replaced by the number of the line it begins on.

    Parsed, it has the shape of the original, so the place of a string is found by the way to it, and two equal
    strings each have their own. Keys stay as they are.
    """
    parts: list[str] = []
    position, line, depth, in_header = 0, 1, 0, False
    for token in _TOKEN.finditer(text):
        line += text.count("\n", position, token.start())
        parts.append(text[position : token.start()])
        position = token.end()
        said = token[0]
        match token.lastgroup:
            case "header":
                in_header = depth == 0
                depth += 1
            case "open":
                depth += 1
            case "close":
                depth -= 1
                in_header = in_header and depth > 0
            case "string" if not in_header and not _KEY_FOLLOWS.match(text, position):
                parts.append(f"{line}")
                line += said.count("\n")
                continue
        line += said.count("\n")
        parts.append(said)
    return "".join([*parts, text[position:]])


def _by_normalised_name(table: Mapping[str, Any]) -> dict[str, str]:
    return {canonicalize_name(name): name for name in table}


class _Reading(Struct, kw_only=True):
    """What is gathered while one file is read; `lines` has the shape of its data, with lines instead of strings."""

    path: Path
    root: Path
    file: toml_file.TomlFile
    lines: Mapping[str, Any]
    requirements: list[Requirement] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    mistakes: list[FumehoodError] = field(default_factory=list)
    own_extras: list[str] = field(default_factory=list)

    def read(self, *keys: str) -> None:
        """Read ``dependencies``, or one extra of ``optional-dependencies``, wherever the project keeps it."""
        dynamic = dict(self._strings("project", "dynamic"))
        if "project" not in self.file.data and "build-system" in self.file.data and keys == ("dependencies",):
            is_poetry = bool(table_at(self.file.data, "tool", "poetry", "dependencies"))
            self._add_itself(self.file.place(*(("tool", "poetry", "dependencies") if is_poetry else ("build-system",))))
        elif keys[0] not in dynamic:
            for text, line in self._strings("project", *keys):
                self._add(text, line)
        elif "file" in table_at(self.file.data, "tool", "setuptools", "dynamic", *keys):
            for name, line in self._strings("tool", "setuptools", "dynamic", *keys, "file"):
                self._follow(name, Place(self.file.name, line))
        elif keys == ("dependencies",):
            self._add_itself(Place(self.file.name, dynamic[keys[0]]))
        else:
            self._complain(
                f"{keys[0]} is dynamic: only the build backend knows what it holds",
                Place(self.file.name, dynamic[keys[0]]),
                f"list them in [project] {keys[0]}, or keep them in a requirements file",
            )

    def read_extras(self, names: Iterable[str]) -> None:
        """Read extras, with those that they name in turn."""
        dynamic = "optional-dependencies" in dict(self._strings("project", "dynamic"))
        home = ("tool", "setuptools", "dynamic") if dynamic else ("project",)
        known = _by_normalised_name(table_at(self.file.data, *home, "optional-dependencies"))
        waiting, seen = [*map(canonicalize_name, names), *self.own_extras], set[str]()
        while waiting:
            name = waiting.pop(0)
            if name not in known:
                listed = f"known: {', '.join(sorted(known))}" if known else "the project has none"
                place = self.file.place("project", "optional-dependencies")
                self._complain(f"there is no extra {name!r}", place, f"name one of the project's extras; {listed}")
            elif name not in seen:
                self.own_extras = []
                self.read("optional-dependencies", known[name])
                waiting += self.own_extras
            seen.add(name)

    def read_groups(self, names: Iterable[str]) -> None:
        """Read dependency groups with what they include, which packaging follows."""
        table = table_at(self.file.data, "dependency-groups")
        numbered, items = _numbered(table, table_at(self.lines, "dependency-groups"))
        known = _by_normalised_name(table)
        if self._has_lost_includes(table, known):
            return
        for name in names:
            if canonicalize_name(name) not in known:
                listed = f"known: {', '.join(sorted(known))}" if known else "the file has none"
                place = self.file.place("dependency-groups")
                self._complain(f"there is no dependency group {name!r}", place, f"name one of its groups; {listed}")
                continue
            try:
                found = DependencyGroupResolver(numbered).resolve(name)
            except ExceptionGroup as errors:
                for error in errors.exceptions:
                    self._complain_about_group(known[canonicalize_name(name)], error)
            except RecursionError as error:
                self._complain_about_group(known[canonicalize_name(name)], error)
            else:
                for placeholder in found:
                    self._add(*items[placeholder.name])

    def _has_lost_includes(self, table: Mapping[str, Any], known: Mapping[str, str]) -> bool:
        lost = False
        for group, items in table.items():
            for index, item in enumerate(items if isinstance(items, list) else ()):
                target = item.get("include-group") if isinstance(item, dict) else None
                if isinstance(target, str) and canonicalize_name(target) not in known:
                    lost = True
                    line = self.lines["dependency-groups"][group][index]["include-group"]
                    self._complain(
                        f"the dependency group {group!r} includes {target!r}, which does not exist",
                        Place(self.file.name, line),
                        f"name one of its groups; known: {', '.join(sorted(known))}",
                    )
        return lost

    def _complain_about_group(self, name: str, error: Exception) -> None:
        match error:
            case CyclicDependencyGroup():
                what, remedy = f"dependency groups include each other: {error}", "remove one of the includes"
            case RecursionError():
                what, remedy = "dependency groups include each other too deeply", "include fewer groups"
            case _:
                what, remedy = f"{error}", 'write a list of requirements and { include-group = "NAME" } tables'
        self._complain(what, self.file.place("dependency-groups", name), remedy)

    def _strings(self, *keys: str) -> list[tuple[str, int]]:
        """A list of strings with their lines; ``file`` of setuptools may be one string too."""
        value = table_at(self.file.data, *keys[:-1]).get(keys[-1])
        lines = table_at(self.lines, *keys[:-1]).get(keys[-1])
        if isinstance(value, str) and keys[-1] == "file":
            value, lines = [value], [lines]
        if not isinstance(value, list | None) or not all(isinstance(item, str) for item in value or ()):
            what = f"{'.'.join(keys)} is not a list of strings"
            self._complain(what, self.file.place(*keys), f'write {keys[-1]} = ["…"]')
            return []
        return list(zip(value or (), lines or (), strict=True))

    def _add(self, text: str, line: int) -> None:
        """Keep one requirement; one on the project itself only asks for its extras."""
        place = Place(self.file.name, line)
        try:
            requirement = requirement_line.parse_pep508(text, place=place)
        except FumehoodError as mistake:
            self.mistakes.append(mistake)
            return
        own = table_at(self.file.data, "project").get("name")
        if requirement.url is not None or not isinstance(own, str) or requirement.name != canonicalize_name(own):
            self.requirements.append(requirement)
        elif requirement.marker is None:
            self.own_extras += requirement.extras
        else:
            self._complain(
                f"{text!r} names the project's own extras under a marker",
                place,
                "write the marker behind the requirements of the extra",
            )

    def _add_itself(self, place: Place) -> None:
        folder = self.file.name.rpartition("/")[0]
        itself = requirement_line.parse_line(f"./{folder}" if folder else ".", place=place, editable=True)
        self.requirements.append(replace(itself, editable=True))

    def _follow(self, name: str, place: Place) -> None:
        try:
            found = requirements_txt.read(self.path.parent / name, root=self.root, environ={}, asked_by=place)
        except FumehoodError as mistake:
            self.mistakes.append(mistake)
        else:
            self.requirements += found.requirements
            self.files += found.files
            if found.options != IndexOptions():
                self._complain(f"setuptools takes no options in {name!r}", place, "take the options out of that file")

    def _complain(self, what: str, place: Place, remedy: str) -> None:
        self.mistakes.append(ConfigurationError(what, place=place, remedy=remedy))


def _numbered(table: Mapping[str, Any], lines: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, tuple[str, int]]]:
    """Groups with a placeholder for each requirement: what packaging returns then leads back to text and line."""
    items: dict[str, tuple[str, int]] = {}
    numbered = dict(table)
    for group, value in table.items():
        if isinstance(value, list):
            numbered[group] = list(value)
            for index, item in enumerate(value):
                if isinstance(item, str):
                    placeholder = f"item-{len(items)}"
                    items[placeholder] = (item, lines[group][index])
                    numbered[group][index] = placeholder
    return numbered, items
