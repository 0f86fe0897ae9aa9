"""Texts that an expression of a file puts together, so far as that is written out: literals and names of literals."""

from __future__ import annotations

import ast
import re
from collections import Counter
from itertools import takewhile
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_OWN = frozenset({"__name__", "__package__"})
"""Names that stand for the package of the file; what is added to them begins with a dot, as a relative name does."""
_MOST_DEEP = 3
_PERCENT = re.compile(r"%(?:s|(\([^)]*\)\w|[^A-Za-z%]*[A-Za-z%]))")
_BRACES = re.compile(r"\{([^{}]*)\}")
"""Fields of a text; what they hold unless they take the next value as it is."""


class Texts(Struct):
    """The texts of one file; a name means what it is bound to, if it is bound once.

    Attributes:
        values: What is bound to each such name.
    """

    values: dict[str, ast.expr] = field(default_factory=dict)

    @classmethod
    def of(cls, nodes: Iterable[ast.AST]) -> Texts:
        """The texts of a file, given every node of its syntax tree."""
        bound: Counter[str] = Counter()
        values: dict[str, ast.expr] = {}
        for node in nodes:
            match node:
                case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                    bound[name] += 1
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    values[name] = value
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    values[name] = value
        return cls({name: value for name, value in values.items() if bound[name] == 1})

    def literal(self, node: ast.expr | None) -> str | None:
        """The text that an expression is; None where it is not all known."""
        pieces = list(self._pieces(node, 0)) if node else [None]
        text = "".join(filter(None, pieces))
        return text if None not in pieces and (not text or _is_meant(pieces[0], text)) else None

    def beginning(self, node: ast.expr) -> tuple[str, str]:
        """What is known at the beginning of a text, behind the file's own name only after a dot; and what follows.

        In what follows, a ``*`` stands for each piece that is not known.
        """
        pieces = [*self._pieces(node, 0)]
        known = [*takewhile(lambda piece: piece is not None, pieces)]
        text = "".join(filter(None, known))
        rest = "".join("*" if piece is None else piece for piece in pieces[len(known) :])
        return (text, rest) if known and _is_meant(known[0], text) else ("", "")

    def all_in(self, node: ast.AST, depth: int = 0) -> Iterator[str]:
        """The string literals in an expression and in what its names are bound to, in their order."""
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Name(id=name) if name in self.values and depth < _MOST_DEEP:
                yield from self.all_in(self.values[name], depth + 1)
            case ast.AST():
                for child in ast.iter_child_nodes(node):
                    yield from self.all_in(child, depth)

    def has_name(self, node: ast.AST, name: str, depth: int = 0) -> bool:
        """Whether a name is in an expression, or in what the names in it are bound to."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name):
                bound = self.values.get(inner.id) if depth < _MOST_DEEP else None
                if inner.id == name or (bound and self.has_name(bound, name, depth + 1)):
                    return True
        return False

    def _pieces(self, node: ast.expr, depth: int) -> Iterator[str | None]:
        """The parts of a text; None for one that is not known."""
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Name(id=name) if name in _OWN:
                yield ""
            case ast.Name(id=name) if name in self.values and depth < _MOST_DEEP:
                yield from self._pieces(self.values[name], depth + 1)
            case ast.JoinedStr(values=values):
                for value in values:
                    yield from self._pieces(value, depth)
            case ast.FormattedValue(value=value, format_spec=None):
                yield from self._pieces(value, depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from self._pieces(left, depth)
                yield from self._pieces(right, depth)
            case _:
                yield from self._made(node, depth)

    def _made(self, node: ast.expr, depth: int) -> Iterator[str | None]:
        """The parts of a text that a method of a literal makes."""
        match node:
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
                values = right.elts if isinstance(right, ast.Tuple) else [right]
                yield from self._filled(_PERCENT.split(text), values, depth)
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format"), args=values):
                yield from self._filled(_BRACES.split(text), values, depth)
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join"),
                args=[ast.List(elts=parts) | ast.Tuple(elts=parts)],
            ):
                for number, part in enumerate(parts):
                    if number:
                        yield text
                    yield from self._pieces(part, depth)
            case _:
                yield None

    def _filled(self, texts: Sequence[str], values: Sequence[ast.expr], depth: int) -> Iterator[str | None]:
        """The parts of a text with fields, given what stands between them and what they are filled with, in turn."""
        plain, *others = texts[::2]
        if plain:
            yield plain
        for number, (mark, text) in enumerate(zip(texts[1::2], others, strict=True)):
            is_known = not mark and number < len(values)
            yield from self._pieces(values[number], depth) if is_known else (None,)
            yield text


def _is_meant(first: str | None, text: str) -> bool:
    """Whether a text names a module: what is added to the file's own name, which is empty here, begins with a dot."""
    return first != "" or text.startswith(".")
