"""How a Python file imports something: flags, of which an import has a sum."""

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
