"""The answers of ``fumehood status`` and ``fumehood release-gate``: pure functions from values to text."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from fumehood.commands.reports import as_json, table

if TYPE_CHECKING:
    from fumehood.lifecycle.status import Overview, Status
    from fumehood.model.health import Health, Step

HEADINGS = ("experiment", "state", "result", "commit", "versions", "core", "owners", "next step")
_DUE = {"warn": "warned", "suspend": "suspend", "remove": "remove"}
_NARROWEST = 130
"""Columns of text: a line that is longer than the terminal reads better than eight columns that are folded."""


def status_text(overview: Overview, *, width: int) -> str:
    """The answer of ``fumehood status`` for people."""
    if not overview.statuses:
        return "no experiments"
    rows = (cells(status, overview.today) for status in overview.statuses)
    return f"{table(HEADINGS, rows, width=max(width, _NARROWEST))}\n\n{summary(overview)}"


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
    line = f"{len(statuses)} experiment{'' if len(statuses) == 1 else 's'}: {said}"
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
