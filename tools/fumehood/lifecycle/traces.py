"""What names an experiment outside its folder: lines that are only about it, and lines that people have to look at.

A line is taken out only where nothing but the experiment stands on it and where the file means the same for everybody
else without it: a pattern of CODEOWNERS, a row of a table, one of several items of a list, a key of a table.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.reading.owners import LOCATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WIDTH = 120
"""So many characters of a line are enough to know it by."""
_PATTERN_FILES = frozenset({"CODEOWNERS", ".gitignore", ".gitattributes", ".dockerignore"})
_ITEM = re.compile(r"(?P<indent>\s*)-\s+(?P<value>[^#]*?)\s*(?:#.*)?")
_ELEMENT = re.compile(r"\s*(?P<value>\"[^\"]*\"|'[^']*')\s*,?\s*(?:#.*)?")
_LINK = re.compile(r"\]\(([^)\s]*)")
_WORD = re.compile(r"(?:\\.|\S)+")


class Names(Struct, frozen=True, kw_only=True):
    """How other files may name an experiment.

    Attributes:
        path: Its folder.
        session: Its nox session.
        module: How its package is imported, where that is below core's; else empty.
    """

    path: str
    session: str
    module: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """What a line that names it holds."""
        return tuple(filter(None, (self.path, self.session, self.module)))

    def are_in(self, line: str) -> bool:
        """Whether a line names it, and not another whose name begins so."""
        session = rf"(?<![\w-]){re.escape(self.session)}(?![\w-])|(?<![\w-]){re.escape(self.session)}-\d"
        module = rf"(?<![\w.]){re.escape(self.module)}(?!\w)" if self.module else r"(?!)"
        path = rf"(?<![\w-]){re.escape(self.path)}(?![\w-])"
        return re.search(f"{path}|{session}|{module}", line) is not None

    def are_all_of(self, value: str) -> bool:
        """Whether a value, quoted or not, is the experiment's folder, something in it, or its session."""
        within = rf"{re.escape(self.path)}(?:/[^\s'\":,\[\]{{}}]*)?"
        whole = rf"([\"']?)!?(?:\./|/)?(?:{within}|{re.escape(self.session)})\1"
        return re.fullmatch(whole, value.strip().replace("\\ ", " ")) is not None


class Mention(Struct, frozen=True, order=True, kw_only=True):
    """A line of a file, counted from 1."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        shown = "".join(character if character.isprintable() else " " for character in self.text).strip()
        return f"{self.file}:{self.line}: {shown if len(shown) <= _WIDTH else f'{shown[: _WIDTH - 1]}…'}"


class Edit(Struct, frozen=True, kw_only=True):
    """A file before and after some of its lines are taken out."""

    file: str
    before: str
    after: str
    removed: tuple[Mention, ...]


def edit(file: str, text: str, names: Names, *, table: bool) -> Edit:
    """Take out of a file the lines that are only about an experiment.

    Args:
        file: Its path, which says how its lines are read.
        text: Its content.
        names: The experiment.
        table: Whether it is a page with a table of the experiments beside it.
    """
    lines = text.split("\n")
    doomed = sorted(_doomed(file, lines, names, table=table))
    removed = tuple(Mention(file=file, line=number + 1, text=lines[number]) for number in doomed)
    after = "\n".join(line for number, line in enumerate(lines) if number not in set(doomed))
    if file.endswith(".toml") and not _is_toml(after):
        return Edit(file=file, before=text, after=text, removed=())
    return Edit(file=file, before=text, after=after, removed=removed)


def _doomed(file: str, lines: list[str], names: Names, *, table: bool) -> set[int]:
    name = file.rpartition("/")[2]
    if file in LOCATIONS or name in _PATTERN_FILES:
        return {number for number, line in enumerate(lines) if _is_pattern(line, names)}
    if name.endswith((".yml", ".yaml")):
        return _of_several(lines, _ITEM, names)
    if name.endswith(".toml"):
        keys = {number for number, line in enumerate(lines) if _is_toml_key(line, names)}
        return keys | _of_several(lines, _ELEMENT, names)
    if table:
        return {number for number, line in enumerate(lines) if _is_row(line, file, names)}
    return set()


def _is_pattern(line: str, names: Names) -> bool:
    word = _WORD.match(line.strip())
    return word is not None and names.are_all_of(word[0])


def _of_several(lines: list[str], form: re.Pattern[str], names: Names) -> set[int]:
    """The items of lists that are the experiment's, but for lists that would have no item left."""
    found: set[int] = set()
    for run in _runs(lines, form):
        own = {number for number in run if names.are_all_of(_value(form, lines[number]))}
        if own != set(run):
            found |= own
    return found


def _runs(lines: list[str], form: re.Pattern[str]) -> Iterable[list[int]]:
    """The numbers of lines that follow each other as items of one list: equally far in."""
    run: list[int] = []
    for number, line in enumerate(lines):
        is_item = form.fullmatch(line.rstrip("\r")) is not None
        if run and (not is_item or _indent(line) != _indent(lines[run[0]])):
            yield run
            run = []
        if is_item:
            run.append(number)
    yield run


def _value(form: re.Pattern[str], line: str) -> str:
    match = form.fullmatch(line.rstrip("\r"))
    return match["value"] if match else ""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_toml_key(line: str, names: Names) -> bool:
    """Whether a line is a whole key with its value, and the key is the experiment's."""
    try:
        keys = list(tomllib.loads(line))
    except tomllib.TOMLDecodeError:
        return False
    return len(keys) == 1 and "=" in line and names.are_all_of(keys[0])


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _is_row(line: str, file: str, names: Names) -> bool:
    """Whether a line is the experiment's row of a Markdown table: its first cell links to it or is its name."""
    if not line.lstrip().startswith("|"):
        return False
    above = file.rpartition("/")[0]
    own = names.path.removeprefix(f"{above}/")
    cell = line.strip().strip("|").split("|")[0].strip()
    links = [link.removeprefix("./") for link in _LINK.findall(cell)]
    if links:
        return any(link in {own, f"{own}/"} or link.startswith((f"{own}/", f"{own}#")) for link in links)
    return cell.strip("`*_ ") == own


def is_in_list(name: str, line: str) -> bool:
    """Whether a line of YAML has a name as an item of a list."""
    return re.search(rf"""(?:^\s*-\s+|[\[,]\s*)(["']?){re.escape(name)}\1\s*(?:[,\]#]|$)""", line) is not None


def left_over(mentions: Iterable[Mention], edits: Iterable[Edit], *, is_about: Callable[[str], bool]) -> list[Mention]:
    """The lines that name an experiment and that no edit takes out."""
    gone = {(mention.file, mention.line) for change in edits for mention in change.removed}
    return sorted(found for found in mentions if (found.file, found.line) not in gone and is_about(found.text))
