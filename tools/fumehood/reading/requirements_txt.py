"""Requirement files as pip documents them, with everything that they include.

The grammar is that of pip's "Requirements File Format" page; packaging reads each requirement. Where pip drops a part
of a line in silence (a second ``-r``, a word after an option, an index option behind a requirement), this says so: the
line does not do what its writer meant.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from fumehood.errors import ConfigurationError, FumehoodError, Place, raise_all
from fumehood.model.index_options import IndexOptions
from fumehood.model.requirement import Requirement, RequirementSet
from fumehood.reading import requirement_line, requirement_options, text_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fumehood.reading.requirement_options import LineOptions

_COMMENT = re.compile(r"(?:^|\s)#.*")
_COMMENT_LINE = re.compile(r"\s*#")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_OPTIONS_START = re.compile(r"(?:^|\s)(?=-)")
_REMOTE = re.compile(r"(?:https?|ftp|file):", re.IGNORECASE)

_MOST_FILES = 1000
_DEEPEST = 50


class LogicalLine(Struct, frozen=True, kw_only=True):
    """One line after continuations are joined and comments taken off; `written` still has its variables."""

    number: int
    written: str
    text: str


class _Step(Struct, frozen=True, kw_only=True):
    """One inclusion on the way to a file: the line that says it, and the file that this line stands in."""

    place: Place
    path: Path


def read(path: Path, *, root: Path, environ: Mapping[str, str], asked_by: Place | None = None) -> RequirementSet:
    """Read a requirements file and everything that it includes.

    Args:
        path: The file; what it includes is looked up from the folder of this path as named, as pip does.
        root: The repository, to which the files of places are relative.
        environ: Where ``${NAME}`` is looked up; an unset or empty one stays as written.
        asked_by: The line that names the file, if one does.

    Raises:
        FumehoodError: Every mistake in all of the files, each a `ConfigurationError` with file and line.
    """
    reading = _Reading(root=root, environ=environ, asked_by=asked_by)
    reading.file(path, constraint=False, steps=())
    raise_all(reading.mistakes)
    return RequirementSet(
        requirements=tuple(reading.requirements),
        options=reading.options,
        files=tuple(dict.fromkeys(reading.files)),
    )


def logical_lines(text: str, environ: Mapping[str, str]) -> Iterator[LogicalLine]:
    """Join continuations, take comments off, replace variables; numbers count from 1 and are the first line's.

    A comment line ends a continuation, and other comments are recognised only in the joined line, both as pip does.
    """
    first, parts = 0, list[str]()
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        first = first if parts else number
        comment = _COMMENT_LINE.match(line) is not None
        continues = line.endswith("\\") and not comment
        parts.append(line.rstrip("\\") if continues else f" {line}" if comment else line)
        if continues and number < len(lines):
            continue
        written = _COMMENT.sub("", "".join(parts), count=1).strip()
        parts = []
        if written:
            yield LogicalLine(number=first, written=written, text=_with_variables(written, environ))


def included(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    """What a requirements file includes with ``-r`` and ``-c``, as written; what cannot be read is passed over."""
    for line in logical_lines(text, environ):
        with contextlib.suppress(ConfigurationError):
            options = requirement_options.parse(line.text, place=Place("", line.number), requirement=False)
            for name in ("--requirement", "--constraint"):
                yield from (target for target in options.values.get(name, ()) if not _REMOTE.match(target))


def _with_variables(text: str, environ: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: environ.get(found[1]) or found[0], text)


class _Reading(Struct, kw_only=True):
    """What is gathered while files are read."""

    root: Path
    environ: Mapping[str, str]
    asked_by: Place | None
    requirements: list[Requirement] = field(default_factory=list)
    options: IndexOptions = field(default_factory=IndexOptions)
    files: list[str] = field(default_factory=list)
    mistakes: list[FumehoodError] = field(default_factory=list)

    def file(self, path: Path, *, constraint: bool, steps: tuple[_Step, ...]) -> None:
        """Read one file; a mistake in it is kept, and reading goes on."""
        name = text_file.shown(path, self.root)
        try:
            self._check_inclusion(name, path, steps)
            text = text_file.read(path, name=name, asked_by=steps[-1].place if steps else self.asked_by)
        except ConfigurationError as mistake:
            self.mistakes.append(mistake)
            return
        self.files.append(name)
        for line in logical_lines(text, self.environ):
            step = _Step(place=Place(name, line.number), path=path)
            try:
                self._line(line, path.parent, constraint=constraint, steps=(*steps, step))
            except ConfigurationError as mistake:
                self.mistakes.append(mistake)

    def _check_inclusion(self, name: str, path: Path, steps: tuple[_Step, ...]) -> None:
        """Refuse cycles, and trees of files so large that only a mistake or malice makes them."""
        asked_by = steps[-1].place if steps else None
        chain = [os.path.realpath(step.path) for step in steps]
        if chain and (real := os.path.realpath(path)) in chain:
            cycle = " → ".join([*(str(step.place) for step in steps[chain.index(real) :]), name])
            raise ConfigurationError(
                f"requirement files include each other: {cycle}", place=asked_by, remedy="remove one of these lines"
            )
        if len(steps) > _DEEPEST or len(self.files) >= _MOST_FILES:
            raise ConfigurationError(
                f"files are included more than {_DEEPEST} deep, or more than {_MOST_FILES:,} in all",
                place=asked_by,
                remedy="include fewer files",
            )

    def _line(self, line: LogicalLine, folder: Path, *, constraint: bool, steps: tuple[_Step, ...]) -> None:
        place = steps[-1].place
        specifier, options = _parted(line.text, place)
        match options.values:
            case {"--requirement": [target]}:
                self.file(_included(target, folder, place), constraint=constraint, steps=steps)
            case {"--constraint": [target]}:
                self.file(_included(target, folder, place), constraint=True, steps=steps)
            case _ if specifier is not None:
                editable = options.editable is not None
                found = requirement_line.parse_line(specifier, place=place, written=line.written, editable=editable)
                hashes = options.hashes(place)
                is_remote = found.url is not None and not found.is_local
                unexpanded = _parted(line.written, place)[0] if is_remote and line.text != line.written else None
                if editable or constraint or hashes or unexpanded:
                    found = replace(
                        found, editable=editable, constraint=constraint, hashes=hashes, unexpanded=unexpanded
                    )
                self.requirements.append(found)
            case _:
                self.options = requirement_options.merged(
                    self.options, options, link=lambda link: self._link(link, folder)
                )

    def _link(self, link: str, folder: Path) -> str:
        """A ``--find-links`` folder is looked for beside the file first, as pip does, and else kept as written."""
        beside = folder / link
        return link if _REMOTE.match(link) or not os.path.lexists(beside) else text_file.shown(beside, self.root)


def _parted(text: str, place: Place) -> tuple[str | None, LineOptions]:
    """The requirement of a line, if it has one, and the line's options."""
    before, *after = _OPTIONS_START.split(text, maxsplit=1)
    options = requirement_options.parse("".join(after), place=place, requirement=bool(before.strip()))
    return before.strip() or options.editable, options


def _included(target: str, folder: Path, place: Place) -> Path:
    if _REMOTE.match(target):
        raise ConfigurationError(
            "a requirements file at a URL cannot be included: what it says could change at any time",
            place=place,
            remedy="keep a copy of the file in the repository, and include it by its path",
        )
    return folder / target
