"""What a change of core's requirements would do to each experiment, before anyone makes it. Nothing on disk changes."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

from fumehood.conflicts.explain import OFFLINE, found_offline, lines_of, plain
from fumehood.conflicts.smallest import smallest
from fumehood.conflicts.static import clashes
from fumehood.errors import ConflictError, FumehoodError, Place, UsageError
from fumehood.locking.obtain import known, remember
from fumehood.locking.resolve import UndecidedError
from fumehood.model.lock import LayeredLock, Lock, by_name
from fumehood.reading.requirements_txt import parse_line
from fumehood.reading.sources import of_lines, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fumehood.conflicts.probe import Prober
    from fumehood.locking.book import LockBook
    from fumehood.locking.many import Resolutions
    from fumehood.locking.resolve import Question
    from fumehood.model.experiment import Target
    from fumehood.model.lock import Pin
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
    known = {str(line.name) for line in core if line.name}
    removed = {str(canonicalize_name(argument[1:])) for argument in arguments if argument.startswith("-")}
    if strangers := sorted(removed - known):
        remedy = f"core requires {', '.join(sorted(known)) or 'nothing'}"
        raise UsageError(f"core does not require {strangers[0] or '-'}", remedy=remedy)
    place = Place(ON_THE_COMMAND_LINE)
    lines = tuple(parse_line(argument, place=place) for argument in arguments if not argument.startswith("-"))
    return Change(lines=lines, removed=frozenset(removed))


@dataclass(slots=True)
class WhatIf:
    """Tries a change of core on every experiment.

    Attributes:
        book: Lines and locks as they are.
        after: Lines and locks with core's lines as they would be.
        resolutions: Resolves many questions; used again and again.
        prober: Answers whether lines of an experiment hold together, to find those that do not.
        core_before: Core's lock as it is.
    """

    book: LockBook
    after: LockBook
    resolutions: Callable[[], Resolutions]
    prober: Callable[[str, Target | None], Prober]
    core_before: Lock

    def core(self) -> tuple[Effect, Lock | None]:
        """What would happen to core itself, and its lock then; None where nothing else can be told."""
        found = self._asked([self.after.core_question(self.core_before.pins)])["core"]
        if isinstance(found, FumehoodError):
            return self._failed("core", None, found), None
        lock = Lock(header=self.after.core_header(), pins=found)
        moves = _moves(self.core_before.pins, found)
        return Effect(subject="core", outcome="relocks" if moves else "unchanged", pins=moves), lock

    def experiments(self, targets: Sequence[Target], core: Lock | None, *, jobs: int) -> tuple[Effect, ...]:
        """What would happen to each experiment, given core's lock as it would be."""
        if core is None:
            reason = "core's own requirements have to hold together first"
            return tuple(Effect(subject=target.subject, outcome="undecided", reason=reason) for target in targets)
        before = self._before(targets)
        asked: dict[str, Question | FumehoodError] = {}
        for target in targets:
            try:
                asked[target.subject] = self._question(target, core)
            except FumehoodError as error:
                asked[target.subject] = error
        found = {subject: item for subject, item in asked.items() if isinstance(item, FumehoodError)}
        answers = found | self._asked([item for item in asked.values() if not isinstance(item, FumehoodError)])
        shared = {move.name: move for move in _moves(self.core_before.pins, core.pins)}

        def one(target: Target) -> Effect:
            answer = answers[target.subject]
            if isinstance(answer, FumehoodError):
                return self._failed(target.subject, target, answer)
            # What did not resolve before has no pins: what it would have is said against core's.
            moves = _moves(before.get(target.subject, self.core_before.pins), answer)
            own = tuple(move for move in moves if shared.get(move.name) != move)
            return Effect(subject=target.subject, outcome="relocks" if own else "unchanged", pins=own)

        with ThreadPoolExecutor(max_workers=jobs) as pool:
            return tuple(pool.map(one, targets))

    def _before(self, targets: Sequence[Target]) -> dict[str, tuple[Pin, ...]]:
        """What each experiment has now: by its lock, by the cache, or else by resolving; left out where that fails."""
        found: dict[str, tuple[Pin, ...]] = {}
        unknown: dict[str, Target] = {}
        for target in targets:
            with contextlib.suppress(FumehoodError):  # Its effect says what is the matter.
                delta = self.book.store.committed(target.lock)
                lock = LayeredLock(core=self.core_before, delta=delta) if delta and not delta.damage else None
                lock = lock or known(self.book, target, self.core_before)
                if lock:
                    found[target.subject] = lock.pins
                else:
                    self.book.question(target, self.core_before)
                    unknown[target.subject] = target
        asked = self._asked([self.book.question(target, self.core_before) for target in unknown.values()])
        for subject, pins in asked.items():
            if not isinstance(pins, FumehoodError):
                found[subject] = pins
                remember(self.book, unknown[subject], self.core_before, pins)
        return found

    def _asked(self, questions: Sequence[Question]) -> dict[str, tuple[Pin, ...] | FumehoodError]:
        resolutions = self.resolutions()
        return {**resolutions.answers(questions), **resolutions.failures}

    def _question(self, target: Target, core: Lock) -> Question:
        """What would be asked then; core's own lines, included by an experiment, are as they would be."""
        delta = self.book.store.committed(target.lock)
        question = self.after.question(target, core, delta)
        included = {(line.place, line.text) for line in self.book.core_inputs.requirements}
        own = self.after.inputs(target)
        kept = tuple(line for line in own.requirements if (line.place, line.text) not in included)
        if len(kept) == len(own.requirements):
            return question
        return replace(question, inputs=self.after.core_inputs + of_lines(kept, own.options))

    def _failed(self, subject: str, target: Target | None, error: FumehoodError) -> Effect:
        """A failure with the lines that cannot hold together, if it is a conflict."""
        said = error.details or str(error)
        if not isinstance(error, ConflictError | UndecidedError):
            return Effect(subject=subject, outcome="undecided", reason=without_credentials(str(error)))
        lines = self._lines(target)
        python = self.after.python(target)
        shown = clashes(lines, python=python)
        if shown:
            return Effect(subject=subject, outcome="conflict", lines=shown[0].lines, reason=plain(said))
        prober = self.prober(python, target)
        if isinstance(error, ConflictError):
            prober.is_fresh = True
            found = smallest(prober, lines, text=said)
        elif not (offline := found_offline(prober, lines, text=said)):
            return Effect(subject=subject, outcome="undecided", reason=without_credentials(str(error)))
        else:
            found, said = offline, f"{said}\n{OFFLINE}"
        return Effect(subject=subject, outcome="conflict", lines=found.lines, reason=without_credentials(plain(said)))

    def _lines(self, target: Target | None) -> list[Requirement]:
        included = {(line.place, line.text) for line in self.book.core_inputs.requirements}
        core = {(line.place, line.text) for line in self.after.core_inputs.requirements}
        return [
            line
            for line in lines_of(self.after, target)
            if (line.place, line.text) in core or (line.place, line.text) not in included
        ]


def _moves(before: Iterable[Pin], after: Iterable[Pin]) -> tuple[PinMove, ...]:
    old, new = _versions(before), _versions(after)
    return tuple(
        PinMove(name=name, before=old.get(name, ""), after=new.get(name, ""))
        for name in sorted(set(old) | set(new))
        if old.get(name) != new.get(name)
    )


def _versions(pins: Iterable[Pin]) -> Mapping[str, str]:
    return {str(name): " / ".join(dict.fromkeys(pin.what for pin in group)) for name, group in by_name(pins).items()}
