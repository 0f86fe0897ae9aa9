"""Conflicts that show in the lines alone: no lock, no resolver, no network.

All lines that name one package are intersected, in each kind of environment that they apply in. An empty intersection
is a conflict whatever versions exist; what cannot be decided without a package's metadata is left to the resolver, so
there is never a false alarm. Source: the version specifiers specification; `SpecifierSet.is_unsatisfiable`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from fumehood.model.markers import universal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.utils import NormalizedName

    from fumehood.model.requirement import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Lines of which no version of a package can satisfy all; without any one of them, some could.

    Attributes:
        lines: At least one; more than two only where no two of them clash by themselves.
        environments: Where they clash, such as ``Python 3.12 on linux x86_64``; empty for everywhere.
    """

    name: NormalizedName
    lines: tuple[Requirement, ...]
    environments: tuple[str, ...]


def clashes(requirements: Iterable[Requirement], *, python: str) -> tuple[Clash, ...]:
    """Every clash among requirement lines, sorted by package; equal ones in several environments once.

    Args:
        requirements: Lines of core and of one experiment together.
        python: Lower bound of the Python versions they are for.
    """
    by_name: dict[NormalizedName, list[Requirement]] = {}
    for requirement in requirements:
        if requirement.name is not None:
            by_name.setdefault(requirement.name, []).append(requirement)
    return tuple(clash for name in sorted(by_name) for clash in _clashes_of(name, by_name[name], python))


def _clashes_of(name: NormalizedName, lines: list[Requirement], python: str) -> Iterator[Clash]:
    if not _may_clash(lines):
        return
    environments = universal(python)
    found: dict[tuple[Requirement, ...], list[str]] = {}
    for environment in environments:
        here = tuple(line for line in lines if environment.admits(str(line.marker or "")))
        # A constraint alone asks for nothing: where no line wants the package, none of its bounds matter.
        if all(line.constraint for line in here) or not _is_empty(here):
            continue
        found.setdefault(_smallest(here), []).append(environment.label)
    for smallest, where in found.items():
        labels = () if len(where) == len(environments) else tuple(dict.fromkeys(where))
        yield Clash(name=name, lines=smallest, environments=labels)


def _may_clash(lines: Sequence[Requirement]) -> bool:
    """The common case at a glance: one line without bounds, or lines whose bounds all of them together admit."""
    return any(line.url or line.specifier for line in lines) and _is_empty(lines)


def _smallest(lines: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
    """Drop each line that is not needed for the clash, later ones first, so that core's lines stay where they can."""
    kept = lines
    for line in reversed(lines):
        without = tuple(other for other in kept if other is not line)
        if without and _is_empty(without):
            kept = without
    return kept


def _is_empty(lines: Sequence[Requirement]) -> bool:
    """Whether no version and no source can satisfy all lines."""
    sources = {_source(line.url) for line in lines if line.url}
    if len(sources) > 1:
        return True
    specifiers = SpecifierSet()
    for line in lines:
        specifiers &= line.specifier
    if not sources:
        return specifiers.is_unsatisfiable()
    version = _version_in(sources.pop())
    if version is None:
        return False  # Only building the source would tell its version.
    return not specifiers.contains(version, prereleases=True)


def _source(url: str) -> str:
    """A direct reference without what does not change where it leads: subdirectory and egg name stay apart."""
    return url.partition("#")[0].rstrip("/").removesuffix(".git")


def _version_in(url: str) -> str | None:
    """The version that the file name of a wheel or source archive says."""
    file = url.rpartition("/")[2].partition("?")[0].replace("%2B", "+")
    try:
        if file.endswith(".whl"):
            return str(parse_wheel_filename(file)[1])
        if file.endswith((".tar.gz", ".zip")):
            return str(parse_sdist_filename(file)[1])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return None
