"""Remedies for a conflict, each resolved before it is shown; those that fewest people have to agree to come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import InvalidVersion, Version

from fumehood.conflicts import relax
from fumehood.reading.requirement_line import parse_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fumehood.conflicts.probe import Answer, Prober
    from fumehood.errors import Place
    from fumehood.model.requirement import Requirement


class Remedy(Struct, frozen=True, kw_only=True):
    """A change of one line with which everything resolves.

    Attributes:
        of_core: Whether the line is core's, so that the change concerns everybody.
        is_wider: Whether all that the line admitted is still admitted.
        is_alone: Whether it was resolved without the lines that are not in conflict, as these do not hold either.
        pins: What the changed line's package, and those of the other lines in conflict, resolve to then.
    """

    place: Place
    before: str
    after: str
    of_core: bool
    is_wider: bool
    is_alone: bool
    pins: tuple[tuple[str, str], ...]


class Search(Struct, frozen=True, kw_only=True):
    """A search for remedies.

    Attributes:
        prober: Answers whether lines hold together.
        lines: All the lines.
        conflict: The smallest set of them that cannot hold together.
        core: Which of the lines are core's.
        folder: The experiment's, whose own files concern nobody else.
        is_alone: Whether these are not all the lines, but only those in conflict.
    """

    prober: Prober
    lines: Sequence[Requirement]
    conflict: Sequence[Requirement]
    core: frozenset[Requirement]
    folder: str
    is_alone: bool = False

    def remedies(self) -> Iterator[Remedy]:
        """The least relaxation of each line in conflict that helps.

        The experiment's own lines come first, then those that it shares with others, then core's.

        Where the other lines cannot be resolved either, and so no change helps, it is what mends this conflict.

        Raises:
            BudgetError: There is no time left to look for more.
        """
        found = False
        for remedy in self._found():
            found = True
            yield remedy
        rest = [line for line in self.lines if line not in self.conflict]
        if not found and rest and self.prober.ask(rest).status != "holds":
            yield from replace(self, lines=self.conflict, is_alone=True).remedies()

    def _found(self) -> Iterator[Remedy]:
        for line in sorted(self.conflict, key=self._rank):
            if line.name is None or line.url or not line.specifier or not line.place.line:
                continue
            found = self._relaxed(line)
            if found:
                changed, answer = found
                names = dict.fromkeys(str(one.name) for one in self.conflict if one.name)
                versions = {name: " / ".join(answer.versions(name)) for name in names}
                yield Remedy(
                    place=line.place,
                    before=line.text,
                    after=changed.text,
                    of_core=line in self.core,
                    is_alone=self.is_alone,
                    is_wider=relax.is_wider(line.specifier, changed.specifier),
                    pins=tuple((name, versions[name]) for name in names if versions[name]),
                )

    def _rank(self, line: Requirement) -> tuple[bool, bool, Place]:
        return line in self.core, not line.place.file.startswith(f"{self.folder}/"), line.place

    def _relaxed(self, line: Requirement) -> tuple[Requirement, Answer] | None:
        """The changed line with what all lines then resolve to; None where no version of its package helps."""
        free = self.prober.ask(self._with(line, relax.without_bounds(line)))
        found = sorted(filter(relax.is_version, free.versions(str(line.name))), key=Version)
        if free.status != "holds" or not found:
            return None
        for text in dict.fromkeys(self._candidates(line, found)):
            answer = self.prober.ask(self._with(line, text))
            if answer.status == "holds":
                return parse_line(text, place=line.place), answer
        return None

    def _candidates(self, line: Requirement, found: Sequence[str]) -> Iterator[str]:
        """Texts for a line, the least change first, given the versions that its package has without bounds."""
        if any(bound.operator == "!=" for bound in line.specifier):
            yield relax.without_exclusions(line)
        nearest = self._nearest_above(line, found[-1])
        if nearest is not None:
            yield relax.admitting(line, nearest)
        yield relax.admitting(line, found[-1])
        if len(found) > 1:  # One environment needs another version than the next.
            yield relax.admitting(line, *found)

    def _nearest_above(self, line: Requirement, newest: str) -> str | None:
        """The lowest version above the line's bounds that the other lines in conflict admit; None below them.

        Below the bounds the newest version that resolves is the nearest already.
        """
        try:
            if Version(newest) <= relax.highest_named(line.specifier):
                return None
        except InvalidVersion:
            return None
        wanted = parse_line(relax.above(line, newest), place=line.place)
        # As constraints the other lines bound what is chosen without being chosen lowest themselves.
        others = [replace(other, constraint=True) for other in self.conflict if other is not line and not other.url]
        plain = [other for other in others if other.name and not other.extras]
        lowest = self.prober.lowest(wanted, plain)
        return lowest if lowest and relax.is_version(lowest) else None

    def _with(self, line: Requirement, text: str) -> list[Requirement]:
        """All the lines, with another text for one; a line that is read twice, with ``-c`` too, is one line."""
        changed = parse_line(text, place=line.place)
        return [
            replace(changed, constraint=other.constraint)
            if (other.place, other.text) == (line.place, line.text)
            else other
            for other in self.lines
        ]
