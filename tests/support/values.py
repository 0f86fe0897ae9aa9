"""Values of the project's own types, for property tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def values(kind: Callable[..., T], **fields: st.SearchStrategy[object]) -> st.SearchStrategy[T]:
    """Values of a type, from a strategy for each field that is given.

    `hypothesis.strategies.builds` looks at the types of all fields, some of which are known to type checkers only.
    """
    return st.fixed_dictionaries(fields).map(lambda given: kind(**given))
