"""The locks of a repository against its requirement lines: which are current, and why the others are not."""

from __future__ import annotations

import functools
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from fumehood.errors import ConfigurationError, Place
from fumehood.locking.certificate import breaches
from fumehood.locking.resolve import Question
from fumehood.locking.store import LockStore, pins_digest
from fumehood.model.lock import Header, LayeredLock, Lock
from fumehood.reading import sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fumehood.model.experiment import RequirementSource, Target
    from fumehood.model.lock import Pin
    from fumehood.reading.sources import Inputs
    from fumehood.repository import Repository

_MINOR = re.compile(r"(\d+)\.(\d+)")
_MINORS = range(8, 40)


@dataclass(slots=True)
class LockBook:
    """Requirement lines and locks of one repository, each file read once."""

    repository: Repository
    store: LockStore
    environ: Mapping[str, str]
    _targets: dict[str, Inputs] = field(default_factory=dict)
    _core: Inputs | None = None

    @property
    def core_inputs(self) -> Inputs:
        """Core's requirement lines."""
        if self._core is None:
            self._core = self._read(self.repository.core.requirements)
        return self._core

    def inputs(self, target: Target) -> Inputs:
        """What a target adds to core's lines: its own requirements, and what running tests needs."""
        if target.session not in self._targets:
            extra = self.repository.core.test_requirements
            self._targets[target.session] = self._read(target.requirements, extra)
        return self._targets[target.session]

    def python(self, target: Target | None = None) -> str:
        """Lower bound of the Python versions that core's lock, or a target's, is for.

        Raises:
            ConfigurationError: The target asks for a Python that core does not support.
        """
        floor = python_floor(self.repository, self.store.committed(self.repository.core.lock))
        if target is None or not target.pythons:
            return floor
        lowest = min((_minor(python) for python in target.pythons), key=_as_numbers)
        if _as_numbers(lowest) < _as_numbers(floor):
            raise ConfigurationError(
                f"{target.subject} runs on Python {lowest}, but core supports {floor} and newer",
                place=Place(target.subject),
                remedy=f"name {floor} or a newer version as its python",
            )
        return lowest

    def core_question(self, preferred: Iterable[Pin] = ()) -> Question:
        """What to ask uv for core's lock."""
        return Question(subject="core", inputs=self.core_inputs, python=self.python(), preferred=tuple(preferred))

    def question(self, target: Target, preferred: Iterable[Pin] = ()) -> Question:
        """What to ask uv for a target: core's lines and its own, together."""
        return Question(
            subject=target.subject,
            inputs=self.core_inputs + self.inputs(target),
            python=self.python(target),
            preferred=tuple(preferred),
        )

    def core_header(self) -> Header:
        """The header of a core lock that is made now."""
        return Header(inputs=self.core_inputs.digest(self.python()), python=self.python())

    def header(self, target: Target, core: Lock) -> Header:
        """The header of a delta lock that is made now, on that core lock."""
        python = self.python(target)
        return Header(inputs=self.inputs(target).digest(python), python=python, core=pins_digest(core))

    def core_reasons(self, lock: Lock | None) -> tuple[str, ...]:
        """Why a core lock is not current; empty when it is."""
        path = self.repository.core.lock
        if lock is None:
            return (f"{path} is missing",)
        found = breaches(self.core_inputs.requirements, lock.pins, python=lock.header.python)
        return _reasons(path, lock, self.core_header(), [str(breach) for breach in found])

    def reasons(self, target: Target, lock: LayeredLock | None) -> tuple[str, ...]:
        """Why a delta lock is not current, apart from core having moved; empty when it is."""
        if lock is None:
            return (f"{target.lock} is missing",)
        lines = (*self.core_inputs.requirements, *self.inputs(target).requirements)
        found = breaches(lines, lock.pins, python=lock.delta.header.python)
        return _reasons(target.lock, lock.delta, self.header(target, lock.core), [str(breach) for breach in found])

    def _read(self, requirements: Iterable[RequirementSource], extra: Iterable[str] = ()) -> Inputs:
        return sources.read(self.repository.root, requirements, environ=self.environ, extra=extra)


def python_floor(repository: Repository, lock: Lock | None) -> str:
    """The lowest Python minor version that core supports.

    ``[project].requires-python`` says so; else the settings' ``python``; else the lock that is there, so that it does
    not change with who runs it; else the running interpreter.
    """
    core = repository.core
    if core.requires_python:
        return _lowest(core.requires_python)
    if core.pythons:
        return min((_minor(python) for python in core.pythons), key=_as_numbers)
    if lock is not None:
        return lock.header.python
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@functools.cache
def _lowest(requires_python: str) -> str:
    try:
        specifier = SpecifierSet(requires_python)
    except InvalidSpecifier as error:
        raise ConfigurationError(
            f"requires-python is {requires_python!r}, which is no version specifier",
            place=Place("pyproject.toml"),
            remedy='write a specifier such as ">=3.11"',
        ) from error
    for minor in _MINORS:
        if specifier.contains(f"3.{minor}.99") or specifier.contains(f"3.{minor}"):
            return f"3.{minor}"
    raise ConfigurationError(
        f"requires-python is {requires_python!r}, which no Python 3 satisfies",
        place=Place("pyproject.toml"),
        remedy='write a specifier such as ">=3.11"',
    )


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
