"""The blocks of compound statements, and what standing in one means for an import: whether and when it happens."""

from __future__ import annotations

import ast
import functools
import operator
import re
from typing import TYPE_CHECKING

from fumehood.model.import_flags import LAZY, OPTIONAL, TYPING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_LOOKED = re.compile(r"_*(?!is_available)\w+_(?:available|installed)|_*(?:has|have)_\w+", re.IGNORECASE)
"""What looks whether something can be imported is called: ``is_wandb_available``, ``HAS_TRITON``."""


def blocks(statement: ast.stmt) -> Iterator[tuple[Sequence[ast.stmt], int]]:
    """The blocks of a compound statement, each with what it means for the imports in it."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield statement.body, LAZY
        case ast.If():
            inside, otherwise = _flags(statement.test)
            yield statement.body, inside
            yield statement.orelse, otherwise
        case ast.Try() | ast.TryStar():
            yield statement.body, OPTIONAL if any(_lets_pass(handler.type) for handler in statement.handlers) else 0
            for handler in statement.handlers:
                yield handler.body, OPTIONAL if _lets_pass(handler.type) else 0
            yield statement.orelse, 0
            yield statement.finalbody, 0
        case ast.With():
            yield statement.body, OPTIONAL if any(_suppresses(item.context_expr) for item in statement.items) else 0
        case ast.Match():
            for case in statement.cases:
                yield case.body, 0
        case ast.ClassDef() | ast.For() | ast.AsyncFor() | ast.While() | ast.AsyncWith():
            yield statement.body, 0
            yield getattr(statement, "orelse", ()), 0


def looked_for(statement: ast.stmt) -> str:
    """What is there wherever a statement goes on: ``is_wandb_available`` of one that else raises or returns."""
    match statement:
        case ast.If(test=ast.UnaryOp(op=ast.Not(), operand=test), body=[*_, ast.Raise() | ast.Return()], orelse=[]) if (
            _flags(test)[0] & OPTIONAL
        ):
            return ast.unparse(test).lower()
    return ""


def _flags(test: ast.expr) -> tuple[int, int]:
    """The flags of what stands under a condition, and of what stands under its ``else``."""
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return TYPING, 0
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _flags(operand)[::-1]
        case ast.BoolOp(op=ast.And(), values=values):
            return functools.reduce(operator.or_, (_flags(value)[0] for value in values)), 0
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) | ast.Name(id=name) | ast.Attribute(attr=name):
            return OPTIONAL if _LOOKED.fullmatch(name) else 0, 0
    return 0, 0


def _lets_pass(caught: ast.expr | None) -> bool:
    """Whether an ``except`` catches a failed import."""
    match caught:
        case None:
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _IMPORT_ERRORS
        case ast.Tuple(elts=several):
            return any(map(_lets_pass, several))
    return False


def _suppresses(context: ast.expr) -> bool:
    match context:
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=caught):
            return any(map(_lets_pass, caught))
    return False
