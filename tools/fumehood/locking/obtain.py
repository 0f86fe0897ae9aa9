"""The lock that an environment is made from: the committed one where it holds, else one from the cache or from uv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from fumehood.errors import FumehoodError, StaleLockError
from fumehood.locking.delta import delta_of
from fumehood.locking.lockfile import pins_digest
from fumehood.model.lock import LayeredLock, Lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from fumehood.locking.book import LockBook
    from fumehood.locking.question import Question
    from fumehood.model.experiment import Target
    from fumehood.model.lock import Header, Pin
    from fumehood.outside.uv import Uv

Origin = Literal["committed", "remembered", "resolved"]


class Obtained(Struct, frozen=True, kw_only=True):
    """A layered lock, where it came from, and what to tell the user about that.

    Attributes:
        proven: Whether its pins are known to satisfy each other; if not, building the environment has to find out.
        notes: Why a committed lock was not used.
    """

    lock: LayeredLock
    origin: Origin
    proven: bool
    notes: tuple[str, ...] = ()


def obtain(book: LockBook, uv: Uv, target: Target, *, locked: bool) -> Obtained:
    """The lock of a target, resolved where need be and allowed. Nothing in the repository is written.

    Args:
        book: Lines and locks of the repository.
        uv: The door to uv.
        target: An experiment, or core's tests.
        locked: Refuse to resolve where locks are committed.

    Raises:
        StaleLockError: `locked`, and a committed lock is missing or no longer current.
        ConflictError: The lines cannot hold together.
        WorldError: Network or registry failed.
    """
    committed_core = book.committed_core
    core, notes = _core(book, uv, locked=locked)
    delta = book.store.committed(target.lock)
    candidate = LayeredLock(core=core, delta=delta) if delta else None
    reasons = book.reasons(target, candidate)
    if candidate and not reasons:
        return Obtained(lock=candidate, origin="committed", proven=book.is_proven(candidate), notes=notes)
    if locked and (committed_core or delta):
        raise _stale(reasons)
    if delta:
        notes += reasons
    found = known(book, target, core)
    if found:
        return Obtained(lock=found, origin="remembered", proven=True, notes=notes)
    from fumehood.locking.answer import answer  # noqa: PLC0415 - most locks are current, or remembered

    lock = remember(book, target, core, answer(uv, book.question(target, core, delta)))
    return Obtained(lock=lock, origin="resolved", proven=True, notes=notes)


def _core(book: LockBook, uv: Uv, *, locked: bool) -> tuple[Lock, tuple[str, ...]]:
    """Core's lock as `core_lock` says; asked for once, whatever comes of it."""

    def ask(question: Question) -> tuple[Pin, ...]:
        from fumehood.locking.answer import answer  # noqa: PLC0415 - as above

        return answer(uv, question)

    with book.turn:
        if locked not in book.cores:
            try:
                book.cores[locked] = core_lock(book, ask, book.committed_core, locked=locked)
            except FumehoodError as error:
                book.cores[locked] = error
    found = book.cores[locked]
    if isinstance(found, FumehoodError):
        raise found
    return found


def known(book: LockBook, target: Target, core: Lock) -> LayeredLock | None:
    """The lock that needs no resolution: core's pins alone, or what was resolved before and kept in the cache."""
    settled = book.question(target, core).settled
    if settled:
        return delta_of(core, settled, book.header(target, core))
    delta = book.store.remembered(*_key(book, book.header(target, core)))
    return LayeredLock(core=core, delta=delta) if delta else None


def remember(book: LockBook, target: Target, core: Lock, pins: tuple[Pin, ...]) -> LayeredLock:
    """Keep what a target's lines resolve to on this core lock."""
    header = book.header(target, core)
    lock = delta_of(core, pins, header)
    book.store.remember(lock.delta, *_key(book, header))
    return lock


def _key(book: LockBook, header: Header) -> tuple[str, ...]:
    return header.inputs, header.core or "", book.core_inputs.digest(header.python)


def core_lock(
    book: LockBook, ask: Callable[[Question], tuple[Pin, ...]], committed: Lock | None, *, locked: bool
) -> tuple[Lock, tuple[str, ...]]:
    """Core's lock, and why the committed one was not used: that one where it holds, else a remembered or new one.

    Args:
        book: Lines and locks of the repository.
        ask: Resolves where that is needed, as `answer` does.
        committed: The lock in the repository.
        locked: Refuse to resolve where there is one.

    Raises:
        StaleLockError: `locked`, and the committed lock is no longer current.
        ConflictError: Core's lines cannot hold together.
        WorldError: Network or registry failed, or the cache alone did not suffice.
    """
    reasons = book.core_reasons(committed)
    if committed and not reasons:
        return committed, ()
    if committed and locked:
        raise _stale(reasons)
    notes = reasons if committed else ()
    found = remembered_core(book, committed)
    if found:
        return found, notes
    pins = ask(book.core_question(committed.pins if committed else ()))
    lock = Lock(header=book.core_header(), pins=pins)
    book.store.remember(lock, *_core_key(book, committed))
    return lock, notes


def remembered_core(book: LockBook, committed: Lock | None) -> Lock | None:
    """What core's lines were resolved to before, where the committed lock is not current, and kept in the cache."""
    return book.store.remembered(*_core_key(book, committed))


def _core_key(book: LockBook, committed: Lock | None) -> tuple[str, ...]:
    # Core's last pins are part of the question, since they are preferred: another lock may get another answer.
    return book.core_header().inputs, pins_digest(committed) if committed else ""


def _stale(reasons: tuple[str, ...]) -> StaleLockError:
    return StaleLockError(
        f"the lock is not current, and --locked forbids resolving: {reasons[0]}",
        details="\n".join(reasons[1:]) or None,
        remedy="run `fumehood lock` and commit what it writes",
    )
