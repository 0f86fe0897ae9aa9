"""What an environment is to be, from the repository's locks."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from fumehood.environments import preparing, recipes, state
from fumehood.environments.manager import deciding_files
from fumehood.environments.plan import plan as make_plan
from fumehood.errors import Place, UnsupportedPythonError
from fumehood.locking.book import LockBook
from fumehood.locking.obtain import obtain
from fumehood.model.lock import changes
from fumehood.model.markers import from_variables
from fumehood.settings import PYPROJECT, UV_TOML

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from fumehood.environments.frame import Frame
    from fumehood.environments.manager import Environments, Wish
    from fumehood.environments.plan import EnvironmentPlan
    from fumehood.environments.prepared import Stack
    from fumehood.environments.state import FileState
    from fumehood.environments.store import LayerStore
    from fumehood.locking.obtain import Obtained
    from fumehood.outside.uv import Uv

_TICK = 50_000_000
"""Nanoseconds by which the clock of a file system may be behind: more than any kernel's tick."""


class Shared(Struct, frozen=True, kw_only=True):
    """What the environments of one run have in common: core's lines and lock, read once.

    Attributes:
        files: The files that `book` has read of core's, as they were before that.
        begun: When that was, in nanoseconds of the epoch.
    """

    book: LockBook
    files: Mapping[str, FileState]
    begun: int


class Drafted(Struct, frozen=True, kw_only=True):
    """A `renew.Draft`, see there, from locks.

    Attributes:
        uv: The door to uv.
        recipe: Where to remember it; None where that would not be right.
        lines: See `renew.Draft`.
    """

    plan: EnvironmentPlan
    digest: str
    files: Mapping[str, FileState]
    obtained: Obtained
    book: LockBook
    uv: Uv
    recipe: Path | None
    lines: str

    @property
    def frame(self) -> Frame:
        """See `renew.Draft`."""
        return self.plan.frame

    @property
    def versions(self) -> Mapping[str, str]:
        """See `renew.Draft`."""
        return self.plan.versions

    @property
    def changes(self) -> tuple[str, ...]:
        """See `renew.Draft`."""
        return tuple(str(change) for change in changes(self.obtained.lock))

    @property
    def unlocked(self) -> bool:
        """See `renew.Draft`."""
        return bool(self.obtained.notes)

    def prepare(self, store: LayerStore, leases: ExitStack) -> Stack | None:
        """Build the layers that are missing."""
        return preparing.prepare(self.plan, store, leases, self.uv)

    def own(self, prepared: Stack, environment: Path) -> None:
        """Install local pins, and of a flat environment everything."""
        preparing.install_own(self.plan, prepared, self.uv, environment)

    def done(self, prepared: Stack) -> None:
        """Remember that the pins fit each other, and how they are stacked."""
        if not self.obtained.proven:
            self.book.store.record_proof(self.obtained.lock)
        if self.recipe is not None and prepared.why_flat is None:
            recipes.remember(self.recipe, self, prepared)


def draft(environments: Environments, wish: Wish) -> Drafted:
    """Get the lock of a target, and plan its environment.

    Raises:
        FumehoodError: It has none, or none that holds.
    """
    repository = environments.repository
    _check_required_python(environments, wish)
    shared = shared_by(environments)
    book = shared.book
    book.forget(wish.target)
    _check_locked_python(environments, wish, book)
    uv, target = environments.uv, wish.target
    if wish.lowest:
        from fumehood.locking.lowest import lowest_lock  # noqa: PLC0415 - only the lowest versions need it

        obtained = lowest_lock(book, uv, target)
    else:
        obtained = obtain(book, uv, target, locked=wish.locked)
    for note in obtained.notes:
        environments.say(f"{wish.target.session}: {note}; using fresh pins, run `fumehood lock` to commit them")
    inputs = book.all_inputs(wish.target)
    plan = make_plan(
        repository,
        wish.target,
        obtained.lock,
        environments.interpreter(wish.python),
        options=inputs.options,
        proven=obtained.proven,
    )
    read = inputs.files
    files = state.look_at(repository.root, deciding_files(repository, wish.target, (*read, *plan.local_files)))
    settled = not wish.lowest and obtained.origin == "committed" and not obtained.notes and not plan.local
    has_variables = _has_variables(repository.root, read)
    lasting = settled and not _changed_since(files, shared.begun) and not has_variables
    return Drafted(
        plan=plan,
        digest=plan.digest,
        files=files,
        obtained=obtained,
        book=book,
        uv=uv,
        recipe=recipes.path_of(environments, wish, files) if lasting else None,
        lines=inputs.digest("") if has_variables else "",
    )


def lines_of(environments: Environments, wish: Wish) -> str:
    """A digest of the requirement lines that an environment is made from.

    Raises:
        FumehoodError: They have a mistake.
    """
    return shared_by(environments).book.all_inputs(wish.target).digest("")


def _check_required_python(environments: Environments, wish: Wish) -> None:
    requires = environments.repository.core.requires_python
    version = environments.interpreter(wish.python).version
    with contextlib.suppress(InvalidSpecifier):  # which is reported with its line when the lock is asked for
        if requires is None or SpecifierSet(requires).contains(version, prereleases=True):
            return
        raise UnsupportedPythonError(
            f"{wish.target.subject}: requires-python is {requires!r}, and this is Python {version}",
            place=Place(PYPROJECT),
            remedy="choose one that the repository supports: with `python` in [tool.fumehood], or to run nox",
        )


def _check_locked_python(environments: Environments, wish: Wish, book: LockBook) -> None:
    """A lock says nothing of what its packages need on a Python below the lowest that it is for, or elsewhere."""
    lowest, interpreter = book.python(wish.target), environments.interpreter(wish.python)
    here, within = from_variables(interpreter.variables), book.core_inputs.settings.environments
    if within and not any(here.admits(marker) for marker in within):
        raise UnsupportedPythonError(
            f"{wish.target.subject}: the lock is not for {here.label}, which [tool.uv] environments leaves out",
            place=Place(PYPROJECT),
            remedy="add a marker there that holds here, or run it elsewhere",
        )
    if Version(interpreter.version.removesuffix("+")).release >= Version(lowest).release:
        return
    if lowest != book.python():
        place: Place | None = Place(f"{wish.target.subject}/experiment.toml")
        where = "there, as its `python`"
    else:
        place = Place(book.repository.core.lock) if book.committed_core else None
        where = f"in {PYPROJECT}, with [project] requires-python or [tool.fumehood] python"
    raise UnsupportedPythonError(
        f"{wish.target.subject}: the lock is for Python {lowest} and newer, and this is Python {interpreter.version}",
        place=place,
        remedy=f"choose a newer one, or name what is supported {where}",
    )


def shared_by(environments: Environments) -> Shared:
    """What this run knows of core; read again once a file of core's was changed.

    Raises:
        FumehoodError: Core's files have a mistake.
    """
    known, root = environments.shared, environments.repository.root
    if known is not None and state.changed_file(root, known.files) is None:
        return known
    core, begun = environments.repository.core, time.time_ns()
    before = state.look_at(root, [PYPROJECT, UV_TOML, core.lock, *(source.path for source in core.requirements)])
    book = LockBook.of(environments.repository, environments.environ, cache=environments.cache)
    files = {**state.look_at(root, book.core_inputs.files), **before}
    environments.shared = Shared(book=book, files=files, begun=begun)
    return environments.shared


def _changed_since(files: Mapping[str, FileState], begun: int) -> bool:
    """Whether a file may have been read before it became what it is now."""
    return any((file.mtime_ns or 0) > begun - _TICK for file in files.values())


def _has_variables(root: Path, files: tuple[str, ...]) -> bool:
    """Whether what requirement files say depends on more than the files."""
    return any(b"${" in (root / file).read_bytes() for file in files)
