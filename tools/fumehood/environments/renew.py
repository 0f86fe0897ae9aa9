"""Making an environment anew: lock, plan, layers, environment; or finding that nothing that matters has changed."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from fumehood.environments import build, state
from fumehood.environments.manager import deciding_files, rebuilt_because
from fumehood.environments.plan import plan as make_plan
from fumehood.environments.registry import Registry
from fumehood.environments.state import EnvironmentState
from fumehood.errors import Place, UnsupportedPythonError
from fumehood.locking.book import LockBook
from fumehood.locking.lowest import lowest_lock
from fumehood.locking.obtain import obtain
from fumehood.locking.store import LockStore
from fumehood.model.lock import changes
from fumehood.outside.uv import Uv
from fumehood.reading.sources import merge_options
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fumehood.environments.manager import Environments, Wish
    from fumehood.environments.plan import EnvironmentPlan
    from fumehood.environments.state import FileState
    from fumehood.locking.obtain import Obtained


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the environments of one run have in common: core's lines and lock, read once.

    Attributes:
        files: The files that `book` has read of core's, as they were before that.
    """

    book: LockBook
    files: Mapping[str, FileState]


def _book(environments: Environments) -> LockBook:
    """The book of this run; a new one once a file of core's was changed."""
    known, root = environments.shared, environments.repository.root
    if known is not None and state.changed_file(root, known.files) is None:
        return known.book
    core = environments.repository.core
    before = state.look_at(root, [PYPROJECT, core.lock, *(source.path for source in core.requirements)])
    store = LockStore(root=root, cache=environments.cache)
    book = LockBook(environments.repository, store, environments.environ)
    files = {**state.look_at(root, book.core_inputs.files), **before}
    environments.shared = Shared(book=book, files=files)
    return book


def renew(environments: Environments, wish: Wish, found: EnvironmentState | None, reason: str) -> EnvironmentState:
    """Bring an environment up to date; its lease is held exclusively by the caller.

    Returns:
        The new state; its `reason` is empty when the environment was right after all and only files were touched.
    """
    repository = environments.repository
    _check_python(environments, wish)
    book = _book(environments)
    book.forget(wish.target)
    uv = Uv(cwd=repository.root, environ=environments.environ, offline=environments.offline)
    target = wish.target
    obtained = lowest_lock(book, uv, target) if wish.lowest else obtain(book, uv, target, locked=wish.locked)
    for note in obtained.notes:
        environments.say(f"{wish.target.session}: {note}; using fresh pins, run `fumehood lock` to commit them")
    inputs = (book.core_inputs, book.inputs(wish.target))
    plan = make_plan(
        repository,
        wish.target,
        obtained.lock,
        environments.interpreter(wish.python),
        options=merge_options([part.options for part in inputs]),
        proven=obtained.proven,
    )
    read = (*(file for part in inputs for file in part.files), *plan.local_files)
    files = state.look_at(repository.root, deciding_files(repository, wish.target, read))
    if found and found.digest == plan.digest and not wish.fresh and not environments.is_broken(wish.folder, found):
        touched = replace(state.with_files(found, environments.key(wish), files), reason="")
        state.write(wish.folder, touched)
        return touched
    with ExitStack() as leases:
        workshop = build.Workshop(store=environments.layers, uv=uv, leases=leases)
        prepared = build.prepare(plan, workshop)
        made = _state(environments, wish, plan, prepared, obtained)
        made = replace(made, files=files, reason=rebuilt_because(found, reason, plan))
        build.put_together(plan, prepared, wish.folder, workshop, made)
        # From here on it is known that the layers have a user, and the lease on them is not needed for that.
        Registry(environments.cache).add(wish.folder)
    if not obtained.proven:
        book.store.record_proof(obtained.lock)
    return made


def _check_python(environments: Environments, wish: Wish) -> None:
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


def _state(
    environments: Environments, wish: Wish, plan: EnvironmentPlan, prepared: build.Stack, obtained: Obtained
) -> EnvironmentState:
    return EnvironmentState(
        key=environments.key(wish),
        digest=plan.digest,
        root=str(plan.root),
        session=plan.target.session,
        interpreter=plan.interpreter.identity,
        layout="stacked" if prepared.why_flat is None else "flat",
        why_flat=prepared.why_flat,
        layers=prepared.layers,
        versions=plan.versions,
        changes=tuple(str(change) for change in changes(obtained.lock)),
        files={},
        reason="",
    )
