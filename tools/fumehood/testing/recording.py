"""What is learnt about a session while it runs, and leaving it behind as a result when it ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from fumehood.environments import envdir
from fumehood.errors import ConflictError, FumehoodError, UnsupportedPythonError, WorldError
from fumehood.model.duration import render_duration
from fumehood.model.lock import PinChange
from fumehood.outside.files import disk_errors, read_json, write_whole
from fumehood.outside.git import Git
from fumehood.outside.processes import meanwhile
from fumehood.testing.results import (
    Counts,
    Origin,
    Result,
    Seconds,
    UsedGpu,
    file_stem,
    junit_without_tests,
    record,
)
from fumehood.testing.session import part as part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fumehood.environments.state import EnvironmentState
    from fumehood.model.experiment import Experiment
    from fumehood.repository import BrokenExperiment, Repository
    from fumehood.testing.gpu_values import Gpu
    from fumehood.testing.results import Status


class Ended(Struct, frozen=True, kw_only=True):
    """How the process that ran pytest ended, as ``outside/supervise.py`` writes it."""

    code: int
    timed_out: bool
    seconds: float
    tail: str


def read_ending(path: Path, code: int) -> Ended:
    """What the supervisor wrote; only its own exit code if it did not come to that."""
    return read_json(path, Ended) or Ended(code=code, timed_out=False, seconds=0.0, tail="")


class Recording(Struct, kw_only=True):
    """One session under way.

    Attributes:
        folder: Where its result will be.
        stem: How the files of its result are called, apart from their endings.
        result: What is known so far; its status is that of a session that never got an environment.
        tail: The end of pytest's output.
    """

    folder: Path
    stem: str
    result: Result
    tail: str = ""
    _origin: Callable[[], Origin]
    _begun: float = field(default_factory=time.monotonic)
    _is_final: bool = False

    @property
    def junit(self) -> Path:
        """Where pytest writes its JUnit file: beside its place, so that it gets there whole."""
        return self.folder / f".{self.stem}.{os.getpid()}.xml"

    @property
    def xml(self) -> Path:
        """The place of the JUnit file."""
        return self.folder / f"{self.stem}.xml"

    @contextlib.contextmanager
    def making_environment(self, timeout: int | None) -> Iterator[float | None]:
        """In this block the environment is made; until when that has to be done, as `time.monotonic` counts.

        Args:
            timeout: Seconds since the session has begun; None for as long as it takes.

        Raises:
            WorldError: Whatever failed first once the time was up, told as what it is.
        """
        deadline = None if timeout is None else self._begun + timeout
        try:
            yield deadline
        except WorldError as error:
            if timeout is None or deadline is None or time.monotonic() < deadline:
                raise
            reason = f"the environment was not there after {render_duration(timeout)}"
            self.ends("timed-out", reason)
            remedy = "see what does not answer, or allow more with `timeout`; nothing was changed"
            details = "\n".join(filter(None, (error.headline, error.details)))
            raise WorldError(reason, details=details, remedy=remedy) from error

    def has_environment(self, state: EnvironmentState) -> None:
        """The environment is there; whatever happens now happens to the tests."""
        elapsed = time.monotonic() - self._begun
        self.result = replace(
            self.result,
            status="failed",
            python=state.interpreter.split(" ")[1],
            changes=tuple(map(_change, state.changes)),
            seconds=Seconds(environment=elapsed),
        )

    def has_gpus(self, gpus: tuple[Gpu, ...]) -> None:
        """The tests were given these."""
        used = tuple(
            UsedGpu(
                name=gpu.name,
                vendor=gpu.vendor,
                memory=gpu.memory,
                compute_capability=gpu.compute_capability,
                simulated=gpu.is_simulated,
            )
            for gpu in gpus
        )
        self.result = replace(self.result, gpus=used)

    def has_run(self, ended: Ended, report: Path) -> None:
        """Pytest has ended."""
        self.tail = ended.tail
        spent = replace(self.result.seconds, tests=ended.seconds)
        self.result = replace(self.result, counts=read_json(report, Counts), seconds=spent)

    def ends(self, status: Status, reason: str = "") -> None:
        """How the session ends, unless it has ended before."""
        if not self._is_final:
            self.result = replace(self.result, status=status, reason=reason)
            self._is_final = True

    def fails(self, error: FumehoodError) -> None:
        """An error ends the session."""
        had_environment = self.result.status == "failed"
        match error:
            case ConflictError() if not had_environment:
                status: Status = "conflict"
            case UnsupportedPythonError() if not had_environment:
                status = "unsupported-python"
            case _:
                status = "failed" if had_environment else "install-failed"
        self.ends(status, error.headline)
        self.tail = self.tail or str(error)

    def leave(self) -> None:
        """Write the result, with its JUnit file, and the end of the output if something is wrong.

        Raises:
            WorldError: The disk refused.
        """
        total = time.monotonic() - self._begun
        rounded = {part: round(spent, 3) for part, spent in asdict(self.result.seconds).items()}
        seconds = Seconds(**{**rounded, "total": round(total, 3)})
        done = replace(self.result, seconds=seconds, origin=self._origin())
        xml, log = self.xml, self.folder / f"{self.stem}.log"
        with disk_errors(f"writing {self.folder}"):
            os.makedirs(self.folder, exist_ok=True)
            if self.folder.parent.name == envdir.OWN:  # which a session makes that gets no environment
                envdir.mark(self.folder.parent.parent)
            if self.junit.exists():
                os.replace(self.junit, xml)
            elif done.counts is None:
                write_whole(xml, junit_without_tests(done, self.tail if done.failed else ""))
            else:  # The user had pytest write it elsewhere.
                xml.unlink(missing_ok=True)
            if done.failed and self.tail:
                write_whole(log, self.tail if self.tail.endswith("\n") else f"{self.tail}\n")
            else:
                log.unlink(missing_ok=True)
        junit, kept = xml.name if xml.exists() else "", log.name if log.exists() else ""
        record(self.folder, self.stem, replace(done, junit=junit, log=kept))


class Run(Struct, frozen=True, kw_only=True):
    """What a session was asked to do.

    Attributes:
        session: The session's name.
        environment: The name of its environment's folder.
        results: Where results are kept.
        arguments: For pytest.
        lowest: Whether the lowest versions are tested.
    """

    session: str
    environment: str
    results: Path
    arguments: tuple[str, ...]
    lowest: bool = False


@contextlib.contextmanager
def recorded(repository: Repository, experiment: Experiment | BrokenExperiment | None, run: Run) -> Iterator[Recording]:
    """Leave a result behind when the block ends, unless nothing was tested: `Recording.ends` was never called.

    Args:
        repository: The repository.
        experiment: Whose tests run; None for core's.
        run: How the session was called.
    """
    part = part_of(run.arguments)
    begun = Result(
        session=run.session,
        experiment=experiment.name if experiment else None,
        status="install-failed",
        started=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        part=part,
        lowest=run.lowest,
        arguments=run.arguments,
    )
    recording = Recording(
        folder=run.results,
        stem=file_stem(run.environment, part),
        result=begun,
        # A reused environment takes less time than git does.
        _origin=meanwhile(partial(origin_of, repository, experiment)),
    )
    with contextlib.suppress(OSError):
        recording.junit.unlink()  # of a process that had this one's number, and was killed
    try:
        yield recording
    except FumehoodError as error:
        recording.fails(error)
        raise
    finally:
        if recording._is_final:  # noqa: SLF001 - of this module's own class
            recording.leave()
        with contextlib.suppress(OSError):
            recording.junit.unlink()


def origin_of(repository: Repository, experiment: Experiment | BrokenExperiment | None) -> Origin:
    """What of the repository is tested, as git sees it; nothing where it cannot tell."""
    git = Git(cwd=repository.root)
    try:
        head = git.head(experiment.path if experiment else ".")
        changes = git.uncommitted() if head else []
    except FumehoodError:
        head = None
    if head is None:
        return Origin()
    commit, tree = head
    folders = [f"{one.path}/" for one in repository.experiments] + [f"{one.path}/" for one in repository.broken]
    own = f"{experiment.path}/" if experiment else None
    return Origin(
        commit=commit,
        core_dirty=any(not new and not path.startswith(tuple(folders)) for path, new in changes),
        tree=(tree or None) if experiment else None,
        dirty=None if own is None else any(path.startswith(own) or own.startswith(path) for path, _ in changes),
    )


def _change(text: str) -> PinChange:
    """A change of a pin from how it says itself."""
    name, _, versions = text.partition(" ")
    before, _, after = versions.partition(" → ")
    return PinChange(name=name, before=before, after="" if after == "removed" else after)
