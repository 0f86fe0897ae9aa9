"""What an experiment imports from outside of the repository, against what its requirement lines bring."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from fumehood.environments.store import LayerStore
from fumehood.errors import FumehoodError
from fumehood.model.source import OPTIONAL, TYPING
from fumehood.outside import toml_file
from fumehood.outside.files import cache_folder
from fumehood.reading import pyproject_requirements, requirements_txt, setup_script
from fumehood.rules.crossing import by_line, is_hidden
from fumehood.rules.import_names import Installed, installed, likely, subject
from fumehood.rules.mentions import mentions
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fumehood.model.experiment import Experiment
    from fumehood.model.requirement import Requirement
    from fumehood.rules.crossing import Use
    from fumehood.rules.seen import Seen

_NOT_IMPORTED = frozenset(
    {"cmake", "hf-transfer", "kernels", "ninja", "pip", "pytest", "sentencepiece", "setuptools", "uv", "wheel"}
)
"""Distributions that do their work without being imported by those who require them."""
_MOST_PLACES = 4
_REQUIREMENTS = re.compile(r"(?:^|/)requirements[^/]*\.txt$")
_TEXT = (".cfg", ".ini", ".ipynb", ".json", ".md", ".py", ".rst", ".sh", ".toml", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Needed:
    """Something from outside that is imported.

    Attributes:
        module: The part of its name that a distribution decides about.
        distribution: The likeliest to bring it.
        uses: The lines that import it and cannot do without it.
        core_too: Whether core imports it too, and asks for it as little.
        file: A requirement file that asks for it and is none of the experiment's, or of core's.
    """

    module: str
    distribution: str
    uses: Sequence[Use]
    core_too: bool = False
    file: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """How the imports of an experiment, or of core, agree with requirement lines.

    Attributes:
        undeclared: What no line asks for, and nothing else brings.
        transitive: What no line asks for, and the lock has because something else asks for it.
        idle: Lines that bring what nothing imports.
    """

    undeclared: tuple[Needed, ...] = ()
    transitive: tuple[Needed, ...] = ()
    idle: tuple[Requirement, ...] = ()


@dataclass
class NeedsReader:
    """Finds out about core and each experiment once."""

    seen: Seen
    _found: dict[str, Needs] = field(default_factory=dict)
    _others: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    _asked: dict[str, frozenset[str]] = field(default_factory=dict)

    def of(self, experiment: Experiment | None) -> Needs:
        """What is to be said about an experiment, or about core."""
        name = experiment.name if experiment else ""
        if name not in self._found:
            self._found[name] = self._needs(experiment)
        return self._found[name]

    def _needs(self, experiment: Experiment | None) -> Needs:
        own = self._own(experiment)
        declared = self._declared_for(experiment)
        uses = self._uses(experiment.name if experiment else "")
        lacking = [
            Needed(module, likely(module)[0], by_line(hard))
            for module, places in uses.items()
            if (hard := _hard(places))
            and not self._is_brought(module, declared)
            and not (experiment and self._is_in_a_longer_name(module, _names(own), uses))
        ]
        pinned = self._pinned(experiment) if lacking else frozenset[str]()
        transitive = [one for one in lacking if self._is_brought(one.module, pinned)]
        return Needs(
            undeclared=tuple(self._explained(one, experiment) for one in lacking if one not in transitive),
            transitive=tuple(transitive),
            idle=tuple(self._idle(experiment, own, uses)) if experiment else (),
        )

    def _own(self, experiment: Experiment | None) -> Sequence[Requirement]:
        return self.seen.lines(experiment).requirements if experiment else self._project(extras=True)

    def _declared_for(self, experiment: Experiment | None) -> frozenset[str]:
        """The distributions that lines of core, and of the experiment, ask for."""
        name = experiment.name if experiment else ""
        if name not in self._asked:
            asked = _names([*self.seen.lines(None).requirements, *self._declared, *self._own(experiment)])
            self._asked[name] = asked | (self._built if experiment else self._built | self._in_setup_script)
        return self._asked[name]

    def home(self, own: str, first: str) -> str:
        """The folder of the experiment that has a module which another part of the repository means by a name.

        That is a module in its ``src``, or one that is called as the experiment is. Where a requirement line of that
        other part brings a module of this name, that is what is meant.

        Args:
            own: The experiment that the name stands in; empty for core.
            first: The first part of the name.
        """
        path = self.homes.get(first, "")
        if not path or self.seen.parts.experiment(f"{path}/") == own:
            return ""
        named = next((one for one in self.seen.repository.experiments if one.name == own), None)
        return "" if self._is_brought(first, self._declared_for(named)) else path

    @cached_property
    def homes(self) -> Mapping[str, str]:
        """The folders of experiments by the names of the packages that they offer when they are installed."""
        modules = self.seen.outline.modules
        found: dict[str, str] = {}
        for experiment in self.seen.repository.experiments:
            offered = modules.directly_in(f"{experiment.path}/src")
            if experiment.name in modules.directly_in(experiment.path):
                offered |= {experiment.name}
            found |= dict.fromkeys(offered, experiment.path)
        return found

    def _is_in_a_longer_name(self, module: str, declared: frozenset[str], uses: Iterable[str]) -> bool:
        """Whether an own line's distribution begins with a module's name, and is there for nothing else.

        ``cyclonedx-python-lib`` brings ``cyclonedx``. One that brings another module that is imported, as
        ``torch-geometric`` does, says nothing about ``torch``.
        """
        beginning = f"{likely(module)[0]}-"
        longer = [name for name in declared if name.startswith(beginning)]
        return any(not any(self._is_brought(other, frozenset({name})) for other in uses) for name in longer)

    def _explained(self, needed: Needed, experiment: Experiment | None) -> Needed:
        """With what is known of it all the same: that core needs it too, or that another file asks for it."""
        if experiment:
            core = self.of(None)
            for one in (*core.undeclared, *core.transitive):
                if one.module == needed.module:
                    return replace(needed, core_too=True, file=one.file)
        files = (file for file, names in self._elsewhere(experiment).items() if self._is_brought(needed.module, names))
        return replace(needed, file=next(files, ""))

    def _elsewhere(self, experiment: Experiment | None) -> dict[str, frozenset[str]]:
        """What other requirement files of an experiment's folder, or of core's, ask for, which are none of its own."""
        name = experiment.name if experiment else ""
        if name not in self._others:
            own = {source.path for source in (experiment or self.seen.core).requirements}
            files = filter(_REQUIREMENTS.search, self.seen.own_files.get(name, ()) if name else self.seen.survey.files)
            self._others[name] = {
                path: _names(self._read(path))
                # Hidden folders last, since links lead there.
                for path in sorted(files, key=lambda path: (is_hidden(path), path))
                if path not in own and self.seen.parts.experiment(path) == name
            }
        return self._others[name]

    def _read(self, path: str) -> Sequence[Requirement]:
        try:
            environ = self.seen.book.environ
            return requirements_txt.read(self.seen.root / path, root=self.seen.root, environ=environ).requirements
        except FumehoodError:
            return ()

    def _uses(self, name: str) -> dict[str, list[Use]]:
        """The imports of a part of the repository from outside; of core's only those of its packages."""
        found: dict[str, list[Use]] = {}
        for places in self.seen.crossings.outside.get(name, {}).values():
            for use in places:
                if name or use.path.startswith(self._packages):
                    found.setdefault(subject(use.module), []).append(use)
        return found

    @cached_property
    def _packages(self) -> tuple[str, ...]:
        core = self.seen.core
        sources = ("" if source == "." else f"{source}/" for source in core.sources)
        return tuple(f"{source}{package}/" for source in sources for package in core.packages)

    @cached_property
    def _installed(self) -> Installed:
        store = LayerStore(cache=cache_folder(self.seen.book.environ), say=lambda _line: None)
        return installed(store.published())

    def _is_brought(self, module: str, names: frozenset[str]) -> bool:
        """Whether one of some distributions brings a module."""
        if not names.isdisjoint(likely(module)):
            return True
        return not names.isdisjoint(self._installed.bringing(module))

    @cached_property
    def _declared(self) -> Sequence[Requirement]:
        return self._project(extras=False)

    def _project(self, *, extras: bool) -> Sequence[Requirement]:
        """What core's pyproject.toml declares, wherever core's requirements are read from; all its extras on demand."""
        path = self.seen.root / PYPROJECT
        try:
            project = toml_file.load(path, name=PYPROJECT).data.get("project", {}) if path.is_file() else {}
            names = tuple(project.get("optional-dependencies", ())) if extras else ()
            found = pyproject_requirements.read_project(path, root=self.seen.root, extras=names) if project else None
        except (FumehoodError, AttributeError):  # What is wrong in it is said where it is read for its own sake.
            return ()
        return found.requirements if found else ()

    @cached_property
    def _built(self) -> frozenset[str]:
        """What core's lock has, where only a build knows what core requires, and so which of it."""
        lines = self.seen.lines(None).requirements
        is_built = any(line.url == "." and line.place.file in {PYPROJECT, setup_script.SCRIPT} for line in lines)
        return self._pinned(None) if is_built else frozenset()

    @cached_property
    def _in_setup_script(self) -> frozenset[str]:
        """What core's ``setup.py`` names as a requirement anywhere: extras too, which core's own code may import."""
        path = self.seen.root / setup_script.SCRIPT
        return setup_script.named(path) if path.is_file() else frozenset()

    def _pinned(self, experiment: Experiment | None) -> frozenset[str]:
        """The distributions in core's lock and in the experiment's, as they are committed."""
        paths = [self.seen.core.lock, *([experiment.lock] if experiment else [])]
        try:
            locks = [self.seen.book.store.committed(path) for path in paths]
        except FumehoodError:
            return frozenset()
        return frozenset(str(pin.name) for lock in locks if lock for pin in lock.pins)

    def _idle(
        self, experiment: Experiment, lines: Iterable[Requirement], uses: dict[str, list[Use]]
    ) -> Iterator[Requirement]:
        for line in lines:
            name = str(line.name)
            if not line.name or line.constraint or not line.place.file.startswith(f"{experiment.path}/"):
                continue
            if name in _NOT_IMPORTED or name.startswith(("pytest-", "types-")) or name.endswith("-stubs"):
                continue
            brought = frozenset({name})
            if any(self._is_brought(module, brought) or name.startswith(f"{likely(module)[0]}-") for module in uses):
                continue
            if not self._installed.is_imported_never(name):
                yield line

    def unused(self, experiment: Experiment) -> Iterator[Requirement]:
        """Lines that bring what an experiment in question neither imports nor mentions anywhere.

        A mention is the name as a command, in a configuration, or in the README.
        """
        for line in self.of(experiment).idle:
            paths = self.seen.own_files.get(experiment.name, ())
            if not any(str(line.name) in self._mentions.get(path, ()) for path in paths):
                yield line

    @cached_property
    def _mentions(self) -> Mapping[str, Sequence[str]]:
        """Which of the names of all idle lines each text file of their experiments has."""
        idle = {experiment.name: self.of(experiment).idle for experiment in self.seen.experiments}
        names = {str(line.name) for lines in idle.values() for line in lines}
        owners = [name for name, lines in idle.items() if lines]
        files = (path for name in owners for path in self.seen.own_files.get(name, ()) if path.endswith(_TEXT))
        return mentions(self.seen.root, files, names, self.seen.book.environ, self.seen.states)


def _hard(uses: Iterable[Use]) -> list[Use]:
    """Those that fail where there is nothing to import; not in a file that looks first whether there is something."""
    looked = {use.path for use in uses if use.flags & OPTIONAL}
    return [use for use in uses if not use.flags & TYPING and use.path not in looked]


def _names(lines: Iterable[Requirement]) -> frozenset[str]:
    """The distributions that lines ask for; of an address without a name, what its end is called."""
    return frozenset(str(line.name or _end(line.url or "")) for line in lines if not line.constraint)


def _end(address: str) -> str:
    """``renderers`` for ``git+https://host/someone/renderers.git@main``."""
    last = urlsplit(address).path.rstrip("/").rpartition("/")[2]
    return canonicalize_name(last.partition("@")[0].removesuffix(".git"))


def places(needed: Needed) -> tuple[str, ...]:
    """Where else something is imported, for the details of a finding."""
    others = [f"{use.path}:{use.line}" for use in needed.uses[1:]]
    more = [f"and in {len(others) - _MOST_PLACES} more places"] if len(others) > _MOST_PLACES else []
    return (*others[:_MOST_PLACES], *more)
