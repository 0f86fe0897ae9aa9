"""The answers of ``fumehood status`` and ``fumehood release-gate``: pure functions from values to text."""

from __future__ import annotations

import textwrap
from datetime import date
from typing import TYPE_CHECKING, Any

from fumehood.commands.reports import as_json, table
from fumehood.model.plural import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fumehood.lifecycle.status import Overview, Status
    from fumehood.model.health import Health, Step

HEADINGS = ("experiment", "state", "result", "commit", "versions", "core", "owners", "next step")
_DUE = {"warn": "warned", "suspend": "suspend", "remove": "remove"}
_SIDE_BY_SIDE = 6
"""Columns that stay side by side where there is no room for all."""
_BELOW = "\N{DOWNWARDS ARROW}"
"""Stands in a table where a line comes that is no row."""
_WIDEST = 10_000


def status_text(overview: Overview, *, width: int | None) -> str:
    """The answer of ``fumehood status`` for people: a line for each experiment, or two where that is too long.

    Args:
        overview: All of them.
        width: Characters; none for a line each, however long.
    """
    if not overview.statuses:
        return "no experiments"
    rows = [cells(status, overview.today) for status in overview.statuses]
    shown = table(HEADINGS, rows, width=_WIDEST)
    if width is not None and max(map(len, shown.splitlines())) > width:
        shown = _on_two_lines(rows, width)
    return f"{shown}\n\n{summary(overview)}"


def _on_two_lines(rows: Sequence[Sequence[str]], width: int) -> str:
    """A narrower table, and below each row whose the experiment is and what comes next."""
    empty = [""] * (_SIDE_BY_SIDE - 1)
    spread = [line for row in rows for line in (row[:_SIDE_BY_SIDE], (_BELOW, *empty))]
    shown = table(HEADINGS[:_SIDE_BY_SIDE], spread, width=width).splitlines()
    below = ("; ".join(filter(None, row[_SIDE_BY_SIDE:])) for row in rows)
    lines = (_indented(next(below), width) if line == _BELOW else line for line in shown)
    return "\n".join(lines)


def _indented(text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    ", break_long_words=False)


def cells(status: Status, today: date) -> tuple[str, ...]:
    """One row, under `HEADINGS`: ages in days, and how many commits have changed core since."""
    experiment = status.experiment
    return (
        experiment.name,
        experiment.state,
        _result(status, today),
        _commit(status, today),
        status.versions,
        _moved(status),
        " ".join(experiment.owners) or "nobody",
        steps(status.health, today),
    )


def summary(overview: Overview) -> str:
    """How many there are of what wants somebody's attention."""
    statuses = overview.statuses
    due = [step for status in statuses if (step := status.health.due(overview.today))]
    counts = [
        (sum(bool(status.result and status.result.failed) for status in statuses), "failing"),
        (sum(status.versions == "conflict" for status in statuses), "in conflict"),
        (sum(step.what == "warn" for step in due), "warned"),
        (sum(step.what == "suspend" for step in due), "to be suspended"),
        (sum(step.what == "remove" for step in due), "to be removed"),
    ]
    said = ", ".join(f"{count} {what}" for count, what in counts if count) or "all well, as far as is known"
    line = f"{counted(len(statuses), 'experiment')}: {said}"
    return f"{line}\nthis clone is shallow, so commits may be older than they seem" if overview.shallow else line


def steps(health: Health, today: date) -> str:
    """The step that is due, and the one to come."""
    due, coming = health.due(today), health.coming(today)
    said = [f"{_DUE[due.what]} since {due.on}"] if due else []
    return ", ".join([*said, *([f"{coming.what} {coming.on}"] if coming else [])])


def _result(status: Status, today: date) -> str:
    if status.result is None:
        return "none"
    return f"{status.result.status} {_age(_day(status.result.started), today)}"


def _commit(status: Status, today: date) -> str:
    if status.commit is None:
        return "none"
    return f"{'≥ ' if status.at_least else ''}{_age(status.commit.time.date(), today)}"


def _moved(status: Status) -> str:
    if status.evidence is None:
        return ""
    moved = "?" if status.evidence.moved is None else f"+{status.evidence.moved}"
    return f"{moved} {status.evidence.source}"


def _age(day: date | None, today: date) -> str:
    return f"{max(0, (today - day).days)}d" if day else ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def status_json(overview: Overview) -> str:
    """The answer of ``fumehood status --json``."""
    return as_json(
        today=overview.today.isoformat(),
        shallow=overview.shallow,
        experiments=[_as_object(status, overview.today) for status in overview.statuses],
    )


def _as_object(status: Status, today: date) -> dict[str, Any]:
    experiment, result, commit, evidence = status.experiment, status.result, status.commit, status.evidence
    return {
        "name": experiment.name,
        "path": experiment.path,
        "state": experiment.state,
        "theme": experiment.theme,
        "summary": experiment.summary,
        "owners": sorted(experiment.owners),
        "result": {
            "session": result.session,
            "status": result.status,
            "reason": result.reason,
            "started": result.started,
            "commit": result.origin.commit,
        }
        if result
        else None,
        "commit": {"id": commit.name, "time": commit.time.isoformat(), "at_least": status.at_least} if commit else None,
        "versions": {"status": status.versions, "reasons": list(status.reasons)},
        "evidence": {"source": evidence.source, "commit": evidence.commit, "core_moved": evidence.moved}
        if evidence
        else None,
        "health": {
            "reason": status.health.reason,
            "due": _step(status.health.due(today)),
            "steps": [_step(step) for step in status.health.steps],
        },
    }


def _step(step: Step | None) -> dict[str, str] | None:
    return {"step": step.what, "on": step.on.isoformat()} if step else None
