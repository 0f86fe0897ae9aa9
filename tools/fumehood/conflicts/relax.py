"""The least change of a line that admits a version: arithmetic on specifiers, nothing is resolved here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.specifiers import Specifier, SpecifierSet

    from fumehood.model.requirement import Requirement

_ORDER = (">=", ">", "~=", "==", "===", "!=", "<=", "<")


def admitting(line: Requirement, version: str) -> str:
    """The line's text with the fewest of its bounds moved, each as little as it takes, to admit a version."""
    bounds = [_moved(bound, Version(version)) for bound in _sorted(line.specifier)]
    kept = [bound for bound in bounds if bound]
    return written(line, ",".join(dict.fromkeys(kept)))


def without_bounds(line: Requirement) -> str:
    """The line's text without any bound on its version."""
    return written(line, "")


def above(line: Requirement, version: str) -> str:
    """The line's text for what lies above a version, its lower bounds kept."""
    kept = [str(bound) for bound in _sorted(line.specifier) if bound.contains(version, prereleases=True)]
    return written(line, ",".join([*kept, f">{highest_named(line.specifier)}"]))


def highest_named(specifier: SpecifierSet) -> Version:
    """The highest version that a specifier names."""
    return max(Version(bound.version.removesuffix(".*")) for bound in specifier)


def written(line: Requirement, bounds: str) -> str:
    """A requirement with other bounds: name, extras and marker as they were."""
    extras = f"[{','.join(line.extras)}]" if line.extras else ""
    marker = f" ; {line.marker}" if line.marker else ""
    return f"{line.name}{extras}{bounds}{marker}"


def _sorted(specifier: Iterable[Specifier]) -> list[Specifier]:
    return sorted(specifier, key=lambda bound: (_ORDER.index(bound.operator), bound.version))


def _moved(bound: Specifier, version: Version) -> str:
    """A bound that admits the version: itself where it does, nothing where it only excludes."""
    if bound.contains(version, prereleases=True):
        return str(bound)
    named = bound.version.removesuffix(".*")
    precision = len(Version(named).release)
    if bound.operator in {"<", "<="}:
        return f"<{_next(version, precision)}"
    if bound.operator in {"==", "==="}:
        return f"=={_cut(version, precision)}.*" if bound.version.endswith(".*") else f"=={version}"
    # A bound that only excludes is dropped; one from below keeps its operator, but ">" would exclude the version too.
    lower = {"~=": "~=", ">=": ">=", ">": ">="}.get(bound.operator)
    return f"{lower}{_cut(version, precision)}" if lower else ""


def _cut(version: Version, precision: int) -> str:
    """The version at the precision that a bound was written with, never above the version itself."""
    release = (version.release + (0,) * precision)[:precision]
    text = ".".join(map(str, release))
    epoch = f"{version.epoch}!" if version.epoch else ""
    # A pre-release lies below the version that it leads up to.
    return f"{epoch}{text}" if Version(f"{epoch}{text}") <= version else str(version)


def _next(version: Version, precision: int) -> str:
    """The first version above at the precision that a bound was written with."""
    release = list((version.release + (0,) * precision)[:precision])
    release[-1] += 1
    epoch = f"{version.epoch}!" if version.epoch else ""
    return epoch + ".".join(map(str, release))
