"""What requirement lines ask for, wherever core and an experiment say it: the distributions, by name."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct, field
from packaging.utils import canonicalize_name

from fumehood.errors import FumehoodError
from fumehood.outside import toml_file
from fumehood.reading import pyproject_requirements, setup_script
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fumehood.model.experiment import Experiment
    from fumehood.model.requirement import Requirement
    from fumehood.rules.seen import Seen


class Declared(Struct, dict=True):
    """Finds out about core and each experiment once."""

    seen: Seen
    _asked: dict[str, frozenset[str]] = field(default_factory=dict)
    _scripts: dict[bool, frozenset[str]] = field(default_factory=dict)

    def own(self, experiment: Experiment | None) -> Sequence[Requirement]:
        """The lines of an experiment; of core those of its pyproject.toml, with all extras."""
        return self.seen.lines(experiment).requirements if experiment else self._with_extras

    def names(self, experiment: Experiment | None) -> frozenset[str]:
        """The distributions that lines of core, and of the experiment, ask for."""
        name = experiment.name if experiment else ""
        if name not in self._asked:
            asked = self._for_all | names_of(self.own(experiment))
            self._asked[name] = asked | self._in_setup_script(all_of_it=not experiment)
        return self._asked[name]

    @cached_property
    def _for_all(self) -> frozenset[str]:
        """What core's lines bring to every experiment."""
        return names_of([*self.seen.lines(None).requirements, *self._project(extras=False)]) | self._built

    @cached_property
    def _with_extras(self) -> Sequence[Requirement]:
        return self._project(extras=True)

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
    def _itself(self) -> Sequence[Requirement]:
        """The lines by which core requires itself."""
        return [line for line in self.seen.lines(None).requirements if line.url == "."]

    @cached_property
    def _is_built(self) -> bool:
        """Whether only a build knows what core requires."""
        return any(line.place.file in {PYPROJECT, setup_script.SCRIPT} for line in self._itself)

    @cached_property
    def _built(self) -> frozenset[str]:
        """What core's lock has, where only a build knows what core requires, and so which of it."""
        return self.pinned(None) if self._is_built else frozenset()

    def _in_setup_script(self, *, all_of_it: bool) -> frozenset[str]:
        """What core's ``setup.py`` names as a requirement: extras too, if all of it is asked for, as core may.

        An experiment may count on what is always required, and only where core's lines ask for core itself.
        """
        path = self.seen.root / setup_script.SCRIPT
        if all_of_it not in self._scripts:
            is_meant = path.is_file() and bool(all_of_it or self._itself)
            self._scripts[all_of_it] = setup_script.named(path, all_of_it=all_of_it) if is_meant else frozenset()
        return self._scripts[all_of_it]

    def pinned(self, experiment: Experiment | None) -> frozenset[str]:
        """The distributions in core's lock and in the experiment's, as they are committed."""
        book = self.seen.book
        try:
            locks = [book.committed_core, book.store.committed(experiment.lock) if experiment else None]
        except FumehoodError:
            return frozenset()
        return frozenset(str(pin.name) for lock in locks if lock for pin in lock.pins)


def names_of(lines: Iterable[Requirement]) -> frozenset[str]:
    """The distributions that lines ask for; of an address without a name, what its end is called."""
    return frozenset(str(line.name or _end(line.url or "")) for line in lines if not line.constraint)


def _end(address: str) -> str:
    """``renderers`` for ``git+https://host/someone/renderers.git@main``."""
    last = urlsplit(address).path.rstrip("/").rpartition("/")[2]
    return canonicalize_name(last.partition("@")[0].removesuffix(".git"))
