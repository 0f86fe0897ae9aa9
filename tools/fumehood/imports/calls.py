"""Calls that import by name, and other ways around the import statement: what an expression can do."""

from __future__ import annotations

import ast
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fumehood.model.source import DYNAMIC, LAZY, OPTIONAL

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKERS = (
    b"import_module",
    b"__import__",
    b"find_spec",
    b"importorskip",
    b"run_module",
    b"resolve_name",
    b"import_string",
    b"pytest_plugins",
    b"sys.path",
    b"entry_points",
)
"""Bytes of which a file holds at least one if there is anything in it that `Calls` learns."""

_FUNCTIONS = {
    "import_module": 0,
    "__import__": 0,
    "find_spec": OPTIONAL,
    "importorskip": OPTIONAL,
    "run_module": 0,
    "resolve_name": 0,
    "import_string": 0,
}
"""Functions whose first argument names a module: of importlib, importlib.util, pytest, runpy, pkgutil, and Django."""

_PATH_CHANGES = frozenset({"append", "extend", "insert"})


@dataclass(slots=True)
class Calls:
    """What the calls and assignments of a file import, as `fumehood.imports.scan` keeps it."""

    imports: list[tuple[str, int, str, int, int]] = field(default_factory=list)
    prefixes: list[tuple[str, int]] = field(default_factory=list)
    path_edits: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    _functions: dict[str, int] = field(default_factory=lambda: dict(_FUNCTIONS))

    def learn(self, tree: ast.Module) -> None:
        """Look at every expression of a file, each with whether it waits for a call."""
        nodes: list[tuple[ast.AST, int]] = [(tree, 0)]
        for node, flags in nodes:  # It grows while it is gone through.
            inner = flags | LAZY if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else flags
            nodes.extend((child, inner) for child in ast.iter_child_nodes(node))
            if isinstance(node, ast.ImportFrom):
                self._learn_names(node)
        for node, flags in nodes:
            self._look(node, flags)
        self.imports.sort(key=lambda found: found[3])
        self.prefixes.sort(key=lambda found: found[1])
        self.path_edits.sort(key=lambda found: found[1])

    def _learn_names(self, statement: ast.ImportFrom) -> None:
        for alias in statement.names:
            if alias.asname and alias.name in _FUNCTIONS:
                self._functions[alias.asname] = _FUNCTIONS[alias.name]

    def _look(self, node: ast.AST, flags: int) -> None:
        match node:
            case ast.Call():
                self._call(node, flags)
            case ast.Assign(targets=[ast.Name(id="pytest_plugins")], value=value):
                for text in _texts(value):
                    self.imports.append((text, 0, "", node.lineno, flags | DYNAMIC))
            case ast.Assign(targets=targets) if any(map(_is_path, targets)):
                self.path_edits.append((tuple(_texts(node.value)), node.lineno))
            case ast.AugAssign(target=target) if _is_path(target):
                self.path_edits.append((tuple(_texts(node.value)), node.lineno))

    def _call(self, call: ast.Call, flags: int) -> None:
        match call.func:
            case ast.Attribute(value=value, attr=name) if name in _PATH_CHANGES and _is_path(value):
                pieces = tuple(text for argument in call.args for text in _texts(argument))
                self.path_edits.append((pieces, call.lineno))
                return
            case ast.Name(id="entry_points") | ast.Attribute(attr="entry_points"):
                self.groups.add(_literal(_keyword(call, "group")) or "")
                return
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in self._functions:
                named = call.args[0] if call.args else _keyword(call, "name")
                if named is not None:
                    self._import(call, named, flags | DYNAMIC | self._functions[name])

    def _import(self, call: ast.Call, named: ast.expr, flags: int) -> None:
        text = _literal(named)
        if text is None:
            self.prefixes.append((_beginning(named, _package(call)), call.lineno))
        elif text.startswith("."):
            level = len(text) - len(text.lstrip("."))
            package = _literal(_package(call))
            if package is not None:
                text = _absolute(text, package)
                level = 0
            self.imports.append((text.lstrip("."), level, "", call.lineno, flags))
        else:
            self.imports.append((text.replace(":", "."), 0, "", call.lineno, flags))


def _package(call: ast.Call) -> ast.expr | None:
    """What a relative name is relative to."""
    return call.args[1] if len(call.args) > 1 else _keyword(call, "package")


def _absolute(text: str, package: str) -> str:
    level = len(text) - len(text.lstrip("."))
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], text.lstrip(".")])


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((item.value for item in call.keywords if item.arg == name), None)


def _literal(node: ast.expr | None) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
    return None


def _beginning(node: ast.expr, package: ast.expr | None) -> str:
    """What is literal at the beginning of a text that is put together; with a dot first, relative to the file's folder.

    Args:
        node: The name.
        package: What it is relative to, if it is.
    """
    pieces = list(_pieces(node))
    own = bool(pieces) and _is_own_name(pieces[0])
    literals = itertools.takewhile(lambda text: text is not None, map(_literal, pieces[own:]))
    text = "".join(filter(None, literals))
    if own:
        return text if text.startswith(".") else ""
    if not text.startswith(".") or _is_own_name(package):
        return text
    known = _literal(package)
    return _absolute(text, known) if known is not None else ""


def _is_own_name(node: ast.expr | None) -> bool:
    """Whether it is the name of the module or package that it stands in."""
    return isinstance(node, ast.Name) and node.id in {"__name__", "__package__"}


def _pieces(node: ast.expr) -> Iterator[ast.expr]:
    """What a text is put together from, first to last; what is in the place of a field stands for all after it."""
    match node:
        case ast.JoinedStr(values=values):
            for value in values:
                yield from _pieces(value)
        case ast.FormattedValue(value=value):
            yield value
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _pieces(left)
            yield from _pieces(right)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            yield from (ast.Constant(value=text.partition("%")[0]), node)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            yield from (ast.Constant(value=text.partition("{")[0]), node)
        case _:
            yield node


def _is_path(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="sys"), attr="path"):
            return True
        case ast.Subscript(value=value):
            return _is_path(value)
    return False


def _texts(node: ast.AST) -> Iterator[str]:
    """The string literals in an expression, in their order."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
        return
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)
