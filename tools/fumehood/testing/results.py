"""What came of sessions: one value for each run, kept as lines of JSON, the newest last.

A session's results are in one file, ``SESSION.jsonl``, beside it ``SESSION.xml`` (JUnit) of the last run, and
``SESSION.log`` with the end of its output if it failed. Each of these is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from msgspec import Meta, Struct

from fumehood.environments import envdir
from fumehood.model.lock import PinChange  # noqa: TC001 - msgspec looks it up when it reads a result
from fumehood.outside.files import disk_errors, from_json, to_json, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SCHEMA = 1
KEPT = 100
"""How many runs of one session are remembered."""

Status = Literal[
    "passed", "failed", "no-tests", "all-skipped", "conflict", "install-failed", "unsupported-python", "timed-out"
]
Part = Annotated[str, Meta(pattern=r"^(all|other|gpu(-[a-z0-9]+)?)$")]
"""Which of the tests: ``all``, ``gpu``, ``other``, or ``gpu-VENDOR`` for GPU tests that run on that vendor's."""

STATUSES: tuple[Status, ...] = get_args(Status)
FAILURES: frozenset[Status] = frozenset({"failed", "conflict", "install-failed", "unsupported-python", "timed-out"})
"""What is wrong; a session without tests, or with nothing but skipped ones, is neither that nor green."""
_Spent = Annotated[float, Meta(ge=0, le=1e9)]
"""Seconds; thirty years are more than any run takes."""


_ABOUT_GPUS = ("--gpus", "--gpu-tests")
"""The options with which a run is still one of a whole part of the tests."""


class Seconds(Struct, frozen=True, kw_only=True):
    """How long the parts of a run took: getting the environment, running the tests, and all of it."""

    environment: _Spent = 0.0
    tests: _Spent = 0.0
    total: _Spent = 0.0


class Counts(Struct, frozen=True, kw_only=True):
    """How many tests did what."""

    collected: int = 0
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    xfailed: int = 0
    xpassed: int = 0


class UsedGpu(Struct, frozen=True, kw_only=True):
    """A GPU that the run had: memory in bytes, 0 where the driver does not say."""

    name: str
    vendor: str
    memory: int
    compute_capability: str | None = None
    simulated: bool = False


class Origin(Struct, frozen=True, kw_only=True):
    """What was tested. All None where there is no git, or nothing committed.

    Attributes:
        commit: Of the repository, and so of core.
        core_dirty: Whether tracked files of core differed from it.
        tree: The git tree of the experiment's folder in that commit: it changes only when the experiment does.
        dirty: Whether the experiment's folder differed from it, new files included.
    """

    commit: str | None = None
    core_dirty: bool | None = None
    tree: str | None = None
    dirty: bool | None = None


class Result(Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA, forbid_unknown_fields=True):
    """One run of one session.

    Attributes:
        session: As nox names it, ``exp-rl``, or ``exp-rl-3.12`` where there are several Pythons.
        experiment: Whose tests they are; None for core's.
        reason: One sentence about the status; empty if it says all.
        started: UTC, as ``2026-01-31T12:00:00.250Z``: short sessions may follow each other within a second.
        python: The full version of the interpreter; empty where there was none.
        part: Which tests: all, only those that need GPUs, or only the others.
        lowest: Whether the lowest versions that the requirements admit were tested.
        counts: None where pytest did not report.
        changes: What differs from core's versions.
        arguments: What the user gave to pytest, apart from what is said by the other fields: with any, the run may have
            been of some tests only.
        junit: The name of the JUnit file beside it, empty if there is none.
        log: The name of the file beside it with the end of the output, empty if there is none.
    """

    session: str
    experiment: str | None
    status: Status
    reason: str = ""
    started: str = ""
    python: str = ""
    part: Part = "all"
    lowest: bool = False
    seconds: Seconds = Seconds()
    counts: Counts | None = None
    gpus: tuple[UsedGpu, ...] = ()
    changes: tuple[PinChange, ...] = ()
    origin: Origin = Origin()
    arguments: tuple[str, ...] = ()
    junit: str = ""
    log: str = ""

    @property
    def failed(self) -> bool:
        """Whether something is wrong."""
        return self.status in FAILURES

    @property
    def is_partial(self) -> bool:
        """Whether the user may have chosen among the tests of its part."""
        words = iter(self.arguments)
        for word in words:
            option, is_whole, _ = word.partition("=")
            if option not in _ABOUT_GPUS:
                return True
            if not is_whole:
                next(words, None)
        return False

    @property
    def key(self) -> tuple[str, Part, bool]:
        """What a later run is another run of."""
        return self.session, self.part, self.lowest


def default_folder(root: Path, environ: Mapping[str, str]) -> Path:
    """Where the results of a repository are: ``FUMEHOOD_RESULTS``, else below nox's folder of environments."""
    return results_folder(root / ".nox", root, environ)


def results_folder(environments: Path, root: Path, environ: Mapping[str, str]) -> Path:
    """Where results are kept for a folder of environments; a relative ``FUMEHOOD_RESULTS`` counts from the root."""
    if configured := environ.get("FUMEHOOD_RESULTS"):
        return root / configured
    return environments / envdir.OWN / "results"


def file_stem(environment: str, part: Part) -> str:
    """How the files of a session's results are called, apart from their endings: after the environment's folder."""
    return environment if part == "all" else f"{environment}.{part}"


def record(folder: Path, stem: str, result: Result) -> None:
    """Add a run to those of its session.

    Raises:
        WorldError: The disk refused.
    """
    path = folder / f"{stem}.jsonl"
    with disk_errors(f"writing {path}"):
        os.makedirs(folder, exist_ok=True)
    with _exclusive(folder / ".lock"):
        lines = [*_lines(path)[1 - KEPT :], to_json(result)]
        write_whole(path, "".join(f"{line}\n" for line in lines))


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Alone among all sessions that record; where locks do not work, the worst is a run that is forgotten."""
    with disk_errors(f"writing {path}"):
        file = open(path, "ab")  # noqa: SIM115 - only the opening may fail on the disk's account
    with file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_results(folder: Path) -> tuple[Result, ...]:
    """All runs that are recorded in a folder or below, oldest first; what cannot be read is left out."""
    found = [
        result
        for path in sorted(folder.rglob("*.jsonl"))
        for result in map(_from_line, _lines(path))
        if result is not None
    ]
    return tuple(sorted(found, key=lambda result: (result.started, result.session, result.part)))


def latest(results: Iterable[Result]) -> tuple[Result, ...]:
    """Of each session the last run, sorted by session; runs of other parts, or with lowest versions, count apart."""
    last = {result.key: result for result in results}
    return tuple(last[key] for key in sorted(last))


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if line]
    except OSError:
        return []


def _from_line(line: str) -> Result | None:
    try:
        return from_json(line, Result)
    except ValueError:
        return None


def junit_without_tests(result: Result, tail: str = "") -> str:
    """A JUnit file for a run in which pytest wrote none, so that whoever reads such files sees it too.

    Source: the schema of JUnit files that pytest's ``junit_family=xunit2`` follows.
    """
    from xml.sax.saxutils import escape, quoteattr  # noqa: PLC0415 - it brings what downloads files along

    is_failure = result.failed
    kind = "error" if is_failure else "skipped"
    message = quoteattr(_xml_text(result.reason or result.status))
    counts = f'errors="{int(is_failure)}" failures="0" skipped="{int(not is_failure)}" tests="1"'
    seconds = f"{result.seconds.total:.3f}"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<testsuites><testsuite name={quoteattr(result.session)} {counts} time="{seconds}" '
        f'timestamp="{result.started.removesuffix("Z")}">'
        f'<testcase classname={quoteattr(result.session)} name="{result.status}" time="{seconds}">'
        f"<{kind} message={message}>{escape(_xml_text(tail))}</{kind}>"
        "</testcase></testsuite></testsuites>\n"
    )


def _xml_text(text: str) -> str:
    """Text without the control characters that XML has no way to write."""
    return "".join(character for character in text if character >= " " or character in "\t\n")
