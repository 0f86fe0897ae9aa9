"""``fumehood check``, behind its options."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

from fumehood.commands.asking import desk
from fumehood.commands.memo import Said
from fumehood.commands.progress import Bar
from fumehood.conflicts.check import Check
from fumehood.formats import FORMATS
from fumehood.model.experiment import experiment_target
from fumehood.model.finding import CheckAnswer, Undecided, exit_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fumehood.repository import Repository


def run(
    repository: Repository, names: tuple[str, ...], *, format_: str, offline: bool, environ: Mapping[str, str]
) -> Said:
    """Check the named experiments, or all.

    Args:
        repository: Where they are.
        names: Of experiments.
        format_: One of `FORMATS`.
        offline: Neither uv nor the network.
        environ: Where variables in requirement files are looked up.
    """
    experiments = [(experiment, experiment_target(experiment)) for experiment in repository.select(names)]
    with _without_collection(), desk(repository, offline=False, environ=environ) as asking, Bar() as bar:
        check = Check(asking.book, asking.uv, asking.scratch, bar, offline)
        answer = check.run(experiments)
    if not names:
        answer = _with_broken(answer, repository)
    return Said(text=FORMATS[format_](answer), code=exit_code(answer), is_final=not answer.undecided)


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Without looking for garbage that refers to itself.

    A check makes hundreds of thousands of small values and no such garbage; looking takes longer than all the rest.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _with_broken(answer: CheckAnswer, repository: Repository) -> CheckAnswer:
    """A folder with a mistake is an experiment about which nothing could be decided."""
    broken = [Undecided(experiment=item.name, reason=str(item.error)) for item in repository.broken]
    return CheckAnswer(
        findings=answer.findings,
        undecided=tuple(sorted([*answer.undecided, *broken])),
        checked=answer.checked + len(broken),
    )
