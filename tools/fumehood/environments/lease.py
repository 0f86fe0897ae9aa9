"""Leases on environments and layers: shared while tests use them, exclusive to change or remove them.

A lease is an ``flock`` on a small file, so the kernel gives it back however its holder ends. Beside it each holder
leaves a note with its process and host, for messages; on a file system without working locks the notes are all there
is, and then anything that another host or a living process may hold counts as held.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fumehood.errors import WorldError
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_POLL = 0.05
"""Seconds between two looks at a lease that somebody else holds."""


@dataclass(slots=True)
class Lease:
    """One lease file, held or not; use `shared`, `exclusive` or `try_exclusive`."""

    path: Path
    say: Callable[[str], None]
    _descriptor: int = field(default=-1)
    _note: Path | None = None

    def shared(self) -> None:
        """Hold it together with others, waiting while somebody changes what it guards."""
        self._acquire(fcntl.LOCK_SH)

    def exclusive(self) -> None:
        """Hold it alone, waiting for everybody else; says for whom."""
        self._acquire(fcntl.LOCK_EX)

    def try_exclusive(self) -> bool:
        """Hold it alone if nobody holds it now."""
        return self._lock(fcntl.LOCK_EX)

    def release(self) -> None:
        """Give it back; fine when it is not held."""
        if self._note is not None:
            with contextlib.suppress(OSError):
                self._note.unlink()
            self._note = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def holders(self) -> tuple[str, ...]:
        """Who has left a note and may still hold it, such as ``process 123 on node7``."""
        return tuple(f"process {process} on {host}" for host, process, _ in self._others())

    def _acquire(self, mode: int) -> None:
        announced = False
        while not self._lock(mode):
            if not announced:
                who = " and ".join(self.holders()) or "another process"
                self.say(f"waiting for {who} to finish with {self.path.stem}")
                announced = True
            time.sleep(_POLL)

    def _lock(self, mode: int) -> bool:
        with disk_errors(f"opening the lease {self.path}"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._descriptor < 0:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise WorldError(f"locking {self.path} failed: {error.strerror}") from error
            return self._without_locks(mode)
        self._leave_note(mode)
        return True

    def _without_locks(self, mode: int) -> bool:
        if self._note is None:
            self.say(f"{self.path.parent} has no working file locks; notes of processes stand in for them")
        self._leave_note(mode)
        own = (socket.gethostname(), os.getpid())
        # Of several that want it alone the first in order goes ahead, or they would wait for each other for ever.
        return mode == fcntl.LOCK_SH or not any(
            kind == "shared" or (host, process) < own for host, process, kind in self._others()
        )

    def _leave_note(self, mode: int) -> None:
        note = self.path.with_name(f"{self.path.name}.{socket.gethostname()}.{os.getpid()}")
        with contextlib.suppress(OSError):
            note.write_text("shared" if mode == fcntl.LOCK_SH else "exclusive", encoding="utf-8")
            self._note = note

    def _others(self) -> list[tuple[str, int, str]]:
        own = (socket.gethostname(), os.getpid())
        found = []
        for note in sorted(self.path.parent.glob(f"{self.path.name}.*.*")):
            host, _, process = note.name.removeprefix(f"{self.path.name}.").rpartition(".")
            if not process.isdigit() or (host, int(process)) == own:
                continue
            if host == own[0] and not _alive(int(process)):
                with contextlib.suppress(OSError):
                    note.unlink()
                continue
            with contextlib.suppress(OSError):
                found.append((host, int(process), note.read_text(encoding="utf-8")))
        return found


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


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
