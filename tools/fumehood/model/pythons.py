"""Versions of Python, as specifiers admit them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.specifiers import SpecifierSet

_MINORS = range(8, 40)
_MICROS = (*range(40), 99)
"""The releases of a minor version that a specifier may name, and the last one."""


def admitted_minors(specifier: SpecifierSet) -> Iterator[int]:
    """The minor versions of Python 3 of which a specifier admits a release, lowest first."""
    return (minor for minor in _MINORS if _first_release(specifier, minor) is not None)


def lowest_admitted(specifier: SpecifierSet) -> str | None:
    """The lowest Python 3 that a specifier admits: ``3.11``, or ``3.11.4`` where it leaves out the first releases."""
    minor = next(admitted_minors(specifier), None)
    if minor is None:
        return None
    micro = _first_release(specifier, minor)
    return f"3.{minor}.{micro}" if micro else f"3.{minor}"


def _first_release(specifier: SpecifierSet, minor: int) -> int | None:
    return next((micro for micro in _MICROS if specifier.contains(f"3.{minor}.{micro}")), None)
