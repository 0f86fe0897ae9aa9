"""Whether two versions of a file are the same program."""

from __future__ import annotations

import ast
import re

from msgspec import Struct

from fumehood.imports.blocks import blocks
from fumehood.imports.scan import NESTED, UNREADABLE, mistake, parse

_LEXEME = re.compile(
    rb"""
    \"{3} (?:[^\\]|\\.)*? \"{3} | '{3} (?:[^\\]|\\.)*? '{3} | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | \#[^\n]*
    """,
    re.VERBOSE | re.DOTALL,
)
_READ = re.compile(rb"#[ \t]*type:|coding[:=]")
"""Comments that some read, and those that say how a file is encoded."""
_WITH_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class SyntaxMistake(Struct, frozen=True, kw_only=True):
    """Why a file is no Python."""

    message: str
    line: int


def is_same_program(before: bytes, after: bytes) -> bool | SyntaxMistake:
    """Whether two versions of a file differ in comments, docstrings and layout only; else the mistake in the second.

    What is compared is their syntax trees, one statement after the other; unless their texts are the same already
    without comments and blank lines.
    """
    bare = _without_remarks(before)
    if bare is not None and bare == _without_remarks(after):
        return True
    try:
        new = _program(after)
    except UNREADABLE as error:
        message, line = mistake(error)
        return SyntaxMistake(message=message, line=line)
    try:
        old = _program(before)
        return len(old) == len(new) and all(ast.dump(one) == ast.dump(two) for one, two in zip(old, new, strict=True))
    except UNREADABLE:
        return False


def _without_remarks(source: bytes) -> tuple[list[bytes], list[bytes]] | None:
    """The strings of a file, and its lines without comments: where both are the same, so is the program.

    None where its text alone cannot tell what they are.
    """
    if b"\r" in source or b"\\\n" in source or NESTED.search(source) or _READ.search(source):
        return None
    strings: list[bytes] = []

    def keep(found: re.Match[bytes]) -> bytes:
        if found[0].startswith(b"#"):
            return b""
        strings.append(found[0])
        return found[0]

    lines = _LEXEME.sub(keep, source).split(b"\n")
    return strings, [bare for line in lines if (bare := line.rstrip())]


def _program(source: bytes) -> list[ast.stmt]:
    tree = parse(source)
    _drop_docstrings(tree)
    return tree.body


def _drop_docstrings(node: ast.Module | ast.stmt) -> None:
    if isinstance(node, _WITH_DOCSTRINGS):
        match node.body:
            case [ast.Expr(value=ast.Constant(value=str())), *rest]:
                node.body = rest or [ast.Pass()]
    inner = [(node.body, 0)] if isinstance(node, ast.Module) else blocks(node)
    for block, _ in inner:
        for statement in block:
            _drop_docstrings(statement)
