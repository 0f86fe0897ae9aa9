"""A lock as a certificate: does every requirement line admit the pins? No resolver, no network.

That a set of pins satisfies the lines people wrote is checked here with packaging's arithmetic. That the pins satisfy
each other was proven when they were resolved, and stays proven while the digests in the lock's header match.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.version import InvalidVersion, Version

from fumehood.locking.given_hashes import is_other_file
from fumehood.model.markers import universal
from fumehood.model.uv_settings import UvSettings
from fumehood.reading.sources import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName

    from fumehood.model.lock import Pin
    from fumehood.model.markers import MarkerEnvironment
    from fumehood.model.requirement import Requirement

_NONE = UvSettings()


class Breach(Struct, frozen=True, kw_only=True):
    """A requirement line that the pins do not satisfy.

    Attributes:
        pin: The pin in the way; None where the package is not pinned at all.
    """

    requirement: Requirement
    pin: Pin | None

    def __str__(self) -> str:
        line = f"{self.requirement.place}: {without_credentials(self.requirement.text)}"
        if self.pin and is_other_file(self.requirement, self.pin):
            return f"{line} gives other hashes than the lock has"
        if self.pin is None:
            return f"{line} is not in the lock"
        return f"{line} does not admit {self.pin.name} {self.pin.what}"


def breaches(
    requirements: Iterable[Requirement],
    pinned: Mapping[NormalizedName, tuple[Pin, ...]],
    *,
    python: str,
    settings: UvSettings = _NONE,
) -> tuple[Breach, ...]:
    """Every line that the pins break, at most once each, in the order of the lines.

    Args:
        requirements: The lines.
        pinned: The pins of each package.
        python: Lower bound of the Python versions that the pins are for.
        settings: What uv is configured to: where else the pins are not for, and which lines do not decide.
    """
    environments = universal(python, settings.environments)
    deciding = (line for line in requirements if line.name not in settings.overridden)
    found = (_breach(requirement, pinned, environments) for requirement in deciding)
    return tuple(breach for breach in found if breach)


def _breach(
    requirement: Requirement,
    pinned: Mapping[NormalizedName, tuple[Pin, ...]],
    environments: tuple[MarkerEnvironment, ...],
) -> Breach | None:
    if requirement.name is None or requirement.is_local:
        return None  # Only its source knows its name, and the lock its path; the digest of the inputs covers it.
    candidates = pinned.get(requirement.name, ())
    if not candidates and any(pin.is_local for pins in pinned.values() for pin in pins):
        return None  # What a pinned folder or file is called, the lock does not know; the digest covers this, too.
    if _holds_everywhere(requirement, candidates):
        return None
    marker = str(requirement.marker or "")
    for environment in environments:
        if not environment.admits(marker):
            continue
        here = [pin for pin in candidates if environment.admits(pin.marker)]
        if not here and not requirement.constraint:
            return Breach(requirement=requirement, pin=None)
        for pin in here:
            if not _admits(requirement, pin):
                return Breach(requirement=requirement, pin=pin)
    return None


def _holds_everywhere(requirement: Requirement, candidates: tuple[Pin, ...]) -> bool:
    """The common case without looking at any environment: one unmarked pin that the line admits."""
    return len(candidates) == 1 and not candidates[0].marker and _admits(requirement, candidates[0])


def _admits(requirement: Requirement, pin: Pin) -> bool:
    if is_other_file(requirement, pin):
        return False
    if requirement.url:
        return bool(pin.url)
    if pin.url:
        return True  # A direct reference has whatever version its source says; the resolver has looked.
    key = requirement.text, pin.version
    if key not in _admitted:
        _admitted[key] = _contains(requirement, pin.version)
    return _admitted[key]


_admitted: dict[tuple[str, str], bool] = {}
"""Whether a requirement as written admits a version: a thousand experiments ask for few different ones."""


def _contains(requirement: Requirement, version: str) -> bool:
    try:
        return requirement.specifier.contains(_version(version), prereleases=True)
    except InvalidVersion:
        return False  # Only `===` pins such a version, and no other operator compares with it.


@functools.lru_cache(maxsize=16384)
def _version(text: str) -> Version | str:
    try:
        return Version(text)
    except InvalidVersion:
        return text
