"""What the commands that ask uv many questions share: a scratch folder, probers, owners of lines."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from fumehood.conflicts.probe import Prober
from fumehood.errors import ConflictError, UsageError
from fumehood.locking.answer import answer
from fumehood.locking.book import LockBook
from fumehood.locking.many import Resolutions
from fumehood.locking.obtain import core_lock
from fumehood.model.lock import Lock
from fumehood.outside.files import disk_errors
from fumehood.outside.git import Git
from fumehood.outside.scratch import scratch_folder
from fumehood.outside.uv import Uv
from fumehood.reading import core_at, owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fumehood.locking.many import Progress
    from fumehood.model.experiment import Target
    from fumehood.model.index_options import IndexOptions
    from fumehood.model.requirement import Requirement
    from fumehood.reading.codeowners import CodeOwners
    from fumehood.repository import Repository

JOBS = os.cpu_count() or 2


class Desk(Struct):
    """Everything that is needed to ask about a repository's lines.

    Attributes:
        scratch: An existing folder for files of the questions.
    """

    repository: Repository
    book: LockBook
    uv: Uv
    scratch: Path
    _code_owners: list[CodeOwners | None] = field(default_factory=list)
    _probers: dict[tuple[str, IndexOptions], Prober] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def prober(self, python: str, target: Target | None) -> Prober:
        """The prober for a Python version and for a target's lines or, without one, for core's.

        All experiments with the same registries share one, and so what is known of lines that say the same.
        """
        options = self.book.all_inputs(target).options
        with self._making:
            if (python, options) not in self._probers:
                self._probers[python, options] = self._prober(python, options)
            return self._probers[python, options]

    def limited_prober(
        self, python: str, target: Target | None, *, budget: float | None, advance: Callable[[str], None]
    ) -> Prober:
        """A prober of its own for one question.

        Args:
            python: Lower bound of the Python versions.
            target: Whose index options count beside core's.
            budget: Seconds that it may take; None for as long as it takes.
            advance: Called after each resolution.
        """
        deadline = None if budget is None else time.monotonic() + budget
        made = self._prober(python, self.book.all_inputs(target).options)
        return replace(made, uv=replace(self.uv, deadline=deadline), advance=advance)

    def _prober(self, python: str, options: IndexOptions) -> Prober:
        with disk_errors("preparing to ask uv"):
            scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        return Prober(uv=self.uv, scratch=scratch, python=python, options=options)

    def resolutions(self, progress: Progress) -> Resolutions:
        """For many questions at once, each time with none of them answered yet."""
        return Resolutions(self.uv, self.scratch, progress)

    def name(self, subject: str) -> str:
        """The name of an experiment, given its path."""
        return next((item.name for item in self.repository.experiments if item.path == subject), subject)

    def owners_of(self, subject: str) -> tuple[str, ...]:
        """Whose an experiment is, given its path."""
        return next((item.owners for item in self.repository.experiments if item.path == subject), ())

    def owners(self, line: Requirement) -> tuple[str, ...]:
        """Whose a line is: the experiment's owners, or those that CODEOWNERS names for the file."""
        file = line.place.file
        around = [item for item in self.repository.experiments if file.startswith(f"{item.path}/")]
        if around:
            return max(around, key=lambda item: len(item.path)).owners
        if not line.place.line:
            return ()  # It stands in no file: nobody can be asked to change it there.
        if not self._code_owners:
            self._code_owners.append(owners.read(self.repository.root))
        found = self._code_owners[0]
        return found.owners_of_file(file) if found else ()

    def core_lock(self) -> Lock:
        """Core's lock as it is: the committed one, else one that was resolved before or is resolved now.

        Raises:
            ConflictError: Core's lines cannot hold together.
        """
        committed = self.book.store.committed(self.repository.core.lock)
        return core_lock(self.book, partial(answer, self.uv), committed, locked=False)[0]

    def core_before(self) -> Lock:
        """The same, without pins where core's lines clash: what a change would do can be told all the same."""
        try:
            return self.core_lock()
        except ConflictError:
            return Lock(header=self.book.core_header())


@contextlib.contextmanager
def desk(repository: Repository, *, offline: bool, environ: Mapping[str, str] = os.environ) -> Iterator[Desk]:
    """A desk for one command; its scratch folder is removed afterwards."""
    book = LockBook.of(repository, environ)
    with disk_errors("preparing to ask uv"), scratch_folder("ask") as folder:
        yield Desk(repository, book, Uv(cwd=repository.root, offline=offline), folder)


def at_commit(asking: Desk, ref: str) -> tuple[Desk, str]:
    """The desk of the same repository if core's requirements were those of a commit, and what to call that.

    Raises:
        UsageError: There is no such commit, or core has no requirements there, or only a check-out can tell them.
        ConfigurationError: They are wrong there.
    """
    with disk_errors("preparing to read a commit"):
        scratch = Path(tempfile.mkdtemp(dir=asking.scratch))
    root = asking.repository.root
    found = core_at.read(Git(cwd=root), ref, asking.repository.core, scratch)
    if set(found.inputs.folders) - set(asking.book.core_inputs.folders):
        # uv builds what is in the folders now.
        folders = " and ".join(str(line.place) for line in found.inputs.requirements if line.is_local)
        raise UsageError(
            f"core installs folders of the repository ({folders}), which at {ref} require something else than here",
            remedy=f"check {ref} out, and run `fumehood check` there",
        )
    book = asking.book.with_core(found.core, found.inputs)
    return Desk(book.repository, book, asking.uv, asking.scratch), f"core's requirements at {ref} ({found.commit[:7]})"
