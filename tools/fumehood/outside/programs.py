"""Run a program that may take only so long, and end it with all that it has started when that is over."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.outside import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


def run(
    command: Sequence[str], *, cwd: Path, environ: Mapping[str, str], given: bytes = b"", timeout: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, as `subprocess.run` does, which lives without what the program has started itself.

    With a limit the program gets a session of its own: builds and transports that it starts end with it, wherever they
    are. It then has no terminal to ask for passwords, and does not hear an interrupt from there, which is why one is
    carried on to it. Without one it ends with whatever ends this process's group.

    Args:
        command: The program and its arguments.
        cwd: Where it runs.
        environ: All of its environment.
        given: Its input.
        timeout: Seconds; None for as long as it takes.

    Raises:
        OSError: It cannot be started.
        subprocess.TimeoutExpired: It took longer; with what it had said.
        KeyboardInterrupt: There was one, in whatever thread.
    """
    limited = timeout is not None
    pipe = subprocess.PIPE
    process: subprocess.Popen[bytes] | None = None
    try:
        with interrupts.held_back():
            process = subprocess.Popen(
                command, cwd=cwd, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=limited
            )
        with interrupts.ended_by(functools.partial(_kill, process, whole=limited)):
            output, said = process.communicate(given, timeout)
    except BaseException as error:
        if process is not None:
            _kill(process, whole=limited)
            if isinstance(error, subprocess.TimeoutExpired):
                error.output, error.stderr = process.communicate()
        raise
    finally:
        if process is not None:
            with process:
                pass  # its pipes are closed, and it is waited for
    return subprocess.CompletedProcess(command, process.returncode, output, said)


@contextlib.contextmanager
def beside(
    command: Sequence[str], *, cwd: Path, environ: Mapping[str, str]
) -> Iterator[Callable[[float | None], int | None]]:
    """Run a program while the block does something else; at the block's end it is killed if it goes on.

    It reads nothing, and nobody hears what it says.

    Yields:
        What waits for its end, so many seconds at most, and gives its exit status; None where it goes on.

    Raises:
        OSError: It cannot be started.
        KeyboardInterrupt: There was one, in whatever thread.
    """
    nothing = subprocess.DEVNULL
    process: subprocess.Popen[bytes] | None = None
    try:
        with interrupts.held_back():
            process = subprocess.Popen(command, cwd=cwd, env=environ, stdin=nothing, stdout=nothing, stderr=nothing)
        with interrupts.ended_by(functools.partial(_kill, process, whole=False)):
            yield functools.partial(_wait, process)
    finally:
        if process is not None:
            if process.poll() is None:
                _kill(process, whole=False)
            process.wait()


def _wait(process: subprocess.Popen[bytes], seconds: float | None) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode


def _kill(process: subprocess.Popen[bytes], *, whole: bool) -> None:
    """End a program with all that it has started: its group, or as much of that as can be found without one."""
    if whole:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return
    for number in (process.pid, *_started_by(process.pid)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(number, signal.SIGKILL)


def _started_by(process: int) -> Iterator[int]:
    """The children of a process, and theirs; none where the system does not tell.

    Source: proc_pid_task_tid_children(5).
    """
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text(encoding="ascii").split()):
                yield child
                yield from _started_by(child)
