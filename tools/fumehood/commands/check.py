"""``fumehood check``, behind its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fumehood.commands.asking import desk
from fumehood.commands.progress import Bar
from fumehood.conflicts.check import Check
from fumehood.formats import FORMATS
from fumehood.model.experiment import experiment_target
from fumehood.model.finding import CheckAnswer, Undecided, exit_code

if TYPE_CHECKING:
    from fumehood.repository import Repository


def run(repository: Repository, names: tuple[str, ...], *, format_: str, offline: bool) -> int:
    """Check the named experiments, or all."""
    experiments = [(experiment, experiment_target(experiment)) for experiment in repository.select(names)]
    with desk(repository, offline=False) as asking, Bar() as bar:
        check = Check(asking.book, asking.uv, asking.scratch, bar, offline)
        answer = check.run(experiments)
    if not names:
        answer = _with_broken(answer, repository)
    click.echo(FORMATS[format_](answer))
    return exit_code(answer)


def _with_broken(answer: CheckAnswer, repository: Repository) -> CheckAnswer:
    """A folder with a mistake is an experiment about which nothing could be decided."""
    broken = [Undecided(experiment=item.name, reason=str(item.error)) for item in repository.broken]
    return CheckAnswer(
        findings=answer.findings,
        undecided=tuple(sorted([*answer.undecided, *broken])),
        checked=answer.checked + len(broken),
    )
