"""Calls that import by name, and other ways around the import statement: what an expression can do."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.imports.blocks import blocks
from fumehood.imports.texts import Texts
from fumehood.model.import_flags import DYNAMIC, LAZY, OPTIONAL

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    b"from sys import",
    b"addsitedir",
    b"entry_points",
    b"attach_stub",
    b"iter_modules",
    b"walk_packages",
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

_LISTINGS = {"iter_modules": "*", "walk_packages": "**"}
"""Functions of pkgutil that list modules, for somebody who imports them; and how deep."""

_PATH_CHANGES = frozenset({"append", "extend", "insert"})


class Calls(Struct):
    """What the calls and assignments of a file import, as `fumehood.imports.scan` keeps it."""

    imports: list[tuple[str, int, str, int, int]] = field(default_factory=list)
    prefixes: list[tuple[str, int, str]] = field(default_factory=list)
    path_edits: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    _functions: dict[str, int] = field(default_factory=lambda: dict(_FUNCTIONS))
    _paths: set[str] = field(default_factory=set)
    _modules: dict[str, str] = field(default_factory=dict)
    _texts: Texts = field(default_factory=Texts)

    def learn(self, tree: ast.Module) -> None:
        """Look at every expression of a file, each with whether it waits for a call, or may fail."""
        nodes: list[tuple[ast.AST, int]] = [(tree, 0)]
        inside: dict[int, int] = {}
        for node, flags in nodes:  # It grows while it is gone through.
            if isinstance(node, ast.stmt):
                inside |= {id(child): more for block, more in blocks(node) if more for child in block}
            own = LAZY if isinstance(node, ast.Lambda) else 0
            nodes.extend((child, flags | own | inside.get(id(child), 0)) for child in ast.iter_child_nodes(node))
            if isinstance(node, ast.Import):
                self._modules |= {alias.asname: alias.name for alias in node.names if alias.asname}
            if isinstance(node, ast.ImportFrom):
                self._learn_names(node)
        self._texts = Texts.of(node for node, _ in nodes)
        for node, flags in nodes:
            self._look(node, flags)
        self.imports.sort(key=lambda found: found[3])
        self.prefixes.sort(key=lambda found: found[1])
        self.path_edits.sort(key=lambda found: found[1])

    def _learn_names(self, statement: ast.ImportFrom) -> None:
        package = f"{'.' * statement.level}{statement.module or ''}"
        for alias in statement.names:
            self._modules[alias.asname or alias.name] = f"{package}{'.' if statement.module else ''}{alias.name}"
            if alias.asname and alias.name in _FUNCTIONS:
                self._functions[alias.asname] = _FUNCTIONS[alias.name]
            if (statement.module, alias.name) == ("sys", "path"):
                self._paths.add(alias.asname or alias.name)

    def _look(self, node: ast.AST, flags: int) -> None:
        match node:
            case ast.Call():
                self._call(node, flags)
            case ast.Assign(targets=[ast.Name(id="pytest_plugins")], value=value):
                for text in self._texts.all_in(value):
                    self.imports.append((text, 0, "", node.lineno, flags | DYNAMIC))
            case ast.Assign(targets=targets, value=value) if any(map(self._is_path, targets)):
                self._edit([value], node.lineno)
            case ast.AugAssign(target=target, value=value) if self._is_path(target):
                self._edit([value], node.lineno)

    def _edit(self, values: Iterable[ast.expr], line: int) -> None:
        self.path_edits.append((tuple(text for value in values for text in self._texts.all_in(value)), line))

    def _call(self, call: ast.Call, flags: int) -> None:
        match call.func:
            case ast.Attribute(value=value, attr=name) if name in _PATH_CHANGES and self._is_path(value):
                self._edit(call.args, call.lineno)
            case ast.Name(id="addsitedir") | ast.Attribute(attr="addsitedir"):
                self._edit(call.args, call.lineno)
            case ast.Name(id="entry_points") | ast.Attribute(attr="entry_points"):
                self.groups.add(self._texts.literal(_keyword(call, "group")) or "")
            case ast.Name(id="attach_stub") | ast.Attribute(attr="attach_stub"):
                self.prefixes.append((".", call.lineno, "*"))  # lazy_loader reads from a stub what the package gives.
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _LISTINGS:
                self._list(call, _LISTINGS[name])
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in self._functions:
                named = call.args[0] if call.args else _keyword(call, "name")
                if named is not None:
                    self._import(call, named, flags | DYNAMIC | self._functions[name])

    def _import(self, call: ast.Call, named: ast.expr, flags: int) -> None:
        text = self._texts.literal(named)
        name, rest = self._texts.beginning(named) if text is None else (text.replace(":", "."), "")
        package = _keyword(call, "package") or next(iter(call.args[1:]), None)
        if name.startswith(".") and package is not None:
            name = _absolute(name, self._texts.literal(package), is_whole=text is not None)
        if text is None or not name:
            self.prefixes.append((name, call.lineno, rest))
            return
        bare = name.lstrip(".")
        self.imports.append((bare, len(name) - len(bare), "", call.lineno, flags))

    def _list(self, call: ast.Call, depth: str) -> None:
        """Modules that are listed: by the beginning that their names are given, else by where they are looked for."""
        path = next(iter(call.args), _keyword(call, "path"))
        prefix = next(iter(call.args[1:]), _keyword(call, "prefix"))
        beginning = self._texts.beginning(prefix)[0] if prefix is not None else ""
        if not beginning.endswith("."):
            beginning = self._package(path)
        if beginning:
            self.prefixes.append((beginning, call.lineno, depth))

    def _package(self, path: ast.expr | None) -> str:
        """How the names of modules begin that are found on a path; empty where that is not known."""
        match path:
            case ast.Name(id="__path__"):
                return "."
            case ast.Attribute(value=package, attr="__path__"):
                first, *others = ast.unparse(package).split(".")
                return ".".join([self._modules.get(first, first), *others, ""])
        is_own = path is not None and self._texts.has_name(path, "__file__") and not any(self._texts.all_in(path))
        return "." if is_own else ""

    def _is_path(self, node: ast.expr) -> bool:
        match node:
            case ast.Attribute(value=ast.Name(id="sys"), attr="path"):
                return True
            case ast.Name(id=name):
                return name in self._paths
            case ast.Subscript(value=value):
                return self._is_path(value)
        return False


def _absolute(name: str, package: str | None, *, is_whole: bool) -> str:
    """A relative name, or the beginning of one, seen from a package; as it is where that is the file's own.

    Of a package that is not known a whole name is looked for as if it were the file's own; a beginning says nothing.
    """
    if not package:
        return name if is_whole or package is not None else ""
    bare = name.lstrip(".")
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - (len(name) - len(bare)) + 1], bare])


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((item.value for item in call.keywords if item.arg == name), None)
