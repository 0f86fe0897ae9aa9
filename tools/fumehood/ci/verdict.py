"""One verdict on all rows of a matrix: what has failed, whose it is, and whether it stops the change.

An experiment that fails on a change to core is reported and stops nothing: its row is advisory. A session without a
result, because its job was cancelled, was ended from outside or never began, counts as failed: nothing is green that
has not been seen to pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.model.plural import counted
from fumehood.testing.results import latest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fumehood.ci.matrix import Row
    from fumehood.testing.results import Result

NO_RESULT = "no-result"


class Judged(Struct, frozen=True, kw_only=True):
    """What came of one session of a row.

    Attributes:
        status: That of its result, or ``no-result``.
        reason: One sentence; empty if the status says all.
        failed: Whether something is wrong.
        advisory: Whether that stops nothing.
        owners: Whose it is.
        seconds: How long it took; None where it left no result.
        because: Why it was run.
    """

    row: str
    session: str
    status: str
    reason: str
    failed: bool
    advisory: bool
    owners: tuple[str, ...]
    seconds: float | None
    because: str

    @property
    def blocks(self) -> bool:
        """Whether it stops the change."""
        return self.failed and not self.advisory


class Verdict(Struct, frozen=True, kw_only=True):
    """What came of every session of every row, in the order of the rows."""

    sessions: tuple[Judged, ...]

    @property
    def blocks(self) -> bool:
        """Whether the change is stopped."""
        return any(one.blocks for one in self.sessions)


def judge(rows: Iterable[Row], results: Iterable[Result]) -> Verdict:
    """Compare what should have run with what has."""
    found = {result.key: result for result in latest(results)}
    return Verdict(
        sessions=tuple(
            _judged(row, session, found.get((session, row.part, row.lowest)))
            for row in rows
            for session in row.sessions
        )
    )


def _judged(row: Row, session: str, result: Result | None) -> Judged:
    return Judged(
        row=row.name,
        session=session,
        status=result.status if result else NO_RESULT,
        reason=result.reason if result else "its job was cancelled, was ended from outside, or never began",
        failed=result.failed if result else True,
        advisory=row.advisory,
        owners=row.owners,
        seconds=result.seconds.total if result else None,
        because=row.reason,
    )


def text(verdict: Verdict) -> str:
    """For people at a terminal: what needs their eye, and a last line that says it all."""
    lines = []
    for one in _sorted(verdict):
        if one.failed or one.status != "passed":
            word = "failed" if one.blocks else "failed, advisory" if one.failed else "nothing tested"
            whose = f" ({' '.join(one.owners)})" if one.owners else ""
            lines.append(f"{word}: {_shown(one)}{whose}: {one.status}{f': {one.reason}' if one.reason else ''}")
            if one.failed:
                lines.append(f"  run because: {one.because}")
    return "\n".join([*lines, headline(verdict)])


def headline(verdict: Verdict) -> str:
    """One sentence about all of it."""
    if not verdict.sessions:
        return "nothing had to be run: the change affects no tests"
    total = len(verdict.sessions)
    blocking = sum(one.blocks for one in verdict.sessions)
    advisory = sum(one.failed and one.advisory for one in verdict.sessions)
    passed = sum(one.status == "passed" for one in verdict.sessions)
    parts = [f"{passed} of {counted(total, 'session')} passed"]
    parts += [f"{blocking} failed"] if blocking else []
    parts += [f"{advisory} failed that only their owners have to mend"] if advisory else []
    idle = total - passed - blocking - advisory
    parts += [f"{idle} tested nothing"] if idle else []
    return ", ".join(parts)


def markdown(verdict: Verdict) -> str:
    """For the summary of a run on GitHub or GitLab: a headline and a table, what stops the change first."""
    mark = "❌" if verdict.blocks else "✅"
    lines = [f"## {mark} {headline(verdict)}", ""]
    if verdict.sessions:
        lines += ["| session | came to | owners | seconds | run because |", "| --- | --- | --- | --- | --- |"]
    for one in _sorted(verdict):
        sign = "❌" if one.blocks else "⚠️" if one.failed else "✅" if one.status == "passed" else "⚪"
        came_to = f"{sign} {one.status}{' (advisory)' if one.failed and one.advisory else ''}"
        came_to += f": {one.reason}" if one.failed and one.reason else ""
        seconds = f"{one.seconds:.1f}" if one.seconds is not None else ""
        cells = (_shown(one), came_to, " ".join(one.owners), seconds, one.because)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines) + "\n"


def _sorted(verdict: Verdict) -> Iterator[Judged]:
    """What stops the change first, then what else has failed, then what tested nothing; otherwise as the rows are."""
    yield from sorted(
        verdict.sessions, key=lambda one: (not one.blocks, not one.failed, one.status == "passed", one.session)
    )


def _shown(one: Judged) -> str:
    remarks = one.row.partition(" (")[2]
    return f"{one.session} ({remarks}" if remarks else one.session


def _cell(content: str) -> str:
    return content.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
