"""What an environment will consist of, decided before anything is touched."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from fumehood.environments import source_metadata
from fumehood.environments.layer import LayerSpec
from fumehood.locking import lockfile
from fumehood.model.lock import by_name
from fumehood.model.markers import from_variables
from fumehood.outside.files import digest_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fumehood.environments.source_metadata import SourceProject
    from fumehood.model.experiment import Layout, Target
    from fumehood.model.lock import LayeredLock, Pin
    from fumehood.model.requirement import IndexOptions
    from fumehood.outside.interpreter import Interpreter
    from fumehood.repository import Repository

FORMAT = "3"
"""Raised whenever an environment is put together differently, so that old ones are rebuilt."""

PLUGIN = Path(__file__).resolve().parent.parent / "testing" / "plugin"
"""The folder of the pytest plugin, which environments have on their path and never installed."""

_EXTRAS = re.compile(r"\[[^\]/]*\]$")
_IGNORED = re.compile(r"^\.|^__pycache__$|\.egg-info$")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlan:
    """An environment, before it is built.

    Attributes:
        core: The core layer; None when core pins nothing for this interpreter.
        delta: The delta layer; None when the experiment adds nothing.
        hidden: Core's packages that must not be seen.
        local: Pins on this machine's own folders and files; they go into the environment itself. Not among them is the
            repository, where core is imported from its source anyway.
        sources: Folders for the import path, absolute: the target's, core's, and the repository last.
        projects: Core and the target, where they are projects imported from source.
        proven: Whether the pins are known to satisfy each other.
    """

    target: Target
    root: Path
    interpreter: Interpreter
    core: LayerSpec | None
    delta: LayerSpec | None
    hidden: frozenset[str]
    local: tuple[Pin, ...]
    sources: tuple[Path, ...]
    projects: tuple[SourceProject, ...]
    options: IndexOptions
    layout: Layout
    proven: bool

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
        named = [project.name for project in (*self.projects, *local) if project]
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
        lines = [FORMAT, self.interpreter.identity, str(self.interpreter.executable), str(PLUGIN), self.layout]
        lines += [lockfile.render_pin(pin) for pin in self.pins]
        lines += [self.core.digest if self.core else "", *sorted(self.hidden), *map(str, self.sources)]
        lines += [f"{project.folder}{project.files}" for project in self.projects]
        lines += [f"{pin.requirement} {_content(self.root, pin)}" for pin in self.local]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


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
    local = tuple(
        pin
        for pin in (*(pin for pin in core_pins if pin.name not in hidden), *delta_pins)
        if pin.is_local and not (repository.core.sources and _is_repository(repository.root, pin))
    )
    return EnvironmentPlan(
        target=target,
        root=repository.root,
        interpreter=interpreter,
        core=_spec(core_pins, interpreter, compiled=True),
        delta=_spec(delta_pins, interpreter, compiled=False),
        hidden=hidden,
        local=local,
        sources=_sources(repository, target),
        projects=_projects(repository, target),
        options=options,
        layout=target.layout,
        proven=proven,
    )


def _unmarked(pin: Pin) -> Pin:
    return type(pin)(name=pin.name, version=pin.version, url=pin.url, editable=pin.editable, hashes=pin.hashes)


def _spec(pins: Iterable[Pin], interpreter: Interpreter, *, compiled: bool) -> LayerSpec | None:
    shared = tuple(sorted(pin for pin in pins if not pin.is_local))
    return LayerSpec(pins=shared, interpreter=interpreter, compiled=compiled) if shared else None


def _is_repository(root: Path, pin: Pin) -> bool:
    return local_path(root, pin) == root.resolve()


def local_path(root: Path, pin: Pin) -> Path:
    """The folder or file of a local pin."""
    place = pin.url.partition("#")[0]
    if place.startswith("file:"):
        return Path(unquote(urlsplit(place).path)).resolve()
    return (root / _EXTRAS.sub("", place)).resolve()


def _content(root: Path, pin: Pin) -> str:
    """A digest of what a local pin installs: of a file its bytes, of an editable folder what builds its metadata."""
    state = hashlib.sha256()
    for path in _files(local_path(root, pin), pin):
        if not os.path.isdir(path):
            state.update(f"{path} {digest_file(path) or '-'}\n".encode())
    return state.hexdigest()


def _files(path: Path, pin: Pin) -> Iterator[str]:
    """What decides about the installation of a local pin; without what building it leaves in its folder."""
    if path.is_file():
        yield str(path)
    elif pin.editable:
        yield from (str(path / name) for name in ("pyproject.toml", "setup.cfg", "setup.py"))
    else:
        for top, folders, files in os.walk(path):
            built = {"build", "dist"} if top == str(path) else set()
            folders[:] = sorted(name for name in folders if name not in built and not _IGNORED.search(name))
            yield top
            yield from (os.path.join(top, name) for name in sorted(files))


def _sources(repository: Repository, target: Target) -> tuple[Path, ...]:
    """First the target's own sources, then core's, last the repository (for ``import experiments.foo``)."""
    wanted = [*target.sources, *repository.core.sources]
    paths = [repository.root if path == "." else repository.root / path for path in wanted if path != "."]
    if "." in repository.core.sources or "." in target.sources:
        paths.append(repository.root)
    return tuple(dict.fromkeys(paths))


def _projects(repository: Repository, target: Target) -> tuple[SourceProject, ...]:
    found = []
    if repository.core.sources:
        found.append(source_metadata.read(repository.root, "pyproject.toml"))
    if target.session != "core":
        found.append(source_metadata.read(repository.root, f"{target.subject}/pyproject.toml"))
    by_project_name = {project.name: project for project in found if project}
    return tuple(by_project_name.values())
