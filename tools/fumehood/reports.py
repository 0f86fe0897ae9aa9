"""Answers for people and for programs: pure functions from values to text, sorted, without clock or colour."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from fumehood.model.experiment import Experiment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fumehood.environments.housekeeping import Removal, StoredEnvironment
    from fumehood.environments.manager import Environment
    from fumehood.model.lock import LockReport
    from fumehood.repository import Repository

SCHEMA = 1


def as_json(**content: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """A machine answer: an object with its schema's version."""
    return json.dumps({"schema": SCHEMA, **content}, indent=2, ensure_ascii=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, width: int) -> str:
    """A plain table that fits a width; long cells are folded."""
    grid = Table(box=None, pad_edge=False, show_edge=False, header_style="")
    for heading in headings:
        grid.add_column(heading, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    stream = io.StringIO()
    Console(file=stream, width=width, no_color=True, highlight=False, emoji=False, markup=False).print(grid)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def experiments_json(repository: Repository) -> str:
    """The answer of ``fumehood list --json``."""
    core = repository.core
    return as_json(
        core={
            "requirements": sorted(source.path for source in core.requirements),
            "packages": list(core.packages),
            "tests": sorted(core.tests),
        },
        experiments=[_experiment(experiment) for experiment in repository.experiments],
    )


def _experiment(experiment: Experiment) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "path": experiment.path,
        "session": experiment.session,
        "requirements": sorted(source.path for source in experiment.requirements),
        "tests": sorted(experiment.tests),
        "owners": sorted(experiment.owners),
        "state": experiment.state,
        "summary": experiment.summary,
        "theme": experiment.theme,
    }


def experiments_text(repository: Repository, *, width: int) -> str:
    """The answer of ``fumehood list`` for people."""
    core = repository.core
    requirements = ", ".join(source.path for source in core.requirements) or "no requirements"
    packages = ", ".join(core.packages) or "no package"
    head = f"core: {requirements} · {packages} · tests: {', '.join(core.tests) or 'none'}"
    if not repository.experiments:
        return f"{head}\nno experiments in {', '.join(repository.settings.experiments)}"
    rows = [
        (
            experiment.name,
            experiment.state,
            _count(len(experiment.tests), "test file"),
            " ".join(experiment.owners) or "nobody",
            experiment.summary,
        )
        for experiment in repository.experiments
    ]
    return f"{head}\n\n{table(('experiment', 'state', 'tests', 'owners', 'summary'), rows, width=width)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def locks_json(reports: Iterable[LockReport], stale: dict[str, tuple[str, ...]], failures: dict[str, str]) -> str:
    """The answer of ``fumehood lock --json``."""
    return as_json(
        locks=[
            {
                "name": report.name or "core",
                "path": report.path,
                "written": report.written,
                "pins": report.pins,
                "changes": [
                    {"name": change.name, "before": change.before, "after": change.after} for change in report.changes
                ],
            }
            for report in reports
        ],
        stale=[{"name": name, "reasons": list(reasons)} for name, reasons in sorted(stale.items())],
        failed=[{"name": name, "message": message} for name, message in sorted(failures.items())],
    )


def locks_text(reports: Iterable[LockReport]) -> str:
    """The answer of ``fumehood lock`` for people: one line for each lock."""
    return "\n".join(_lock_line(report) for report in reports)


def _lock_line(report: LockReport) -> str:
    state = "written" if report.written else "unchanged"
    added = _count(report.pins, "pin") if report.name is None else f"{_count(report.pins, 'pin')} on top of core"
    line = f"{report.path}: {state}, {added}"
    if report.changes:
        count = _count(len(report.changes), "core pin").replace("core pin", "of core's pin")
        line += f"\n  changes {count}: {', '.join(map(str, report.changes))}"
    return line


def environment_json(environments: Iterable[Environment]) -> str:
    """The answer of ``fumehood env build --json``."""
    return as_json(
        environments=[
            {
                "session": environment.state.session,
                "path": str(environment.path),
                "action": environment.action,
                "reason": environment.reason,
                "layout": environment.state.layout,
                "why_flat": environment.state.why_flat,
                "interpreter": environment.state.interpreter,
                "layers": list(environment.state.layers),
                "changes": list(environment.state.changes),
            }
            for environment in environments
        ]
    )


def stored_json(environments: Iterable[StoredEnvironment], layers: Iterable[dict[str, Any]]) -> str:
    """The answer of ``fumehood env list --json``."""
    return as_json(
        environments=[
            {"path": str(item.path), "session": item.session, "layout": item.layout, "layers": list(item.layers)}
            for item in environments
        ],
        layers=list(layers),
    )


def removals_text(removals: Iterable[Removal], *, dry_run: bool) -> str:
    """The answer of ``fumehood env gc`` for people."""
    verb = "would remove" if dry_run else "removed"
    lines = [f"{verb} {item.what} {item.path} ({megabytes(item.size)}): {item.reason}" for item in removals]
    return "\n".join(lines) or "nothing to remove"


def megabytes(size: int) -> str:
    """A size in megabytes."""
    return f"{size / 1_000_000:.1f} MB"
