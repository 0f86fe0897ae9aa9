"""Notes of processes beside a lease: who holds it, for messages; and the stand-in where file locks do not work.

The stand-in needs nothing but files that can be made exclusively. Whoever wants the lease alone closes a gate, then
looks for notes; whoever wants to share it leaves a note, then looks at the gate. So at least one of two sees the
other and withdraws. What another host or a living process has left counts; what a dead process of this host has left
does not.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct, field

from fumehood.outside.files import entries, token

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["shared", "alone"]
_NOTE = ".note-"
_serial = itertools.count()
_written: dict[int, Path] = {}
"""By process, the note it wrote last; a further one is another name of it as long as it is there."""


class Holder(NamedTuple):
    """A process that has left a note or closed a gate; `started` tells it from a later one with its number."""

    host: str
    process: int
    started: str

    @classmethod
    def this(cls) -> Holder:
        """The process that asks."""
        return _holder(os.getpid())

    @classmethod
    def read(cls, path: Path) -> Holder | None:
        """Who has written a note; None for one that is gone or not yet written."""
        try:
            host, process, started = path.read_text(encoding="utf-8").split("\n")[:3]
            return cls(host, int(process), started)
        except (OSError, ValueError):
            return None

    @property
    def is_gone(self) -> bool:
        """Whether it is known to have ended: a process of another host never is."""
        return self.host == os.uname().nodename and _started(self.process) != self.started

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


@functools.cache
def _holder(process: int) -> Holder:
    """This process, which is another one after a fork."""
    return Holder(os.uname().nodename, process, _started(process) or "")


class Notes(Struct):
    """The notes beside one lease file, and this holder's own."""

    lease: Path
    _own: Path | None = None
    _gate_is_ours: bool = field(default=False)

    @property
    def gate(self) -> Path:
        """The file that exists while somebody has, or is about to have, the lease alone without a file lock."""
        return self.lease.with_name(f"{self.lease.name}.gate")

    def leave(self) -> None:
        """Say that this process holds the lease."""
        if self._own is None:
            own = self.lease.with_name(f"{self.lease.name}{_NOTE}{os.getpid()}-{next(_serial)}-{token()}")
            with contextlib.suppress(OSError):
                _write(own)
                self._own = own

    def withdraw(self) -> None:
        """Take back what this holder has left."""
        if self._own is not None:
            with contextlib.suppress(OSError):
                self._own.unlink()
            self._own = None
        if self._gate_is_ours:
            with contextlib.suppress(OSError):
                self.gate.unlink()
            self._gate_is_ours = False

    def others(self) -> Iterator[tuple[Path, Holder]]:
        """The notes of everybody else; those of processes that have ended are removed."""
        for note in entries(self.lease.parent, f"{self.lease.name}{_NOTE}"):
            holder = Holder.read(note) if note != self._own else None
            if holder is None:
                continue
            if holder.is_gone:
                with contextlib.suppress(OSError):
                    note.unlink()
            else:
                yield note, holder

    def take(self, kind: Kind) -> bool:
        """Hold the lease by notes alone, if nobody is in the way now.

        Raises:
            OSError: The folder cannot be written to.
        """
        if kind == "shared":
            self.leave()
            if self._gate_is_ours:
                self._gate_is_ours = False
                self.gate.unlink()
            elif self._gate_is_closed():
                self.withdraw()
                return False
            return True
        if not self._gate_is_ours and not self._close_gate():
            return False
        if any(self.others()):
            self.withdraw()
            return False
        self.leave()
        return True

    def _close_gate(self) -> bool:
        if self._gate_is_closed():
            return False
        try:
            descriptor = os.open(self.gate, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(map(str, Holder.this())))
        self._gate_is_ours = True
        return True

    def _gate_is_closed(self) -> bool:
        """Whether another holder has closed the gate; one that a dead process left is opened."""
        holder = Holder.read(self.gate)
        if holder is None:
            return self.gate.exists()
        if not holder.is_gone:
            return True
        # Moved first, since another process may be doing the same and a third may have closed the gate again.
        moved = self.lease.with_name(f"{self.lease.name}.opened-{token()}")
        with contextlib.suppress(OSError):
            self.gate.rename(moved)
            if Holder.read(moved) != holder:
                os.link(moved, self.gate)
            moved.unlink()
        return self.gate.exists()


def sweep(folder: Path) -> None:
    """Remove what processes that are known to have ended, since they were killed, have left beside leases."""
    for note in entries(folder, ""):
        holder = Holder.read(note) if _NOTE in note.name else None
        if holder is not None and holder.is_gone:
            with contextlib.suppress(OSError):
                note.unlink()


def _write(note: Path) -> None:
    """Write a note of this process, or give one that it has left elsewhere another name."""
    process = os.getpid()
    with contextlib.suppress(OSError, KeyError):
        os.link(_written[process], note)
        return
    note.write_text("\n".join(map(str, Holder.this())), encoding="utf-8")
    _written[process] = note


def _started(process: int) -> str | None:
    """When a process of this host began, in a form to compare; empty where that is not known; None if there is none."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "" if not os.path.isdir("/proc/self") and _exists(process) else None
    # Fields 3 and 22 of proc(5): a process that only waits to be collected (Z) holds nothing.
    return None if fields[0] == "Z" else fields[19]


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
