"""Conflicts that show in the lines alone: no lock, no resolver, no network.

All lines that name one package are intersected, in each kind of environment that they apply in. An empty intersection
is a conflict whatever versions exist; what cannot be decided without a package's metadata is left to the resolver, so
there is never a false alarm. Source: the version specifiers specification; `SpecifierSet.is_unsatisfiable`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from fumehood.model.finding import Finding
from fumehood.model.markers import universal
from fumehood.model.uv_settings import UvSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.utils import NormalizedName

    from fumehood.model.requirement import Requirement

RULE = "conflict/static"

_NONE = UvSettings()

_Served = tuple[str, tuple[str, ...]]
"""The lowest Python, and the markers of which one holds, as for `universal`."""

_UNBOUNDED = frozenset({">=", ">", "!="})
"""However many of these there are, a version that is high enough satisfies all of them."""

_UNKNOWABLE = ("platform_release", "platform_version")
"""Marker variables of which no list of environments can hold every value."""


class Clash(Struct, frozen=True, kw_only=True):
    """Lines of which no version of a package can satisfy all; without any one of them, some could.

    Attributes:
        lines: At least one; more than two only where no two of them clash by themselves.
        environments: Where they clash, such as ``Python 3.12 on linux x86_64``; empty for everywhere.
    """

    name: NormalizedName
    lines: tuple[Requirement, ...]
    environments: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The environments in a few words; empty for everywhere."""
        if not self.environments:
            return ""
        first, *others = self.environments
        match len(others):
            case 0:
                return f"on {first}"
            case 1:
                return f"on {first} and one other environment"
            case more:
                return f"on {first} and {more} other environments"

    def as_finding(self, experiment: str) -> Finding:
        """What a check says about it, at the last of the lines: the experiment's, where it has one among them."""
        last = self.lines[-1]
        if _sources_differ(self.lines):
            what, remedy = f"{self.name} cannot come from two addresses at once", "keep one of the addresses"
        elif len(self.lines) == 1:
            what, remedy = f"no version of {self.name} satisfies this line", "change its versions so that they overlap"
        else:
            what = f"no version of {self.name} satisfies these {len(self.lines)} lines together"
            remedy = "change one of these lines so that their versions overlap"
        return Finding(
            experiment=experiment,
            file=last.place.file,
            line=last.place.line,
            rule=RULE,
            severity="error",
            message=f"{what}, {self.where}" if self.where else what,
            remedy=remedy,
            details=tuple(f"{line.place}: {line.shown}" for line in self.lines),
        )


class CoreLines(Struct, frozen=True, kw_only=True):
    """Core's lines, grouped once to be held against those of one experiment after the other."""

    by_name: Mapping[NormalizedName, tuple[Requirement, ...]]
    python: str
    settings: UvSettings = _NONE

    @classmethod
    def of(cls, requirements: Iterable[Requirement], *, python: str, settings: UvSettings = _NONE) -> CoreLines:
        """Group core's lines.

        Args:
            requirements: Core's lines.
            python: Lower bound of the Python versions they are for.
            settings: What uv is configured to: where else they are not for, and of which packages they do not decide.
        """
        grouped = _grouped(requirements)
        by_name = {name: tuple(lines) for name, lines in grouped.items()}
        return cls(by_name=by_name, python=python, settings=settings)

    def clashes_with(self, requirements: Iterable[Requirement]) -> tuple[Clash, ...]:
        """Every clash that at least one of an experiment's own lines is needed for, sorted by package.

        A line that the experiment only includes from core's files is core's.
        """
        found: list[Clash] = []
        for name, lines in sorted(_grouped(requirements).items()):
            core = self.by_name.get(name, ())
            together = (*core, *_without(core, lines))
            if name not in self.settings.overridden and not _surely_fit(together):
                found += _clashes_of(name, together, len(core), (self.python, self.settings.environments))
        return tuple(found)


def clashes(requirements: Iterable[Requirement], *, python: str, settings: UvSettings = _NONE) -> tuple[Clash, ...]:
    """Every clash among requirement lines, sorted by package; equal ones in several environments once.

    Args:
        requirements: Lines of core and of one experiment together, core's first.
        python: Lower bound of the Python versions they are for.
        settings: What uv is configured to.
    """
    return CoreLines(by_name={}, python=python, settings=settings).clashes_with(requirements)


def _grouped(requirements: Iterable[Requirement]) -> dict[NormalizedName, list[Requirement]]:
    by_name: dict[NormalizedName, list[Requirement]] = {}
    for requirement in requirements:
        if requirement.name is not None:
            by_name.setdefault(requirement.name, []).append(requirement)
    return by_name


def _without(core: Sequence[Requirement], lines: Sequence[Requirement]) -> Sequence[Requirement]:
    """The lines that are not core's own, read once more through ``-r`` (which asks for them, as ``-c`` does not)."""
    if not core:
        return lines
    known = {(line.place, line.text, line.constraint) for line in core}
    return [line for line in lines if (line.place, line.text, line.constraint) not in known]


def _surely_fit(lines: Sequence[Requirement]) -> bool:
    """What most lines are, told without arithmetic: lower bounds, or one bound that admits what it names."""
    operators = [specifier.operator for line in lines for specifier in line.specifier]
    simple = _UNBOUNDED.issuperset(operators) or (len(operators) == 1 and operators != ["<"])
    return simple and not any(line.url for line in lines)


def _clashes_of(name: NormalizedName, lines: Sequence[Requirement], core: int, served: _Served) -> Iterator[Clash]:
    """The clashes of one package that the first `core` lines alone do not account for."""
    if not _is_clash(lines):
        return  # The common case at a glance: what all lines admit together, fewer of them admit anywhere.
    found: dict[tuple[int, ...], list[str]] = {}
    groups = _environments(tuple(str(line.marker) if line.marker else "" for line in lines), served)
    for here, labels in groups.items():
        for smallest in _smallest_sets(lines, here):
            if smallest[-1] >= core:
                found.setdefault(smallest, []).extend(labels)
    everywhere = sum(map(len, groups.values()))
    for smallest, where in found.items():
        environments = () if len(where) == everywhere else tuple(dict.fromkeys(where))
        yield Clash(name=name, lines=tuple(lines[index] for index in smallest), environments=environments)


@functools.lru_cache(maxsize=4096)
def _environments(markers: tuple[str, ...], served: _Served) -> Mapping[tuple[int, ...], Sequence[str]]:
    """Environments by the markers that hold there: indices of the markers, and the environments' labels."""
    groups: dict[tuple[int, ...], list[str]] = {}
    admitted = [_admitted(marker, served) for marker in markers]
    for environment, holds in zip(universal(*served), zip(*admitted, strict=True), strict=True):
        groups.setdefault(tuple(index for index, here in enumerate(holds) if here), []).append(environment.label)
    return groups


@functools.lru_cache(maxsize=4096)
def _admitted(marker: str, served: _Served) -> tuple[bool, ...]:
    """In which environments a marker holds for sure."""
    if any(variable in marker for variable in _UNKNOWABLE):
        return (False,) * len(universal(*served))
    return tuple(environment.admits(marker) for environment in universal(*served))


def _smallest_sets(lines: Sequence[Requirement], here: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Smallest sets of clashing lines, until what is left without the last line of each no longer clashes.

    So whoever mends the last line of each set has mended all there is to mend.
    """
    left = list(here)
    while _is_clash(_picked(lines, left)):
        kept = list(left)
        for index in reversed(left):  # Later lines go first, so that core's lines stay where they can.
            without = [other for other in kept if other != index]
            if _is_clash(_picked(lines, without)):
                kept = without
        yield tuple(kept)
        # A line may be there only because some line has to ask for the package: without it, another would be.
        needed = [index for index in kept if _can_hold(_picked(lines, [other for other in kept if other != index]))]
        left.remove(needed[-1])


def _picked(lines: Sequence[Requirement], indices: Iterable[int]) -> list[Requirement]:
    return [lines[index] for index in indices]


def _is_clash(lines: Sequence[Requirement]) -> bool:
    """Whether some line asks for the package, and no version and no source of it can satisfy all of them.

    Constraints ask for nothing: where no line wants the package, none of its bounds matter. What is a clash stays one
    with more lines, so that the smallest set can be found by leaving out one line at a time.
    """
    return not all(line.constraint for line in lines) and not _can_hold(lines)


def _can_hold(lines: Sequence[Requirement]) -> bool:
    return not _sources_differ(lines) and _has_version(lines)


def _has_version(lines: Sequence[Requirement]) -> bool:
    """Whether some version satisfies every line; the versions that exist are not known here."""
    specifiers = [specifier for line in lines for specifier in line.specifier]
    exact = [_version(specifier.version) for specifier in specifiers if specifier.operator == "==="]
    exact += [_version(specifier.version) for line in lines if line.url for specifier in line.specifier]
    ranges = SpecifierSet(specifier for specifier in specifiers if specifier.operator != "===")
    if not exact:
        return not ranges.is_unsatisfiable()
    # Only the same text is the same to `===`, but uv compares versions: what it may admit is no certain clash.
    return all(version == exact[0] for version in exact) and (not ranges or ranges.contains(exact[0], prereleases=True))


def _version(text: str) -> Version | str:
    """What ``===``, or the name of a wheel's file, says; only ``===`` may say what is no version."""
    try:
        return Version(text)
    except InvalidVersion:
        return text.lower()


def _sources_differ(lines: Iterable[Requirement]) -> bool:
    """Whether a package is to come from two places that no redirection, revision or mount can make one."""
    return len({_source(line) for line in lines if line.url}) > 1


def _source(line: Requirement) -> str:
    """Where a direct reference leads, without all that may be written differently and lead there too.

    Two revisions of one repository may be the same commit, and two local paths the same folder.
    """
    if line.is_local:
        return ""
    parts = urlsplit(line.url or "")
    path = unquote(parts.path)
    if "+" in parts.scheme:
        path = path.rpartition("@")[0] or path
    host = parts.netloc.rpartition("@")[2]
    return f"{host}{path.rstrip('/').removesuffix('.git')}?{parts.query}".lower()
