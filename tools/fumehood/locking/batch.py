"""`fumehood lock`: many locks at once, index data refreshed once, then resolved offline and in parallel."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.errors import FumehoodError
from fumehood.locking import resolve as resolving
from fumehood.locking.delta import delta_of
from fumehood.locking.many import Resolutions
from fumehood.model.lock import LayeredLock, Lock, LockReport, changes
from fumehood.outside.files import disk_errors
from fumehood.outside.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.utils import NormalizedName

    from fumehood.locking.book import LockBook
    from fumehood.locking.many import Progress
    from fumehood.locking.question import Question
    from fumehood.model.experiment import Target
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv


class LockRequest(Struct, frozen=True, kw_only=True):
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


class LockOutcome(Struct):
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
    with disk_errors("locking"), scratch_folder("lock") as scratch:
        resolutions = Resolutions(uv, scratch, progress, outcome.failures)
        batch = _Batch(book, request, outcome, resolutions)
        batch.deltas(batch.core())
    outcome.reports.sort(key=lambda report: (report.name is not None, report.name or ""))
    return outcome


class _Batch(Struct):
    book: LockBook
    request: LockRequest
    outcome: LockOutcome
    resolutions: Resolutions

    def core(self) -> Lock | None:
        """Core's lock as it is from now on; None where it is only checked and there is none to go on with."""
        path = self.book.repository.core.lock
        committed = self.book.store.committed(path)
        reasons = self.book.core_reasons(committed)
        moves = self.request.upgrade or (committed and self._upgraded(committed.pins))
        if self.request.check and reasons:
            self.outcome.stale["core"] = reasons
            return committed if committed and not committed.damage else None
        if committed and not reasons and not moves:
            self.outcome.reports.append(LockReport(name=None, path=path, written=False, pins=len(committed.pins)))
            return committed
        question = self.book.core_question(self._preferred(committed.pins if committed else ()))
        self.resolutions.progress.begin("core", 1)
        uv, scratch = self.resolutions.uv, self.resolutions.scratch
        pins = resolving.resolve(uv, question, scratch=scratch)
        self.resolutions.progress.advance("core")
        lock = Lock(header=self.book.core_header(), pins=pins)
        written = self.book.store.commit(path, lock)
        self.outcome.reports.append(LockReport(name=None, path=path, written=written, pins=len(pins)))
        return lock

    def deltas(self, core: Lock | None) -> None:
        """Every target's delta on that lock."""
        pending: dict[Target, _Pending] = {}
        for target in self.request.targets:
            with self._kept_failure(target):
                if core is None:
                    self._without_core(target)
                elif todo := self._pending(target, core):
                    pending[target] = todo
        targets = {target.subject: target for target in pending}
        known = {target.subject: todo.known for target, todo in pending.items()}
        answers = self.resolutions.answers([todo.question for todo in pending.values()], known=known)
        for subject, pins in answers.items():
            target = targets[subject]
            with self._kept_failure(target):
                self._finish(target, pending[target].core, pins)

    def _without_core(self, target: Target) -> None:
        """Without core's lock nothing can be said about a delta but whether it is there."""
        delta = self.book.store.committed(target.lock)
        if delta is None or delta.damage:
            self.outcome.stale[target.subject] = (delta.damage if delta else f"{target.lock} is missing",)

    def _pending(self, target: Target, core: Lock) -> _Pending | None:
        """What has to be asked for a target; None when its lock is current, or is only checked and found stale."""
        delta = self.book.store.committed(target.lock)
        layered = LayeredLock(core=core, delta=delta) if delta else None
        reasons = self.book.reasons(target, layered)
        if self.request.check and reasons:
            self.outcome.stale[target.subject] = reasons
            return None
        moves = self.request.upgrade or (delta and self._upgraded(delta.pins))
        if layered and not reasons and not moves and self.book.is_proven(layered):
            self._report(target, layered, written=False)
            return None
        # An upgrade renews what is the experiment's own; core's pins stay preferred, for core decides about them.
        former = None if self.request.upgrade else delta
        question = self.book.question(target, core, former, movable=self.request.upgrade_packages)
        return _Pending(core=core, question=question, known=delta.pins if delta else ())

    def _finish(self, target: Target, core: Lock, pins: tuple[Pin, ...]) -> None:
        lock = delta_of(core, pins, self.book.header(target, core))
        committed = self.book.store.committed(target.lock)
        old = LayeredLock(core=core, delta=committed) if committed else None
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

    @contextlib.contextmanager
    def _kept_failure(self, target: Target) -> Iterator[None]:
        """One target's failure is kept beside the others' reports."""
        try:
            yield
        except FumehoodError as error:
            self.outcome.failures[target.subject] = error

    def _upgraded(self, pins: Iterable[Pin]) -> bool:
        return not self.request.upgrade_packages.isdisjoint(pin.name for pin in pins)

    def _preferred(self, pins: Iterable[Pin]) -> tuple[Pin, ...]:
        if self.request.upgrade:
            return ()
        return tuple(pin for pin in pins if pin.name not in self.request.upgrade_packages)


class _Pending(Struct, frozen=True, kw_only=True):
    """A question on a core lock, with the pins that were the answer before."""

    core: Lock
    question: Question
    known: tuple[Pin, ...]
