"""``fumehood explain``, ``whatif`` and ``blockers``, behind their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from packaging.utils import canonicalize_name

from fumehood.commands import conflict_reports as reports
from fumehood.commands.asking import JOBS, Desk, at_commit, desk, targets_of
from fumehood.commands.progress import Bar
from fumehood.conflicts.blockers import Blockers
from fumehood.conflicts.explain import Explanation
from fumehood.conflicts.explain import explain as explain_target
from fumehood.conflicts.whatif import Effect, WhatIf, parse_change
from fumehood.errors import ExitCode, UsageError
from fumehood.model.experiment import RUNNING_STATES, Experiment, experiment_target

if TYPE_CHECKING:
    from fumehood.repository import Repository


def explain(repository: Repository, name: str, *, budget: float | None, offline: bool, as_json: bool) -> int:
    """Explain why an experiment cannot be installed on core."""
    experiment = repository.experiment(name)
    with desk(repository, offline=offline) as asking:
        target = experiment_target(experiment)
        prober = asking.prober(asking.book.python(target), target, budget=budget)
        found = explain_target(asking.book, prober, target, asking.scratch)
        if as_json:
            answer = reports.explanation_json(found, experiment.name, asking.owners)
        else:
            others = len(repository.experiments) - 1
            answer = reports.explanation_text(found, experiment.name, asking.owners, others=others)
    click.echo(answer)
    return _code(found)


def _code(found: Explanation) -> ExitCode:
    return {"ok": ExitCode.OK, "conflict": ExitCode.FINDINGS, "undecided": ExitCode.WORLD}[found.status]


def whatif(
    repository: Repository, changes: tuple[str, ...], *, from_git: str | None, format_: str, offline: bool
) -> int:
    """Say what changed requirements of core, or those of another commit, would do to each experiment."""
    if not changes and from_git is None:
        remedy = "name one, as in `fumehood whatif 'torch>=2.16'`, or a commit with --from-git"
        raise UsageError("there is no change to try", remedy=remedy)
    with desk(repository, offline=offline) as asking, Bar() as bar:
        places = frozenset(line.place for line in asking.book.core_inputs.requirements)
        after, ref = at_commit(asking, from_git) if from_git is not None else (asking, "")
        core_lines = after.book.core_inputs.requirements
        change = parse_change(changes, core_lines)
        bar.begin("core", 1)
        lines = change.applied_to(core_lines)
        trial = WhatIf(after.book, after.prober, asking.core_before(), lines, bar.advance, places)
        core, answer = trial.core()
        bar.begin("experiments", len(_running(repository)))
        effects = trial.experiments(targets_of(_running(repository)), answer, jobs=JOBS)
        shown = _shown(asking, " ".join(filter(None, [ref, *changes])), core, effects, format_)
    click.echo(shown)
    return _worst([core, *effects])


def _shown(asking: Desk, change: str, core: Effect, effects: tuple[Effect, ...], format_: str) -> str:
    match format_:
        case "json":
            return reports.effects_json(core, effects, asking)
        case "markdown":
            return reports.effects_markdown(change, core, effects, asking)
        case _:
            return reports.effects_text(core, effects, asking)


def _worst(effects: list[Effect]) -> ExitCode:
    outcomes = {effect.outcome for effect in effects}
    if "conflict" in outcomes:
        return ExitCode.FINDINGS
    return ExitCode.WORLD if "undecided" in outcomes else ExitCode.OK


def blockers(
    repository: Repository, package: str | None, *, to: str | None, offline: bool, as_json: bool, width: int
) -> int:
    """Say what holds a package back, or each of core's."""
    if to and not package:
        raise UsageError("--to needs a package", remedy="name one, as in `fumehood blockers torch --to 2.16`")
    targets = targets_of(_running(repository))
    with desk(repository, offline=offline) as asking, Bar() as bar:
        bar.begin("experiments", len(targets))
        search = Blockers(asking.book, asking.prober, bar.advance, JOBS)
        rows = (search.of(str(canonicalize_name(package)), targets, to=to),) if package else search.table(targets)
        pins = {str(pin.name): pin.what for pin in asking.core_before().pins}
        if as_json:
            answer = reports.headroom_json(rows, asking, pins=pins, to=to)
        elif package:
            answer = reports.headroom_text(rows[0], asking, pins=pins)
        else:
            answer = reports.headroom_table(rows, asking, pins=pins, width=width)
    click.echo(answer)
    return ExitCode.FINDINGS if any(row.blockers or row.blocks(row.core) for row in rows) else ExitCode.OK


def _running(repository: Repository) -> tuple[Experiment, ...]:
    return tuple(experiment for experiment in repository.experiments if experiment.state in RUNNING_STATES)
