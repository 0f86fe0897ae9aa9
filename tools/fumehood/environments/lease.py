"""Leases on environments and layers: shared while tests use them, exclusive to change or remove them.

A lease is an ``flock`` on a small file, so the kernel gives it back however its holder ends. Beside it each holder
leaves a note with its process and host, for messages; on a file system without working locks the notes stand in.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.environments.notes import Holder, Notes
from fumehood.errors import WorldError
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_POLL = 0.05
"""Seconds between two looks at a lease that somebody else holds."""
_PATIENCE = 0.2
"""Seconds of waiting that are not worth a message: so long it may take another process just to look."""

_without_locks: set[Path] = set()
"""Folders found to have no working locks, so that each is spoken of once."""


def _never() -> bool:
    return False


class Lease(Struct):
    """One lease file, held or not.

    Attributes:
        path: The file; it outlives what it guards.
        say: Called with one line for the user.
        name: How messages call what it guards; by default the file's name without ending.
        deadline: When waiting for others is given up, as `time.monotonic` counts; None for never.
    """

    path: Path
    say: Callable[[str], None]
    name: str = ""
    deadline: float | None = None
    _descriptor: int = field(default=-1)
    _notes: Notes | None = None

    def shared(self) -> None:
        """Hold it together with others, waiting while somebody changes what it guards."""
        self._acquire(fcntl.LOCK_SH, _never)

    def exclusive(self, *, unless: Callable[[], bool] = _never) -> bool:
        """Hold it alone, waiting for everybody else; says for whom.

        Args:
            unless: Asked again and again while waiting: whether somebody else has done what it was wanted for.

        Returns:
            Whether it is held now.
        """
        return self._acquire(fcntl.LOCK_EX, unless)

    def try_exclusive(self) -> bool:
        """Hold it alone if nobody holds it now."""
        return self._lock(fcntl.LOCK_EX)

    def release(self) -> None:
        """Give it back; fine when it is not held."""
        if self._notes is not None:
            self._notes.withdraw()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def holders(self) -> tuple[str, ...]:
        """Who holds it beside this, such as ``process 123 on node7``."""
        return tuple(sorted({str(holder) for _, holder in self._noted().others()}))

    def _acquire(self, mode: int, unless: Callable[[], bool]) -> bool:
        begun, announced = time.monotonic(), False
        while not self._lock(mode):
            if unless():
                return False
            now = time.monotonic()
            if self.deadline is not None and now >= self.deadline:
                raise WorldError(f"{self._others()} did not finish with {self._what} in time")
            if not announced and now - begun > _PATIENCE and self.holders() != (str(Holder.this()),):
                self.say(f"waiting for {self._others()} to finish with {self._what}{self._advice()}")
                announced = True
            time.sleep(_POLL)
        return True

    @property
    def _what(self) -> str:
        return self.name or self.path.stem

    def _others(self) -> str:
        return " and ".join(self.holders()) or "another process"

    def _advice(self) -> str:
        """How to get past a holder of another host that has ended without taking its note back."""
        if self.path.parent not in _without_locks:
            return ""
        left = [*(note for note, _ in self._noted().others()), *filter(os.path.exists, [self._noted().gate])]
        return f"; if it is gone, remove {' and '.join(map(str, left))}" if left else ""

    def _noted(self) -> Notes:
        if self._notes is None:
            self._notes = Notes(self.path)
        return self._notes

    def _lock(self, mode: int) -> bool:
        """Try once; a lock that is held already in the other mode is given up when this fails."""
        with disk_errors(f"opening the lease {self.path}"):
            if self._descriptor < 0:
                self._descriptor = _open(self.path)
        try:
            fcntl.flock(self._descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise WorldError(f"locking {self.path} failed: {error.strerror}") from error
            return self._lock_without(mode)
        self._noted().leave()
        with contextlib.suppress(OSError):
            os.utime(self._descriptor)  # when it was last used, for those who remove what nobody uses
        return True

    def _lock_without(self, mode: int) -> bool:
        if self.path.parent not in _without_locks:
            _without_locks.add(self.path.parent)
            self.say(f"{self.path.parent} has no working file locks; notes of processes stand in for them")
        with disk_errors(f"leaving a note beside {self.path}"):
            return self._noted().take("shared" if mode == fcntl.LOCK_SH else "alone")


def _open(path: Path) -> int:
    """Open a lease file, made if need be; one that belongs to somebody else can be locked without writing to it."""
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            raise error from None


@contextlib.contextmanager
def held(lease: Lease, *, exclusive: bool) -> Iterator[None]:
    """Hold a lease for a block of code."""
    if exclusive:
        lease.exclusive()
    else:
        lease.shared()
    try:
        yield
    finally:
        lease.release()
