"""Answers for people and for programs: pure functions from values to text, sorted, without clock or colour."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from fumehood.model.plural import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from fumehood.environments.housekeeping import Removal, StoredEnvironment, StoredLayer
    from fumehood.environments.manager import Environment
    from fumehood.environments.verify import Damage
    from fumehood.model.experiment import Experiment
    from fumehood.model.lock import LockReport
    from fumehood.repository import Repository

SCHEMA = 1


def as_json(**content: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """A machine answer: an object with its schema's version."""
    import json  # noqa: PLC0415 - most answers are text

    return json.dumps({"schema": SCHEMA, **content}, indent=2, ensure_ascii=False)


_LEAST = 16
"""Characters of a column that is cut off where it needs more."""

_GAP = 2
"""Characters between columns."""

_ENVIRONMENT = ("environment", "layout", "layers", "path")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, width: int, last_on_one_line: bool = False) -> str:
    """A plain table that fits a width; long cells are folded.

    Args:
        headings: Of the columns.
        rows: A cell for each column.
        width: Characters.
        last_on_one_line: The last column gets what room the others leave, and is cut off where it needs more.
    """
    from rich.console import Console  # noqa: PLC0415 - most answers have no table, and it takes long to load
    from rich.table import Table  # noqa: PLC0415 - as above

    grid = Table(box=None, pad_edge=False, show_edge=False, header_style="", expand=last_on_one_line)
    # What is folded should be people and places, not the names in the first column.
    most = width // 4 if last_on_one_line else None
    for at, heading in enumerate(headings[:-1]):
        grid.add_column(heading, overflow="fold", max_width=most if at else None)
    if last_on_one_line:
        grid.add_column(headings[-1], overflow="ellipsis", no_wrap=True, ratio=1, min_width=_LEAST)
    else:
        grid.add_column(headings[-1], overflow="fold")
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
        return f"{head}\n{no_experiments_text(repository)}"
    headings: tuple[str, ...] = ("experiment", "path", "requirements", "state", "tests", "owners", "summary")
    rows: list[tuple[str, ...]] = [
        (
            experiment.name,
            experiment.path,
            " ".join(source.path.removeprefix(f"{experiment.path}/") for source in experiment.requirements) or "none",
            experiment.state,
            str(len(experiment.tests)),
            " ".join(experiment.owners) or "nobody",
            experiment.summary,
        )
        for experiment in repository.experiments
    ]
    places = {experiment.path.removesuffix(experiment.name) for experiment in repository.experiments}
    if len(places) == 1:
        # One line says what each would repeat.
        head += f"\nexperiments: below {places.pop() or './'}"
        headings, *rows = ((row[0], *row[2:]) for row in (headings, *rows))
    taken = [max(map(len, column)) for column in zip(headings, *rows, strict=True)][:-1]
    if sum(length + _GAP for length in (taken[0], *(min(length, width // 4) for length in taken[1:]))) > width - _LEAST:
        # Whole names say more than the first letters of summaries.
        return f"{head}\n\n{table(headings[:-1], [row[:-1] for row in rows], width=width)}"
    return f"{head}\n\n{table(headings, rows, width=width, last_on_one_line=True)}"


def no_experiments_text(repository: Repository) -> str:
    """Where experiments were looked for and not found, and what to do."""
    nowhere = f"no experiments in {', '.join(repository.settings.experiments)}"
    places = repository.unnamed_places
    why = f"those in {' and '.join(places)}, say so" if places else "elsewhere, say where"
    globs = ", ".join(f'"{place}/*"' for place in places or ("examples",))
    return f"{nowhere}\n  → if they are {why}: experiments = [{globs}] in [tool.fumehood]"


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
    added = counted(report.pins, "pin") if report.name is None else f"{counted(report.pins, 'pin')} on top of core"
    line = f"{report.path}: {state}, {added}"
    if report.changes:
        line += f"\n  changes {len(report.changes)} of core's pins: {', '.join(map(str, report.changes))}"
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


def environments_built_text(environments: Iterable[Environment]) -> str:
    """The answer of ``fumehood env build`` for people."""
    return "\n".join(line for environment in environments for line in _environment_lines(environment))


def _environment_lines(environment: Environment) -> Iterator[str]:
    state = environment.state
    yield f"{state.session}: {environment.action}" + (f" ({environment.reason})" if environment.reason else "")
    yield from (f"  {detail}" for detail in environment.details())


def stored_json(environments: Iterable[StoredEnvironment], layers: Iterable[StoredLayer]) -> str:
    """The answer of ``fumehood env list --json``."""
    return as_json(
        environments=[
            {"path": str(item.path), "session": item.session, "layout": item.layout, "layers": list(item.layers)}
            for item in environments
        ],
        layers=[
            {
                "digest": item.path.name,
                "path": str(item.path),
                "kind": item.kind,
                "distributions": item.distributions,
                "size": item.size,
                "users": item.users,
            }
            for item in layers
        ],
    )


def stored_text(
    environments: Iterable[StoredEnvironment], layers: Iterable[StoredLayer], *, cache: Path, width: int
) -> str:
    """The answer of ``fumehood env list`` for people; paths stay whole, to be copied."""
    rows = [(item.session, item.layout, " ".join(d[:12] for d in item.layers), str(item.path)) for item in environments]
    whole = sum(max(map(len, column)) + _GAP for column in zip(_ENVIRONMENT, *rows, strict=True))
    layer_rows = [
        (item.path.name[:12], item.kind, str(item.distributions), megabytes(item.size), str(item.users))
        for item in layers
    ]
    parts = [
        table(_ENVIRONMENT, rows, width=max(width, whole)) if rows else "no environments",
        table(("layer", "kind", "distributions", "size", "environments"), layer_rows, width=width)
        if layer_rows
        else "no layers",
        f"cache: {cache}",
    ]
    return "\n\n".join(parts)


def damages_json(damages: Iterable[Damage], rebuilt: Iterable[str]) -> str:
    """The answer of ``fumehood env verify --json``."""
    return as_json(
        damages=[
            {"layer": item.layer, "distribution": item.distribution, "path": item.path, "problem": item.problem}
            for item in damages
        ],
        rebuilt=list(rebuilt),
    )


def damages_text(damages: Sequence[Damage], rebuilt: Iterable[str], *, keep: bool) -> str:
    """The answer of ``fumehood env verify`` for people."""
    if not damages:
        return "every file of every layer is as its RECORD says, and every environment's import path as it was made"
    lines = [
        ": ".join(filter(None, [item.layer[:12], item.distribution, f"{item.path} {item.problem}"])) for item in damages
    ]
    layers, names = len({item.layer for item in damages} - {""}), ", ".join(rebuilt)
    done = [f"took away {counted(layers, 'damaged layer')}"] * bool(layers) + [f"built anew: {names}"] * bool(names)
    if done and not keep:
        lines.append("; ".join(done))
    return "\n".join(lines)


def removals_text(removals: Iterable[Removal], *, dry_run: bool) -> str:
    """The answer of ``fumehood env gc`` for people."""
    verb = "would remove" if dry_run else "removed"
    lines = [f"{verb} {item.what} {item.path} ({megabytes(item.size)}): {item.reason}" for item in removals]
    return "\n".join(lines) or "nothing to remove"


def megabytes(size: int) -> str:
    """A size in megabytes."""
    return f"{size / 1_000_000:.1f} MB"
