"""From a lock to the plan of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from fumehood.environments import layer, source_metadata
from fumehood.environments.frame import Frame
from fumehood.environments.plan import EnvironmentPlan, local_path
from fumehood.model.lock import Pin, by_name
from fumehood.model.markers import from_variables
from fumehood.reading import setup_script
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fumehood.environments.layer import LayerSpec
    from fumehood.model.experiment import Target
    from fumehood.model.lock import LayeredLock
    from fumehood.model.requirement import IndexOptions
    from fumehood.outside.interpreter import Interpreter
    from fumehood.repository import Repository

_ITSELF = Pin(name=NormalizedName("."), url=".", editable=True)
"""Core as a project of its own, installed as a developer would install it."""


def plan(
    repository: Repository,
    target: Target,
    lock: LayeredLock,
    interpreter: Interpreter,
    *,
    options: IndexOptions,
    proven: bool,
) -> EnvironmentPlan:
    """Plan the environment of a target for one interpreter."""
    here = from_variables(interpreter.variables)

    def applicable(pins: Iterable[Pin]) -> tuple[Pin, ...]:
        return tuple(_unmarked(pin) for pin in pins if here.admits(pin.marker))

    core_pins, delta_pins = applicable(lock.core.pins), applicable(lock.delta.pins)
    # A delta may spell core's pins with other markers; what counts is what this interpreter gets.
    ours, theirs = by_name(delta_pins), by_name(core_pins)
    same = frozenset(name for name in ours if ours[name] == theirs.get(name))
    hidden = frozenset(str(name) for name in lock.replaced - same if name in theirs)
    delta_pins = tuple(pin for pin in delta_pins if pin.name not in same)
    local = [pin for pin in (*core_pins, *delta_pins) if pin.is_local and not (pin in core_pins and pin.name in hidden)]
    return EnvironmentPlan(
        target=target,
        frame=Frame.of(repository, target, interpreter),
        core=_spec(core_pins, interpreter, compiled=True),
        delta=_spec(delta_pins, interpreter, compiled=False),
        hidden=hidden,
        local=_installed(repository, local),
        options=options,
        proven=proven,
    )


def _installed(repository: Repository, local: Iterable[Pin]) -> tuple[Pin, ...]:
    """The local pins that are installed.

    Core, imported from its source, is one of them only where no ``[project]`` says what installing it would record.
    """
    root, core = repository.root, repository.core
    itself = [pin for pin in local if _is_repository(root, pin)]
    elsewhere = [pin for pin in local if pin not in itself]
    if not core.sources:
        return (*elsewhere, *itself)
    is_wanted = bool(itself) or any(source.path in setup_script.FILES for source in core.requirements)
    if is_wanted and source_metadata.read(root, PYPROJECT) is None:
        elsewhere.append(_ITSELF)
    return tuple(elsewhere)


def _unmarked(pin: Pin) -> Pin:
    return type(pin)(name=pin.name, version=pin.version, url=pin.url, editable=pin.editable, hashes=pin.hashes)


def _spec(pins: Iterable[Pin], interpreter: Interpreter, *, compiled: bool) -> LayerSpec | None:
    shared = [pin for pin in pins if not pin.is_local]
    return layer.spec(shared, interpreter, compiled=compiled) if shared else None


def _is_repository(root: Path, pin: Pin) -> bool:
    return local_path(root, pin) == root.resolve()
