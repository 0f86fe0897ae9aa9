"""``fumehood new``, behind its options."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from msgspec.structs import replace

from fumehood.commands import fix, terminal
from fumehood.commands.progress import Bar
from fumehood.errors import ExitCode, FumehoodError, UsageError
from fumehood.lifecycle import new
from fumehood.locking import batch
from fumehood.locking.book import LockBook
from fumehood.model.experiment import experiment_target
from fumehood.outside.git import Git
from fumehood.outside.uv import Uv
from fumehood.reading import owners
from fumehood.reading.manifest import is_owner
from fumehood.repository import open_repository
from fumehood.shared_keys import PYTHON_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fumehood.model.experiment import Experiment
    from fumehood.repository import Repository

    Say = Callable[[str], None]

_KEPT = ("owner/disagree", "owner/table")
"""The rules whose `fix` enters experiments where their owners are told."""


def run(  # noqa: PLR0913 - one keyword for each option of the command
    repository: Repository,
    name: str,
    *,
    theme: str | None,
    summary: str | None,
    owners: tuple[str, ...],
    python: tuple[str, ...],
    offline: bool,
    say: Say,
) -> int:
    """Make an experiment; what was not told is asked for on a terminal, and nowhere else."""
    path = new.place_of(repository, name)
    _check(owners, python)
    wanted = new.Wanted(name=name, theme=theme or "", summary=summary or "", owners=owners, python=python)
    is_asked = theme is None or summary is None or not owners
    if is_asked and sys.stdin.isatty():
        wanted = _asked(repository, path, wanted, summary)
    wanted = _without_asking(repository, path, wanted, say)
    beginning = new.plan(repository, path, wanted)
    is_mended = not any(change.before != change.after for change in fix.plan(repository, _KEPT))

    def complete(folder: Path, experiment: Experiment) -> None:
        _lock(repository, folder, experiment, offline=offline, say=say)

    experiment = new.create(repository, beginning, complete=complete)
    if is_mended:
        _mend(repository, experiment, say)
    else:
        say(
            "not entered in CODEOWNERS and the README's table, where others' lines are to be mended too: "
            "see `fumehood check --fix --dry-run`"
        )
    lock = [experiment.lock] if (repository.root / experiment.lock).exists() else []
    files = sorted([*(f"{path}/{file}" for file in beginning.files), *lock])
    terminal.answer("\n".join([f"{path} is proposed:", *(f"  {file}" for file in files)]))
    say(f"next: fill in the sections of its README; `nox -s {experiment.session}` runs its tests")
    return ExitCode.OK


def _check(owners: tuple[str, ...], python: tuple[str, ...]) -> None:
    for owner in owners:
        if not is_owner(owner):
            raise UsageError(f"{owner!r} is no owner", remedy="write a handle, @name or @org/team, or an address")
    for version in python:
        if not PYTHON_VERSION.fullmatch(version):
            raise UsageError(f"{version!r} is no Python version", remedy='write a version such as "3.12"')


def _asked(repository: Repository, path: str, wanted: new.Wanted, summary: str | None) -> new.Wanted:
    """What is missing, asked for on the terminal; the answer stays the only thing on standard output."""
    theme = wanted.theme or _theme(repository.settings.themes)
    about = summary if summary is not None else terminal.ask("summary, in one line")
    owners = wanted.owners
    if not owners and not _owners_by_pattern(repository, path):
        answer = terminal.ask("owners", default=_committer(repository))
        owners = tuple(answer.replace(",", " ").split())
        _check(owners, ())
    return replace(wanted, theme=theme, summary=about, owners=owners)


def _theme(themes: Sequence[str]) -> str:
    while (theme := terminal.ask(f"theme ({', '.join(themes)})")) not in themes:
        terminal.say(f"Error: {theme!r} is not one of {', '.join(map(repr, themes))}.")
    return theme


def _without_asking(repository: Repository, path: str, wanted: new.Wanted, say: Say) -> new.Wanted:
    """What can be known without being told: an owner. A theme cannot."""
    themes = repository.settings.themes
    if wanted.theme not in themes:
        what = f"there is no theme {wanted.theme!r}" if wanted.theme else "--theme is missing"
        raise UsageError(what, remedy=f"give --theme {'|'.join(themes)}")
    if wanted.owners or _owners_by_pattern(repository, path):
        return wanted
    committer = _committer(repository)
    if not is_owner(committer):
        raise UsageError(
            "--owner is missing, and neither CODEOWNERS nor git's user.email tells one", remedy="give --owner @name"
        )
    say(f"owner: {committer}, git's user.email; --owner names another")
    return replace(wanted, owners=(committer,))


def _owners_by_pattern(repository: Repository, path: str) -> tuple[str, ...]:
    """Whose the folder is by a pattern of CODEOWNERS that is there already."""
    found = owners.read(repository.root)
    return found.owners_of(path) if found else ()


def _committer(repository: Repository) -> str:
    try:
        return Git(cwd=repository.root).setting("user.email")
    except FumehoodError:
        return ""  # A repository without git is one too.


def _mend(repository: Repository, experiment: Experiment, say: Say) -> None:
    """Write the blocks of CODEOWNERS and of the experiments' README anew, where they do not have the experiment.

    What people keep by hand is left to them.
    """
    try:
        fix.run(open_repository(repository.root), _KEPT, dry_run=False, say=say)
        for finding in fix.left(open_repository(repository.root), _KEPT, experiment.name):
            say(f"{finding.file}:{finding.line}: {finding.message}\n  → {finding.remedy}")
    except FumehoodError as error:
        say(f"{error}\nonce that is right, `fumehood check --fix` adds it to CODEOWNERS and to the README's table")


def _lock(repository: Repository, folder: Path, experiment: Experiment, *, offline: bool, say: Say) -> None:
    """Lock an experiment in the folder where it is made, where the repository commits locks.

    Core's lock is left as it is; an experiment that cannot be locked now is made all the same.
    """
    book = LockBook.of(repository, os.environ)
    later = f"run `fumehood lock {experiment.name}` later"
    core = book.store.committed(repository.core.lock)
    if core is None:
        return
    if book.core_reasons(core):
        say(f"{experiment.path} is not locked, since core's lock is not current: {later}")
        return
    place = str(folder.relative_to(repository.root))
    requirements = tuple(
        replace(source, path=source.path.replace(experiment.path, place, 1)) for source in experiment.requirements
    )
    target = replace(experiment_target(experiment), requirements=requirements, lock=f"{place}/requirements.lock")
    with Bar() as bar:
        uv = Uv(cwd=repository.root, offline=offline)
        outcome = batch.lock(book, uv, batch.LockRequest(targets=(target,)), bar)
    for error in outcome.failures.values():
        say(f"{error}\n{experiment.path} is not locked: {later}")
