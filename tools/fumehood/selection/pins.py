"""Which experiments get other packages because of a change, as far as locks tell; else as far as lines do."""

from __future__ import annotations

import functools
import tomllib
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from fumehood.errors import FumehoodError
from fumehood.locking import lockfile
from fumehood.locking.book import LockBook
from fumehood.model.experiment import experiment_target
from fumehood.model.lock import LayeredLock, by_name, what_of
from fumehood.outside.scratch import scratch_folder
from fumehood.reading import core_at
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from packaging.utils import NormalizedName

    from fumehood.model.experiment import Experiment
    from fumehood.model.lock import Lock, Pin
    from fumehood.model.selection import Reason
    from fumehood.outside.work_tree import WorkTree
    from fumehood.repository import Repository

_TOOLS_WITHOUT_EFFECT = frozenset(
    {"black", "codespell", "commitizen", "coverage", "flake8", "importlinter", "isort", "mypy", "pylint", "pyright"}
    | {"ruff", "towncrier", "ty", "typos", "ufmt", "usort"}
)
"""Tables of pyproject.toml that neither environments nor tests depend on."""

_PROJECT_WITHOUT_EFFECT = frozenset(
    {"authors", "classifiers", "description", "keywords", "license", "license-files", "maintainers", "readme", "urls"}
)
_LINES = ("dependencies", "optional-dependencies")
_MOST_NAMED = 3
"""So many packages are named in one reason, which is said of each of a thousand experiments."""


class ChangedPins(Struct, frozen=True, kw_only=True):
    """What a change of core's requirements or lock means.

    Attributes:
        names: Core's packages whose pins differ, with how; empty where none does.
        unknown: Why pins do not tell which experiments get something else; all may then.
        has_new_lines: Whether core asks for something else, so that a delta which replaces a pin may break a line.
    """

    names: Mapping[NormalizedName, str] = field(default_factory=dict)
    unknown: str = ""
    has_new_lines: bool = False

    def named(self, but: Collection[NormalizedName] = ()) -> Reason:
        """The step of a reason that says which packages differ, not all of very many; none if none does."""
        every = [how for name, how in sorted(self.names.items()) if name not in but]
        more = f" and {len(every) - _MOST_NAMED} more" if len(every) > _MOST_NAMED else ""
        return (f"{', '.join(every[:_MOST_NAMED])}{more}",) if every else ()


class Pins(Struct, dict=True):
    """Locks and requirement lines of a repository, now and at a commit.

    Attributes:
        commit: The full name of the commit to compare with.
    """

    repository: Repository
    git: WorkTree
    commit: str
    environ: Mapping[str, str]

    @functools.cached_property
    def book(self) -> LockBook:
        """The repository's locks and lines as they are now."""
        return LockBook.of(self.repository, self.environ)

    def core_files(self) -> frozenset[str]:
        """The files that core's requirements and lock stand in, as far as mistakes let them be read."""
        core = self.repository.core
        named = {core.lock, *(source.path for source in core.requirements)}
        try:
            return frozenset(named | set(self.book.core_inputs.files))
        except FumehoodError:
            return frozenset(named)

    def of_core(self) -> ChangedPins:
        """What became of core's pins since the commit; one of core's files has changed."""
        book = self.book
        try:
            now = book.store.committed(self.repository.core.lock)
            before = self._lock_before(self.repository.core.lock)
            if reasons := book.core_reasons(now):
                is_same = now is None and before is None and self._has_same_lines(book)
                return ChangedPins() if is_same else ChangedPins(unknown=reasons[0])
        except FumehoodError as error:
            return ChangedPins(unknown=error.what)
        if before is None or now is None:
            return ChangedPins(unknown=f"{self.repository.core.lock} is new")
        return ChangedPins(names=differences(before, now), has_new_lines=not self._has_same_lines(book))

    def of_experiment(self, experiment: Experiment, core: ChangedPins) -> Reason:
        """What an experiment gets otherwise because core's pins have changed, and what of core's lines it breaks now.

        Empty if its delta replaces all these pins, and still may.
        """
        book = self.book
        try:
            delta = book.store.committed(experiment.lock)
            now = book.store.committed(book.repository.core.lock)
            lock = LayeredLock(core=now, delta=delta) if now and delta else None
            broken = book.reasons(experiment_target(experiment), lock) if core.has_new_lines else ()
        except FumehoodError as error:
            return (error.what,)
        own = {pin.name for pin in delta.pins} | set(delta.header.removes) if delta else set()
        return (*core.named(own), *broken)

    def is_same_delta(self, path: str) -> bool:
        """Whether a delta lock installs what it did at the commit, whatever its header says."""
        try:
            now = self.book.store.committed(path)
        except FumehoodError:
            return False
        before = self._lock_before(path)
        return bool(now and before and not now.damage and not differences(before, now) and _removes(before, now))

    @property
    def has_lines_in_project(self) -> bool:
        """Whether core's pyproject.toml holds requirement lines."""
        return any(source.path == PYPROJECT for source in self.repository.core.requirements)

    def is_same_project(self) -> bool:
        """Whether nothing in core's pyproject.toml has changed that environments or tests depend on, lines apart."""
        has_lines = self.has_lines_in_project
        path = f"{self.git.prefix()}{PYPROJECT}"
        try:
            before = tomllib.loads(self.git.files(self.commit, [path])[path].decode("utf-8-sig"))
            now = tomllib.loads((self.repository.root / PYPROJECT).read_text(encoding="utf-8-sig"))
        except (KeyError, OSError, ValueError, RecursionError):
            return False
        return _of_effect(before, has_lines=has_lines) == _of_effect(now, has_lines=has_lines)

    def _has_same_lines(self, book: LockBook) -> bool:
        """Whether core's requirement lines say the same, wherever they stand and in whatever order."""
        with scratch_folder("affected") as folder:
            before = core_at.read(self.git, self.commit, self.repository.core, folder)
        return before.inputs.digest("") == book.core_inputs.digest("")

    def _lock_before(self, path: str) -> Lock | None:
        inside = f"{self.git.prefix()}{path}"
        found = self.git.files(self.commit, [inside]).get(inside)
        return lockfile.parse(found.decode("utf-8", "replace"), path=path) if found is not None else None


def differences(before: Lock, now: Lock) -> dict[NormalizedName, str]:
    """The packages that two locks pin differently, each with how: ``torch 2.4 → 2.5``."""
    old, new = by_name(before.pins), by_name(now.pins)
    return {
        name: _difference(name, old.get(name, ()), new.get(name, ()))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    }


def _difference(name: NormalizedName, before: tuple[Pin, ...], now: tuple[Pin, ...]) -> str:
    old, new = what_of(before), what_of(now)
    return f"{name} {old or 'nothing'} → {new or 'nothing'}" if old != new else f"{name} {new}, other files of it"


def _removes(before: Lock, now: Lock) -> bool:
    return before.header.removes == now.header.removes


def _of_effect(data: Mapping[str, Any], *, has_lines: bool) -> dict[str, Any]:
    """The tables of a pyproject.toml on which something depends; requirement lines are compared elsewhere."""
    kept = dict(data)
    tools, project = kept.pop("tool", {}), kept.pop("project", {})
    without = _PROJECT_WITHOUT_EFFECT | (set(_LINES) if has_lines else set())
    kept["tool"] = {name: table for name, table in tools.items() if name not in _TOOLS_WITHOUT_EFFECT}
    kept["project"] = {name: value for name, value in project.items() if name not in without}
    if has_lines:
        kept.pop("dependency-groups", None)
    return kept
