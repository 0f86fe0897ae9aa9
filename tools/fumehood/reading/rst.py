"""reStructuredText as what a reader finds in it: the same values as for Markdown.

docutils does the reading. Nothing that a text asks for beyond itself is done: no file is included and nothing is
coloured. What Sphinx or another program brings, such as ``.. toctree::``, stands in the tree as text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fumehood.reading.markdown import Document, Row, Section, Table, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils.nodes import Element, Node

_SETTINGS = {
    "_disable_config": True,
    "doctitle_xform": False,
    "docinfo_xform": False,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "syntax_highlight": "none",
    "line_length_limit": 10**9,
    # Mistakes are in the tree; they neither end the reading nor are they printed.
    "report_level": 5,
    "halt_level": 5,
    "exit_status_level": 6,
    "warning_stream": False,
}

_REFERENCE = re.compile(r"(?:`([^`<]+)`|([\w.+:-]+))__?")
"""A link by the name of what it leads to."""


def parse(text: str) -> Document:
    """Read reStructuredText; where something is wrong in it, the rest is read all the same."""
    from docutils import nodes  # noqa: PLC0415 - few READMEs are written in it, and it takes a while
    from docutils.core import publish_doctree  # noqa: PLC0415 - as above

    tree = publish_doctree(text.replace("\0", " "), settings_overrides=_SETTINGS)
    for image in tree.findall(nodes.image):
        image["alt"] = ""  # Of a picture nothing is read.
    anchors = {str(name) for node in tree.findall() for name in getattr(node, "attributes", {}).get("ids", ())}
    return Document(sections=tuple(_sections(tree, 0)), anchors=frozenset(anchors))


def _sections(node: Element, level: int) -> Iterator[Section]:
    """A document or a section with those in it, in the order in which they are read."""
    from docutils import nodes  # noqa: PLC0415 - as above

    title = node[0].astext() if level and len(node) else ""
    # docutils counts a title from the line below it.
    section = Section(level=level, title=title, line=max(1, _line(node[0]) - 1) if level and len(node) else 1)
    inner = []
    for child in node.children[1:] if level else node.children:
        if isinstance(child, nodes.section):
            inner.append(child)
        elif isinstance(child, nodes.comment):
            section.comments += child.astext()
        else:
            _take(section, child)
    yield section
    for child in inner:
        yield from _sections(child, level + 1)


def _take(section: Section, node: Node) -> None:
    """Add what stands in a part of a section to it."""
    from docutils import nodes  # noqa: PLC0415 - as above

    if isinstance(node, nodes.system_message):
        text = "\n".join(block.astext() for block in node.findall(nodes.literal_block))
    else:
        text = "" if isinstance(node, nodes.Invisible) else node.astext()
    if text.strip():
        section.text += f"{text.strip()}\n"
    section.tables += [_table(table) for table in node.findall(nodes.table)]
    for image in node.findall(nodes.image):
        section.targets.append(Target(address=image["uri"], line=_line(image), is_picture=True))
    for link in node.findall(nodes.reference):
        if "refuri" in link:
            section.targets.append(Target(address=link["refuri"], line=_line(link)))
    for unknown in node.findall(nodes.problematic):
        if match := _REFERENCE.fullmatch(unknown.astext()):
            section.targets.append(Target(address=f"#{nodes.make_id(match[1] or match[2])}", line=_line(unknown)))


def _table(node: Element) -> Table:
    from docutils import nodes  # noqa: PLC0415 - as above

    rows = [
        Row(cells=tuple(entry.astext() for entry in row.findall(nodes.entry)), line=_line(row))
        for row in node.findall(nodes.row)
    ]
    return Table(rows=tuple(rows))


def _line(node: Node | None) -> int:
    """The line of the nearest thing around a node that has one, counted from 1."""
    while node is not None and not node.line:
        node = node.parent
    return node.line or 1 if node is not None else 1
