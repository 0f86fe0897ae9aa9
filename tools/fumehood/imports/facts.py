"""What one file says about imports, as values; and whether two versions of it are the same program."""

from __future__ import annotations

import ast

from fumehood.imports.remarks import without_remarks
from fumehood.imports.scan import UNREADABLE, Scan, blocks, mistake, parse, scan
from fumehood.model.source import DynamicPrefix, Imported, PathEdit, SourceFacts, SyntaxMistake

_WITH_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def read(source: bytes) -> SourceFacts:
    """What the bytes of a Python file say about imports."""
    return facts(scan(source))


def facts(found: Scan) -> SourceFacts:
    """What was found in a file, as values."""
    return SourceFacts(
        imports=tuple(map(_imported, found.imports)),
        strings=tuple(map(_imported, found.strings)),
        prefixes=tuple(DynamicPrefix(text=text, line=line) for text, line in found.prefixes),
        path_edits=tuple(PathEdit(pieces=pieces, line=line) for pieces, line in found.path_edits),
        entry_point_groups=found.groups,
        exports=found.exports,
        error=SyntaxMistake(message=found.error[0], line=found.error[1]) if found.error else None,
    )


def _imported(raw: tuple[str, int, str, int, int]) -> Imported:
    module, level, name, line, flags = raw
    return Imported(module=module, level=level, name=name, line=line, flags=flags)


def is_same_program(before: bytes, after: bytes) -> bool | SyntaxMistake:
    """Whether two versions of a file differ in comments, docstrings and layout only; else the mistake in the second.

    What is compared is their syntax trees, one statement after the other; unless their texts are the same already
    without comments and blank lines.
    """
    bare = without_remarks(before)
    if bare is not None and bare == without_remarks(after):
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
