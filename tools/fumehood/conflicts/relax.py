"""The least change of a line that admits a version: arithmetic on specifiers, nothing is resolved here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.specifiers import SpecifierSet

    from fumehood.model.requirement import Requirement

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_ORDER = (">=", ">", "~=", "==", "===", "!=", "<=", "<")


def admitting(line: Requirement, *versions: str) -> str:
    """The line's text with the fewest of its bounds moved, each as little as it takes, to admit some versions.

    Raises:
        InvalidVersion: No bound but ``===`` compares with such a version.
    """
    bounds = set(line.specifier)
    for version in versions:
        bounds = {moved for bound in bounds if (moved := _moved(bound, Version(version)))}
    return written(line, ",".join(map(str, _sorted(bounds))))


def without_exclusions(line: Requirement) -> str:
    """The line's text without its ``!=``."""
    return written(line, ",".join(str(bound) for bound in _sorted(line.specifier) if bound.operator != "!="))


def is_wider(before: SpecifierSet, after: SpecifierSet) -> bool:
    """Whether only one-sided bounds were moved, so that what was admitted still is."""
    return all(bound.operator in {">=", ">", "<=", "<", "!="} for bound in set(before) ^ set(after))


def without_bounds(line: Requirement) -> str:
    """The line's text without any bound on its version."""
    return written(line, "")


def above(line: Requirement, version: str) -> str:
    """The line's text for what lies above a version, its lower bounds kept."""
    kept = [str(bound) for bound in _sorted(line.specifier) if bound.contains(version, prereleases=True)]
    return written(line, ",".join([*kept, f">{highest_named(line.specifier).public}"]))


def highest_named(specifier: SpecifierSet) -> Version:
    """The highest version that a specifier names.

    Raises:
        InvalidVersion: One that only ``===`` can name.
    """
    return max(Version(bound.version.removesuffix(".*")) for bound in specifier)


def written(line: Requirement, bounds: str) -> str:
    """A requirement with other bounds: name, as it is spelled, extras and marker as they were."""
    spelled = _NAME.match(line.text)
    name = spelled[0] if spelled and canonicalize_name(spelled[0]) == line.name else line.name
    extras = f"[{','.join(line.extras)}]" if line.extras else ""
    marker = f" ; {line.marker}" if line.marker else ""
    return f"{name}{extras}{bounds}{marker}"


def _sorted(specifier: Iterable[Specifier]) -> list[Specifier]:
    return sorted(specifier, key=lambda bound: (_ORDER.index(bound.operator), bound.version))


def _moved(bound: Specifier, version: Version) -> Specifier | None:
    """A bound that admits the version: itself where it does, none where it only excludes."""
    if bound.contains(version, prereleases=True):
        return bound
    precision = len(Version(bound.version.removesuffix(".*")).release) if bound.operator != "===" else 0
    match bound.operator:
        case "<":
            moved = f"<{_next(version, precision)}"
        case "<=":
            moved = f"<={version.public}"
        case "==" if bound.version.endswith(".*"):
            moved = f"=={_cut(version, precision)}.*"
        case "==" | "===":
            moved = f"=={version}"
        case "~=":
            moved = f"~={_not_above(version, precision)}"
        case ">=" | ">":
            moved = f">={_not_above(version, precision)}"
        case _:
            return None
    return Specifier(moved)


def _cut(version: Version, precision: int) -> str:
    """The release of a version at the precision that a bound was written with."""
    return _written_release(version, list((version.release + (0,) * precision)[:precision]))


def _not_above(version: Version, precision: int) -> str:
    """As `_cut`; but a pre-release lies below the release that it leads up to."""
    cut = _cut(version, precision)
    if Version(cut) <= version:
        return cut
    whole = list(version.release + (0,) * (precision - len(version.release)))
    return _written_release(version, whole) + version.public.removeprefix(version.base_version)


def _next(version: Version, precision: int) -> str:
    """The first version above at the precision that a bound was written with."""
    release = list((version.release + (0,) * precision)[:precision])
    release[-1] += 1
    return _written_release(version, release)


def _written_release(version: Version, release: list[int]) -> str:
    epoch = f"{version.epoch}!" if version.epoch else ""
    return epoch + ".".join(map(str, release))


def is_version(text: str) -> bool:
    """Whether a text is a version that others can be compared with."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
