"""``fumehood lock``, behind its options."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name

from fumehood.commands import reports, terminal
from fumehood.commands.progress import Bar
from fumehood.errors import ExitCode, UsageError, WorldError
from fumehood.locking import batch
from fumehood.locking.book import LockBook
from fumehood.model.experiment import core_target, experiment_target
from fumehood.outside.git import Git
from fumehood.outside.uv import Uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from packaging.utils import NormalizedName

    from fumehood.locking.batch import LockOutcome, LockRequest
    from fumehood.repository import Repository

_SHOWN = 3


def run(  # noqa: PLR0913 - one keyword for each option of the command
    repository: Repository,
    names: tuple[str, ...],
    *,
    check: bool,
    upgrade: bool,
    packages: tuple[str, ...],
    offline: bool,
    as_json: bool,
    say: Callable[[str], None],
) -> int:
    """Lock core, core's tests and the named experiments, or all; `core` alone names none of them."""
    if check and (upgrade or packages):
        raise UsageError("--check writes nothing, so it does not go with --upgrade", remedy="leave one of them out")
    experiments = () if set(names) == {"core"} else repository.select(name for name in names if name != "core")
    book = LockBook.of(repository, os.environ)
    request = batch.LockRequest(
        targets=(
            *([core_target(repository.core)] if repository.core.tests else []),
            *map(experiment_target, experiments),
        ),
        upgrade=upgrade,
        upgrade_packages=frozenset(map(_package, packages)),
        check=check,
    )
    with Bar() as bar:
        outcome = batch.lock(book, Uv(cwd=repository.root, offline=offline), request, bar)
    failures = {subject: str(error) for subject, error in outcome.failures.items()}
    if as_json:
        terminal.answer(reports.locks_json(outcome.reports, outcome.stale, failures))
    elif outcome.reports:
        terminal.answer(reports.locks_text(outcome.reports))
    if ignored := [] if check else _ignored(repository.root, [report.path for report in outcome.reports]):
        shown = ", ".join(
            [*ignored[:_SHOWN], *([f"and {len(ignored) - _SHOWN} more"] if len(ignored) > _SHOWN else [])]
        )
        say(f"git ignores {shown}\n  → commit them with `git add --force`, or write !requirements.lock into .gitignore")
    code = _conclude(repository, outcome, names, say)
    if code == ExitCode.OK and (unknown := _unknown(book, request)):
        raise UsageError(f"no lock has {', '.join(unknown)}", remedy="correct what --upgrade-package names")
    return code


def _package(text: str) -> NormalizedName:
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        remedy = "name the package alone; which versions it may have, the requirement lines say"
        raise UsageError(f"--upgrade-package {text!r} is no name of a package", remedy=remedy) from None


def _unknown(book: LockBook, request: LockRequest) -> list[str]:
    """The packages that were to be upgraded and stand in none of the locks."""
    wanted = set(request.upgrade_packages)
    for path in (book.repository.core.lock, *(target.lock for target in request.targets)) if wanted else ():
        lock = book.store.committed(path)
        wanted -= {pin.name for pin in lock.pins} if lock else set()
    return sorted(wanted)


def _ignored(root: Path, paths: Iterable[str]) -> list[str]:
    """The locks that nobody else would get, because git ignores them."""
    try:
        found = Git(cwd=root).said("ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", *paths)
    except WorldError:  # The locks are written all the same, and a folder without git has nobody to share them with.
        return []
    return sorted(os.fsdecode(path) for path in found.split(b"\0") if path)


def _conclude(repository: Repository, outcome: LockOutcome, names: tuple[str, ...], say: Callable[[str], None]) -> int:
    """What went wrong, on standard error; the worst of it decides the exit code."""
    codes = [ExitCode.OK]
    for _, reasons in sorted(outcome.stale.items()):
        codes.append(ExitCode.FINDINGS)
        say("\n".join(reasons) + "\n  → run `fumehood lock` and commit what it writes")
    for _, error in sorted(outcome.failures.items()):
        codes.append(error.exit_code)
        say(str(error))
    if not names:
        for broken in repository.broken:
            codes.append(broken.error.exit_code)
            say(str(broken.error))
    return max(codes)
