"""``fumehood run``, behind its options."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fumehood import extensions, running
from fumehood.commands import reports, terminal
from fumehood.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fumehood.extensions import Runner, SessionResult
    from fumehood.repository import Repository

_BUILT_IN: Mapping[str, Runner] = {"local": running.local}


def run(  # noqa: PLR0913 - one keyword for each option of the command
    repository: Repository,
    names: tuple[str, ...],
    *,
    runner: str,
    jobs: int | None,
    arguments: tuple[str, ...],
    as_json: bool,
    width: int,
    say: Callable[[str], None],
) -> int:
    """Run the sessions of the named experiments, or of all that run, and sum up how they ended."""
    chosen = extensions.load(extensions.RUNNERS_GROUP, runner, _BUILT_IN)
    _check_noxfile(repository)
    calls = running.session_calls(repository, names, arguments)
    results: list[SessionResult] = []
    with contextlib.closing(extensions.run(chosen, calls, jobs=jobs)) as arriving:
        for result in arriving:
            results.append(result)
            say(f"{'─' * 3} {_sentence(result)} {'─' * 3}\n{result.output.rstrip()}")
    results.sort(key=lambda result: result.session)
    terminal.answer(results_json(results) if as_json else results_text(results, width=width))
    failed = any(result.status == "failed" for result in results)
    codes = [ExitCode.FINDINGS if failed else ExitCode.OK]
    if not names:
        for broken in repository.broken:
            codes.append(broken.error.exit_code)
            say(str(broken.error))
    return max(codes)


def _check_noxfile(repository: Repository) -> None:
    if not (repository.root / "noxfile.py").is_file():
        raise UsageError(
            f"{repository.root} has no noxfile.py, and sessions are run by nox",
            remedy="write one with two lines: `import fumehood.nox` and `fumehood.nox.register()`",
        )


def _sentence(result: SessionResult) -> str:
    return f"{result.session} {result.status} after {_seconds(result)} on {result.host}"


def _seconds(result: SessionResult) -> str:
    return f"{result.seconds:.1f} s"


def results_text(results: Iterable[SessionResult], *, width: int) -> str:
    """The summary for people: a row for each session, and a line that counts them."""
    rows = [(result.session, result.status, _seconds(result), result.host) for result in results]
    if not rows:
        return "no sessions to run"
    counts = {status: sum(row[1] == status for row in rows) for status in ("passed", "failed", "skipped")}
    total = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return f"{reports.table(('session', 'status', 'time', 'host'), rows, width=width)}\n\n{total}"


def results_json(results: Iterable[SessionResult]) -> str:
    """The summary for programs."""
    return reports.as_json(
        sessions=[
            {
                "session": result.session,
                "status": result.status,
                "seconds": round(result.seconds, 3),
                "host": result.host,
            }
            for result in results
        ]
    )
