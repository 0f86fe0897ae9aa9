"""Which experiments a change can break: each changed file mapped to those that it reaches, with why."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.errors import UsageError
from fumehood.imports.survey import survey
from fumehood.model.experiment import RUNNING_STATES
from fumehood.model.selection import Affected, Looked, Selection
from fumehood.selection import kinds
from fumehood.selection.changes import Difference
from fumehood.selection.claims import Claims
from fumehood.selection.reasons import chain, end_of, printable, starts
from fumehood.settings import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fumehood.imports.survey import Survey
    from fumehood.model.selection import Reason
    from fumehood.repository import Repository
    from fumehood.selection.asking import Asked
    from fumehood.selection.pins import Pins

MOST_CHAINS = 20
"""So many changed files get chains of their own; of all others together, an experiment gets the shortest."""


def select(repository: Repository, asked: Asked, environ: Mapping[str, str], *, only: str | None = None) -> Selection:
    """The experiments that the difference between a commit and the work tree affects.

    Args:
        repository: The repository as it is now.
        asked: What git was asked for it.
        environ: Says where the cache is.
        only: A file to look at alone, as if nothing else had changed.

    Raises:
        UsageError: There is no such file, or nothing to compare with.
        WorldError: Git could not answer.
    """
    listing = asked.listing()
    if not listing.files:
        asked.base()  # Says so where there is no clone, before all of a folder is looked through.
    known = survey(repository, asked.git, environ, gone=_gone(asked), listing=listing)
    base, found = asked.base(), asked.difference()
    if only is not None:
        found = _alone(found, only, known)
    selecting = _Selecting(repository, known, found, asked, environ)
    selecting.run()
    return Selection(
        base=base.commit,
        base_ref=base.described,
        core=bool(selecting.core),
        core_reasons=_sorted(selecting.core),
        experiments=tuple(
            Affected(name=name, reasons=_sorted(reasons), is_own=name in selecting.own)
            for name, reasons in sorted(selecting.reasons.items())
        ),
        looked_at=Looked(
            changed=len(found.labels) + len(found.alike),
            alike=tuple(sorted(map(printable, found.alike))),
            without_effect=tuple(sorted(map(printable, found.labels.keys() - selecting.effective))),
            unclaimed=tuple(map(printable, selecting.unclaimed)),
            files=len(known.sources.scans),
            experiments=len(selecting.names),
        ),
        warnings=found.warnings,
    )


def _gone(asked: Asked) -> Iterator[str]:
    """The files that are gone, waited for when somebody comes to them."""
    yield from asked.difference().gone


def _may_require(path: str) -> bool:
    """Whether a file may hold requirements, by its name: reading core's takes a while, and few changes have one."""
    return not path.endswith((".py", ".md"))


def _alone(found: Difference, path: str, known: Survey) -> Difference:
    path = path.removeprefix("./").rstrip("/")
    label = found.labels.get(path, "if it changed")
    if path not in found.labels and path not in known.files:
        raise UsageError(
            f"there is no file {path!r}, and there was none",
            remedy="name a file by its path from the top of the repository",
        )
    return Difference(labels={path: label}, gone=found.gone, alike=frozenset(), outside=frozenset(), warnings=())


def _sorted(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(dict.fromkeys(reasons), key=lambda reason: (len(reason), reason)))


class _Selecting(Struct, dict=True):
    """A selection while it is made.

    Attributes:
        names: The experiments that could be selected, by their folders.
        reasons: Those that are, with why.
        core: Why core's own tests are affected.
        own: Experiments that were changed themselves.
        effective: The changed files that affect anything.
        unclaimed: Those that nobody claims.
    """

    repository: Repository
    known: Survey
    found: Difference
    asked: Asked
    environ: Mapping[str, str]
    names: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, list[Reason]] = field(default_factory=dict)
    core: list[Reason] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    effective: set[str] = field(default_factory=set)
    unclaimed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        running = [one for one in self.repository.experiments if one.state in RUNNING_STATES]
        self.names = {one.path: one.name for one in running}
        self.names |= {broken.path: broken.name for broken in self.repository.broken}

    @functools.cached_property
    def claims(self) -> Claims:
        """Whose the files are."""
        return Claims(repository=self.repository, known=self.known, environ=self.environ)

    @functools.cached_property
    def pins(self) -> Pins:
        """Locks and requirement lines; few changes have any, and what reads them takes a while to load."""
        from fumehood.selection.pins import Pins  # noqa: PLC0415 - see above

        return Pins(self.repository, self.asked.git, self.asked.base().commit, self.environ)

    def run(self) -> None:
        """Go through all that has changed."""
        core_files = self.pins.core_files() | {PYPROJECT} if any(map(_may_require, self.found.labels)) else frozenset()
        sources: list[str] = []
        for path in sorted(self.found.labels):
            home = self.known.territories.of(path).path
            kind = kinds.kind_of(path, self.repository.settings.affected, home=home)
            if path == self.repository.settings.baseline and kind == "other":
                continue  # What checks know already is no business of tests.
            if kind == "everything":
                self._add_all(path)
            if kind == "source":
                sources.append(path)
            if home and kind in {"source", "other"}:
                self._add_own(path, home)
            elif kind == "other" and path not in core_files:
                self._claim(path)
        self._follow(sources)
        self._follow_pins(sorted(core_files & self.found.labels.keys()))
        for path in sorted(self.found.outside):
            if path.startswith(".") and kinds.sets_up_sessions(path):
                self._add_all(path)

    def _label(self, path: str) -> str:
        return f"{printable(path)} ({self.found.labels.get(path, 'changed')})"

    def _add(self, folder: str, reason: Reason, path: str) -> None:
        """An experiment (or core, whose folder has no name) that a file affects; unless its tests are not run."""
        self.effective.add(path)
        if not folder:
            self.core.append(reason)
        elif folder in self.names:
            self.reasons.setdefault(self.names[folder], []).append(reason)

    def _add_all(self, path: str, *why: str) -> None:
        for folder in ("", *self.names):
            self._add(folder, (self._label(path), *why), path)

    def _add_own(self, path: str, home: str) -> None:
        """A file in an experiment's folder; a delta lock that installs what it did before is nothing new."""
        if path == f"{home}/requirements.lock" and self.pins.is_same_delta(path):
            return
        self._add(home, (self._label(path),), path)
        if home in self.names:
            self.own.add(self.names[home])

    def _follow(self, paths: Sequence[str]) -> None:
        """Python files: whatever leads to them, in whichever experiment and in core."""
        single, rest = paths[:MOST_CHAINS], paths[MOST_CHAINS:]
        for targets in [*([path] for path in single), *([rest] if rest else [])]:
            self._follow_to(targets)
        for path in paths:
            if self.known.territories.of(path).path or self._is_of_former(path):
                continue
            if self.claims.is_core(path):
                self._add("", (self._label(path),), path)
            elif path not in self.claims.of_anybody and not kinds.is_documentation(path):
                self._leave(path)

    def _follow_to(self, targets: Sequence[str]) -> None:
        graph = self.known.graph
        ways = graph.ways_to(targets)
        for territory, start in starts(graph, ways, self.claims.is_core):
            end = end_of(ways, start)
            is_own = self.claims.is_core(end) if not territory.path else graph.territories.of(end) is territory
            if not is_own:
                self._add(territory.path, chain(graph, ways, start, self._ending(end)), end)

    def _ending(self, path: str) -> str:
        return f" ({self.found.labels[path]})"

    def _claim(self, path: str) -> None:
        """A file that is no Python and in no experiment's folder."""
        if self._is_of_former(path):
            return
        for folder, link in self.claims.linked(path):
            self._add(folder, (f"{printable(link)} is a link to {self._label(path)}",), path)
        for folder in self.claims.requiring(path):
            self._add(folder, (f"{folder} has requirements in {self._label(path)}",), path)
        if self.claims.is_of_core_tests(path):
            self._add("", (self._label(path),), path)
        if path not in self.effective:
            self._leave(path)

    def _leave(self, path: str) -> None:
        """A file that nobody claims: the settings say what it affects."""
        self.unclaimed.append(path)
        why = "which nothing claims"
        match self.repository.settings.affected.unclaimed:
            case "all":
                self._add_all(path, why)
            case "core":
                self._add("", (self._label(path), why), path)
            case "none":
                pass

    def _follow_pins(self, changed: Sequence[str]) -> None:
        """Core's requirement files, its lock and pyproject.toml."""
        if PYPROJECT in changed and not self.pins.is_same_project():
            self._add_all(PYPROJECT)
        required = [path for path in changed if path != PYPROJECT or self.pins.has_lines_in_project]
        if not required:
            return
        lock = self.repository.core.lock
        path = lock if lock in required else required[0]
        pins = self.pins.of_core()
        if pins.unknown:
            self._add_all(path, f"no lock tells what that changes: {pins.unknown}")
        if pins.names:
            self._add("", (self._label(path), *pins.named()), path)
        for experiment in self.repository.experiments if pins.names or pins.has_new_lines else ():
            if left := self.pins.of_experiment(experiment, pins):
                self._add(experiment.path, (self._label(path), *left), path)

    def _is_of_former(self, path: str) -> bool:
        return path in self.found.gone and self.claims.is_of_former_experiment(path)
