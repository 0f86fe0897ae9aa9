"""What one file's bytes say about imports, as plain tuples that a cache can keep: quick, and without running anything.

Parsing costs more than all else, and what follows the last import statement says nothing about imports. So unless
a file mentions one of the functions that import, only what stands before that end is parsed: a module that is cut off
behind a whole statement at any depth is a module still. Where the cut was wrong there is a syntax error, as inside of
a string, in brackets, or in a ``try`` without its ``except``; then it is made before the next statement that is not
indented, and if that was wrong too the whole file is parsed. Where much stands before that end, only statements with an
import in them are.
"""

from __future__ import annotations

import ast
import codecs
import contextlib
import itertools
import re
import textwrap
import warnings
from typing import TYPE_CHECKING, NamedTuple

from fumehood.imports.blocks import blocks, looked_for
from fumehood.imports.calls import MARKERS, Calls
from fumehood.model.import_flags import MENTIONED, OPTIONAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RawImport = tuple[str, int, str, int, int]
"""One thing that a file imports: ``from module import name``, or ``import module`` where the name is empty.

The module as it is written, without the dots before it; how many dots stand before it, 0 for an absolute import; what
is taken from it, ``*`` for all of it; the line; and a sum of the flags of `fumehood.model.import_flags`.
"""


class Scan(NamedTuple):
    """What one file says about imports.

    Attributes:
        imports: In the order in which they stand.
        strings: String literals that are written like a module's name with at least one dot, each as an import that is
            only `MENTIONED`. A colon, as in entry points, counts as a dot.
        prefixes: Names that are put together while running and then imported, ``import_module(f"experiments.{name}")``:
            what is literal at their beginning, empty if nothing is; the line; and what follows, with a ``*`` for what
            is not known, ``**`` for all that is below.
        path_edits: Statements that change ``sys.path``: the string literals in them, and the line.
        groups: Literal groups asked for with ``importlib.metadata.entry_points``; an empty one stands for a group that
            is not literal.
        exports: The names in ``__all__``, as far as they are written out.
        error: The mistake and its line in a file that is no Python, as far as it had to be read to find its imports;
            these are then the ones on lines of their own.
    """

    imports: tuple[RawImport, ...] = ()
    strings: tuple[RawImport, ...] = ()
    prefixes: tuple[tuple[str, int, str], ...] = ()
    path_edits: tuple[tuple[tuple[str, ...], int], ...] = ()
    groups: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    error: tuple[str, int] | None = None


UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What parsing raises: null bytes are a ValueError, expressions nested thousands deep one of the last two."""

NESTED = re.compile(rb"""[fFtT][rR]?(?:"[^"\n]*\{[^"}\n]*"|'[^'\n]*\{[^'}\n]*')""")
"""A quotation mark in a replacement field: since Python 3.12 a string may go on behind it (PEP 701)."""

_WORD = b"import"
_EMPTY = frozenset({b'""', b"''"})
_WORTH_THINNING = 1500
"""So many bytes take longer to parse than to look through."""
_STATEMENT = re.compile(rb"(?:^|[;:])[ \t\f]*(?:import|from)\b")
_NEXT_STATEMENT = re.compile(rb"^(?!(?:except|finally|else|elif|case)\b)[A-Za-z_@]", re.MULTILINE)
_LONE_STATEMENT = re.compile(r"^[ \t]*(?:import|from)\b[^(\n]*(?:\([^)]*\))?[^\n]*", re.MULTILINE)
_PLAIN_NAME = re.compile(rb"""["'][A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+["']""")
_LEXEME = re.compile(
    rb"""
    \#[^\n]*
    | (?:\"{3} (?:[^\\]|\\.)*? \"{3}) | (?:'{3} (?:[^\\]|\\.)*? '{3})
    | "(?P<double>[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+)" | '(?P<single>[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+)'
    | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*'
    """,
    re.VERBOSE | re.DOTALL,
)
"""Comments and strings, so that what looks like a string in one of them is not taken for one."""

_EXPORTS = re.compile(rb"^__all__[^=\n]*=\s*[\[(]([^\])]*)", re.MULTILINE)
_QUOTED = re.compile(rb"""["'](\w+)["']""")

_OFFERING_MARKERS = (b"__getattr__", b"sys.modules[__name__]")
_OFFERING = re.compile(rb"^(?:def )?__getattr__\b|^[ \t]*sys\.modules\[__name__\]\s*=", re.MULTILINE)
"""How a module begins to give its attributes by itself: a function for all of it, or another object in its place."""
_NAME = re.compile(
    rb"""["']\.?([A-Za-z_]\w*(?:\.\w+)*)["'] | ^[ \t]+from[ ]\.([A-Za-z_][\w.]*)[ ]import\b""",
    re.MULTILINE | re.VERBOSE,
)
"""What it gives stands in strings, or in imports for type checkers that say the same once more."""


def scan(source: bytes) -> Scan:
    """Read a file; one that is no Python has an error, and those of its imports that stand on lines of their own."""
    source = source.removeprefix(codecs.BOM_UTF8)
    strings = tuple(_strings(source)) if _PLAIN_NAME.search(source) else ()
    return _statements(source)._replace(strings=(*strings, *_offered(source)), exports=_exports(source))


def parse(source: bytes) -> ast.Module:
    """The syntax tree of a file, without a word about what is only unwise in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def mistake(error: BaseException) -> tuple[str, int]:
    """What parsing complained of, and the line."""
    if isinstance(error, SyntaxError):
        return error.msg, error.lineno or 0
    return str(error) or type(error).__name__, 0


def _statements(source: bytes) -> Scan:
    if any(marker in source for marker in MARKERS):
        return _whole(source)
    end = _end_of_imports(source)
    if not end:
        return Scan()
    for part in _parts(source, end):
        with contextlib.suppress(*UNREADABLE):
            return Scan(imports=tuple(_imports(parse(part).body, 0)))
    return _whole(source)


def _parts(source: bytes, end: int) -> Iterator[bytes]:
    """What of a file has all its imports, the shortest first: the later ones are for where an earlier is no Python."""
    if end > _WORTH_THINNING and (thinned := _thinned(source[:end])):
        yield thinned
    following = _NEXT_STATEMENT.search(source, end)
    for cut in (end, following.start() if following else len(source)):
        if cut < len(source):
            yield source[:cut]


def _thinned(source: bytes) -> bytes:
    """Without the statements at the top that have no import in them, in whose places are empty lines.

    Nothing where it is unclear which lines are inside of strings. A line inside of brackets may be taken for a
    statement: then what is left of it is no Python, or had no import in it.
    """
    if b"\r" in source or NESTED.search(source):
        return b""

    def mask(lexeme: re.Match[bytes]) -> bytes:
        text = lexeme[0]
        is_open = text in _EMPTY and source.startswith(text[:1], lexeme.end())
        return text if is_open else b"_" * len(text)

    masked = _LEXEME.sub(mask, source)
    if b'"' in masked or b"'" in masked:
        return b""
    starts = [0, *(found.start() for found in _NEXT_STATEMENT.finditer(masked)), len(source)]
    parts = [source[first:last] for first, last in itertools.pairwise(starts)]
    return b"".join(part if _WORD in part else b"\n" * part.count(b"\n") for part in parts)


def _whole(source: bytes) -> Scan:
    try:
        tree = parse(source)
        imports = list(_imports(tree.body, 0))
        calls = Calls()
        if any(marker in source for marker in MARKERS):
            calls.learn(tree)
    except UNREADABLE as error:
        return Scan(imports=tuple(_lone_imports(source)), error=mistake(error))
    return Scan(
        imports=(*imports, *calls.imports),
        prefixes=tuple(calls.prefixes),
        path_edits=tuple(calls.path_edits),
        groups=tuple(sorted(calls.groups)),
    )


def _end_of_imports(source: bytes) -> int:
    """Where the last statement ends that may be an import; 0 if there is none, the whole length if that is unclear."""
    if b"\r" in source:
        return len(source)
    position = len(source)
    while (position := source.rfind(_WORD, 0, position)) >= 0:
        start = source.rfind(b"\n", 0, position) + 1
        if not _STATEMENT.search(source[start : position + len(_WORD)]):
            if source[start - 2 : start] != b"\\\n":
                continue
            return len(source)
        end = _line_end(source, position)
        if b"(" in source[position:end]:
            closing = source.find(b")", position)
            end = _line_end(source, closing) if closing >= 0 else len(source)
        while source[end - 2 : end] == b"\\\n":
            end = _line_end(source, end)
        return end
    return 0


def _line_end(source: bytes, position: int) -> int:
    end = source.find(b"\n", position)
    return len(source) if end < 0 else end + 1


def _imports(body: Sequence[ast.stmt], flags: int, there: str = "") -> Iterator[RawImport]:
    """The import statements in a block and all that is in it; expressions hold none and are not looked into.

    Args:
        body: The block.
        flags: What is true of all of it.
        there: What was looked for before it, in lower case, and is there.
    """
    for statement in body:
        match statement:
            case ast.Import():
                for alias in statement.names:
                    yield alias.name, 0, "", statement.lineno, flags | _optional(alias.name, there)
            case ast.ImportFrom():
                module = statement.module or ""
                for alias in statement.names:
                    yield module, statement.level, alias.name, statement.lineno, flags | _optional(module, there)
            case _:
                for block, more in blocks(statement):
                    yield from _imports(block, flags | more, there)
                if found := looked_for(statement):
                    there += f" {found}"


def _optional(module: str, there: str) -> int:
    first = module.partition(".")[0].lower()
    is_there = there and first and re.search(rf"(?<![a-z\d]){re.escape(first)}(?![a-z\d])", there)
    return OPTIONAL if is_there else 0


def _strings(source: bytes) -> Iterator[RawImport]:
    line, counted = 1, 0
    for lexeme in _LEXEME.finditer(source):
        if lexeme.lastgroup:
            text = lexeme[lexeme.lastgroup].decode("ascii", "replace").replace(":", ".")
            line += source.count(b"\n", counted, lexeme.start())
            counted = lexeme.start()
            yield text, 0, "", line, MENTIONED


def _offered(source: bytes) -> Iterator[RawImport]:
    """What may be modules beside a file that imports them when their names are asked for (PEP 562, lazy_loader)."""
    if any(marker in source for marker in _OFFERING_MARKERS) and _OFFERING.search(source):
        for name, found in {found[1] or found[2]: found for found in reversed([*_NAME.finditer(source)])}.items():
            yield name.decode(), 1, "", source.count(b"\n", 0, found.start()) + 1, MENTIONED


def _exports(source: bytes) -> tuple[str, ...]:
    if b"__all__" not in source:
        return ()
    return tuple(name.decode() for names in _EXPORTS.findall(source) for name in _QUOTED.findall(names))


def _lone_imports(source: bytes) -> Iterator[RawImport]:
    """The imports in what cannot be parsed as a whole, such as the syntax of a newer Python."""
    text = source.decode("utf-8", "replace")
    for found in _LONE_STATEMENT.finditer(text):
        try:
            body = parse(textwrap.dedent(found[0]).encode()).body
        except UNREADABLE:
            continue
        above = text.count("\n", 0, found.start())
        for module, level, name, line, flags in _imports(body, 0):
            yield module, level, name, line + above, flags
