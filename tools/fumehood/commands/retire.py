"""``fumehood retire``, behind its options."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from fumehood.commands import terminal
from fumehood.commands.asking import desk
from fumehood.commands.memo import today
from fumehood.errors import ExitCode, UsageError
from fumehood.lifecycle import removal, retire
from fumehood.model.plural import counted
from fumehood.outside.files import cache_folder
from fumehood.outside.git import Git
from fumehood.rules.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fumehood.lifecycle.retire import Retirement
    from fumehood.repository import Repository

_URL = re.compile(r"https?://[^\s<>]+")


def run(
    repository: Repository,
    name: str,
    *,
    reason: str,
    upstreamed: str,
    dry_run: bool,
    say: Callable[[str], None],
) -> int:
    """Retire an experiment, or say what that would come to."""
    if not reason.strip() or not reason.isprintable():
        raise UsageError("the reason is not one line of text", remedy='give one, such as --reason "it is in core now"')
    if upstreamed and not _URL.fullmatch(upstreamed):
        raise UsageError(f"{upstreamed!r} is no link", remedy="give an address that begins with https://")
    why = retire.Why(reason=reason.strip(), upstreamed=upstreamed, today=today(os.environ))
    cache = cache_folder(os.environ)
    with desk(repository, offline=True) as asking:
        seen = Seen.without_versions(repository, asking.book, why.today)
        plan = retire.plan(seen, Git(cwd=repository.root), name, why, cache=cache)
    if not dry_run:
        removal.carry_out(repository, plan, cache=cache, say=say)
    terminal.answer(report(plan, root=repository.root, dry_run=dry_run))
    if not dry_run:
        say("nothing is committed; `git diff` shows what to commit")
    return ExitCode.OK


def report(plan: Retirement, *, root: Path, dry_run: bool) -> str:
    """The plan for people: what goes, what is recorded, and what is left to them."""
    return "\n".join(_lines(plan, root, dry_run=dry_run))


def _lines(plan: Retirement, root: Path, *, dry_run: bool) -> Iterator[str]:
    retired, recorded, removed = ("would retire", "record", "remove") if dry_run else ("retired", "recorded", "removed")
    yield f"{retired} {plan.name}" + ("" if plan.record else ", whose folder has gone already")
    if plan.record:
        yield f"  {recorded} in {plan.record_file}: {plan.record.outcome}"
    for workflow in plan.workflows:
        yield f"  {removed} {workflow.file}, which is about nothing else"
    for change in plan.edits:
        for mention in change.removed:
            yield f"  {removed} {mention}"
    for environment in plan.environments:
        yield f"  {removed} {_shown(environment, root)}, its environment"
    for layer in plan.layers:
        yield f"  {removed} layer {layer[:12]}, which no other environment uses"
    if plan.folder:
        yield f"  {removed} {plan.folder}, {counted(len(plan.files), 'file')}"
    if plan.left:
        yield "left for you to look at:"
        yield from (f"  {mention}" for mention in plan.left)


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
