"""Run a command in a process group of its own, keep the tail of what it says, and end all of it when its time is up.

This file is started as a program, ``python -I -S supervise.py ENDING SECONDS COMMAND…``: it imports nothing but the
standard library, and stands between nox and pytest, and between ``fumehood run`` and nox, so that what those have
started can be ended together with them. What the command says goes on to where this program's own output goes; on a
terminal it is given a terminal.

Nothing outlives those it is for: the command is interrupted when the process that started this one is gone, or nobody
reads its output any more; and it is killed when this program itself is.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
import tty
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

TAIL = 32 * 1024
"""Bytes of the output that are kept."""

COULD_NOT_START = 127

_AT_A_TIME = 64 * 1024
_LOOK = 0.05
"""Seconds between two looks at a command that has closed its output and has not ended, or the other way round."""


class _Step(NamedTuple):
    """A signal that is due at some time, for the whole group or for the command alone."""

    due: float
    number: signal.Signals
    whole: bool = True


def supervised(ending: str, seconds: float, *command: str) -> tuple[str, ...]:
    """The command that runs another one so; the arguments are those of `main`."""
    return (sys.executable, "-I", "-S", __file__, ending, str(seconds), *command)


def main(ending: str, seconds: str, *command: str) -> int:
    """Run a command to its end.

    Args:
        ending: A file to write: how it ended, as JSON with ``code``, ``timed_out``, ``seconds`` and ``tail``.
        seconds: The time that the command has; ``0`` for as long as it takes.
        command: The program and its arguments.

    Returns:
        The command's exit code; 128 and the signal's number where a signal ended it.
    """
    begun, parent = time.monotonic(), os.getppid()
    reader, writer = _channel()
    # What this program ignores, as shells have it of programs in the background, the command would ignore as well; what
    # it handles, the command begins with as usual, and so can be interrupted.
    heeds_interrupts = signal.signal(signal.SIGINT, lambda *_: None) is not signal.SIG_IGN
    try:
        child = subprocess.Popen(command, stdout=writer, stderr=writer, start_new_session=True)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return COULD_NOT_START
    finally:
        os.close(writer)
    with _guarded(child.pid):
        watch = _Watch(child, reader, begun + float(seconds) if float(seconds) else None)
        if heeds_interrupts:
            signal.signal(signal.SIGINT, lambda *_: watch.interrupt())
        signal.signal(signal.SIGTERM, lambda *_: watch.terminate())
        watch.to_the_end()
    if os.getppid() != parent:
        _forget()
    code = child.returncode if child.returncode >= 0 else 128 - child.returncode
    if watch.is_abandoned:
        return code
    _write(
        ending,
        {"code": code, "timed_out": watch.timed_out, "seconds": time.monotonic() - begun, "tail": watch.tail()},
    )
    return code


def _forget() -> None:
    """Remove what the command has left for a session that is gone; the variables are those of the pytest plugin."""
    for variable in ("FUMEHOOD_JUNIT", "FUMEHOOD_PYTEST_REPORT"):
        with contextlib.suppress(OSError, KeyError):
            os.unlink(os.environ[variable])


def _write(ending: str, answer: dict[str, object]) -> None:
    try:
        with open(f"{ending}.tmp", "w", encoding="utf-8") as file:
            json.dump(answer, file)
        os.replace(f"{ending}.tmp", ending)
    except OSError as error:  # What is known without it is the code.
        sys.stderr.write(f"{ending}: {error.strerror}\n")


def _channel() -> tuple[int, int]:
    """Where to read the command's output, and what it shall write to: a terminal where there is one."""
    if not os.isatty(1):
        return os.pipe()
    reader, writer = pty.openpty()
    tty.setraw(writer)

    def resize(*_: object) -> None:
        with contextlib.suppress(OSError):
            termios.tcsetwinsize(reader, termios.tcgetwinsize(1))

    resize()
    signal.signal(signal.SIGWINCH, resize)
    return reader, writer


@contextlib.contextmanager
def _guarded(group: int) -> Iterator[None]:
    """Have another process kill a process group if this one does not come to the end of the block.

    It reads from a pipe that this process alone can write to, whose end it so learns of however it comes.
    """
    reader, writer = os.pipe()
    guard = os.fork()
    if guard == 0:
        os.setsid()
        os.close(writer)
        if not os.read(reader, 1):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        os._exit(0)
    os.close(reader)
    yield
    with contextlib.suppress(BrokenPipeError):
        os.write(writer, b".")
    os.close(writer)
    os.waitpid(guard, 0)


class _Watch:
    """One command at work."""

    def __init__(self, child: subprocess.Popen[bytes], reader: int, deadline: float | None) -> None:
        self._child = child
        self._reader: int | None = reader
        self._deadline = deadline
        self._steps: list[_Step] = []
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._parent = os.getppid()
        self._listener = select.poll()
        self._listener.register(1, 0)
        self.is_abandoned = False
        self.timed_out = False

    def to_the_end(self) -> None:
        """Hand on the output until the command has ended, and leave nothing behind if it was made to end."""
        while self._child.poll() is None:
            self._act()
            self._hand_on(self._patience())
        if self._steps or self.timed_out:
            self._signal(signal.SIGKILL, whole=True)
        while self._hand_on(0):
            pass

    def tail(self) -> str:
        """The end of the output; from the beginning of a line where something was left out."""
        text = b"".join(self._kept)
        if len(text) > TAIL:
            text = text[-TAIL:].partition(b"\n")[2]
        return text.decode("utf-8", "replace")

    def interrupt(self) -> None:
        """End it as by Ctrl-C, and soon by force."""
        now = time.monotonic()
        self._plan(_Step(now, signal.SIGINT), _Step(now + 2, signal.SIGKILL))

    def terminate(self) -> None:
        """End it in the same way, or at once if that is under way."""
        if self._steps:
            self._plan(_Step(0, signal.SIGKILL))
        else:
            self.interrupt()

    def _plan(self, *steps: _Step) -> None:
        # A second wish to end does not prolong the first.
        self._steps = sorted([*self._steps, *steps])

    def _act(self) -> None:
        now = time.monotonic()
        if not self.is_abandoned and (os.getppid() != self._parent or not self._is_heard()):
            self.is_abandoned = True
            self.interrupt()
        if self._deadline is not None and now >= self._deadline:
            # pytest answers an interrupt with its summary and its report; what hangs outside of Python says with
            # SIGABRT where it hangs, since pytest switches faulthandler on; the rest is killed.
            end, self._deadline, self.timed_out = self._deadline, None, True
            self._plan(_Step(end, signal.SIGINT), _Step(end + 5, signal.SIGABRT, whole=False))
            self._plan(_Step(end + 6, signal.SIGKILL))
        while self._steps and self._steps[0].due <= now:
            step = self._steps.pop(0)
            self._signal(step.number, whole=step.whole)

    def _is_heard(self) -> bool:
        """Whether somebody may read what is handed on: no longer once the other end of a pipe is closed."""
        return not any(event & (select.POLLERR | select.POLLHUP) for _, event in self._listener.poll(0))

    def _signal(self, number: signal.Signals, *, whole: bool) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if whole:
                os.killpg(self._child.pid, number)
            else:
                os.kill(self._child.pid, number)

    def _patience(self) -> float:
        """Seconds to wait for output before something else has to be looked at."""
        if self._reader is None:
            return _LOOK
        dues = [step.due for step in self._steps] + ([self._deadline] if self._deadline is not None else [])
        return min(_LOOK * 10, max(0.0, min(dues, default=float("inf")) - time.monotonic()))

    def _hand_on(self, seconds: float) -> bool:
        """Wait so long for output, and hand it on; whether there was any."""
        if self._reader is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(seconds)
            return False
        ready, _, _ = select.select([self._reader], [], [], seconds)
        data = b""
        if ready:
            with contextlib.suppress(OSError):  # A terminal whose last user has gone says EIO.
                data = os.read(self._reader, _AT_A_TIME)
            if not data:
                self._reader = None
        self._keep(data)
        _say(data)
        return bool(ready and self._reader is not None)

    def _keep(self, data: bytes) -> None:
        self._kept.append(data)
        self._size += len(data)
        while self._size - len(self._kept[0]) > TAIL:
            self._size -= len(self._kept.popleft())


def _say(data: bytes) -> None:
    """Write all of it, also where whoever started this program has it that writing never waits."""
    while data:
        try:
            data = data[os.write(1, data) :]
        except BlockingIOError:
            select.select([], [1], [])
        except OSError:  # Nobody reads it, or the disk is full: tests are not to fail for that.
            return


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
