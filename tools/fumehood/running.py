"""Sessions run from outside nox: each one a nox process of its own, under a supervisor that outlives this process."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from fumehood.errors import WorldError
from fumehood.extensions import SessionCall, SessionResult
from fumehood.model.experiment import RUNNING_STATES, core_target
from fumehood.outside.scratch import scratch_folder
from fumehood.outside.supervise import supervised
from fumehood.testing.needed import gpu_needs
from fumehood.testing.session import part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fumehood.extensions import Status
    from fumehood.repository import Repository

_GRACE = 3.0
"""Seconds that a session gets to end after an interrupt, before it is killed."""

CORE = "core"


def session_calls(
    repository: Repository, names: tuple[str, ...], arguments: tuple[str, ...]
) -> tuple[SessionCall, ...]:
    """The calls for the named experiments; for every experiment that is run when none is named.

    Args:
        repository: Where they are.
        names: Of experiments; ``core`` for core's own tests.
        arguments: For pytest.

    Raises:
        UsageError: There is no experiment of that name.
        ConfigurationError: An experiment has a mistake, or its GPU needs cannot be read.
    """
    wanted = tuple(name for name in names if name != CORE)
    experiments = repository.select(wanted) if wanted or not names else ()
    chosen = [experiment for experiment in experiments if wanted or experiment.state in RUNNING_STATES]
    own = [(core_target(repository.core).session, None)] if CORE in names else []
    return tuple(
        SessionCall(
            session=session,
            experiment=experiment.name if experiment else None,
            root=repository.root,
            arguments=arguments,
            gpus=gpu_needs(repository, experiment, part(arguments)),
        )
        for session, experiment in (*own, *((experiment.session, experiment) for experiment in chosen))
    )


class ProcessGroups:
    """The process groups that are at work, so that all of them can be ended at once, from any thread."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._ended = False

    @contextlib.contextmanager
    def started(
        self, call: SessionCall, report: Path, output: Path, options: tuple[str, ...] = ()
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A session at work; ended with all its children if the block is left before it ends by itself.

        Args:
            call: The session.
            report: Where nox says how it ended.
            output: Where all that it writes goes.
            options: More options for nox.

        Raises:
            WorldError: It cannot be started.
        """
        # -P: as with the command `nox`, no file of the repository stands in for a module of the same name.
        nox = (sys.executable, "-P", "-m", "nox", "--session", call.session, "--report", str(report), *options)
        command = supervised(str(report.with_suffix(".ending")), 0, *nox, "--", *call.arguments)
        with output.open("wb") as file, self._lock:
            if self._ended:
                raise WorldError(f"{call.session} was not started: the run has ended")
            try:
                process = subprocess.Popen(
                    command,
                    cwd=call.root,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise WorldError(f"{call.session} could not be started: {error}") from error
            self._running.add(process)
        try:
            yield process
        except BaseException:
            _end([process])
            raise
        finally:
            with self._lock:
                self._running.discard(process)

    def end(self) -> None:
        """End everything, and let nothing more begin."""
        with self._lock:
            self._ended = True
            running = tuple(self._running)
        _end(running)


def _end(processes: tuple[subprocess.Popen[bytes], ...] | list[subprocess.Popen[bytes]]) -> None:
    """Interrupt process groups, as the user would, and kill what has not ended after a moment."""
    for process in processes:
        _signal(process, signal.SIGINT)
    deadline = time.monotonic() + _GRACE
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def run_session(
    call: SessionCall, groups: ProcessGroups | None = None, *, options: tuple[str, ...] = ()
) -> SessionResult:
    """Run one session on this machine to its end: what a runner calls at the place where the session shall run.

    Whatever interrupts it, a signal or an exception, ends the session with all its children first.

    Raises:
        WorldError: It cannot be started.
    """
    begun = time.monotonic()
    with scratch_folder("run") as folder:
        report, output = folder / "report.json", folder / "output"
        with (groups or ProcessGroups()).started(call, report, output, options) as process:
            # With a timeout Python looks at the process again and again, and so notices an interrupt that came without
            # a signal, which is how Ray cancels a task.
            code = process.wait(threading.TIMEOUT_MAX)
        return SessionResult(
            session=call.session,
            status=_status(report, code),
            seconds=time.monotonic() - begun,
            output=output.read_text(encoding="utf-8", errors="replace"),
            host=platform.node(),
        )


def _status(report: Path, code: int) -> Status:
    """What nox reports; a session of several Pythons has an entry for each. No report is a failure."""
    try:
        results = {entry["result"] for entry in json.loads(report.read_bytes())["sessions"]}
    except (OSError, ValueError, KeyError, TypeError):
        return "failed"
    if code != 0 or not results or results - {"success", "skipped"}:
        return "failed"
    return "passed" if "success" in results else "skipped"


def local(calls: tuple[SessionCall, ...], /, *, jobs: int | None) -> Iterator[SessionResult]:
    """The runner ``local``: on this machine, as many at a time as it has processors."""
    groups = ProcessGroups()
    with ThreadPoolExecutor(max_workers=jobs or processors()) as pool:
        futures = [pool.submit(run_session, call, groups) for call in calls]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
            groups.end()


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
