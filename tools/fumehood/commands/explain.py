"""``fumehood explain``, ``whatif`` and ``blockers``, behind their options."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from fumehood.commands import conflict_reports as reports
from fumehood.commands import effect_reports, terminal
from fumehood.commands.asking import JOBS, Desk, at_commit, desk
from fumehood.commands.people import CORE
from fumehood.commands.progress import Bar
from fumehood.conflicts.blockers import Blockers, Headroom
from fumehood.conflicts.explain import Explanation
from fumehood.conflicts.explain import explain as explain_target
from fumehood.conflicts.whatif import Effect, WhatIf, parse_change
from fumehood.errors import ExitCode, FumehoodError, UsageError
from fumehood.model.experiment import RUNNING_STATES, experiment_target
from fumehood.model.lock import by_name, what_of
from fumehood.reading.requirement_line import parse_line
from fumehood.reading.sources import of_lines

if TYPE_CHECKING:
    from fumehood.conflicts.remedies import Remedy
    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Target
    from fumehood.model.requirement import Requirement
    from fumehood.repository import Repository


def explain(repository: Repository, name: str, *, budget: float | None, offline: bool, as_json: bool) -> int:
    """Explain why an experiment, or core itself, cannot be installed."""
    target, shown = subject_of(repository, name)
    with desk(repository, offline=offline) as asking, Bar() as bar:
        bar.begin("resolutions", None)
        prober = asking.limited_prober(asking.book.python(target), target, budget=budget, advance=bar.advance)
        found = explain_target(asking.book, prober, target, asking.scratch)
        others = {} if budget is not None or offline else _others(asking, bar, found)
        if as_json:
            answer = reports.explanation_json(found, shown, asking, others)
        else:
            answer = reports.explanation_text(found, shown, asking, others)
    terminal.answer(answer)
    return _code(found)


def subject_of(repository: Repository, name: str) -> tuple[Target | None, str]:
    """What a name stands for, and what that is called: an experiment, or core, which is no target."""
    if name == CORE and CORE not in {item.name for item in repository.experiments}:
        return None, CORE
    experiment = repository.experiment(name)
    return experiment_target(experiment), experiment.name


def _others(asking: Desk, bar: Bar, found: Explanation) -> dict[Remedy, tuple[Effect, ...]]:
    """What a change of core's line would do to the other experiments, where it takes something away from them."""
    targets = [target for target in _running(asking.repository) if target.subject != found.subject]
    effects: dict[Remedy, tuple[Effect, ...]] = {}
    for remedy in found.remedies:
        if remedy.of_core and not remedy.is_wider and targets:
            changed = tuple(
                parse_line(remedy.after, place=line.place)
                if (line.place, line.text) == (remedy.place, remedy.before)
                else line
                for line in asking.book.core_inputs.requirements
            )
            with contextlib.suppress(FumehoodError):  # What core has now may not be known; the conflict is.
                trial = _trial(asking, asking.book, changed, bar)
                _, lock = trial.core()
                effects[remedy] = trial.experiments(targets, lock, jobs=JOBS)
    return effects


def _trial(asking: Desk, after: LockBook, core: tuple[Requirement, ...], bar: Bar) -> WhatIf:
    """A trial of lines as core's, with the index options that a book has for them."""
    # Each line by itself: the files on disk say something else.
    after = after.with_core(after.repository.core, of_lines(core, after.core_inputs.options))
    return WhatIf(asking.book, after, lambda: asking.resolutions(bar), asking.prober, asking.core_before())


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
        after, ref = at_commit(asking, from_git) if from_git is not None else (asking, "")
        core_lines = after.book.core_inputs.requirements
        change = parse_change(changes, core_lines)
        trial = _trial(asking, after.book, change.applied_to(core_lines), bar)
        core, lock = trial.core()
        effects = trial.experiments(_running(repository), lock, jobs=JOBS)
        shown = _shown(asking, " ".join(filter(None, [ref, *changes])), core, effects, format_)
    terminal.answer(shown)
    return _worst([core, *effects])


def _shown(asking: Desk, change: str, core: Effect, effects: tuple[Effect, ...], format_: str) -> str:
    match format_:
        case "json":
            return effect_reports.effects_json(core, effects, asking)
        case "markdown":
            return effect_reports.effects_markdown(change, core, effects, asking)
        case _:
            return effect_reports.effects_text(core, effects, asking)


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
    targets = _running(repository)
    with desk(repository, offline=offline) as asking, Bar() as bar:
        search = Blockers(asking.book, lambda: asking.resolutions(bar), asking.prober, JOBS)
        rows = (search.of(str(canonicalize_name(package)), targets, to=to),) if package else search.table(targets)
        pins = {str(name): what_of(pins) for name, pins in by_name(asking.core_before().pins).items()}
        if as_json:
            answer = reports.headroom_json(rows, asking, pins=pins, to=to)
        elif package:
            answer = reports.headroom_text(rows[0], asking, pins=pins)
        else:
            answer = reports.headroom_table(rows, asking, pins=pins, width=width)
    terminal.answer(answer)
    return _headroom_code(rows)


def _headroom_code(rows: tuple[Headroom, ...]) -> ExitCode:
    everybody = [(row, held) for row in rows for held in row.everybody]
    if any(held.is_conflict or row.blocks(held) for row, held in everybody):
        return ExitCode.FINDINGS
    return ExitCode.WORLD if any(held.reason for _, held in everybody) else ExitCode.OK


def _running(repository: Repository) -> list[Target]:
    return [experiment_target(one) for one in repository.experiments if one.state in RUNNING_STATES]
