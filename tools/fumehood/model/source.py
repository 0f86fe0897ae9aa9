"""What one Python file says about imports, without running it."""

from __future__ import annotations

from dataclasses import dataclass

TYPING = 1
"""Only type checkers see it: it stands under ``if TYPE_CHECKING``."""
OPTIONAL = 2
"""The file does without: it stands in a ``try`` or a ``with`` that lets an ImportError pass."""
LAZY = 4
"""It waits for a call: it stands in a function."""
DYNAMIC = 8
"""A function imports it by a literal name, such as ``import_module("a.b")``, or pytest a plugin."""
MENTIONED = 16
"""It is no import, but a string that is written like a module's name, as registries hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One thing that a file imports: ``from module import name``, or ``import module`` where `name` is empty.

    Attributes:
        module: As it is written, without the dots before it.
        level: How many dots stand before it: 0 for an absolute import.
        name: What is taken from it; ``*`` for all of it, empty for the module itself.
        line: Where it stands, counted from 1.
        flags: How it is imported, a sum of this module's constants.
    """

    module: str
    level: int = 0
    name: str = ""
    line: int
    flags: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicPrefix:
    """A name that is put together while running, and then imported: ``import_module(f"experiments.{name}")``.

    Attributes:
        text: What is literal at its beginning, ``experiments.``; empty if nothing is.
    """

    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PathEdit:
    """A line that changes ``sys.path``.

    Attributes:
        pieces: The string literals in the statement, in their order.
    """

    pieces: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxMistake:
    """Why a file is no Python."""

    message: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What one file says about imports.

    Attributes:
        imports: In the order in which they stand.
        strings: String literals that are written like a module's name with at least one dot, each as an `Imported`
            that is only `MENTIONED`. A colon, as in entry points, counts as a dot.
        prefixes: Names that are formatted and then imported.
        path_edits: Lines that change ``sys.path``.
        entry_point_groups: Literal groups asked for with ``importlib.metadata.entry_points``; an empty one stands for
            a group that is not literal.
        exports: The names in ``__all__``, as far as they are written out.
        error: The mistake in a file that is no Python, as far as it had to be read to find its imports; these are then
            the ones on lines of their own.
    """

    imports: tuple[Imported, ...] = ()
    strings: tuple[Imported, ...] = ()
    prefixes: tuple[DynamicPrefix, ...] = ()
    path_edits: tuple[PathEdit, ...] = ()
    entry_point_groups: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    error: SyntaxMistake | None = None
