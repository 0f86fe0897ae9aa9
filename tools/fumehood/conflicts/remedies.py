"""Remedies for a conflict, each resolved before it is shown; those that fewest people have to agree to come first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from fumehood.conflicts import relax
from fumehood.conflicts.probe import BudgetError
from fumehood.reading.requirements_txt import parse_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fumehood.conflicts.probe import Answer, Prober
    from fumehood.errors import Place
    from fumehood.model.requirement import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A change of one line with which everything resolves.

    Attributes:
        of_core: Whether the line is core's, so that the change concerns everybody.
        pins: What the changed line's package, and those of the other lines in conflict, resolve to then.
    """

    place: Place
    before: str
    after: str
    of_core: bool
    pins: tuple[tuple[str, str], ...]


def remedies(
    prober: Prober, lines: Sequence[Requirement], conflict: Sequence[Requirement], *, core: frozenset[Requirement]
) -> Iterator[Remedy]:
    """The least relaxation of each line in conflict that helps: the experiment's lines first, then core's.

    Args:
        prober: Answers whether lines hold together.
        lines: All the lines.
        conflict: The smallest set of them that cannot hold together.
        core: Which of the lines are core's.
    """
    for line in sorted(conflict, key=lambda line: (line in core, line.place)):
        if line.name is None or line.url or not line.specifier:
            continue
        try:
            changed, answer = _relaxed(prober, lines, conflict, line) or (None, None)
        except BudgetError:
            return
        if changed is None or answer is None:
            continue
        names = dict.fromkeys(str(one.name) for one in conflict if one.name)
        versions = answer.versions
        yield Remedy(
            place=line.place,
            before=line.text,
            after=changed.text,
            of_core=line in core,
            pins=tuple((name, versions[name]) for name in names if name in versions),
        )


def _relaxed(
    prober: Prober, lines: Sequence[Requirement], conflict: Sequence[Requirement], line: Requirement
) -> tuple[Requirement, Answer] | None:
    """The changed line with what all lines then resolve to; None where no version of its package helps."""
    free = prober.ask(_exchanged(lines, line, relax.without_bounds(line)))
    if free.status != "holds" or str(line.name) not in free.versions:
        return None
    for version in dict.fromkeys([_nearest_above(prober, conflict, line, free), free.versions[str(line.name)]]):
        if version is None:
            continue
        text = relax.admitting(line, version)
        answer = prober.ask(_exchanged(lines, line, text))
        if answer.status == "holds":
            return parse_line(text, place=line.place), answer
    return None


def _nearest_above(prober: Prober, conflict: Sequence[Requirement], line: Requirement, free: Answer) -> str | None:
    """The lowest version above the line's bounds that the other lines in conflict admit; None below them.

    Below the bounds the newest version that resolves is the nearest already.
    """
    version = free.versions[str(line.name)]
    try:
        if Version(version) <= relax.highest_named(line.specifier):
            return None
    except InvalidVersion:
        return None
    wanted = parse_line(relax.above(line, version), place=line.place)
    # As constraints the other lines bound what is chosen without being chosen lowest themselves.
    others = [replace(other, constraint=True) for other in conflict if other is not line and not other.url]
    plain = [other for other in others if not other.extras]
    return prober.lowest(wanted, plain)


def _exchanged(lines: Sequence[Requirement], line: Requirement, text: str) -> list[Requirement]:
    return [parse_line(text, place=line.place) if other is line else other for other in lines]
