"""Hashes that people give for a requirement: what a lock may have of it is one of those files, and no other.

uv reads them when it resolves and heeds none of them, so that a registry could decide what it is checked against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from fumehood.errors import HashMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName

    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement

_SHA256 = "sha256:"
"""What registries and uv say; a line may give others too, which only a file itself can be held against."""


def held_to_given(pins: Iterable[Pin], requirements: Iterable[Requirement]) -> tuple[Pin, ...]:
    """The pins, with the hashes that lines give for them instead of the registry's.

    Of several lines under one marker each has to give a hash, as with pip; under different markers they are about
    different machines.

    Raises:
        HashMismatchError: The registry has none of the files that a line allows.
    """
    lines: dict[NormalizedName, list[Requirement]] = {}
    for requirement in requirements:
        if requirement.name and requirement.hashes:
            lines.setdefault(requirement.name, []).append(requirement)
    return tuple(_held(pin, lines) for pin in pins) if lines else tuple(pins)


def _held(pin: Pin, lines: Mapping[NormalizedName, list[Requirement]]) -> Pin:
    about = [
        line for line in lines.get(pin.name, ()) if pin.url or line.specifier.contains(pin.version, prereleases=True)
    ]
    by_marker: dict[str, set[str]] = {}
    for line in about:
        marker = str(line.marker or "")
        by_marker[marker] = by_marker.get(marker, set(line.hashes)) & set(line.hashes)
        if is_other_file(line, pin) or not by_marker[marker]:
            raise HashMismatchError(
                f"no file of {pin.name} {pin.what} has a hash that is given for it",
                place=line.place,
                remedy="if the registry's files are the right ones, write their hashes, or none",
            )
    return replace(pin, hashes=tuple(sorted(set().union(*by_marker.values())))) if about else pin


def is_other_file(line: Requirement, pin: Pin) -> bool:
    """Whether a line gives hashes of which a pin has none."""
    if not (line.hashes and pin.hashes):
        return False
    comparable = all(digest.startswith(_SHA256) for digest in (*line.hashes, *pin.hashes))
    return comparable and set(line.hashes).isdisjoint(pin.hashes)
