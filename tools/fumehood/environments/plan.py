"""What an environment will consist of, from a lock, decided before anything is touched."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from fumehood.environments import layer, source_metadata
from fumehood.environments.frame import Frame, layers_of
from fumehood.model.digest import sha256
from fumehood.model.lock import Pin, by_name
from fumehood.model.markers import from_variables
from fumehood.outside.files import digest_file
from fumehood.reading import local_project
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fumehood.environments.layer import LayerSpec
    from fumehood.model.experiment import Target
    from fumehood.model.index_options import IndexOptions
    from fumehood.model.lock import LayeredLock
    from fumehood.outside.interpreter import Interpreter
    from fumehood.repository import Repository

_EXTRAS = re.compile(r"\[[^\]/]*\]$")
_IGNORED = re.compile(r"^\.|^__pycache__$|\.egg-info$")
_ITSELF = Pin(name=NormalizedName("."), url=".", editable=True)
"""Core as a project of its own, installed as a developer would install it."""


class EnvironmentPlan(Struct, frozen=True, kw_only=True):
    """An environment, before it is built.

    Attributes:
        core: The core layer; None when core pins nothing for this interpreter.
        delta: The delta layer; None when the experiment adds nothing.
        hidden: Core's packages that must not be seen.
        local: Pins on this machine's own folders and files; they go into the environment itself. Among them is the
            repository only where nothing but a build knows what core's project is called and offers.
        proven: Whether the pins are known to satisfy each other.
    """

    target: Target
    frame: Frame
    core: LayerSpec | None
    delta: LayerSpec | None
    hidden: frozenset[str]
    local: tuple[Pin, ...]
    options: IndexOptions
    proven: bool

    @property
    def root(self) -> Path:
        """The repository."""
        return self.frame.root

    @property
    def interpreter(self) -> Interpreter:
        """The interpreter that it is for."""
        return self.frame.interpreter

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Everything that an index provides, as one flat set."""
        core = self.core.pins if self.core else ()
        delta = self.delta.pins if self.delta else ()
        return tuple(sorted([pin for pin in core if pin.name not in self.hidden] + list(delta)))

    @property
    def versions(self) -> dict[str, str]:
        """Name and version (or source) of everything installed."""
        return {str(pin.name): pin.what for pin in (*self.pins, *self.local)}

    @property
    def names_elsewhere(self) -> frozenset[str]:
        """The names of what no layer holds: local pins and projects imported from source."""
        local = [source_metadata.read(local_path(self.root, pin), "pyproject.toml") for pin in self.local]
        named = [project.name for project in (*self.frame.projects, *local) if project]
        return frozenset([*named, *(str(pin.name) for pin in self.local)])

    @property
    def local_files(self) -> tuple[str, ...]:
        """Every file and folder that local pins are installed from, relative to the repository where they are in it."""
        inside = f"{self.root.resolve()}/"
        return tuple(
            path.removeprefix(inside) for pin in self.local for path in _files(local_path(self.root, pin), pin)
        )

    @property
    def digest(self) -> str:
        """What the environment is made from; two plans with the same digest make the same environment."""
        content = (f"{pin.requirement} {_content(self.root, pin)}" for pin in self.local)
        return self.frame.digest(self.target.layout, layers_of(self.core, self.delta, self.hidden), content)


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
    is_wanted = bool(itself) or any(source.is_setup_script for source in core.requirements)
    if is_wanted and source_metadata.read(root, PYPROJECT) is None:
        elsewhere.append(_ITSELF)
    return tuple(elsewhere)


def _unmarked(pin: Pin) -> Pin:
    return replace(pin, marker="") if pin.marker else pin


def _spec(pins: Iterable[Pin], interpreter: Interpreter, *, compiled: bool) -> LayerSpec | None:
    shared = [pin for pin in pins if not pin.is_local]
    return layer.spec(shared, interpreter, compiled=compiled) if shared else None


def _is_repository(root: Path, pin: Pin) -> bool:
    return local_path(root, pin) == root.resolve()


def local_path(root: Path, pin: Pin) -> Path:
    """The folder or file of a local pin."""
    return local_project.location(root, _EXTRAS.sub("", pin.url)).resolve()


def _content(root: Path, pin: Pin) -> str:
    """A digest of what a local pin installs: of a file its bytes, of an editable folder what builds its metadata."""
    state = sha256()
    for path in _files(local_path(root, pin), pin):
        if not os.path.isdir(path):
            state.update(f"{path} {digest_file(path) or '-'}\n".encode())
    return state.hexdigest()


def _files(path: Path, pin: Pin) -> Iterator[str]:
    """What decides about the installation of a local pin; without what building it leaves in its folder."""
    if path.is_file():
        yield str(path)
    elif pin.editable:
        yield from (str(path / name) for name in local_project.BUILD_FILES)
    else:
        for top, folders, files in os.walk(path):
            built = {"build", "dist"} if top == str(path) else set()
            folders[:] = sorted(name for name in folders if name not in built and not _IGNORED.search(name))
            yield top
            yield from (os.path.join(top, name) for name in sorted(files))
