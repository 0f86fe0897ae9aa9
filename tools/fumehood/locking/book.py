"""The locks of a repository against its requirement lines: which are current, and why the others are not."""

from __future__ import annotations

import functools
import re
import sys
import threading
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from fumehood.errors import ConfigurationError, FumehoodError, Place, UnsupportedPythonError
from fumehood.locking.certificate import breaches
from fumehood.locking.lockfile import pins_digest
from fumehood.locking.question import Question
from fumehood.locking.store import LockStore
from fumehood.model.index_options import IndexOptions
from fumehood.model.lock import Header, LayeredLock, Lock, by_name
from fumehood.model.pythons import lowest_admitted
from fumehood.outside import toml_file
from fumehood.outside.files import cache_folder
from fumehood.reading import own_project, sources, uv_settings
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from packaging.utils import NormalizedName

    from fumehood.locking.certificate import Breach
    from fumehood.model.experiment import Core, RequirementSource, Target
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement
    from fumehood.model.uv_settings import UvSettings
    from fumehood.reading.sources import Inputs
    from fumehood.repository import Repository

_MINOR = re.compile(r"(\d+)\.(\d+)")


class LockBook(Struct):
    """Requirement lines and locks of one repository, each file read once.

    Attributes:
        cores: Core's lock with why it is not the committed one, or why there is none, by whether resolving was
            forbidden, see `obtain`.
        turn: Whoever holds it may add to `cores`, so that threads do not all resolve core.
    """

    repository: Repository
    store: LockStore
    environ: Mapping[str, str]
    cores: dict[bool, tuple[Lock, tuple[str, ...]] | FumehoodError] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock)
    _targets: dict[str, Inputs] = field(default_factory=dict)
    _core: Inputs | None = None
    _floor: str | None = None
    _known: _KnownCore | None = None
    _committed: tuple[Lock | None] | None = None
    _own: tuple[NormalizedName | None] | None = None
    _settings: UvSettings | None = None

    @classmethod
    def of(cls, repository: Repository, environ: Mapping[str, str], *, cache: Path | None = None) -> LockBook:
        """The book of a repository; without a cache, what is not committed is kept in the usual one."""
        return cls(repository, LockStore(root=repository.root, cache=cache or cache_folder(environ)), environ)

    @property
    def core_inputs(self) -> Inputs:
        """Core's requirement lines."""
        if self._core is None:
            self._core = self._read(self.repository.core.requirements)
        return self._core

    @property
    def committed_core(self) -> Lock | None:
        """Core's lock as it is in the repository, damaged perhaps; None where there is none."""
        if self._committed is None:
            self._committed = (self.store.committed(self.repository.core.lock),)
        return self._committed[0]

    def forget(self, target: Target) -> None:
        """Read a target's lines anew when they are next asked for."""
        self._targets.pop(target.session, None)

    def with_core(self, core: Core, inputs: Inputs) -> LockBook:
        """The book of the same repository, if core were another and had those lines; uv's configuration stays."""
        lines = replace(inputs, settings=self._uv_settings)
        return LockBook(replace(self.repository, core=core), self.store, self.environ, _core=lines)

    def inputs(self, target: Target) -> Inputs:
        """What a target adds to core's lines: its own requirements, and what running tests needs."""
        if target.session not in self._targets:
            extra = self.repository.core.test_requirements
            found = self._read(target.requirements, extra, there=lambda: self.core_inputs.requirements)
            self._targets[target.session] = found
        return self._targets[target.session]

    def all_inputs(self, target: Target | None) -> Inputs:
        """Core's lines with those that a target adds, if there is one."""
        return self.core_inputs + self.inputs(target) if target else self.core_inputs

    def python(self, target: Target | None = None) -> str:
        """Lower bound of the Python versions that core's lock, or a target's, is for.

        Raises:
            UnsupportedPythonError: The target asks for a Python that core does not support.
        """
        if self._floor is None:
            self._floor = python_floor(self.repository, self.committed_core)
        lowest = _lowest_of(target.pythons) if target else None
        if target is None or lowest is None:
            return self._floor
        if _as_numbers(lowest) >= _as_numbers(self._floor)[:2]:
            return max(self._floor, lowest, key=_as_numbers)
        what, remedy = f"core supports {self._floor} and newer", f"name {self._floor} or a newer version as its python"
        if not _stated_floor(self.repository, self.committed_core):
            what = f"core says nothing, and is taken to support {self._floor} and newer, since that runs fumehood"
            remedy = f"say what core supports in {PYPROJECT}, with [project] requires-python or [tool.fumehood] python"
        raise UnsupportedPythonError(
            f"{target.subject} runs on Python {lowest}, but {what}", place=Place(target.subject), remedy=remedy
        )

    def python_for(self, pythons: Iterable[str]) -> str:
        """Lower bound of the Python versions that are among these, if there are any, and that core supports."""
        floor = self.python()
        return max(floor, _lowest_of(pythons) or floor, key=_as_numbers)

    def core_question(self, preferred: Iterable[Pin]) -> Question:
        """What to ask uv for core's lock."""
        return Question(subject="core", inputs=self.core_inputs, python=self.python(), preferred=tuple(preferred))

    def question(
        self, target: Target, core: Lock, delta: Lock | None = None, *, movable: frozenset[NormalizedName] = frozenset()
    ) -> Question:
        """What to ask uv for a target: core's lines and its own, together.

        Core's pins are preferred, then those of the delta that was there.

        Args:
            target: Whose environment it is for.
            core: Core's lock.
            delta: The target's delta so far.
            movable: Packages whose pin in the delta is not to be kept.
        """
        about = self._about(core)
        in_core = about.pinned
        essential = tuple(line for line in self.inputs(target).requirements if not about.satisfies(line))
        is_settled = not essential and about.is_sound and self.inputs(target).options == IndexOptions()
        own = [pin for pin in (delta.pins if delta else ()) if pin.name not in movable]
        return Question(
            subject=target.subject,
            inputs=self.all_inputs(target),
            python=self.python(target),
            preferred=(*core.pins, *(pin for pin in own if pin.name not in in_core)),
            former=tuple(pin for pin in own if pin.name in in_core),
            essential=essential,
            settled=core.pins if is_settled else (),
        )

    def core_header(self) -> Header:
        """The header of a core lock that is made now."""
        return Header(inputs=self.core_inputs.digest(self.python()), python=self.python())

    def header(self, target: Target, core: Lock) -> Header:
        """The header of a delta lock that is made now, on that core lock."""
        python = self.python(target)
        return Header(inputs=self.inputs(target).digest(python), python=python, core=self._about(core).digest)

    def core_reasons(self, lock: Lock | None) -> tuple[str, ...]:
        """Why a core lock is not current; empty when it is."""
        path = self.repository.core.lock
        if lock is None:
            return (f"{path} is missing",)
        if lock.damage:
            return (lock.damage,)
        found = self._breaches(self.core_inputs.requirements, by_name(lock.pins), lock)
        return _reasons(path, lock, self.core_header(), [str(breach) for breach in found])

    def reasons(self, target: Target, lock: LayeredLock | None) -> tuple[str, ...]:
        """Why a delta lock is not current, apart from core having moved; empty when it is.

        Of core's lines only those are looked at whose packages the delta replaces: what core's lock says of the others
        is `core_reasons`' affair.
        """
        if lock is None:
            return (f"{target.lock} is missing",)
        if lock.delta.damage:
            return (lock.delta.damage,)
        about, replaced = self._about(lock.core), lock.replaced
        pinned = {name: pins for name, pins in about.pinned.items() if name not in replaced}
        pinned |= by_name(lock.delta.pins)
        lines = [line for line in self.core_inputs.requirements if line.name in replaced]
        found = self._breaches([*lines, *self.inputs(target).requirements], pinned, lock.delta)
        return _reasons(target.lock, lock.delta, self.header(target, lock.core), [str(breach) for breach in found])

    def is_proven(self, lock: LayeredLock) -> bool:
        """Whether a delta is known to hold on this core lock."""
        return self.store.is_proven(lock, core=self._about(lock.core).digest)

    def _about(self, core: Lock) -> _KnownCore:
        """What is needed of core's lock for each of a thousand deltas."""
        if self._known is None or self._known.lock is not core:
            pinned = by_name(core.pins)
            broken = self._breaches(self.core_inputs.requirements, pinned, core)
            self._known = _KnownCore(
                lock=core,
                digest=pins_digest(core),
                pinned=pinned,
                is_sound=not broken,
                settings=self.core_inputs.settings,
            )
        return self._known

    def _breaches(
        self, lines: Iterable[Requirement], pinned: Mapping[NormalizedName, tuple[Pin, ...]], lock: Lock
    ) -> tuple[Breach, ...]:
        return breaches(lines, pinned, python=lock.header.python, settings=self.core_inputs.settings)

    def _read(
        self,
        requirements: Iterable[RequirementSource],
        extra: Iterable[str] = (),
        there: Callable[[], Iterable[Requirement]] = tuple,
    ) -> Inputs:
        root, core = self.repository.root, self.repository.core
        found = sources.read(root, requirements, environ=self.environ, extra=extra)
        if self._own is None:
            self._own = (own_project.name(core, root),)
        found = replace(found, settings=self._uv_settings)
        return own_project.replaced(found, core, root, self._own[0], there)

    @property
    def _uv_settings(self) -> UvSettings:
        if self._settings is None:
            self._settings = uv_settings.read(self.repository.root, self.environ)
        return self._settings


class _KnownCore(Struct, frozen=True, kw_only=True):
    """A core lock, and what follows from it.

    Attributes:
        is_sound: Whether core's lines admit its pins.
        settings: What uv is configured to.
    """

    lock: Lock
    digest: str
    pinned: Mapping[NormalizedName, tuple[Pin, ...]]
    is_sound: bool
    settings: UvSettings

    def satisfies(self, line: Requirement) -> bool:
        """Whether a line asks for nothing that core's pins do not give already."""
        pins = self.pinned.get(line.name, ()) if line.name else ()
        if not pins or line.url or line.extras or line.hashes or any(pin.url for pin in pins):
            return False
        return not breaches([line], self.pinned, python=self.lock.header.python, settings=self.settings)


def python_floor(repository: Repository, lock: Lock | None) -> str:
    """The lowest Python version that core supports.

    ``[project].requires-python`` says so, or a setuptools project's ``python_requires``; else the settings' ``python``;
    else the lock that is there, so that it does not change with who runs it; else the running interpreter.
    """
    return _stated_floor(repository, lock) or f"{sys.version_info.major}.{sys.version_info.minor}"


def _stated_floor(repository: Repository, lock: Lock | None) -> str:
    """What is said about it anywhere; empty where nothing is."""
    core = repository.core
    if core.requires_python:
        return _lowest(repository.root, core.requires_python)
    return _lowest_of(core.pythons) or (lock.header.python if lock else "")


@functools.cache
def _lowest(root: Path, requires_python: str) -> str:
    what = "is no version specifier"
    try:
        if lowest := lowest_admitted(SpecifierSet(requires_python)):
            return lowest
        what = "admits no Python 3"
    except InvalidSpecifier:
        pass
    raise ConfigurationError(
        f"requires-python is {requires_python!r}, which {what}",
        place=toml_file.load(root / PYPROJECT, name=PYPROJECT).place("project", "requires-python"),
        remedy='write a specifier such as ">=3.11"',
    )


def _lowest_of(pythons: Iterable[str]) -> str | None:
    return min(map(_minor, pythons), key=_as_numbers, default=None)


def _minor(python: str) -> str:
    match = _MINOR.search(python)
    return match[0] if match else f"{sys.version_info.major}.{sys.version_info.minor}"


def _as_numbers(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split("."))


def _reasons(path: str, lock: Lock, expected: Header, breached: list[str]) -> tuple[str, ...]:
    if breached:
        return tuple(breached)
    if lock.header.python != expected.python:
        return (f"{path} is for Python {lock.header.python} and newer, not {expected.python}",)
    if lock.header.inputs != expected.inputs:
        return (f"{path} was made from other requirement lines",)
    return ()
