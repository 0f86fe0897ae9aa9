"""Why a package has its version in an experiment: a chain of lines and packages, and what keeps core's pin out."""

from __future__ import annotations

import difflib
import itertools
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from fumehood.conflicts.explain import diagnosed, lines_of, plain
from fumehood.conflicts.probe import Answer, BudgetError
from fumehood.conflicts.requirers import Requirers, metadata_of, requirers
from fumehood.conflicts.smallest import smallest
from fumehood.errors import Place, UsageError
from fumehood.locking.question import Question
from fumehood.model.lock import by_name, what_of
from fumehood.outside.uv import OutOfTimeError
from fumehood.reading.requirement_line import parse_line
from fumehood.reading.sources import of_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName

    from fumehood.conflicts.probe import Prober
    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Target
    from fumehood.model.lock import LayeredLock, Pin
    from fumehood.model.requirement import Requirement

CORES_PIN = Place("core's lock")
_UNDECIDED = "not decided what keeps core's pin out"
_OFFLINE = "found in uv's cache alone, which may lack what would let core's pin be used"
_LISTED = 20
"""Packages that are named where none is the one that was asked for; of more it is said how many there are."""
_FREE = "nothing keeps core's pin out any more: `fumehood lock {options}` may take it"


class Step(Struct, frozen=True, kw_only=True):
    """One link of a chain.

    Attributes:
        asker: A package with its version; empty for a line that somebody wrote.
        requirement: What it asks for.
        line: The line, if one asks.
        of_core: Whether that is core's.
    """

    asker: str = ""
    requirement: str
    line: Requirement | None = None
    of_core: bool = False


class Origin(Struct, frozen=True, kw_only=True):
    """Why a package is what it is in an environment.

    Attributes:
        before: Its version in core; empty if core has none.
        after: Its version in the experiment; empty if it has none.
        chain: From a line to the package; in core, where the experiment has none. Empty if it could not be found.
        lines: The smallest set of lines that cannot hold together with core's pin.
        proven: Whether each of them was shown to be needed.
        reason: Why core's pin is not used.
        remark: What limits the answer.
        is_decided: Whether it is known what keeps core's pin out, if anything does.
    """

    name: str
    before: str
    after: str
    chain: tuple[Step, ...] = ()
    lines: tuple[Requirement, ...] = ()
    proven: bool = True
    reason: str = ""
    remark: str = ""
    is_decided: bool = True


class Origins(Struct, frozen=True, kw_only=True):
    """Finds out where pins of one environment come from.

    Attributes:
        target: The experiment; None for core itself.
        lock: What its environment is made from.
        is_proven: Whether the pins are known to satisfy each other.
        cache: fumehood's cache folder.
        scratch: An existing folder for files of its own.
    """

    book: LockBook
    prober: Prober
    target: Target | None
    lock: LayeredLock
    is_proven: bool
    cache: Path
    scratch: Path

    def of(self, name: NormalizedName) -> Origin:
        """Why a package is what it is.

        Raises:
            UsageError: Neither core nor the experiment has it.
        """
        pins, core = by_name(self.lock.pins), by_name(self.lock.core.pins)
        if name not in pins and name not in core:
            raise _unknown(name, {str(known) for known in {*pins, *core}}, self.target)
        origin = Origin(name=name, before=what_of(core.get(name, ())), after=what_of(pins.get(name, ())))
        if name not in pins:
            return self._removed(origin)
        lines = lines_of(self.book, self.target)
        graph = self._requirers(lines, self.lock.pins)
        if name in core and origin.before != origin.after:
            origin = self._kept_out(origin, lines, core[name], graph)
        return self._with_chain(origin, lines, graph)

    def _kept_out(self, origin: Origin, lines: list[Requirement], core: Sequence[Pin], graph: Requirers) -> Origin:
        """Which lines cannot hold together with core's pin."""
        wanted = [parse_line(pin.line, place=CORES_PIN) for pin in core if not pin.is_local]
        if not wanted:
            return origin
        if self.is_proven:
            self.prober.learn(lines, Answer(status="holds", pins=self.lock.pins))
        try:
            answer = self._answer([*lines, *wanted])
            if answer.status == "holds":
                own = {str(pin.name) for pin in self.lock.delta.pins}
                movable = sorted(graph.by.get(origin.name, frozenset()) & own) or [origin.name]
                options = " ".join(f"--upgrade-package {name}" for name in movable)
                return replace(origin, remark=_FREE.format(options=options))
            if answer.status == "undecided":
                return replace(origin, remark=f"{_UNDECIDED}: {answer.text.strip()}", is_decided=False)
            found = smallest(self.prober, [*lines, *wanted], text=answer.text)
            text = self.prober.ask(found.lines).text or answer.text
        except BudgetError:
            return replace(origin, remark=f"{_UNDECIDED}: the time was used up", is_decided=False)
        remark = _OFFLINE if self.prober.uv.is_offline else found.remark
        held = tuple(line for line in found.lines if line not in wanted)
        if not held and not self.prober.uv.is_offline:
            remark = f"core's {origin.name} {origin.before} cannot be had any more"
        return replace(origin, lines=held, proven=found.proven, reason=plain(text), remark=remark)

    def _answer(self, lines: list[Requirement]) -> Answer:
        """Whether lines hold together, core's pin among them."""
        answer = self.prober.ask(lines)
        if answer.status == "holds" or self.prober.uv.is_offline:
            return answer
        subject = self.target.subject if self.target else "core"
        inputs = of_lines(lines, self.prober.options)
        question = Question(subject=subject, inputs=inputs, python=self.prober.python)
        return diagnosed(self.prober, lines, question, scratch=self.scratch)

    def _removed(self, origin: Origin) -> Origin:
        """Core's package that nothing here requires: who requires it in core, and what became of those."""
        lines = lines_of(self.book, None)
        graph = self._requirers(lines, self.lock.core.pins)
        found = self._with_chain(origin, lines, graph)
        here = {str(pin.name): pin.what for pin in self.lock.pins}
        askers = sorted(graph.by.get(origin.name, ()))
        became = [
            f"{graph.what(name)}, which is {_became(here.get(name, ''))}" for name in askers if name in graph.versions
        ]
        reason = "nothing here requires it"
        return replace(found, reason=f"{reason}; in core it is required by {'; '.join(became)}" if became else reason)

    def _with_chain(self, origin: Origin, lines: Sequence[Requirement], graph: Requirers) -> Origin:
        """The shortest way from a line to the package; from a line that keeps core's pin out, if there are some."""
        core = {(line.place, line.text) for line in self.book.core_inputs.requirements}
        ways: list[tuple[tuple[bool, bool, int, int], Requirement, tuple[str, ...]]] = []
        for number, line in enumerate(lines):
            way = graph.way(str(line.name), origin.name) if line.name and not line.constraint else ()
            if way:
                of_core = (line.place, line.text) in core
                # As core has it, it is core's affair; else the experiment's lines are what makes the difference.
                far = of_core is (origin.before != origin.after)
                ways.append(((line not in origin.lines, far, len(way), number), line, way))
        if not ways:
            return origin
        _, line, way = min(ways, key=lambda found: found[0])
        steps = [Step(requirement=line.text, line=line, of_core=(line.place, line.text) in core)]
        steps += [
            Step(asker=graph.what(one), requirement=graph.asks(one, next_)) for one, next_ in itertools.pairwise(way)
        ]
        return replace(origin, chain=tuple(steps))

    def _requirers(self, lines: Sequence[Requirement], pins: Sequence[Pin]) -> Requirers:
        inputs = of_lines(lines, self.prober.options)
        metadata = metadata_of(self.book.repository, self.target, self.lock, inputs, self.cache) if self.target else {}
        try:
            return requirers(
                self.prober.uv, inputs, pins, python=self.prober.python, scratch=self.scratch, metadata=metadata
            )
        except OutOfTimeError:
            return Requirers(versions={}, by={})


def _became(version: str) -> str:
    return f"{version} here" if version else "not here"


def _unknown(name: str, known: set[str], target: Target | None) -> UsageError:
    near = difflib.get_close_matches(name, sorted(known), n=3)
    what = f"neither core nor {target.subject} has" if target else "core does not have"
    if near:
        remedy = f"did you mean {' or '.join(near)}?"
    elif len(known) > _LISTED:
        remedy = f"it has {len(known)} others, and none is called nearly so"
    else:
        remedy = f"it has {', '.join(sorted(known)) or 'no packages'}"
    return UsageError(f"{what} a package {name!r}", remedy=remedy)
