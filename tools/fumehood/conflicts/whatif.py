"""What a change of core's requirements would do to each experiment, before anyone makes it. Nothing on disk changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

from fumehood.conflicts.static import clashes
from fumehood.errors import FumehoodError, Place, UsageError
from fumehood.model.lock import LayeredLock, by_name
from fumehood.reading.requirements_txt import parse_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fumehood.conflicts.probe import Answer, Prober
    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Target
    from fumehood.model.lock import Lock, Pin
    from fumehood.model.requirement import Requirement

Outcome = Literal["unchanged", "relocks", "conflict", "undecided"]
ON_THE_COMMAND_LINE = "the command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinMove:
    """A package whose pin would change; empty where it is not there before or after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What would happen to one experiment (or core).

    Attributes:
        pins: The pins that would move; for an experiment beyond what moves for core anyway.
        lines: The lines in conflict, where that shows without a search.
        reason: uv's explanation, or why nothing could be decided.
    """

    subject: str
    outcome: Outcome
    pins: tuple[PinMove, ...] = ()
    lines: tuple[Requirement, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Changes of core's requirements.

    Attributes:
        lines: Each replaces core's lines for its package, or is added.
        removed: Packages whose lines are taken out.
    """

    lines: tuple[Requirement, ...] = ()
    removed: frozenset[str] = frozenset()

    def applied_to(self, core: Iterable[Requirement]) -> tuple[Requirement, ...]:
        """Core's lines as they would be."""
        gone = self.removed | {str(line.name) for line in self.lines}
        return (*(line for line in core if str(line.name) not in gone), *self.lines)


def parse_change(arguments: Sequence[str], core: Iterable[Requirement]) -> Change:
    """Read changes as the command line gives them: a requirement to add or exchange, ``-NAME`` to remove one.

    Raises:
        UsageError: A package to remove is none of core's.
        ConfigurationError: A requirement cannot be read.
    """
    known = {str(line.name) for line in core}
    removed = {str(canonicalize_name(argument[1:])) for argument in arguments if argument.startswith("-")}
    if strangers := sorted(removed - known):
        raise UsageError(f"core does not require {strangers[0]}", remedy=f"core requires {', '.join(sorted(known))}")
    place = Place(ON_THE_COMMAND_LINE)
    lines = tuple(parse_line(argument, place=place) for argument in arguments if not argument.startswith("-"))
    return Change(lines=lines, removed=frozenset(removed))


@dataclass(slots=True)
class WhatIf:
    """Tries a change of core on every experiment.

    Attributes:
        prober: Answers whether lines hold together.
        core_before: Core's lock as it is.
        core_lines: Core's lines as they would be.
        advance: Called with each subject that is done.
        core_places: Where core's lines stand now: an experiment that includes them includes them as they would be.
    """

    book: LockBook
    prober: Callable[[str, Target | None], Prober]
    core_before: Lock
    core_lines: tuple[Requirement, ...]
    advance: Callable[[str], None]
    core_places: frozenset[Place] = frozenset()

    def core(self) -> tuple[Effect, Answer]:
        """What would happen to core itself; its new pins are the base for the experiments'."""
        answer = self._ask(self.core_lines, self.core_before.pins, self.book.python(), None)
        moves = _moves(self.core_before.pins, answer.pins) if answer.status == "holds" else ()
        effect = self._effect("core", answer, self.core_lines, self.book.python(), moves)
        return effect, answer

    def experiments(self, targets: Sequence[Target], core: Answer, *, jobs: int) -> tuple[Effect, ...]:
        """What would happen to each experiment, given core's new pins."""
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            return tuple(pool.map(lambda target: self._one(target, core), targets))

    def _one(self, target: Target, core: Answer) -> Effect:
        try:
            return self._try(target, core)
        except FumehoodError as error:
            return Effect(subject=target.subject, outcome="undecided", reason=str(error))
        finally:
            self.advance(target.subject)

    def _try(self, target: Target, core: Answer) -> Effect:
        python = self.book.python(target)
        asked = (line for line in self.book.inputs(target).requirements if line.place not in self.core_places)
        lines = (*self.core_lines, *asked)
        delta = self.book.store.committed(target.lock)
        before = LayeredLock(core=self.core_before, delta=delta).pins if delta else ()
        own = delta.pins if delta else ()
        named = {pin.name for pin in own}
        preferred = (*own, *(pin for pin in core.pins if pin.name not in named))
        answer = self._ask(lines, preferred, python, target)
        shared = {move.name: move for move in _moves(self.core_before.pins, core.pins)}
        moves = tuple(move for move in (_moves(before, answer.pins) if before else ()) if shared.get(move.name) != move)
        return self._effect(target.subject, answer, lines, python, moves)

    def _ask(
        self, lines: Iterable[Requirement], preferred: tuple[Pin, ...], python: str, target: Target | None
    ) -> Answer:
        named = [line for line in lines if line.name or line.url]
        return self.prober(python, target).ask(named, preferred=preferred)

    def _effect(
        self,
        subject: str,
        answer: Answer,
        lines: tuple[Requirement, ...],
        python: str,
        moves: tuple[PinMove, ...],
    ) -> Effect:
        if answer.status == "holds":
            return Effect(subject=subject, outcome="relocks" if moves else "unchanged", pins=moves)
        if answer.status == "undecided":
            return Effect(subject=subject, outcome="undecided", reason=answer.text)
        shown = clashes(lines, python=python)
        involved = shown[0].lines if shown else ()
        return Effect(subject=subject, outcome="conflict", lines=involved, reason=answer.text)


def _moves(before: Iterable[Pin], after: Iterable[Pin]) -> tuple[PinMove, ...]:
    old, new = _versions(before), _versions(after)
    return tuple(
        PinMove(name=name, before=old.get(name, ""), after=new.get(name, ""))
        for name in sorted(set(old) | set(new))
        if old.get(name) != new.get(name)
    )


def _versions(pins: Iterable[Pin]) -> Mapping[str, str]:
    return {str(name): " / ".join(dict.fromkeys(pin.what for pin in group)) for name, group in by_name(pins).items()}
