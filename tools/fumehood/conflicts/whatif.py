"""What a change of core's requirements would do to each experiment, before anyone makes it. Nothing on disk changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from fumehood.conflicts.before import is_likely, locked, resolved
from fumehood.conflicts.explain import OFFLINE, found_offline, lines_of, plain
from fumehood.conflicts.moves import models, moved_between, own_moves, versions_of
from fumehood.conflicts.smallest import smallest
from fumehood.conflicts.static import clashes
from fumehood.conflicts.together import Together
from fumehood.errors import ConflictError, FumehoodError, Place, UsageError
from fumehood.locking.resolve import UndecidedError
from fumehood.model.lock import Lock, by_name
from fumehood.reading.requirement_line import parse_line
from fumehood.reading.sources import of_lines, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fumehood.conflicts.probe import Prober
    from fumehood.conflicts.together import Pins
    from fumehood.locking.book import LockBook
    from fumehood.locking.many import Resolutions
    from fumehood.locking.question import Question
    from fumehood.model.experiment import Target
    from fumehood.model.lock import Pin, PinChange
    from fumehood.model.requirement import Requirement

Outcome = Literal["unchanged", "relocks", "conflict", "undecided"]
ON_THE_COMMAND_LINE = "the command line"
IMPOSSIBLE_BEFORE = "it could not be installed before"


class Effect(Struct, frozen=True, kw_only=True):
    """What would happen to one experiment (or core).

    Attributes:
        pins: The pins that would move; for an experiment beyond what moves for core anyway.
        lines: The lines in conflict, where that shows without a search.
        reason: uv's explanation, or why nothing could be decided; what else there is to say.
        already: Whether it is a conflict of lines that are all there now too, so that the change does not bring it.
    """

    subject: str
    outcome: Outcome
    pins: tuple[PinChange, ...] = ()
    lines: tuple[Requirement, ...] = ()
    reason: str = ""
    already: bool = False


class Change(Struct, frozen=True, kw_only=True):
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


class WhatIf(Struct):
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
        clash = self._clash("core", None)
        if clash:
            return clash, None
        found = self._asked([self.after.core_question(self.core_before.pins)])["core"]
        if isinstance(found, FumehoodError):
            return self._failed("core", None, found), None
        lock = Lock(header=self.after.core_header(), pins=found)
        moves = moved_between(self.core_before.pins, found)
        return Effect(subject="core", outcome="relocks" if moves else "unchanged", pins=moves), lock

    def experiments(self, targets: Sequence[Target], core: Lock | None, *, jobs: int) -> tuple[Effect, ...]:
        """What would happen to each experiment, given core's lock as it would be."""
        if core is None:
            reason = "core's own requirements have to hold together first"
            return tuple(Effect(subject=target.subject, outcome="undecided", reason=reason) for target in targets)
        settled: dict[str, Effect | FumehoodError] = {}
        questions: dict[str, Question] = {}
        for target in targets:
            try:
                clash = self._clash(target.subject, target)
                if clash:
                    settled[target.subject] = clash
                else:
                    questions[target.subject] = self._question(target, core)
            except FumehoodError as error:
                settled[target.subject] = error
        trial = [target for target in targets if target.subject in questions]
        compared = self._compared(trial, questions, core)

        def one(target: Target) -> Effect:
            found = settled.get(target.subject) or compared[target.subject]
            return found if isinstance(found, Effect) else self._failed(target.subject, target, found)

        with ThreadPoolExecutor(max_workers=jobs) as pool:
            return tuple(pool.map(one, targets))

    def _compared(
        self, targets: Sequence[Target], questions: Mapping[str, Question], core: Lock
    ) -> dict[str, Effect | FumehoodError]:
        """What each has now against what it would have."""
        resolutions = self.resolutions()
        before = locked(self.book, self.core_before, targets)
        many = [each for each in targets if not questions[each.subject].settled and not self._includes_core(each)]
        now, will = self._together(many, before, core, resolutions)
        shared = {move.name: move for move in moved_between(self.core_before.pins, core.pins)}
        could = before | now
        unchanged = {
            subject
            for subject, pins in will.items()
            if subject in could and not own_moves(could[subject], pins, shared)
        }
        rest = {target.subject: target for target in targets if target.subject not in unchanged}
        asked = {subject: questions[subject] for subject in rest}
        says = {
            subject: frozenset((line.text, line.constraint) for line in one.essential or ())
            for subject, one in asked.items()
        }
        answers = self._answers(asked, will, models(says, now, will, shared))
        after = {subject: pins for subject, pins in answers.items() if isinstance(pins, tuple)}
        before |= {
            subject: now[subject]
            for subject, pins in after.items()
            if subject in now and is_likely(now[subject], pins, self.core_before, core)
        }
        unknown = [target for subject, target in rest.items() if subject in after and subject not in before]
        before |= resolved(self.book, self.core_before, unknown, resolutions)
        failed = {subject: error for subject, error in answers.items() if not isinstance(error, tuple)}
        effects = {subject: self._moved(subject, before.get(subject), pins, shared) for subject, pins in after.items()}
        same = {subject: Effect(subject=subject, outcome="unchanged") for subject in unchanged}
        return {**failed, **effects, **same}

    def _together(
        self, targets: Sequence[Target], before: Mapping[str, Pins], core: Lock, resolutions: Resolutions
    ) -> tuple[dict[str, Pins], dict[str, Pins]]:
        """What those without a lock could have now, and what all could have then, as far as resolving all tells."""
        in_core = by_name(self.core_before.pins)
        kept = {name: group for pins in before.values() for name, group in by_name(pins).items()}
        own = [pin for name, group in kept.items() if name not in in_core for pin in group]
        unlocked = [target for target in targets if target.subject not in before]
        with ThreadPoolExecutor(max_workers=1) as pool:
            now = pool.submit(Together(self.book, self.core_before, resolutions).alone, unlocked)
            will = Together(self.after, core, resolutions).alone(targets, preferred=own)
            return now.result(), will

    def _answers(
        self, questions: Mapping[str, Question], will: Mapping[str, Pins], like: Mapping[str, str]
    ) -> dict[str, tuple[Pin, ...] | FumehoodError]:
        """What each would have: by itself, or as resolving all told, if that is confirmed for one which is alike."""
        found = self._asked([question for subject, question in questions.items() if subject not in like])
        confirmed = {
            subject
            for subject, pins in found.items()
            if isinstance(pins, tuple) and subject in will and versions_of(pins) == versions_of(will[subject])
        }
        same = {subject: will[subject] for subject, model in like.items() if model in confirmed}
        doubtful = [questions[subject] for subject in like if subject not in same]
        return {**found, **same, **self._asked(doubtful)}

    def _asked(self, questions: Sequence[Question]) -> dict[str, tuple[Pin, ...] | FumehoodError]:
        resolutions = self.resolutions()
        return {**resolutions.answers(questions), **resolutions.failures}

    def _question(self, target: Target, core: Lock) -> Question:
        """What would be asked then; core's own lines, included by an experiment, are as they would be."""
        delta = self.book.store.committed(target.lock)
        question = self.after.question(target, core, delta)
        if not self._includes_core(target):
            return question
        lines, included = self.after.inputs(target), self._core_lines()
        kept = tuple(line for line in lines.requirements if (line.place, line.text) not in included)
        return replace(question, inputs=self.after.core_inputs + of_lines(kept, lines.options))

    def _includes_core(self, target: Target) -> bool:
        """Whether an experiment reads core's own lines once more."""
        lines = self.after.inputs(target).requirements
        return not self._core_lines().isdisjoint((line.place, line.text) for line in lines)

    def _core_lines(self) -> set[tuple[Place, str]]:
        return {(line.place, line.text) for line in self.book.core_inputs.requirements}

    def _moved(
        self, subject: str, before: tuple[Pin, ...] | None, after: tuple[Pin, ...], shared: Mapping[str, PinChange]
    ) -> Effect:
        """What moves for an experiment beyond what moves for core anyway."""
        # What did not resolve before has no pins: what it would have is said against core's.
        own = own_moves(self.core_before.pins if before is None else before, after, shared)
        reason = IMPOSSIBLE_BEFORE if before is None else ""
        return Effect(subject=subject, outcome="relocks" if own or reason else "unchanged", pins=own, reason=reason)

    def _clash(self, subject: str, target: Target | None) -> Effect | None:
        """A conflict that the lines alone show."""
        settings = self.book.core_inputs.settings
        for clash in clashes(self._lines(target), python=self.after.python(target), settings=settings):
            return self._conflict(subject, target, clash.lines, clash.as_finding("").message)
        return None

    def _conflict(self, subject: str, target: Target | None, lines: tuple[Requirement, ...], reason: str) -> Effect:
        is_same_index = self.book.core_inputs.options == self.after.core_inputs.options
        already = is_same_index and self._clash_today(target, lines)
        return Effect(subject=subject, outcome="conflict", lines=lines, reason=reason, already=already)

    def _clash_today(self, target: Target | None, lines: tuple[Requirement, ...]) -> bool:
        """Whether lines in conflict, or those for the same packages as they are now, cannot hold together today."""
        now, names = lines_of(self.book, target), {line.name for line in lines}
        if {(line.text, line.constraint) for line in lines} <= {(line.text, line.constraint) for line in now}:
            return True
        today, python = [line for line in now if line.name in names], self.book.python(target)
        if clashes(today, python=python, settings=self.book.core_inputs.settings):
            return True
        prober = self.prober(python, target)
        return not prober.uv.is_offline and prober.ask(today).status == "fails"

    def _failed(self, subject: str, target: Target | None, error: FumehoodError) -> Effect:
        """A failure with the lines that cannot hold together, if it is a conflict."""
        said = error.details or str(error)
        if not isinstance(error, ConflictError | UndecidedError):
            return Effect(subject=subject, outcome="undecided", reason=without_credentials(error.reason))
        lines = self._lines(target)
        prober = self.prober(self.after.python(target), target)
        if isinstance(error, ConflictError):
            prober.is_fresh = True
            found = smallest(prober, lines, text=said)
        elif not (offline := found_offline(prober, lines, text=said)):
            return Effect(subject=subject, outcome="undecided", reason=without_credentials(error.reason))
        else:
            found, said = offline, f"{said}\n{OFFLINE}"
        return self._conflict(subject, target, found.lines, without_credentials(plain(said)))

    def _lines(self, target: Target | None) -> list[Requirement]:
        included = self._core_lines()
        core = {(line.place, line.text) for line in self.after.core_inputs.requirements}
        return [
            line
            for line in lines_of(self.after, target)
            if (line.place, line.text) in core or (line.place, line.text) not in included
        ]
