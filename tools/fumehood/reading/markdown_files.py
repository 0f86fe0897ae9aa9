"""Many files of Markdown at once: those that have not changed since they were read last are not parsed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fumehood.outside import hearing
from fumehood.outside.remembered import Reading, remembered
from fumehood.reading.markdown import Document, Row, Section, Table, Target, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def _find(source: bytes) -> tuple[Any, ...]:
    """A document as what `marshal` takes."""
    document = parse(source.decode("utf-8-sig", "replace"))
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


_MARKDOWN = Reading(name="markdown", version=1, find=_find)


def read(root: Path, paths: Iterable[str], environ: Mapping[str, str]) -> dict[str, Document]:
    """The documents at these paths; those that are not there or cannot be read are left out.

    Args:
        root: The repository.
        paths: Relative to it, with ``/``.
        environ: Says where the cache is.
    """
    wanted = tuple(paths)
    for path in wanted:
        hearing.looked(f"{root}/{path}")
    return {path: _document(*found) for path, found in remembered(_MARKDOWN, root, wanted, environ).found.items()}


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
