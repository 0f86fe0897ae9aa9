"""The status as one page for a browser, which needs nothing from anywhere else."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.model.experiment import RUNNING_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from fumehood.lifecycle.status import Status

_KEY = """\
commit: days since the last one to the experiment's folder. versions: whether it can live on this core, as far as locks
and lines tell. core: how many commits have changed core since the numbers in the README were taken, or, where they name
no commit, since the tests were last green."""
_LAST = "zzz"
"""Sorted behind every number and every time."""
_RANKS = {"passed": 2, "all-skipped": 1, "no-tests": 1}
"""Results in the order in which they want to be looked at: failures first."""


class Row(Struct, frozen=True, kw_only=True):
    """What a row says, cell by cell as in the table for people, and what that comes from."""

    cells: tuple[str, ...]
    status: Status


def render(*, name: str, today: date, summary: str, headings: Sequence[str], rows: Iterable[Row]) -> str:
    """The whole page.

    Args:
        name: Of the repository.
        today: The day that it is about.
        summary: What is to be said of all.
        headings: Of the columns.
        rows: By name.
    """
    template = Template((files("fumehood.lifecycle") / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        name=escape(name),
        today=today.isoformat(),
        summary=escape(summary),
        key=escape(_KEY),
        headings="".join(f'<th scope="col"><button type="button">{escape(text)}</button></th>' for text in headings),
        rows="\n".join("<tr>" + "".join(_cells(row, headings, today)) + "</tr>" for row in rows),
    )


def _cells(row: Row, headings: Sequence[str], today: date) -> Iterator[str]:
    keys, kinds, notes = _keys(row), _kinds(row.status, today), _notes(row.status)
    for label, text in zip(headings, row.cells, strict=True):
        kind = f' class="{kinds[label]}"' if label in kinds else ""
        key = escape(keys.get(label, text))
        shown = f"<span{kind}>{escape(text)}</span>"
        small = f"<small>{escape(notes[label])}</small>" if notes.get(label) else ""
        yield f'<td data-label="{escape(label)}" data-key="{key}"><div>{shown}{small}</div></td>'


def _keys(row: Row) -> dict[str, str]:
    """What columns are sorted by, where that is not what they show: times and numbers; what is not known comes last."""
    status = row.status
    moved = status.evidence.moved if status.evidence else None
    step = status.health.steps
    return {
        "result": f"{_RANKS.get(status.result.status, 0)} {status.result.started}" if status.result else _LAST,
        "commit": status.commit.time.isoformat() if status.commit else _LAST,
        "core": str(moved) if moved is not None else _LAST,
        "next step": step[0].on.isoformat() if step else _LAST,
    }


def _kinds(status: Status, today: date) -> dict[str, str]:
    """How urgent cells are."""
    kinds = {}
    if status.result:
        kinds["result"] = "bad" if status.result.failed else "good" if status.result.status == "passed" else "warn"
    if status.versions != "not known":
        kinds["versions"] = {"conflict": "bad", "stale lock": "warn"}.get(status.versions, "good")
    if due := status.health.due(today):
        kinds["next step"] = "warn" if due.what == "warn" else "bad"
    if status.experiment.state not in RUNNING_STATES:
        kinds["state"] = "warn"
    return kinds


def _notes(status: Status) -> dict[str, str]:
    """What stands small below a cell."""
    return {
        "experiment": status.experiment.summary,
        "result": status.result.reason if status.result else "",
        "versions": "; ".join(status.reasons),
        "core": f"since {status.evidence.commit[:9]}" if status.evidence else "",
        "next step": status.health.reason if status.health.steps else "",
    }
