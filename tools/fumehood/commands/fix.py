"""``fumehood check --fix``: what rules can mend in files, decided first, then shown or done."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fumehood.commands import terminal
from fumehood.commands.asking import desk
from fumehood.commands.memo import today
from fumehood.errors import ExitCode, raise_all
from fumehood.model.finding import Finding
from fumehood.rules.registry import Registry
from fumehood.rules.seen import Seen
from fumehood.rules.severities import Severities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fumehood.repository import Repository
    from fumehood.rules.change import Change
    from fumehood.rules.rule import Rule


def run(repository: Repository, rules: tuple[str, ...], *, dry_run: bool, say: Callable[[str], None]) -> ExitCode:
    """Mend what the rules can mend by themselves.

    Args:
        repository: Whose files.
        rules: Ids and groups of rules; empty for all.
        dry_run: Show the differences and change nothing.
        say: Tells the user what was changed.

    Raises:
        FumehoodError: An experiment is broken, so that its part of a file would be lost; or a file cannot be written.
    """
    raise_all([broken.error for broken in repository.broken])
    changed = dict.fromkeys(change for change in plan(repository, rules) if change.before != change.after)
    for change in changed:
        if dry_run:
            terminal.answer(change.diff(), end="")
        else:
            change.apply(repository.root)
            say(f"mended {change.path}")
    return ExitCode.FINDINGS if changed else ExitCode.OK


def plan(repository: Repository, names: tuple[str, ...]) -> tuple[Change, ...]:
    """What rules would do to files; nothing where all is as it should be.

    Args:
        repository: Whose files.
        names: Ids and groups of rules; empty for all.
    """
    with _looking(repository, names) as (seen, rules):
        return tuple(change for rule in rules if rule.fix and any(rule.check(seen)) for change in rule.fix(seen))


def left(repository: Repository, names: tuple[str, ...], experiment: str) -> tuple[Finding, ...]:
    """What rules find about an experiment."""
    with _looking(repository, names) as (seen, rules):
        found = [one for rule in rules for one in rule.check(seen)]
    return tuple(one for one in found if isinstance(one, Finding) and one.experiment == experiment)


@contextlib.contextmanager
def _looking(repository: Repository, names: tuple[str, ...]) -> Iterator[tuple[Seen, list[Rule]]]:
    """What the rules look at, and those that are not turned off."""
    registry = Registry.load()
    severities = Severities.of(repository.settings.rules, registry)
    with desk(repository, offline=True) as asking:
        seen = Seen.without_versions(repository, asking.book, today(os.environ))
        yield seen, [rule for rule in registry.select(names) if not severities.is_off(rule)]
