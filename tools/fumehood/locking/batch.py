"""`fumehood lock`: many locks at once, index data refreshed once, then resolved offline and in parallel."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fumehood.errors import FumehoodError
from fumehood.locking import resolve as resolving
from fumehood.locking.delta import delta_of
from fumehood.locking.resolve import Question, UndecidedError
from fumehood.model.lock import LayeredLock, Lock, LockReport, changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from packaging.utils import NormalizedName

    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Target
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv

_ROUNDS = 3
"""How often new names may turn up: a resolution shows names to refresh, and refreshing them may change it."""


class Progress(Protocol):
    """Told how far a long run is."""

    def begin(self, what: str, total: int) -> None:
        """A phase of that many steps begins."""

    def advance(self, what: str) -> None:
        """One step is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """What `fumehood lock` was asked for.

    Attributes:
        targets: Whose deltas; core's lock is always looked at first.
        upgrade: Let every pin move, core's too.
        upgrade_packages: Let these packages' pins move.
        check: Write nothing; say what would be written.
    """

    targets: tuple[Target, ...]
    upgrade: bool = False
    upgrade_packages: frozenset[NormalizedName] = frozenset()
    check: bool = False


@dataclass(slots=True)
class LockOutcome:
    """What locking came to: a report for each lock that holds now, an error for each that does not."""

    reports: list[LockReport] = field(default_factory=list)
    failures: dict[str, FumehoodError] = field(default_factory=dict)
    stale: dict[str, tuple[str, ...]] = field(default_factory=dict)


def lock(book: LockBook, uv: Uv, request: LockRequest, progress: Progress) -> LockOutcome:
    """Write or check core's lock and the deltas of the targets. One that fails does not stop the others.

    Raises:
        FumehoodError: Core's own lines cannot be read or resolved, without which nothing can be locked.
    """
    outcome = LockOutcome()
    with tempfile.TemporaryDirectory(prefix="fumehood-lock-") as folder:
        batch = _Batch(book, uv, request, progress, Path(folder), outcome)
        core = batch.core()
        batch.deltas(core)
    outcome.reports.sort(key=lambda report: (report.name is not None, report.name or ""))
    return outcome


@dataclass(slots=True)
class _Batch:
    book: LockBook
    uv: Uv
    request: LockRequest
    progress: Progress
    scratch: Path
    outcome: LockOutcome
    refreshed: set[str] = field(default_factory=set)

    def core(self) -> Lock:
        path = self.book.repository.core.lock
        committed = self.book.store.committed(path)
        reasons = self.book.core_reasons(committed)
        moves = self.request.upgrade or (committed and self._upgraded(committed.pins))
        if committed and not reasons and not moves:
            self.outcome.reports.append(LockReport(name=None, path=path, written=False, pins=len(committed.pins)))
            return committed
        if self.request.check and reasons:
            self.outcome.stale["core"] = reasons
            if committed:
                return committed
        question = self.book.core_question(self._preferred(committed.pins if committed else ()))
        self.progress.begin("core", 1)
        pins = self._resolve(question)
        self.progress.advance("core")
        lock = Lock(header=self.book.core_header(), pins=pins)
        written = not self.request.check and self.book.store.commit(path, lock)
        self.outcome.reports.append(LockReport(name=None, path=path, written=written, pins=len(pins)))
        self.refreshed.update(pin.name for pin in pins)
        return lock

    def deltas(self, core: Lock) -> None:
        pending: dict[Target, Question] = {}
        for target in self.request.targets:
            try:
                question = self._pending(target, core)
            except FumehoodError as error:
                self.outcome.failures[target.subject] = error
                continue
            if question:
                pending[target] = question
        for target, pins in self._resolve_many(pending).items():
            self._finish(target, delta_of(core, pins, self.book.header(target, core)))

    def _pending(self, target: Target, core: Lock) -> Question | None:
        """What has to be asked for a target; None when its lock is current, or is only checked and found stale."""
        delta = self.book.store.committed(target.lock)
        layered = LayeredLock(core=core, delta=delta) if delta else None
        reasons = self.book.reasons(target, layered)
        if layered and not reasons and self.book.store.is_proven(layered):
            if not self.request.upgrade and not self._upgraded(layered.pins):
                self._report(target, layered, written=False)
                return None
        elif self.request.check and reasons:
            self.outcome.stale[target.subject] = reasons
            return None
        # An upgrade renews what is the experiment's own; core's pins stay preferred, for core decides about them.
        own = layered.pins if layered and not self.request.upgrade else core.pins
        return self.book.question(target, own if self.request.upgrade else self._preferred(own))

    def _finish(self, target: Target, lock: LayeredLock) -> None:
        committed = self.book.store.committed(target.lock)
        old = LayeredLock(core=lock.core, delta=committed) if committed else None
        if old and old.pins == lock.pins and not self.book.reasons(target, old):
            # Core moved under a delta that still says the right thing: the file stays, the proof is remembered.
            self.book.store.record_proof(old)
            self._report(target, old, written=False)
        elif self.request.check:
            self.outcome.stale[target.subject] = (f"{target.lock} is not what core's lock now leads to",)
        else:
            self._report(target, lock, written=self.book.store.commit(target.lock, lock.delta))

    def _report(self, target: Target, lock: LayeredLock, *, written: bool) -> None:
        report = LockReport(
            name=target.subject,
            path=target.lock,
            written=written,
            pins=len(lock.delta.pins),
            changes=changes(lock),
        )
        self.outcome.reports.append(report)

    def _upgraded(self, pins: Iterable[Pin]) -> bool:
        return not self.request.upgrade_packages.isdisjoint(pin.name for pin in pins)

    def _preferred(self, pins: Iterable[Pin]) -> tuple[Pin, ...]:
        if self.request.upgrade:
            return ()
        return tuple(pin for pin in pins if pin.name not in self.request.upgrade_packages)

    def _resolve(self, question: Question) -> tuple[Pin, ...]:
        return resolving.resolve(self.uv, question, root=self.book.repository.root, scratch=self.scratch)

    def _resolve_many(self, pending: dict[Target, Question]) -> dict[Target, tuple[Pin, ...]]:
        answers: dict[Target, tuple[Pin, ...]] = {}
        todo = pending
        for _ in range(_ROUNDS):
            if not todo:
                break
            self._refresh(_asked(todo.values()) if not answers else _open_names(todo, answers), todo.values())
            answers.update(self._in_parallel(todo))
            todo = {
                target: question
                for target, question in todo.items()
                if target in answers and not _open_names({target: question}, answers) <= self.refreshed
            }
        return answers

    def _refresh(self, names: frozenset[str], questions: Iterable[Question]) -> None:
        lowest = min((question.python for question in questions), key=lambda python: int(python.partition(".")[2]))
        fresh = names - self.refreshed
        if fresh:
            self.progress.begin("index data", 1)
            resolving.refresh(self.uv, frozenset(fresh), python=lowest, scratch=self.scratch)
            self.progress.advance("index data")
        self.refreshed.update(fresh)

    def _in_parallel(self, todo: dict[Target, Question]) -> dict[Target, tuple[Pin, ...]]:
        self.progress.begin("experiments", len(todo))
        answers: dict[Target, tuple[Pin, ...]] = {}
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            futures = {target: pool.submit(self._one, target, question) for target, question in todo.items()}
            for target, future in futures.items():
                try:
                    answers[target] = future.result()
                except FumehoodError as error:
                    self.outcome.failures[target.subject] = error
        return answers

    def _one(self, target: Target, question: Question) -> tuple[Pin, ...]:
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        root = self.book.repository.root
        try:
            try:
                return resolving.resolve(self.uv, question, root=root, scratch=scratch, offline=True)
            except UndecidedError:
                if self.uv.offline:
                    raise
            pins = resolving.resolve(self.uv, question, root=root, scratch=scratch)
            self.refreshed.update(pin.name for pin in pins)
            return pins
        finally:
            self.progress.advance(target.subject)


def _asked(questions: Iterable[Question]) -> frozenset[str]:
    """The packages that lines name and no preferred pin decides."""
    return frozenset(
        requirement.name
        for question in questions
        for requirement in question.inputs.requirements
        if requirement.name and not requirement.url and requirement.name not in _decided(question)
    )


def _open_names(todo: dict[Target, Question], answers: dict[Target, tuple[Pin, ...]]) -> frozenset[str]:
    """The packages of the answers that no preferred pin decided, whose index data has to be current."""
    return frozenset(
        pin.name
        for target, question in todo.items()
        for pin in answers.get(target, ())
        if not pin.url and pin.name not in _decided(question)
    )


def _decided(question: Question) -> set[str]:
    return {pin.name for pin in question.preferred}


def targets_of(chosen: Sequence[Target], core: Target) -> tuple[Target, ...]:
    """The deltas to lock: the chosen experiments', and that of core's tests with all of them."""
    return (core, *chosen)
