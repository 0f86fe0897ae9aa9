"""Private names that a file reaches through what it has imported, as in ``import core.x as m; m._name``.

A name means what it is bound to where it is used: a parameter called like a module is not that module. Source: Python's
language reference, "Naming and binding".
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, field

from fumehood.imports.scan import UNREADABLE, parse
from fumehood.outside.remembered import Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

Reached = tuple[str, int, int]
"""A dotted name without the dots before it, how many they are, and the line."""

_PRIVATE = re.compile(rb"\.\s*_(?!_\w*__\b)")
_BEFORE = re.compile(rb"([ \t]*(?:\w+[ \t]*\.[ \t]*)*(\w+))?+(\s*\.)?")
"""Names and dots backwards: the second group is the first name, and the third is there if that is unclear."""
_FARTHEST = 200
"""Bytes that such names take at most."""
_IMPORT = re.compile(rb"import\b((?:\\\n|[^(\n;])*(?:\((?:[^)#]|#[^\n]*)*\))?)")
_PACKAGE = re.compile(rb"\bfrom\b[\s\\]*([.\w]+)[\s\\]*\Z")
_NAME = re.compile(rb"\w+")
_DOTTED = re.compile(rb"[.\w]+")


def is_private(part: str) -> bool:
    """Whether a name that has no dots is private: it begins with ``_``, and is not one of Python's own."""
    return part.startswith("_") and not part.endswith("__")


def through(source: bytes) -> tuple[str, ...]:
    """The modules that a file imports, or takes names from, and may reach private names through; by its text alone."""
    used: set[bytes] = set()
    for found in _PRIVATE.finditer(source):
        start = found.start()
        before = _BEFORE.match(source[max(0, start - _FARTHEST) : start][::-1])
        if before:
            used.add((before[2] or b"")[::-1])
            used.update([b""] if before[3] else ())
    if not used:
        return ()
    modules: set[bytes] = set()
    for said in _IMPORT.finditer(source):
        if b"" in used or not used.isdisjoint(_NAME.findall(said[1])):
            package = _PACKAGE.search(source[max(0, said.start() - _FARTHEST) : said.start()])
            modules.update([package[1]] if package else _DOTTED.findall(said[1]))
    return tuple(sorted(module.decode("ascii", "replace") for module in modules))


def privates(source: bytes) -> tuple[Reached, ...]:
    """The private names that a file reaches through names that it imports, in the order of lines.

    What is called so is the whole dotted name up to its last private part. A name that an import binds, and something
    else in the same place, is not taken for what was imported; but for ``None``, as after an import that failed.
    """
    return tuple(sorted(set(_read(source).reached()), key=lambda found: (found[2], found)))


PRIVATES = Reading(name="privates", version=1, find=privates)


def bound(source: bytes) -> Mapping[str, Collection[Meaning | None]]:
    """What a file binds its names to at its top: what it imports, or None for anything else."""
    return _read(source).module.names


def _read(source: bytes) -> _Scopes:
    """The scopes of a file; none are known of one that is no Python."""
    scopes = _Scopes()
    with contextlib.suppress(*UNREADABLE):
        scopes.learn(parse(source))
    return scopes


class Meaning(NamedTuple):
    """What an import binds a name to."""

    module: str
    level: int


class _Scope(Struct, kw_only=True, eq=False):
    """A block in which names are bound: a module, a class, a function, or a comprehension.

    Attributes:
        outer: The one that it stands in; a module in none.
        names: What each is bound to there; None stands for anything that is not imported.
        elsewhere: The names that it declares ``global`` or ``nonlocal``, each with the scope where it is bound then.
    """

    outer: _Scope | None = None
    is_class: bool = False
    is_comprehension: bool = False
    names: dict[str, set[Meaning | None]] = field(default_factory=dict)
    elsewhere: dict[str, _Scope] = field(default_factory=dict)

    def meanings(self, name: str) -> set[Meaning | None]:
        """What a name that is used here may stand for; nothing if it is bound nowhere."""
        scope: _Scope | None = self
        while scope:
            if name in scope.elsewhere:
                return scope.elsewhere[name].meanings(name)
            if name in scope.names and (scope is self or not scope.is_class):
                return scope.names[name]
            scope = scope.outer
        return set()

    @property
    def around(self) -> _Scope:
        """The scope whose names one that is nested in this one's functions sees: itself, unless it is a class."""
        return self.outer.around if self.outer and self.is_class else self

    @property
    def top(self) -> _Scope:
        """The module."""
        return self.outer.top if self.outer else self


class _Chain(NamedTuple):
    """A name that is used, and the attributes that are taken from it one after the other."""

    scope: _Scope
    name: str
    attributes: tuple[str, ...]
    line: int


_Inner = tuple[ast.AST, _Scope]
"""A part of the program that is still to be looked at, and the scope that it stands in."""


class _Scopes(Struct):
    """All scopes of a file: gone through once, and only then is it known what a name means."""

    module: _Scope = field(default_factory=_Scope)
    _bound: list[tuple[_Scope, str, Meaning | None]] = field(default_factory=list)
    _chains: list[_Chain] = field(default_factory=list)

    def learn(self, tree: ast.Module) -> None:
        """Look at all of a file, and then bind what it binds, since ``global`` may stand behind other statements."""
        pending: list[_Inner] = [(tree, self.module)]
        for node, scope in pending:  # It grows while it is gone through.
            pending.extend(self._look(node, scope))
        for scope, name, meaning in self._bound:
            home = scope.elsewhere.get(name, scope)
            home.names.setdefault(name, set()).add(meaning)

    def reached(self) -> Iterator[Reached]:
        """What the chains lead to that begin with what an import alone has bound."""
        for scope, name, attributes, line in self._chains:
            meanings = scope.meanings(name)
            if None not in meanings:
                yield from ((".".join([one.module, *attributes]), one.level, line) for one in meanings if one)

    def _look(self, node: ast.AST, scope: _Scope) -> Iterable[_Inner]:
        """Learn what a node says itself, and give what is in it."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                return self._definition(node, scope)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return _comprehension(node, node.generators, scope)
            case ast.Attribute() if self._chain(node, scope):
                return ()
            case ast.Assign(targets=[ast.Name()], value=ast.Constant(value=None)):
                return ()
        self._names(node, scope)
        return ((child, scope) for child in ast.iter_child_nodes(node))

    def _names(self, node: ast.AST, scope: _Scope) -> None:
        """Learn the names that a statement or an expression binds."""
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.Global(names=names):
                scope.elsewhere |= dict.fromkeys(names, scope.top)
            case ast.Nonlocal(names=names) if scope.outer:
                scope.elsewhere |= dict.fromkeys(names, scope.outer.around)
            case ast.NamedExpr(target=target):
                self._bind(_behind_comprehensions(scope), target.id)
            case ast.Name(id=name, ctx=ast.Store()) | ast.ExceptHandler(name=str(name)):
                self._bind(scope, name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                self._bind(scope, name)

    def _bind(self, scope: _Scope, name: str, meaning: Meaning | None = None) -> None:
        self._bound.append((scope, name, meaning))

    def _import(self, statement: ast.Import | ast.ImportFrom, scope: _Scope) -> None:
        for alias in statement.names:
            first = alias.name.partition(".")[0]
            match statement:
                case ast.Import():
                    self._bind(scope, alias.asname or first, Meaning(alias.name if alias.asname else first, 0))
                case ast.ImportFrom(module=module, level=level):
                    whole = f"{module}.{alias.name}" if module else alias.name
                    self._bind(scope, alias.asname or alias.name, Meaning(whole, level))

    def _definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef, scope: _Scope
    ) -> Iterator[_Inner]:
        """Its body has a scope of its own, and its parameters are there; defaults, annotations and bases are not."""
        inner = _Scope(outer=scope, is_class=isinstance(node, ast.ClassDef))
        if not isinstance(node, ast.Lambda):
            self._bind(scope, node.name)
        if not isinstance(node, ast.ClassDef):
            for child in ast.iter_child_nodes(node.args):
                if isinstance(child, ast.arg):
                    self._bind(inner, child.arg)
        own = frozenset([node.body] if isinstance(node, ast.Lambda) else node.body)
        return ((child, inner if child in own else scope) for child in ast.iter_child_nodes(node))

    def _chain(self, node: ast.Attribute, scope: _Scope) -> bool:
        """Whether all of it is names and dots."""
        attributes = [node.attr]
        value = node.value
        while isinstance(value, ast.Attribute):
            attributes.append(value.attr)
            value = value.value
        if not isinstance(value, ast.Name):
            return False
        # What follows the last private name says nothing about names that are private.
        said = tuple(itertools.dropwhile(lambda part: not is_private(part), attributes))[::-1]
        if said:
            self._chains.append(_Chain(scope, value.id, said, node.lineno))
        return True


def _comprehension(node: ast.AST, generators: Iterable[ast.comprehension], scope: _Scope) -> Iterator[_Inner]:
    """All of it has a scope of its own but for what it goes through first."""
    inner = _Scope(outer=scope, is_comprehension=True)
    first, *others = generators
    yield first.iter, scope
    yield from ((child, inner) for child in (first.target, *first.ifs, *others))
    yield from ((child, inner) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.comprehension))


def _behind_comprehensions(scope: _Scope) -> _Scope:
    while scope.outer and scope.is_comprehension:
        scope = scope.outer
    return scope
