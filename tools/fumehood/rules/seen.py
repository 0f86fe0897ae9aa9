"""What rules look at: one repository on one day, each part of it read when the first rule asks, and only once."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.copies.search import FINGERPRINTS
from fumehood.errors import FumehoodError
from fumehood.imports.cache import IMPORTS, sources_of
from fumehood.imports.private import PRIVATES
from fumehood.imports.survey import connected, outline
from fumehood.model.experiment import experiment_target
from fumehood.model.finding import CheckAnswer
from fumehood.outside import hearing
from fumehood.outside.git import Git
from fumehood.outside.remembered import Asked, ahead
from fumehood.outside.work_tree import WorkTree
from fumehood.reading import documents, owners
from fumehood.reading.sources import Inputs
from fumehood.rules.crossing import copied, crossings, crossings_of_core, files_with_copies, is_hidden, parts
from fumehood.rules.evidence import readme
from fumehood.rules.needs import NeedsReader

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date
    from pathlib import Path

    from fumehood.copies.search import FileCopies
    from fumehood.extensions import SessionResult
    from fumehood.imports.private import Reached
    from fumehood.imports.survey import Outline, Survey
    from fumehood.locking.book import LockBook
    from fumehood.model.experiment import Core, Experiment
    from fumehood.model.waiver import Waiver
    from fumehood.outside.remembered import Reader, Reading, Remembered, States
    from fumehood.outside.work_tree import Listing
    from fumehood.reading.codeowners import CodeOwners
    from fumehood.reading.markdown import Document
    from fumehood.repository import Repository
    from fumehood.rules.crossing import Crossings, Parts, Use
    from fumehood.rules.evidence.readme import Readme
    from fumehood.rules.health.known import Known
    from fumehood.rules.rule import Reads
    from fumehood.settings import Settings


class Seen(Struct, frozen=True, kw_only=True, dict=True):
    """A repository as the rules see it.

    Attributes:
        experiments: Those in question, sorted by name; rules about one experiment need to look at no others.
        is_whole: Whether all of the repository is in question: rules about core have a say only then.
        today: The day on which waivers are judged.
        check_versions: What locks, lines and uv say about versions; called once at most.
        book: Requirement lines and locks.
        run_core_alone: Runs core's tests where there are no experiments, if that was asked for.
        states: How files were when they were first looked at.
    """

    repository: Repository
    experiments: tuple[Experiment, ...]
    is_whole: bool
    today: date
    check_versions: Callable[[], CheckAnswer]
    book: LockBook
    run_core_alone: Callable[[], SessionResult | None] = lambda: None
    states: States = field(default_factory=dict)
    _documents: dict[str, Document | None] = field(default_factory=dict)
    _readers: dict[tuple[Reading, bool], Reader] = field(default_factory=dict)

    @classmethod
    def without_versions(cls, repository: Repository, book: LockBook, today: date) -> Seen:
        """All of a repository, for what asks nothing about versions."""
        return cls(
            repository=repository,
            experiments=repository.experiments,
            is_whole=True,
            today=today,
            check_versions=lambda: CheckAnswer(checked=0),
            book=book,
        )

    @property
    def root(self) -> Path:
        """The top folder of the repository, absolute."""
        return self.repository.root

    @property
    def core(self) -> Core:
        """Core."""
        return self.repository.core

    @property
    def settings(self) -> Settings:
        """``[tool.fumehood]``."""
        return self.repository.settings

    @cached_property
    def git(self) -> Git:
        """The door to git, from the top folder of the repository."""
        return Git(cwd=self.root)

    @cached_property
    def health(self) -> Known:
        """What git's history and the results of sessions say of how experiments are doing."""
        from fumehood.rules.health.known import known  # noqa: PLC0415 - few runs of rules ask for it

        return known(self.repository, self.git)

    @cached_property
    def codeowners(self) -> CodeOwners | None:
        """CODEOWNERS; None where there is none."""
        return owners.read(self.root)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Every file that git tracks or would track, relative to the repository, with ``/``, sorted."""
        return self._listing.files

    @cached_property
    def _listing(self) -> Listing:
        return WorkTree(cwd=self.root).listed()

    @cached_property
    def waivers(self) -> tuple[tuple[str, Waiver], ...]:
        """Core's waivers, under the empty name, and those of the experiments in question, each under its own."""
        core = (("", waiver) for waiver in self.settings.waivers)
        return (*core, *((one.name, waiver) for one in self.experiments for waiver in one.waivers))

    @cached_property
    def versions(self) -> CheckAnswer:
        """What is to be said about versions."""
        return self.check_versions()

    @contextlib.contextmanager
    def reading_ahead(self, wanted: Collection[Reads]) -> Iterator[Reader]:
        """In this block sources are read while rules look at other things.

        Args:
            wanted: What rules are going to look at.
        """
        asked = []
        if "imports" in wanted:
            asked.append(self._imports)
        elif "imports of core" in wanted:
            asked.append(self._imports_of_core)
        if "copies" in wanted:
            asked.append(self._prints)
        with self._ahead(asked) as reader:
            self._readers.update({(one.reading, one.are_all): reader for one in asked})
            yield reader

    def _found(self, asked: Asked) -> Remembered:
        if reader := self._readers.get((asked.reading, asked.are_all)):
            return reader.found(asked.reading)
        with self._ahead([asked]) as reader:
            return reader.found(asked.reading)

    def _ahead(self, asked: Sequence[Asked]) -> AbstractContextManager[Reader]:
        blobs = self._listing.blobs if asked else {}  # Rules that look at no sources do not start git.
        return ahead(asked, self.root, self.book.environ, states=self.states, blobs=blobs)

    @property
    def _imports(self) -> Asked:
        return Asked(reading=IMPORTS, paths=self.outline.python)

    @property
    def _imports_of_core(self) -> Asked:
        own = [path for path in self.outline.python if not self.parts.experiment(path)]
        return Asked(reading=IMPORTS, paths=own, are_all=False)

    @property
    def _prints(self) -> Asked:
        own, core = files_with_copies(self.outline, self.parts, self._names)
        return Asked(reading=FINGERPRINTS, paths=[*own, *core], are_all=self.is_whole)

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(experiment.name for experiment in self.experiments)

    @cached_property
    def outline(self) -> Outline:
        """The files of the repository and what they are called."""
        return outline(self.repository, self._listing)

    @cached_property
    def survey(self) -> Survey:
        """What every Python file says about imports, and what leads to what."""
        return connected(self.outline, sources_of(self._found(self._imports)), self.book.environ)

    @cached_property
    def core_survey(self) -> Survey:
        """The same for rules about core: where no others look, only core's files are read before they are asked for."""
        if not self._is_core_all:
            return self.survey
        sources = sources_of(self._found(self._imports_of_core), lambda path: (self.root / path).read_bytes())
        return connected(self.outline, sources, self.book.environ)

    @property
    def _is_core_all(self) -> bool:
        return (IMPORTS, False) in self._readers

    @cached_property
    def own_files(self) -> Mapping[str, Sequence[str]]:
        """The files of each experiment, by its name."""
        found: dict[str, list[str]] = {}
        for path in self.outline.files:
            if name := self.parts.experiment(path):
                found.setdefault(name, []).append(path)
        return found

    @cached_property
    def parts(self) -> Parts:
        """Which part of the repository each file is in."""
        return parts(self.repository, self.outline.territories)

    @cached_property
    def crossings(self) -> Crossings:
        """Every import that leads out of its part of the repository."""
        return crossings(self.survey, self.parts, self.book.environ, self.needs.home)

    @cached_property
    def core_crossings(self) -> Sequence[Use]:
        """The imports that lead out of core into another part of the repository."""
        if self._is_core_all:
            return crossings_of_core(self.core_survey, self.parts, self.needs.home)
        return self.crossings.into.get("", ())

    @cached_property
    def needs(self) -> NeedsReader:
        """How the imports of core and of experiments agree with their requirement lines."""
        return NeedsReader(self)

    @cached_property
    def privates(self) -> Mapping[str, Sequence[Reached]]:
        """Private names that files of the experiments in question reach through imports, by path; not all are core's.

        Most of a repository's files need not be parsed for them: those that import no module that it may have.
        """

        def is_asked(path: str, through: Sequence[str]) -> bool:
            may_be_ours = (one.startswith(".") or self.outline.modules.may_have(one) for one in through)
            return self.parts.experiment(path) in self._names and not is_hidden(path) and any(may_be_ours)

        paths = [path for path, through in self.survey.sources.reaching.items() if is_asked(path, through)]
        return self._found(Asked(reading=PRIVATES, paths=paths, are_all=self.is_whole)).found

    @cached_property
    def copies(self) -> Mapping[str, Sequence[FileCopies]]:
        """What the files of the experiments in question have from core's, by the name of the experiment."""
        return copied(self.outline, self.parts, self._names, self._found(self._prints), self.book.environ)

    def lines(self, experiment: Experiment | None) -> Inputs:
        """The requirement lines that an experiment adds to core's, those of running tests among them; else core's.

        Of an experiment whose files are wrong there are none: that it cannot be decided is said once, by the rules
        about versions.
        """
        return self.known_lines(experiment) or Inputs()

    def known_lines(self, experiment: Experiment | None) -> Inputs | None:
        """As `lines`; None of an experiment whose files are wrong."""
        if experiment is None:
            return self.book.core_inputs
        try:
            return self.book.inputs(experiment_target(experiment))
        except FumehoodError:
            return None

    @cached_property
    def readmes(self) -> Mapping[str, Readme]:
        """The READMEs of the experiments in question, by the experiment's name; those that have none are not in it."""
        return readme.find_all(self)

    def document(self, path: str) -> Document | None:
        """A file of the repository, read as Markdown or reStructuredText; None where there is none that can be read."""
        if path not in self._documents:
            text = self.text(path)
            self._documents[path] = None if text is None else documents.parse(path, text)
        return self._documents[path]

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder; whoever remembers the answer is told that it was looked for."""
        hearing.looked(str(self.root / path))
        return (self.root / path).exists()

    def text(self, path: str) -> str | None:
        """The text of a file of the repository, read as UTF-8; None where there is none that can be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8-sig", errors="replace")
        except OSError:
            return None
