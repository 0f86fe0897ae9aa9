"""Python source as a row of tokens, in which a renamed copy looks like its original.

Of each token one byte is kept, its kind: every name is the same kind, every string and every number, and each keyword
and operator is its own. What is no code of its own is left out: comments, docstrings, imports, line ends, and commas
before a closing bracket, which formatters put in and take out.

One regular expression does the cutting. The standard library's tokenize takes ten times as long and pygments thirty
times, and a repository of experiments has millions of lines; docs/dependencies.md has the measurements.
"""

from __future__ import annotations

import bisect
import keyword
import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = re.compile(
    rb"""
    [ \t\\]*+
    ( [A-Za-z_\x80-\xff][\w\x80-\xff]*+(?!["'])
    | [()\[\]{},:;+*/%@&|^~<>=!\n-]
    | 0[xX][\da-fA-F_]+ | \.?\d(?:[eE][+-]\d|[\w.])*+
    | \.
    | [rRbBuUfFtT]{0,2}(?:
        \"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3}
      | '{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'{3}
      | "[^"\\\n]*(?:\\.[^"\\\n]*)*"
      | '[^'\\\n]*(?:\\.[^'\\\n]*)*'
      )
    | [\w\x80-\xff]+
    | \#[^\n]*
    | [^\s\\\w]
    )
    """,
    re.VERBOSE | re.DOTALL,
)
"""One token, the end of a line, or a comment, the most frequent first. An operator of several characters is several.

It cuts UTF-8, which takes three quarters of the time that text takes; of what is not ASCII only names stand outside of
strings and comments.
"""

NAME, STRING, NUMBER, LINE, COMMENT = b"nsdL#"
_OPERATORS = {bytes([character]): character for character in b"()[]{}.,:;+-*/%@&|^~<>=!`$?\"'"}
KEYWORD = 0x80
"""The first of the kinds that keywords have."""
_KEYWORDS = {word.encode(): KEYWORD + index for index, word in enumerate(sorted({*keyword.kwlist, "match", "case"}))}
DEF = _KEYWORDS[b"def"]
_IMPORT = bytes([_KEYWORDS[b"import"]])
_FROM = bytes([_KEYWORDS[b"from"]])

_NOT_OWN = re.compile(rb"(?<=L)s(?=#?L)|(?<=L)[" + _IMPORT + _FROM + rb"][^L(;]*(?:\([^)]*\))?(?=#?[L;])")
"""A string that stands alone, and an import."""
_LEFT_OUT = re.compile(_NOT_OWN.pattern + rb"|[L#]|,(?=[L#]*[)\]}])")


class _Kinds(dict[bytes, int]):
    """The kind of each token, found out once for each spelling."""

    def __missing__(self, token: bytes) -> int:
        first = token[:1]
        if first == b"#":
            return COMMENT
        if token[-1] in b"\"'" and len(token) > 1:
            kind = STRING
        elif first.isdigit() or (first == b"." and len(token) > 1):
            kind = NUMBER
        else:
            kind = NAME if first.isalpha() or first == b"_" or not first.isascii() else ord("?")
        if len(self) > _MANY_SPELLINGS:
            self.clear()
            self.update(_FIXED)
        self[token] = kind
        return kind


_FIXED = {b"\n": LINE, **_OPERATORS, **_KEYWORDS}
_MANY_SPELLINGS = 200_000
_kinds = _Kinds(_FIXED)


def cut(source: bytes) -> list[bytes]:
    """Every token, end of a line and comment, as written."""
    return _TOKEN.findall(source)


def kinds_of(source: bytes) -> bytes:
    """The kinds of a file's tokens, those left out that are no code of its own."""
    kinds = _NOT_OWN.sub(b"", _all_kinds(cut(source))).translate(None, b"L#")
    return kinds.replace(b",)", b")").replace(b",]", b"]").replace(b",}", b"}")


def _all_kinds(tokens: list[bytes]) -> bytes:
    return b"L" + bytes(map(_kinds.__getitem__, tokens)) + b"L"


class Code(Struct, frozen=True, kw_only=True):
    """A file's code, token by token.

    Attributes:
        kinds: One byte for each token, as `kinds_of` says it.
        spellings: Each token as written.
        lines: The line on which each token begins, counted from 1.
    """

    kinds: bytes
    spellings: Sequence[str]
    lines: Sequence[int]

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return len(self.kinds)


def read(source: bytes) -> Code:
    """A file's code with all that is known of each token."""
    matches = list(_TOKEN.finditer(source))
    whole = _all_kinds([match[1] for match in matches])
    dropped = bytearray(len(whole))
    for match in _LEFT_OUT.finditer(whole):
        dropped[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    kept = [index - 1 for index in range(1, len(whole) - 1) if not dropped[index]]
    ends = [match.start() for match in re.finditer(b"\n", source)]
    return Code(
        kinds=bytes(whole[index + 1] for index in kept),
        spellings=[matches[index][1].decode("utf-8", "replace") for index in kept],
        lines=[bisect.bisect_left(ends, matches[index].start(1)) + 1 for index in kept],
    )
