"""A block that fumehood writes into a file of somebody else's: all between two lines, and not a byte outside them."""

from __future__ import annotations

import re

from msgspec import Struct

from fumehood.errors import ConfigurationError, Place

_MARK = b"\xef\xbb\xbf"
"""What some editors begin UTF-8 with."""


class Markers(Struct, frozen=True, kw_only=True):
    """The lines that a block begins and ends with, each on a line of its own."""

    begin: str
    end: str

    def find(self, content: bytes, *, name: str) -> Block | None:
        """The block in a file; None where there is none.

        Raises:
            ConfigurationError: It begins or ends more than once, or only one of both.
        """
        begins = list(_line(self.begin).finditer(content))
        ends = list(_line(self.end).finditer(content))
        if not begins and not ends:
            return None
        if len(begins) == len(ends) == 1 and begins[0].end() <= ends[0].start():
            return Block(content=content, start=begins[0].end(), end=ends[0].start(1))
        found = (begins or ends)[-1]
        raise ConfigurationError(
            "the lines that fumehood writes between are not one beginning and one end after it",
            place=Place(name, content.count(b"\n", 0, found.start()) + 1),
            remedy=f"keep one line `{self.begin}` and below it one line `{self.end}`, or neither",
        )

    def inserted(self, content: bytes, at: int | None = None) -> Block:
        """An empty block in a file that has none: at its end, or before the line that starts at an offset."""
        newline = _newline(content)
        if at == 0 and content.startswith(_MARK):
            at = len(_MARK)
        above, below = (content, b"") if at is None else (content[:at], content[at:])
        text = above.removeprefix(_MARK)
        before = newline if text and not text.endswith(b"\n") else b""
        gap = newline if text.strip() else b""
        head = above + before + gap + self.begin.encode() + newline
        tail = self.end.encode() + newline + (newline + below if below else b"")
        return Block(content=head + tail, start=len(head), end=len(head))


class Block(Struct, frozen=True, kw_only=True):
    """What stands between two markers.

    Attributes:
        content: Of the whole file.
        start: Where the first line after the beginning starts.
        end: Where the line of the end starts.
    """

    content: bytes
    start: int
    end: int

    @property
    def body(self) -> str:
        """What is written in it, with plain newlines."""
        return self.content[self.start : self.end].decode("utf-8", "surrogateescape").replace("\r\n", "\n")

    @property
    def line(self) -> int:
        """The first line of the body, counted from 1."""
        return self.content.count(b"\n", 0, self.start) + 1

    @property
    def outside(self) -> bytes:
        """The file without the body."""
        return self.content[: self.start] + self.content[self.end :]

    def rewritten(self, body: str) -> bytes:
        """The whole file with another body, in the newlines of the file."""
        newline = _newline(self.content)
        written = body.encode("utf-8", "surrogateescape").replace(b"\n", newline)
        return self.content[: self.start] + written + self.content[self.end :]


def _line(marker: str) -> re.Pattern[bytes]:
    """A line with nothing but a marker; group 1 starts where the line does."""
    mark = re.escape(marker.encode())
    return re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|(?<=\n))()[ \t]*" + mark + rb"[ \t]*(?:\r?\n|\Z)")


def _newline(content: bytes) -> bytes:
    """What the first line of a file ends with."""
    first = content.partition(b"\n")[0]
    return b"\r\n" if first.endswith(b"\r") and b"\n" in content else b"\n"
