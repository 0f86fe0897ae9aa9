"""Can each experiment live on this core? From locks where they hold, from the lines alone, and only then from uv."""

from __future__ import annotations

import contextlib
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from fumehood.conflicts.explain import plain
from fumehood.conflicts.smallest import pointed_at
from fumehood.conflicts.static import CoreLines, clashes
from fumehood.conflicts.together import Together
from fumehood.errors import ConflictError, FumehoodError
from fumehood.locking.answer import answer
from fumehood.locking.many import Resolutions
from fumehood.locking.obtain import core_lock, known, remember, remembered_core
from fumehood.model.finding import CheckAnswer, Finding, Undecided
from fumehood.model.lock import LayeredLock, Lock
from fumehood.reading.sources import without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fumehood.locking.book import LockBook
    from fumehood.locking.many import Progress
    from fumehood.locking.question import Question
    from fumehood.model.experiment import Experiment, Target
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement
    from fumehood.outside.uv import Uv

RESOLVED = "conflict/resolved"
STALE = "lock/stale"

_CORE_FIRST = "core's own requirements have to hold together first"
_CORE_LOCK_FIRST = "core's lock is missing or not current, so only resolving could tell"
_LOCK_FIRST = "its lock is missing or not current, so only resolving could tell"


class Check(Struct, dict=True):
    """One check of a repository; what it finds is collected.

    Attributes:
        offline: Neither uv nor the network: what locks and lines do not settle stays undecided.
        keeps_all: Whether every experiment that fits is to have a lock afterwards, which takes asking the registry even
            where the cache proves that the lines hold together.
        locks: With `keeps_all`, the lock of each experiment that fits, by its path.
    """

    book: LockBook
    uv: Uv
    scratch: Path
    progress: Progress
    offline: bool
    keeps_all: bool = False
    findings: list[Finding] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    locks: dict[str, LayeredLock] = field(default_factory=dict)
    _without_core: str = _CORE_FIRST
    _unproven: dict[str, LayeredLock] = field(default_factory=dict)

    @functools.cached_property
    def _resolutions(self) -> Resolutions:
        return Resolutions(self.uv, self.scratch, self.progress)

    def run(self, experiments: Sequence[tuple[Experiment, Target]]) -> CheckAnswer:
        """Check core's lock and the experiments.

        Raises:
            ConfigurationError: Core's own requirement files are wrong.
        """
        core = self._core(self.book.committed_core, [each for _, each in experiments])
        inputs = self.book.core_inputs
        lines = CoreLines.of(inputs.requirements, python=self.book.python(), settings=inputs.settings)
        pending: dict[str, tuple[Experiment, Target]] = {}
        for experiment, target in experiments:
            try:
                if not self._is_settled(experiment, target, core, lines):
                    pending[target.subject] = (experiment, target)
            except FumehoodError as error:
                self._leave(experiment.name, error.reason)
        if core is not None:
            self._resolve(pending, core)
        return CheckAnswer(
            findings=tuple(sorted(map(_discreet, self.findings))),
            undecided=tuple(sorted(self.undecided)),
            checked=len(experiments),
        )

    def _leave(self, experiment: str, reason: str) -> None:
        self.undecided.append(Undecided(experiment=experiment, reason=without_credentials(reason)))

    def _core(self, committed: Lock | None, targets: Sequence[Target]) -> Lock | None:
        """The core lock to check against; None where there is none and none can be made."""
        path = self.book.repository.core.lock
        reasons = self.book.core_reasons(committed)
        if committed and not reasons:
            return committed  # What every line admits, no lines can clash about.
        if committed:
            self.findings += [_stale("", path, reason) for reason in reasons]
        inputs = self.book.core_inputs
        shown = clashes(inputs.requirements, python=self.book.python(), settings=inputs.settings)
        self.findings += [clash.as_finding("") for clash in shown]
        if shown:
            return None
        if self.offline:
            return self._remembered_core(committed)
        try:
            return core_lock(self.book, lambda question: self._core_pins(question, targets), committed, locked=False)[0]
        except ConflictError as error:
            self.findings.append(_conflict("", path, error, self.book.core_inputs.requirements))
        except FumehoodError as error:
            self._leave("", error.reason)
        return None

    def _core_pins(self, question: Question, targets: Sequence[Target]) -> tuple[Pin, ...]:
        """What core's lines resolve to; index data for the experiments is refreshed meanwhile."""
        soon = []
        for target in targets:
            with contextlib.suppress(FumehoodError):  # It is said when that experiment's turn comes.
                if self.book.store.committed(target.lock) is None:
                    soon.append(self.book.question(target, Lock(header=self.book.core_header())))
        with ThreadPoolExecutor(max_workers=1) as pool:
            prepared = pool.submit(self._resolutions.prepare, soon)
            pins = answer(self.uv, question)
            prepared.result()
        return pins

    def _remembered_core(self, committed: Lock | None) -> Lock | None:
        found = remembered_core(self.book, committed)
        if found is None:
            self._without_core = _CORE_LOCK_FIRST
            self._leave("", _LOCK_FIRST)
        return found

    def _is_settled(self, experiment: Experiment, target: Target, core: Lock | None, lines: CoreLines) -> bool:
        """Decide from locks and lines, if that can be: locks first, since a sound one leaves lines nothing to say."""
        delta = self.book.store.committed(target.lock)
        if core is not None and delta is not None:
            layered = LayeredLock(core=core, delta=delta)
            reasons = self.book.reasons(target, layered)
            if not reasons and self.book.is_proven(layered):
                self._keep(target, layered)
                return True
            if not reasons and not self.offline and core is self.book.committed_core:
                # Whether this very lock holds on a core that has moved is more than whether some lock would.
                self._unproven[target.subject] = layered
                return False
            self.findings += [_stale(experiment.name, target.lock, reason) for reason in reasons]
        shown = lines.clashes_with(self.book.inputs(target).requirements)
        self.findings += [clash.as_finding(experiment.name) for clash in shown]
        if shown:
            return True
        if core is not None and (lock := known(self.book, target, core)):
            self._keep(target, lock)
            return True
        if core is None:
            self._leave(experiment.name, self._without_core)
        elif self.offline:
            self._leave(experiment.name, _LOCK_FIRST)
        return core is None or self.offline

    def _keep(self, target: Target, lock: LayeredLock) -> None:
        if self.keeps_all:
            self.locks[target.subject] = lock

    def _resolve(self, pending: dict[str, tuple[Experiment, Target]], core: Lock) -> None:
        """Ask uv about the rest; what it finds by itself is kept in the cache, where sessions find it."""
        resolutions = self._resolutions
        questions = {
            subject: self.book.question(target, core, self.book.store.committed(target.lock))
            for subject, (_, target) in pending.items()
        }
        unproven = [questions.pop(subject) for subject in self._unproven]
        if not self.keeps_all:
            others = [target for subject, (_, target) in pending.items() if subject not in self._unproven]
            for subject in self._fit_together(others, questions, core):
                del questions[subject]
        delta_pins = {subject: lock.delta.pins for subject, lock in self._unproven.items()}
        for subject, pins in resolutions.answers(unproven, known=delta_pins).items():
            self._prove(*pending[subject], core, pins)
        for subject, pins in resolutions.answers(questions.values(), as_proof=not self.keeps_all).items():
            if subject not in resolutions.older:
                target = pending[subject][1]
                self._keep(target, remember(self.book, target, core, pins))
        for subject, error in resolutions.failures.items():
            experiment, target = pending[subject]
            if isinstance(error, ConflictError):
                lines = self.book.inputs(target).requirements
                self.findings.append(_conflict(experiment.name, target.subject, error, lines))
            else:
                self._leave(experiment.name, error.reason)

    def _prove(self, experiment: Experiment, target: Target, core: Lock, pins: tuple[Pin, ...]) -> None:
        """Whether the committed delta is what core's lock now leads to."""
        committed, found = self._unproven[target.subject], remember(self.book, target, core, pins)
        if committed.pins == found.pins:
            self.book.store.record_proof(committed)
        else:
            self.findings.append(_stale(experiment.name, target.lock, "it is not what core's lock now leads to"))
        self._keep(target, found)

    def _fit_together(self, targets: Sequence[Target], questions: Mapping[str, Question], core: Lock) -> frozenset[str]:
        """Those whose lines are proven to fit by a few resolutions of all lines together, with what is offered now."""
        together = Together(self.book, core, self._resolutions)
        found = together.pins(targets)
        if not found or self.uv.is_offline:
            return frozenset(found)
        self._resolutions.prepare((questions[subject] for subject in found), found)
        again = together.pins(target for target in targets if target.subject in found)
        return frozenset(subject for subject, pins in again.items() if self._resolutions.has(questions[subject], pins))


def _stale(experiment: str, path: str, reason: str) -> Finding:
    return Finding(
        experiment=experiment,
        file=path,
        line=0,
        rule=STALE,
        severity="error",
        message=f"the lock is not current: {reason}",
        remedy="run `fumehood lock` and commit what it writes",
    )


def _conflict(experiment: str, file: str, error: ConflictError, lines: Sequence[Requirement]) -> Finding:
    """A conflict, at the line that uv's text points at. Which lines clash is for `explain`."""
    text = error.details or ""
    suspect = pointed_at(text, lines)
    return Finding(
        experiment=experiment,
        file=suspect.place.file if suspect else file,
        line=suspect.place.line if suspect else 0,
        rule=RESOLVED,
        severity="error",
        message=error.what,
        remedy=f"`fumehood explain {experiment or 'core'}` finds the lines, and what would mend it",
        details=(plain(text),) if text else (),
    )


def _discreet(finding: Finding) -> Finding:
    """A finding without the user names and passwords that addresses in requirement lines may hold."""
    return replace(
        finding,
        message=without_credentials(finding.message),
        details=tuple(map(without_credentials, finding.details)),
    )
