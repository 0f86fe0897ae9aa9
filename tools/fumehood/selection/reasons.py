"""Chains of reasons: how a change reaches an experiment, step by step, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fumehood.imports.graph import ImportGraph
    from fumehood.imports.territory import Territory
    from fumehood.model.selection import Reason


def printable(path: str) -> str:
    """A path in one line, whatever bytes it has."""
    return path if path.isprintable() else path.encode("unicode_escape", "surrogateescape").decode("ascii", "replace")


def starts(
    graph: ImportGraph, ways: Mapping[str, str], is_core: Callable[[str], bool]
) -> Iterator[tuple[Territory, str]]:
    """For each experiment (and core) that has a way to what changed, the file of it that is nearest.

    Args:
        graph: Where the files lead.
        ways: As `ImportGraph.ways_to` gives them, the nearest first.
        is_core: Whether a file is core's, of those that no experiment has.
    """
    seen: set[str] = set()
    for path in ways:
        territory = graph.territories.of(path)
        if territory.path not in seen and (territory.path or is_core(path)):
            seen.add(territory.path)
            yield territory, path


def end_of(ways: Mapping[str, str], start: str) -> str:
    """What changed, at the end of the way from a file."""
    while start in ways:
        start = ways[start]
    return start


def chain(graph: ImportGraph, ways: Mapping[str, str], start: str, ending: str) -> Reason:
    """The steps from a file to what changed: ``a.py imports core.optim``, ``core.utils.clip (changed)``.

    Args:
        graph: Where the files lead.
        ways: The next file on the way from each.
        start: Where to begin.
        ending: What became of the last one.
    """
    steps: list[str] = []
    path = start
    while path in ways:
        following = ways[path]
        how = graph.steps[path][following][0]
        name = printable(graph.name(following))
        if not steps:
            steps.append(f"{printable(path)} {how} {name}")
        else:
            steps.append(name if how == "imports" else f"which {how} {name}")
        path = following
    return (*steps[:-1], f"{steps[-1]}{ending}")
