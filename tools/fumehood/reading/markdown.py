"""Markdown as what a reader finds in it: sections with their text, tables, pictures and links, each with its line.

Source: the dialect is CommonMark with GitHub's tables; anchors are made from headings as GitHub makes them.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


class Target(Struct, frozen=True, kw_only=True):
    """Where a link or a picture points to."""

    address: str
    line: int
    is_picture: bool = False


class Row(Struct, frozen=True, kw_only=True):
    """A row of a table: its cells as plain text."""

    cells: tuple[str, ...]
    line: int


class Table(Struct, frozen=True, kw_only=True):
    """A table; its first row is its head."""

    rows: tuple[Row, ...]


class Section(Struct, kw_only=True, eq=False):
    """A heading and what stands below it, up to the next heading of whatever level.

    Attributes:
        level: 1 to 6; 0 for what stands before the first heading.
        text: What is read as prose, and what stands in tables and in code; comments are not in it.
        comments: What HTML comments say, which no reader sees.
    """

    level: int
    title: str
    line: int
    text: str = ""
    comments: str = ""
    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)


class Document(Struct, frozen=True, kw_only=True):
    """A file of Markdown.

    Attributes:
        anchors: What a link to a part of it may name.
    """

    sections: tuple[Section, ...]
    anchors: frozenset[str]

    def whole(self, section: Section) -> tuple[Section, ...]:
        """A section with those below it."""
        start = self.sections.index(section) + 1
        below = []
        for other in self.sections[start:]:
            if other.level <= section.level:
                break
            below.append(other)
        return (section, *below)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - only what looks into Markdown waits for it

    return MarkdownIt("commonmark").enable("table")


def parse(text: str) -> Document:
    """Read Markdown; there is none that is wrong."""
    reader = _Reader()
    tokens = _parser().parse(text)
    for index, token in enumerate(tokens):
        reader.take(token, tokens[index + 1] if index + 1 < len(tokens) else None)
    return Document(sections=tuple(reader.sections), anchors=frozenset(reader.anchors))


class _Reader(Struct):
    sections: list[Section] = field(default_factory=lambda: [Section(level=0, title="", line=1)])
    anchors: set[str] = field(default_factory=set)
    _slugs: Counter[str] = field(default_factory=Counter)
    _rows: list[Row] = field(default_factory=list)
    _cells: list[str] | None = None
    _in_heading: bool = False

    def take(self, token: Token, following: Token | None) -> None:
        """Take one block token."""
        line = token.map[0] + 1 if token.map else 0
        match token.type:
            case "heading_open":
                title = _plain(following.children or []) if following else ""
                self.sections.append(Section(level=int(token.tag[1:]), title=title, line=line))
                self._add_slug(title)
                self._in_heading = True
            case "heading_close":
                self._in_heading = False
            case "table_open":
                self._rows = []
            case "tr_open":
                self._cells = []
                self._rows.append(Row(cells=(), line=line))
            case "tr_close" if self._cells is not None:
                self._rows[-1] = Row(cells=tuple(self._cells), line=self._rows[-1].line)
                self._cells = None
            case "table_close":
                self.sections[-1].tables.append(Table(rows=tuple(self._rows)))
            case "html_block":
                self._html(token.content, line)
            case "fence" | "code_block":
                self._code(token, line)
            case "inline":
                self._inline(token, line)
            case _:
                pass

    def _code(self, token: Token, line: int) -> None:
        self._write(token.content)
        if token.info.strip() == "mermaid":  # Forges draw it.
            self._point("", line, is_picture=True)

    def _inline(self, token: Token, line: int) -> None:
        children = token.children or []
        for child in children:
            if child.type == "softbreak":
                line += 1
            elif child.type == "image":
                self._point(str(child.attrs.get("src", "")), line, is_picture=True)
            elif child.type == "link_open":
                self._point(str(child.attrs.get("href", "")), line)
            elif child.type == "html_inline":
                self._html(child.content, line)
                line += child.content.count("\n")
        plain = _plain(children)
        if self._cells is not None:
            self._cells.append(plain)
        if not self._in_heading:
            self._write(plain)

    def _html(self, text: str, line: int) -> None:
        section = self.sections[-1]
        section.comments += "".join(_COMMENT.findall(text))
        html = _Html(line)
        html.feed(_COMMENT.sub("", text))
        section.targets += html.targets
        self.anchors |= html.anchors
        self._write(html.text)

    def _point(self, address: str, line: int, *, is_picture: bool = False) -> None:
        self.sections[-1].targets.append(Target(address=address, line=line, is_picture=is_picture))

    def _write(self, text: str) -> None:
        if text.strip():
            self.sections[-1].text += f"{text.strip()}\n"

    def _add_slug(self, title: str) -> None:
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        self.anchors.add(f"{slug}-{self._slugs[slug]}" if self._slugs[slug] else slug)
        self._slugs[slug] += 1


class _Html(HTMLParser):
    """What a piece of HTML points to and can be pointed at."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.text = ""
        self.targets: list[Target] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {name for key in ("id", "name") if (name := values.get(key))}
        several = [part.split()[0] for part in (values.get("srcset") or "").split(", ") if part.strip()]
        for address in (values.get("src"), values.get("href"), *several):
            if address:
                is_picture = tag in {"img", "source", "video"}
                self.targets.append(
                    Target(address=address, line=self.line + self.getpos()[0] - 1, is_picture=is_picture)
                )

    def handle_data(self, data: str) -> None:
        self.text += data


def _plain(children: Iterable[Token]) -> str:
    """The text of inline tokens; of a picture nothing, since it is not read."""
    parts = {"softbreak": "\n", "hardbreak": "\n"}
    return "".join(
        parts.get(child.type, child.content if child.type in {"text", "code_inline"} else "") for child in children
    ).strip()
