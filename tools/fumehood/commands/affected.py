"""``fumehood affected``: which experiments a change can break, for people and for programs."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

from fumehood.commands import terminal
from fumehood.commands.reports import as_json
from fumehood.errors import ExitCode, Place
from fumehood.selection.affected import select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fumehood.model.selection import Reason, Selection
    from fumehood.repository import Repository
    from fumehood.selection.asking import Asked

_SHORT = 9
_MOST_SHOWN = 3
"""So many reasons of each experiment are shown to people; programs get all."""

_MOST_FILES = 5
_ARROW = " → "


def run(repository: Repository, asked: Asked, *, explain: str | None, as_json: bool, say: Callable[[str], None]) -> int:
    """Say which experiments the change that git was asked for affects, or would if only one file had changed.

    Raises:
        UsageError: There is no such base or file, or git does not take the folder for a repository.
        WorldError: Git could not answer.
    """
    gc.disable()  # Everything that is made here is kept until the end.
    selection = select(repository, asked, os.environ, only=explain)
    for warned in selection.warnings:
        say(f"{Place(warned.file, warned.line)}: {warned.message}")
    terminal.answer(json_report(selection) if as_json else text_report(selection, only=explain))
    return ExitCode.OK


def json_report(selection: Selection) -> str:
    """The answer of ``fumehood affected --json``."""
    looked = selection.looked_at
    return as_json(
        base=selection.base,
        base_description=selection.base_ref,
        core=selection.core,
        core_reasons=_lists(selection.core_reasons),
        experiments=[{"name": one.name, "reasons": _lists(one.reasons)} for one in selection.experiments],
        looked_at={
            "changed": looked.changed,
            "alike": list(looked.alike),
            "without_effect": list(looked.without_effect),
            "unclaimed": list(looked.unclaimed),
            "python_files": looked.files,
            "experiments": looked.experiments,
        },
        warnings=[
            {"file": warned.file, "line": warned.line, "message": warned.message} for warned in selection.warnings
        ],
    )


def _lists(reasons: Iterable[Reason]) -> list[list[str]]:
    return [list(reason) for reason in reasons]


def text_report(selection: Selection, *, only: str | None) -> str:
    """The answer for people: a headline, the experiments with their reasons, and what was looked at."""
    looked = selection.looked_at
    count = len(selection.experiments)
    tested = "core's own tests are" if selection.core else "core's own tests are not"
    change = f"a change of {only}" if only is not None else _files(looked.changed)
    lines = [f"{count or 'none'} of {looked.experiments} experiments affected by {change}; {tested}"]
    if selection.core:
        lines += ["", "core", *_shown(selection.core_reasons)]
    for one in selection.experiments:
        lines += ["", one.name, *_shown(one.reasons)]
    return "\n".join([*lines, "", *_looked(selection)])


def _shown(reasons: tuple[Reason, ...]) -> Iterator[str]:
    for reason in reasons[:_MOST_SHOWN]:
        yield f"  {_ARROW.join(reason)}"
    if len(reasons) > _MOST_SHOWN:
        yield f"  and {len(reasons) - _MOST_SHOWN} more"


def _looked(selection: Selection) -> Iterator[str]:
    looked = selection.looked_at
    yield f"compared with {selection.base[:_SHORT]}, {selection.base_ref}"
    yield f"looked at {_files(looked.changed)} and the imports of {looked.files} Python files"
    if looked.alike:
        yield f"  only comments, docstrings or layout: {_listed(looked.alike)}"
    if looked.without_effect:
        yield f"  affects no test: {_listed(looked.without_effect)}"
    if looked.unclaimed:
        yield f"  claimed by nothing, so [tool.fumehood.affected] unclaimed decides: {_listed(looked.unclaimed)}"


def _files(count: int) -> str:
    return "1 changed file" if count == 1 else f"{count or 'no'} changed files"


def _listed(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - _MOST_FILES} more" if len(paths) > _MOST_FILES else ""
    return ", ".join(paths[:_MOST_FILES]) + more
