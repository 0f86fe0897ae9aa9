"""Which part of a repository a file belongs to, and the folders that are on the import path there.

The order is that of an experiment's environment: the folder from which pytest imports the file, the experiment's
sources, core's, and the repository's top; last the folders of core's tests, which only ``sys.path`` edits lead to.
"""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.outside.toml_file import load
from fumehood.reading import entry_points, pytest_settings
from fumehood.reading.experiment import sources_of
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fumehood.repository import Repository


class Territory(Struct, frozen=True, kw_only=True):
    """Core, or one experiment: files that see the same folders on their import path.

    Attributes:
        name: The experiment's name; empty for core.
        path: The experiment's folder; empty for core.
        roots: Folders on the import path, first to last; empty for the repository's top.
        plugins: Modules by the group of entry points under which its metadata offers them.
    """

    name: str
    path: str
    roots: tuple[str, ...]
    plugins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Territories(Struct):
    """Core and the experiments of a repository, those with mistakes too."""

    core: Territory
    experiments: tuple[Territory, ...]
    _by_path: dict[str, Territory] = field(default_factory=dict)
    _by_folder: dict[str, Territory] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_path = {territory.path: territory for territory in self.experiments}

    def of(self, path: str) -> Territory:
        """The innermost experiment that a file is in; else core."""
        folder = path.rpartition("/")[0]
        found = self._by_folder.get(folder)
        if found is None:
            inner = folder
            while inner and inner not in self._by_path:
                inner = inner.rpartition("/")[0]
            found = self._by_folder[folder] = self._by_path.get(inner, self.core) if inner else self.core
        return found


def territories(repository: Repository) -> Territories:
    """Core and the experiments of a repository."""
    core = repository.core
    own = _roots([*core.sources, *_pytest_path(repository), "."])
    last = _roots([path if os.path.isdir(repository.root / path) else posixpath.dirname(path) for path in core.tests])
    known = [(experiment.name, experiment.path, experiment.sources) for experiment in repository.experiments]
    known += [(broken.name, broken.path, sources_of(str(repository.root), broken.path)) for broken in repository.broken]
    return Territories(
        core=Territory(name="", path="", roots=_roots([*own, *last]), plugins=_plugins(repository, "")),
        experiments=tuple(
            Territory(
                name=name,
                path=path,
                roots=_roots([*sources, *own, *last]),
                plugins=_plugins(repository, f"{path}/"),
            )
            for name, path, sources in known
        ),
    )


def _roots(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys("" if path == "." else path.strip("/") for path in paths))


def _plugins(repository: Repository, folder: str) -> dict[str, tuple[str, ...]]:
    """The modules that a project offers to who asks for entry points: all that are no commands."""
    found: dict[str, tuple[str, ...]] = {}
    for point in entry_points.read(repository.root, folder):
        if point.group not in entry_points.COMMANDS:
            found[point.group] = (*found.get(point.group, ()), point.module)
    return found


def _pytest_path(repository: Repository) -> tuple[str, ...]:
    """The folders that pytest's ``pythonpath`` puts on the import path."""
    place = repository.root / PYPROJECT
    project = load(place, name=PYPROJECT).data if place.exists() else {}
    return pytest_settings.folders(repository.root, project, "pythonpath")
