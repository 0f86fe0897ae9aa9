"""What an environment has beside its layers, known from the repository alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.environments import source_metadata
from fumehood.model.digest import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fumehood.environments.layer import LayerSpec
    from fumehood.environments.source_metadata import SourceProject
    from fumehood.model.experiment import Layout, Target
    from fumehood.outside.interpreter import Interpreter
    from fumehood.repository import Repository

FORMAT = "5"
"""Raised whenever an environment is put together differently, so that old ones are rebuilt."""

PLUGIN = Path(__file__).resolve().parent.parent / "testing" / "plugin"
"""The folder of the pytest plugin, which environments have on their path and never installed."""


class Frame(Struct, frozen=True, kw_only=True):
    """What an environment has beside its layers.

    Attributes:
        sources: Folders for the import path, absolute: the target's, core's, and the repository last.
        projects: Core and the target, where they are projects imported from source.
    """

    root: Path
    interpreter: Interpreter
    sources: tuple[Path, ...]
    projects: tuple[SourceProject, ...]

    @classmethod
    def of(cls, repository: Repository, target: Target, interpreter: Interpreter) -> Frame:
        """The frame of a target's environment."""
        sources, projects = _sources(repository, target), _projects(repository, target)
        return cls(root=repository.root, interpreter=interpreter, sources=sources, projects=projects)

    def digest(self, layout: Layout, layers: Iterable[str], contents: Iterable[str] = ()) -> str:
        """What an environment is made from; two with the same digest are the same.

        Args:
            layout: What the manifest says.
            layers: The digests of the layers, and core's packages that are hidden.
            contents: Of what is installed into the environment itself.
        """
        lines = [FORMAT, self.interpreter.identity, str(self.interpreter.executable), str(PLUGIN), layout]
        lines += [*layers, *map(str, self.sources)]
        lines += [f"{project.folder}{project.files}" for project in self.projects]
        return sha256("\n".join([*lines, *contents]).encode()).hexdigest()


def layers_of(core: LayerSpec | None, delta: LayerSpec | None, hidden: Iterable[str]) -> tuple[str, ...]:
    """What decides about the layers of an environment, for `Frame.digest`."""
    return (core.digest if core else "", delta.digest if delta else "", *sorted(hidden))


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
