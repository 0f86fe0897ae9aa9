"""Whose a file is that is in no experiment's folder: core's, somebody's by a link or a requirement, or nobody's."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.errors import FumehoodError
from fumehood.model.globs import around, matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fumehood.imports.survey import Survey
    from fumehood.model.experiment import RequirementSource
    from fumehood.repository import Repository

_REQUIREMENTS = (".txt", ".in", ".lock", ".toml", ".cfg", ".py")
"""How files end that requirement lines lead to, or that are in a project which one installs."""


class Claims(Struct):
    """Who needs which file of a repository."""

    repository: Repository
    known: Survey
    environ: Mapping[str, str]
    _core: dict[str, bool] = field(default_factory=dict)
    _anybody: frozenset[str] | None = None
    _required: dict[str, list[str]] | None = None

    def is_core(self, path: str) -> bool:
        """Whether a Python file is one of core's modules or tests."""
        if path not in self._core:
            self._core[path] = self._is_in_core(path)
        return self._core[path]

    @property
    def of_anybody(self) -> frozenset[str]:
        """Python files that core or an experiment has, and those that they lead to."""
        if self._anybody is None:
            territories = self.known.territories
            files = self.known.graph.modules.files
            self._anybody = self._closure(path for path in files if territories.of(path).path or self.is_core(path))
        return self._anybody

    def is_of_former_experiment(self, path: str) -> bool:
        """Whether a file that is gone was where only experiments are; the experiment is then gone too."""
        folder = path.rpartition("/")[0]
        return bool(folder) and matches(folder, *self.repository.settings.experiments)

    def linked(self, path: str) -> Iterator[tuple[str, str]]:
        """The folders of experiments with a symbolic link to a file or to a folder around it, and the links."""
        for link, end in self.known.links.items():
            if path == end or path.startswith(f"{end}/"):
                yield self.known.territories.of(link).path, link

    def requiring(self, path: str) -> tuple[str, ...]:
        """The folders of experiments whose requirement lines stand in a file, or install a project that it is in."""
        if not path.endswith(_REQUIREMENTS):
            return ()
        if self._required is None:
            self._required = {}
            for experiment in self.repository.experiments:
                for file in self._files(experiment.requirements):
                    self._required.setdefault(file, []).append(experiment.path)
        return tuple(folder for place in around(path) for folder in self._required.get(place, ()))

    def is_of_core_tests(self, path: str) -> bool:
        """Whether core's tests, and nothing else, get their requirements from a file."""
        core = self.repository.core
        return path == core.tests_lock or path in set(self._files(core.tests_requirements))

    def _files(self, requirements: Iterable[RequirementSource]) -> Iterator[str]:
        """The files that requirement lines are read from, and the folders and files that they install."""
        from fumehood.reading import sources  # noqa: PLC0415 - few changes have requirements, and it takes a while to load

        chosen = tuple(requirements)
        yield from (source.path for source in chosen)
        try:
            found = sources.read(self.repository.root, chosen, environ=self.environ)
        except FumehoodError:
            return  # What is wrong with it is said by whoever needs its lines.
        yield from found.files
        for line in found.requirements:
            if line.is_local and line.url:
                yield posixpath.normpath(line.url)
                yield posixpath.normpath(posixpath.join(posixpath.dirname(line.place.file), line.url))

    def _is_in_core(self, path: str) -> bool:
        """Whether a Python file is a module of core, one of its tests, or set up for both."""
        if self.known.territories.of(path).path or self.is_of_former_experiment(path):
            return False
        core = self.repository.core
        if path == "conftest.py" or any(path == test or path.startswith(f"{test}/") for test in core.tests):
            return True
        first, _, inner = path.partition("/")
        in_top = "." in core.sources and (first in core.packages or not inner)
        return in_top or any(path.startswith(f"{source}/") for source in core.sources if source != ".")

    def _closure(self, start: Iterable[str]) -> frozenset[str]:
        steps = self.known.graph.steps
        seen = set(start)
        pending = list(seen)
        while pending:
            for target in steps.get(pending.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    pending.append(target)
        return frozenset(seen)
