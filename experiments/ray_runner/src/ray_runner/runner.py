"""The runner ``ray``: each session is a Ray task that runs nox on the node that Ray chooses."""

from __future__ import annotations

import os
import platform
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import ray
from msgspec import Struct, field
from msgspec.structs import replace
from ray.exceptions import RayError

from fumehood.errors import FumehoodError
from fumehood.extensions import SessionCall, SessionResult
from fumehood.running import run_session
from ray_runner.cluster import connected, most_gpus

if TYPE_CHECKING:
    from collections.abc import Iterator

_GRACE = 10.0
"""Seconds that cancelled sessions get to end, which take a few to end their children."""


def run(calls: tuple[SessionCall, ...], /, *, jobs: int | None) -> Iterator[SessionResult]:
    """Run every call on the cluster, and yield the results as they come.

    Args:
        calls: Each needs one CPU, and as many GPUs of one node as its tests need.
        jobs: How many tasks to have at Ray at a time; None for all, since Ray runs as many as fit.

    Raises:
        WorldError: There is no cluster.
    """
    with connected(os.environ):
        most = most_gpus()
        waiting = deque(calls)
        tasks: dict[Any, _Task] = {}
        try:
            while waiting or tasks:
                while waiting and (jobs is None or len(tasks) < jobs):
                    task = _submitted(waiting.popleft(), most)
                    tasks[task.answers] = task
                (ready,), _ = ray.wait(list(tasks), num_returns=1)
                if (result := tasks[ready].hear()) is not None:
                    del tasks[ready]
                    yield result
        finally:
            _cancel(list(tasks))


class _Task(Struct, kw_only=True):
    """A session at Ray.

    Attributes:
        answers: First the host, as soon as the task has begun, then the result.
        host: Where it runs; empty before it has begun.
        remark: What the user should know beside its output.
    """

    call: SessionCall
    answers: Any
    remark: str
    host: str = ""
    begun: float = field(default_factory=time.monotonic)

    def hear(self) -> SessionResult | None:
        """Take the next answer, which is there; the result if it is one."""
        try:
            answer: str | SessionResult = ray.get(next(self.answers))
        except (RayError, StopIteration) as error:
            return self._failure(str(error) or type(error).__name__)
        if isinstance(answer, str):
            self.host, self.begun = answer, time.monotonic()
            return None
        return replace(answer, output=self.remark + answer.output)

    def _failure(self, why: str) -> SessionResult:
        """Ray lost the task: the worker or its node died, or could not run it."""
        where = f"on {self.host}" if self.host else "before it told where it runs"
        return SessionResult(
            session=self.call.session,
            status="failed",
            seconds=time.monotonic() - self.begun,
            output=f"{self.remark}{self.call.session} was lost {where}: {why.strip()}\n",
            host=self.host or "unknown",
        )


def _submitted(call: SessionCall, most: int) -> _Task:
    wanted = call.gpus.count if call.gpus else 0
    granted = min(wanted, most)
    remark = ""
    if granted < wanted:
        # Ray would wait for such a node for ever; fumehood runs with what there is and says what it skips.
        remark = (
            f"{call.session} needs {call.gpus}; no node of the cluster has more than {most}, so it gets {granted}\n"
        )
    # A session is not tried again: its tests may have left traces that a second run would take for its own.
    options = {"num_cpus": 1, "num_gpus": granted, "max_retries": 0, "name": call.session}
    remote: Any = ray.remote(_session)
    return _Task(call=call, answers=remote.options(**options).remote(call), remark=remark)


def _session(call: SessionCall) -> Iterator[str | SessionResult]:
    """What a worker does: say where it is, then run the session there."""
    host = platform.node()
    yield host
    noxfile = call.root / "noxfile.py"
    if not noxfile.is_file():
        yield _refused(call, f"{host} does not see {noxfile}: the repository has to be on a path that all nodes share")
        return
    try:
        yield run_session(call)
    except FumehoodError as error:
        yield _refused(call, str(error))


def _refused(call: SessionCall, why: str) -> SessionResult:
    return SessionResult(session=call.session, status="failed", seconds=0.0, output=f"{why}\n", host=platform.node())


def _cancel(answers: list[Any]) -> None:
    """End what is still running, when the user has interrupted; nothing, when all have answered."""
    if not answers:
        return
    for answer in answers:
        ray.cancel(answer)
    ray.wait(answers, num_returns=len(answers), timeout=_GRACE)
