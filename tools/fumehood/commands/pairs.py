"""``fumehood check --pairs``, behind its options."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fumehood.commands import pair_reports as reports
from fumehood.commands import terminal
from fumehood.commands.asking import JOBS, desk
from fumehood.commands.progress import Bar
from fumehood.conflicts.check import Check
from fumehood.conflicts.joint import Joint
from fumehood.conflicts.pairing import Pairing
from fumehood.errors import ExitCode, UsageError
from fumehood.model.experiment import experiment_target

if TYPE_CHECKING:
    from fumehood.conflicts.pairs import Sharing
    from fumehood.repository import Repository


def run(repository: Repository, names: tuple[str, ...], *, format_: str, offline: bool, width: int) -> int:
    """Say which of the named experiments, or of all, could share one environment.

    Raises:
        UsageError: The format is one for findings.
    """
    if format_ not in {"text", "json"}:
        raise UsageError(f"pairs cannot be said as {format_}", remedy="leave out --format, or say --format json")
    experiments = [(experiment, experiment_target(experiment)) for experiment in repository.select(names)]
    with desk(repository, offline=False) as asking, Bar() as bar:
        check = Check(asking.book, asking.uv, asking.scratch, bar, offline, keeps_all=True)
        checked = check.run(experiments)
        joint = None if offline else Joint(asking.uv, asking.scratch, bar, JOBS)
        sharing = Pairing(asking.book, check.locks, joint).share(experiments, checked)
    if not names:
        for broken in repository.broken:
            terminal.say(str(broken.error))
    _say(sharing, format_, width)
    if any(finding.is_conflict for finding in checked.findings):
        return ExitCode.FINDINGS  # Of core itself, perhaps, without which nothing is known of any experiment.
    return _code(sharing, is_broken=bool(repository.broken) and not names)


def _say(sharing: Sharing, format_: str, width: int) -> None:
    if format_ == "json":
        terminal.answer(reports.pairs_json(sharing))
        return
    text = reports.pairs_text(sharing, width=width)
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it

        Console(highlight=False).print(text, soft_wrap=True)
    else:
        terminal.answer(text.plain)


def _code(sharing: Sharing, *, is_broken: bool) -> ExitCode:
    """That two cannot share is no fault of either."""
    outcomes = [verdict.outcome for _, verdict in sharing.alone] + [pair.verdict.outcome for pair in sharing.pairs]
    undecided = "undecided" in outcomes
    return ExitCode.WORLD if undecided or is_broken else ExitCode.OK
