"""Which installed distribution depends on which, from the ``Requires-Dist`` lines in an environment's view. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fumehood.extensions import EnvironmentView

Graph = dict[str, frozenset[str]]


def dependencies(view: EnvironmentView) -> Graph:
    """The installed distributions that each one depends on; one whose metadata is not known has no entry.

    An optional dependency counts where somebody asks for the extra that brings it: a requirement line of the
    repository, or another distribution.
    """
    installed = {package.name for package in view.packages}
    requires = {package.name: _parsed(package.requires) for package in view.packages if package.requires is not None}
    markers = dict(view.markers)
    graph: dict[str, set[str]] = {name: set() for name in requires}
    todo = [(name, "") for name in sorted(requires)]
    todo += [(canonicalize_name(line.name), extra) for line in _parsed(view.direct) for extra in line.extras]
    done: set[tuple[str, str]] = set()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in done:
            continue
        done.add((name, extra))
        for line in _applicable(requires.get(name, ()), {**markers, "extra": extra}):
            wanted = canonicalize_name(line.name)
            # An extra of its own, as in `all = ["thing[fast]"]`, is no dependency on itself.
            if wanted in installed and wanted != name:
                graph[name].add(wanted)
            todo += [(wanted, asked) for asked in line.extras]
    return {name: frozenset(wanted) for name, wanted in graph.items()}


def _parsed(lines: Iterable[str]) -> tuple[Requirement, ...]:
    return tuple(_readable(lines))


def _readable(lines: Iterable[str]) -> Iterator[Requirement]:
    for line in lines:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            # Old metadata that no tool can read says nothing about dependencies.
            continue


def _applicable(lines: Iterable[Requirement], environment: Mapping[str, str]) -> Iterator[Requirement]:
    for line in lines:
        if line.marker is None or line.marker.evaluate(dict(environment)):
            yield line
