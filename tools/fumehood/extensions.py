"""What other distributions may add to fumehood: exporters and runners, found by entry point and loaded when asked for.

GPU sources, the third extension point, are `fumehood.testing.gpus.GpuSource`. docs/extending.md has an example of each.
Source: "Entry points specification" of the Python packaging specifications.
"""

from __future__ import annotations

import contextlib
import traceback
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from fumehood.errors import ExitCode, FumehoodError, UsageError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from pathlib import Path

    from fumehood.testing.gpu_values import GpuNeeds

    Results = Generator["SessionResult", None, None]

EXPORTERS_GROUP = "fumehood.exporters"
RUNNERS_GROUP = "fumehood.runners"

Origin = Literal["core", "delta", "changed"]
Status = Literal["passed", "failed", "skipped"]
T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class ExtensionError(FumehoodError):
    """A distribution that extends fumehood does not do what it promises."""

    exit_code = ExitCode.WORLD


class ViewedPackage(Struct, frozen=True, order=True, kw_only=True):
    """One distribution of an environment that an index, an address or a folder provides.

    Attributes:
        name: The normalised name.
        version: The pinned version; empty when `url` is given.
        url: Where it comes from, if not from an index: an address, or a path relative to the repository.
        editable: A folder that is installed editable.
        hashes: ``sha256:…`` of every file that may be installed for it.
        origin: Whether its pin is core's, added by the experiment, or one of core's that the experiment changes.
        requires: Its ``Requires-Dist`` lines; None where it is not installed, so that nothing is known of them.
    """

    name: str
    version: str = ""
    url: str = ""
    editable: bool = False
    hashes: tuple[str, ...] = ()
    origin: Origin
    requires: tuple[str, ...] | None = None


class ViewedProject(Struct, frozen=True, order=True, kw_only=True):
    """A project of the repository that an environment imports from source: core, or the experiment itself."""

    name: str
    version: str


class EnvironmentView(Struct, frozen=True, kw_only=True):
    """An environment as an exporter sees it: what is or would be in it on one interpreter.

    Attributes:
        name: The experiment's, or ``core`` for the environment of core's tests.
        interpreter: Implementation, version, ABI and platform, in one line.
        markers: The values of the environment markers (PEP 508), sorted by name.
        packages: What is installed, sorted by name; all markers have been decided.
        projects: What is imported from the repository.
        direct: What the requirement lines that hold here ask for: normalised names with extras, such as
            ``requests[socks]``, sorted.
    """

    name: str
    interpreter: str
    markers: tuple[tuple[str, str], ...] = ()
    packages: tuple[ViewedPackage, ...] = ()
    projects: tuple[ViewedProject, ...] = ()
    direct: tuple[str, ...] = ()


class Exporter(Protocol):
    """Describes an environment in another format; an entry point in the group ``fumehood.exporters``."""

    def __call__(self, view: EnvironmentView, /) -> str:
        """The whole text. The same view should give the same text, so that it can be committed and compared."""
        ...


class SessionCall(Struct, frozen=True, kw_only=True):
    """One session to run.

    Attributes:
        session: The nox session.
        experiment: Whose session it is; None for core's.
        root: The repository, absolute.
        arguments: For pytest.
        gpus: What its tests need, all together; None if they need no GPU.
    """

    session: str
    experiment: str | None
    root: Path
    arguments: tuple[str, ...] = ()
    gpus: GpuNeeds | None = None


class SessionResult(Struct, frozen=True, kw_only=True):
    """How a session ended.

    Attributes:
        session: As in its call.
        seconds: How long it took.
        output: All that it wrote, as one text.
        host: The machine that it ran on, as its users call it.
    """

    session: str
    status: Status
    seconds: float
    output: str
    host: str


class Runner(Protocol):
    """Runs sessions somewhere; an entry point in the group ``fumehood.runners``."""

    def __call__(self, calls: tuple[SessionCall, ...], /, *, jobs: int | None) -> Iterator[SessionResult]:
        """Run every call and yield one result for each as soon as there is one.

        The iterator is closed when the user interrupts the run; whatever is still going on has to end then.

        Args:
            calls: What to run, in the order in which it should begin.
            jobs: How many at a time; None for as many as there is room for.
        """
        ...


class Extension(Struct, Generic[T_co], frozen=True, kw_only=True):
    """Something that was loaded, with what an error message has to say about it.

    Attributes:
        what: Such as ``the exporter cyclonedx of sbom 0.1.0``.
    """

    what: str
    value: T_co


def load(group: str, name: str, built_in: Mapping[str, T]) -> Extension[T]:
    """The extension of that name; importing it is the first time that any of its code runs.

    Args:
        group: `EXPORTERS_GROUP` or `RUNNERS_GROUP`.
        name: Of the entry point.
        built_in: What fumehood has itself; nothing else can take these names.

    Raises:
        UsageError: There is none of that name, or more than one.
        ExtensionError: It cannot be loaded.
    """
    kind = group.rpartition(".")[2].removesuffix("s")
    if name in built_in:
        return Extension(what=f"the {kind} {name}", value=built_in[name])
    offered = tuple(entry_points(group=group))
    found = [point for point in offered if point.name == name]
    if not found:
        names = ", ".join(sorted({*built_in, *(point.name for point in offered)}))
        raise UsageError(
            f"there is no {kind} {name!r}",
            remedy=f"name one of these, or install the distribution that offers it: {names}",
        )
    if len(found) > 1:
        both = " and ".join(sorted(map(_brought_by, found)))
        raise UsageError(f"{both} both offer a {kind} {name!r}", remedy="uninstall one of them")
    what = f"the {kind} {name} of {_brought_by(found[0])}"
    with blaming(what, f"loading {found[0].value}"):
        value = found[0].load()
    if not callable(value):
        raise ExtensionError(f"{what} cannot be called: {found[0].value} is {type(value).__name__}", remedy=REMEDY)
    return Extension(what=what, value=value)


def load_all(group: str) -> tuple[tuple[Extension[object], ...], tuple[ExtensionError, ...]]:
    """Every extension of a group, in the order of their distributions' names, and why others cannot be loaded."""
    loaded: list[Extension[object]] = []
    failures: list[ExtensionError] = []
    for point in sorted(entry_points(group=group), key=lambda point: (_brought_by(point), point.name)):
        try:
            with blaming(f"{point.name} of {_brought_by(point)}", f"loading {point.value}"):
                loaded.append(Extension(what=_brought_by(point), value=point.load()))
        except FumehoodError as error:
            failures.append(ExtensionError(error.what, details=error.details, remedy=error.remedy))
    return tuple(loaded), tuple(failures)


REMEDY = "report it to the authors of that distribution; `docs/extending.md` says what it has to do"


def _brought_by(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


@contextlib.contextmanager
def blaming(what: str, doing: str) -> Iterator[None]:
    """Turn whatever an extension raises into one error that names it; its own `FumehoodError` passes unchanged."""
    try:
        yield
    except FumehoodError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
        details = f"{where}{type(error).__name__}" + (f": {text}" if text else "")
        raise ExtensionError(f"{what} failed while {doing}", details=details, remedy=REMEDY) from error


def export(exporter: Extension[Exporter], view: EnvironmentView) -> str:
    """The text of an exporter.

    Raises:
        ExtensionError: It fails, or answers with something else than text.
    """
    with blaming(exporter.what, f"describing {view.name}"):
        text: object = exporter.value(view)
    if not isinstance(text, str):
        raise ExtensionError(f"{exporter.what} answered with {type(text).__name__} instead of text", remedy=REMEDY)
    return text


def run(runner: Extension[Runner], calls: tuple[SessionCall, ...], *, jobs: int | None) -> Results:
    """The results of a runner as they come, each call's exactly once; a call that it forgets has failed.

    Raises:
        ExtensionError: It fails, or answers with something else than a result of one of the calls.
    """
    waiting = {call.session for call in calls}
    doing = "running sessions"
    with blaming(runner.what, doing):
        results: Iterator[object] = iter(runner.value(calls, jobs=jobs))
    try:
        while True:
            with blaming(runner.what, doing):
                result = next(results, None)
            if result is None:
                break
            if not isinstance(result, SessionResult):
                wrong = f"{type(result).__name__} instead of SessionResult"
                raise ExtensionError(f"{runner.what} answered with {wrong}", remedy=REMEDY)
            if result.session not in waiting:
                raise ExtensionError(
                    f"{runner.what} answered for {result.session}, which is not waited for", remedy=REMEDY
                )
            waiting.remove(result.session)
            yield result
    finally:
        if (close := getattr(results, "close", None)) is not None:
            close()
    yield from _forgotten(runner, (call.session for call in calls if call.session in waiting))


def _forgotten(runner: Extension[Runner], sessions: Iterable[str]) -> Iterator[SessionResult]:
    for session in sessions:
        output = f"{runner.what} ended without a result\n"
        yield SessionResult(session=session, status="failed", seconds=0.0, output=output, host="nowhere")
