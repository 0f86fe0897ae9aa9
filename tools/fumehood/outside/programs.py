"""Run a program that may take only so long, and end it with all that it has started when that is over."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from fumehood.outside import interrupts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def run(
    command: Sequence[str], *, cwd: Path, environ: Mapping[str, str], given: bytes = b"", timeout: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, as `subprocess.run` does, which lives without what the program has started itself.

    With a limit the program gets a session of its own: builds and transports that it starts end with it. It then has no
    terminal to ask for passwords, and does not hear an interrupt from there, which is why one is carried on to it.

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
    with subprocess.Popen(
        command, cwd=cwd, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=limited
    ) as process:
        try:
            with interrupts.ended_by(functools.partial(_kill, process, whole=limited)):
                output, said = process.communicate(given, timeout)
        except BaseException as error:
            _kill(process, whole=limited)
            if isinstance(error, subprocess.TimeoutExpired):
                error.output, error.stderr = process.communicate()
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, said)


def _kill(process: subprocess.Popen[bytes], *, whole: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if whole:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
