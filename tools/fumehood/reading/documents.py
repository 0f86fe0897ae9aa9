"""Files of Markdown and reStructuredText; of many at once those that have not changed are not parsed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fumehood.outside import hearing
from fumehood.outside.remembered import Reading, remembered
from fumehood.reading import markdown, rst
from fumehood.reading.markdown import Document, Row, Section, Table, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


def is_read(path: str) -> bool:
    """Whether a file is in a language that is read here, as its name tells."""
    return is_markdown(path) or path.lower().endswith(".rst")


def is_markdown(path: str) -> bool:
    """Whether a file is Markdown, as one without an ending is too."""
    name = path.rpartition("/")[2].lower()
    return name.endswith((".md", ".markdown")) or name == "readme"


def parse(path: str, text: str) -> Document:
    """Read a document in the language that its name tells."""
    return rst.parse(text) if path.lower().endswith(".rst") else markdown.parse(text)


def _find(source: bytes, parsed: Callable[[str], Document] = markdown.parse) -> tuple[Any, ...]:
    """A document as what `marshal` takes."""
    document = parsed(source.decode("utf-8-sig", "replace"))
    sections = tuple(
        (
            section.level,
            section.title,
            section.line,
            section.text,
            section.comments,
            tuple(tuple((row.cells, row.line) for row in table.rows) for table in section.tables),
            tuple((target.address, target.line, target.is_picture) for target in section.targets),
        )
        for section in document.sections
    )
    return sections, tuple(sorted(document.anchors))


def _find_in_rst(source: bytes) -> tuple[Any, ...]:
    return _find(source, rst.parse)


_MARKDOWN = Reading(name="markdown", version=2, find=_find)
_RST = Reading(name="rst", version=1, find=_find_in_rst)


def read(root: Path, paths: Iterable[str], environ: Mapping[str, str]) -> dict[str, Document]:
    """The documents at these paths; those that are not there or cannot be read are left out.

    Args:
        root: The repository.
        paths: Relative to it, with ``/``; of files in a language that is read here.
        environ: Says where the cache is.
    """
    wanted = tuple(paths)
    for path in wanted:
        hearing.looked(f"{root}/{path}")
    found: dict[str, tuple[Any, ...]] = {}
    for reading, own in (
        (_MARKDOWN, [path for path in wanted if is_markdown(path)]),
        (_RST, [path for path in wanted if not is_markdown(path)]),
    ):
        found |= remembered(reading, root, own, environ).found if own else {}
    return {path: _document(*parts) for path, parts in found.items()}


def _document(sections: tuple[Any, ...], anchors: tuple[str, ...]) -> Document:
    return Document(sections=tuple(_section(*section) for section in sections), anchors=frozenset(anchors))


def _section(*fields: Any) -> Section:  # noqa: ANN401 - what marshal gave back
    level, title, line, text, comments, tables, targets = fields
    return Section(
        level=level,
        title=title,
        line=line,
        text=text,
        comments=comments,
        tables=[Table(rows=tuple(Row(cells=cells, line=at) for cells, at in rows)) for rows in tables],
        targets=[Target(address=address, line=at, is_picture=picture) for address, at, picture in targets],
    )
