"""Versions of Python, as specifiers admit them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.specifiers import SpecifierSet

_MINORS = range(8, 40)
_MICROS = (99, *range(40))
"""The last release of a minor version, and those that a specifier may name."""


def admitted_minors(specifier: SpecifierSet) -> Iterator[int]:
    """The minor versions of Python 3 of which a specifier admits a release, lowest first."""
    return (minor for minor in _MINORS if any(specifier.contains(f"3.{minor}.{micro}") for micro in _MICROS))
