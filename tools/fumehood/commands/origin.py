"""``fumehood explain NAME PACKAGE``, behind its options: where a pin comes from, for people and for programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from fumehood.commands import conflict_reports, terminal
from fumehood.commands import explain as explain_command
from fumehood.commands.asking import Desk, desk
from fumehood.commands.people import CORE, line_json, line_text
from fumehood.commands.progress import Bar
from fumehood.commands.reports import as_json as written_as_json
from fumehood.conflicts.explain import Explanation
from fumehood.conflicts.origin import Origin, Origins, Step
from fumehood.errors import ConflictError, ExitCode, NotDecidedError
from fumehood.formats.text import folded
from fumehood.locking.obtain import obtain
from fumehood.model.lock import Header, LayeredLock, Lock
from fumehood.outside.files import cache_folder
from fumehood.reading.sources import without_credentials

if TYPE_CHECKING:
    from fumehood.commands.people import Owners
    from fumehood.model.experiment import Target
    from fumehood.repository import Repository


def explain(
    repository: Repository, name: str, package: str, *, budget: float | None, offline: bool, as_json: bool
) -> int:
    """Explain why a package has its version in an experiment, or in core."""
    target, shown = explain_command.subject_of(repository, name)
    with desk(repository, offline=offline) as asking, Bar() as bar:
        try:
            lock, is_proven = _lock(asking, target)
        except ConflictError:
            # Where nothing can be installed, no pin has a reason, but the conflict has.
            return explain_command.explain(repository, name, budget=budget, offline=offline, as_json=as_json)
        except NotDecidedError as error:
            is_other = target is not None and error.subject != target.subject
            reason = f"{error.subject} is not decided: {error.reason}" if is_other else error.reason
            undecided = Explanation(subject=name, status="undecided", reason=without_credentials(reason))
            render = conflict_reports.explanation_json if as_json else conflict_reports.explanation_text
            terminal.answer(render(undecided, shown, asking, {}))
            return ExitCode.WORLD
        bar.begin("resolutions", None)
        origins = Origins(
            book=asking.book,
            prober=asking.limited_prober(asking.book.python(target), target, budget=budget, advance=bar.advance),
            target=target,
            lock=lock,
            is_proven=is_proven,
            cache=cache_folder(os.environ),
            scratch=asking.scratch,
        )
        found = origins.of(canonicalize_name(package))
        answer = origin_json(found, shown, asking.owners) if as_json else origin_text(found, shown, asking.owners)
    terminal.answer(answer)
    return ExitCode.OK if found.is_decided else ExitCode.WORLD


def _lock(asking: Desk, target: Target | None) -> tuple[LayeredLock, bool]:
    if target is None:
        return LayeredLock(core=asking.core_lock(), delta=Lock(header=Header(inputs="", python=""))), True
    obtained = obtain(asking.book, asking.uv, target, locked=False)
    return obtained.lock, obtained.proven


def origin_json(found: Origin, name: str, owners: Owners) -> str:
    """The answer of ``fumehood explain NAME PACKAGE --json``."""
    return written_as_json(
        experiment=name,
        status="ok" if found.is_decided else "undecided",
        lines=[line_json(line, owners) for line in found.lines],
        smallest=found.proven,
        reason=found.reason or found.remark,
        remedies=[],
        pin={"name": found.name, "before": found.before, "after": found.after},
        chain=[_step_json(step, name, owners) for step in found.chain],
    )


def _step_json(step: Step, name: str, owners: Owners) -> dict[str, Any]:
    if step.line is None:
        return {"package": step.asker, "requirement": step.requirement}
    return {"package": CORE if step.of_core else name, **line_json(step.line, owners)}


def origin_text(found: Origin, name: str, owners: Owners) -> str:
    """The answer of ``fumehood explain NAME PACKAGE`` for people."""
    parts = ["\n".join(folded(_head(found, name), "", ""))]
    if found.chain:
        parts.append("\n".join(_chain(found, owners)))
    if found.lines:
        parts.append("\n".join([*folded(_count(found), "", ""), *(line_text(line, owners) for line in found.lines)]))
    if found.reason:
        parts.append("\n".join(["because", *folded(found.reason, "  ", "  ")]))
    if found.remark:
        parts.append("\n".join(folded(found.remark, "", "")))
    return "\n\n".join(parts)


def _head(found: Origin, name: str) -> str:
    if not found.after:
        return f"{found.name} {found.before} is core's, and {name} does without it"
    if not found.before:
        return f"{found.name} is {found.after} in {name}; core does not have it"
    if found.before == found.after:
        return f"{found.name} is {found.after} in {name}" + (", as in core" if name != CORE else "")
    return f"{found.name} is {found.after} in {name}, and {found.before} in core"


def _count(found: Origin) -> str:
    cores = f"core's {found.name} {found.before}"
    one = len(found.lines) == 1
    if found.proven:
        return f"{cores} cannot be used: {'this line rules' if one else 'these lines rule'} it out"
    return f"{cores} cannot be used; among these lines are some that rule it out"


def _chain(found: Origin, owners: Owners) -> list[str]:
    """From a line, each package below the one that requires it."""
    lines = []
    for depth, step in enumerate(found.chain):
        if step.line is not None:
            lines.append(line_text(step.line, owners))
        else:
            lines.append(f"  {'   ' * (depth - 1)}└─ {step.asker} requires {without_credentials(step.requirement)}")
    version = found.after or found.before
    return [*lines, f"  {'   ' * (len(found.chain) - 1)}└─ {found.name} {version}"]
