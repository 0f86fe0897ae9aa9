"""Many resolutions at once: index data refreshed in one call, then offline and in parallel, online where that lacks."""

from __future__ import annotations

import contextlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fumehood.errors import FumehoodError
from fumehood.locking.index_data import IndexData, asked, opened
from fumehood.locking.resolve import UndecidedError, resolve
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.utils import NormalizedName

    from fumehood.locking.resolve import Question
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv


class Progress(Protocol):
    """Told how far a long run is."""

    def begin(self, what: str, total: int) -> None:
        """A phase of that many steps begins."""

    def advance(self, what: str) -> None:
        """One step is done."""


@dataclass(slots=True)
class Resolutions:
    """Resolves many questions of one repository; one that fails does not stop the others.

    Attributes:
        root: The repository.
        scratch: An existing folder for files of its own.
        failures: Why those failed that have no answer, by subject.
    """

    uv: Uv
    root: Path
    scratch: Path
    progress: Progress
    failures: dict[str, FumehoodError] = field(default_factory=dict)

    def answers(
        self, questions: Iterable[Question], *, known: Mapping[str, Iterable[Pin]] | None = None
    ) -> dict[str, tuple[Pin, ...]]:
        """What the questions resolve to, by subject: from the cache where the registry would have led to the same.

        Args:
            questions: Each with a subject of its own.
            known: Pins that an answer is likely to have, by subject, so that their index data is refreshed at once.
        """
        pending = {question.subject: question for question in questions}
        if self.uv.is_offline:
            return self._in_parallel(pending, offline=True)
        index = IndexData(self.uv, self.scratch)
        names = {
            subject: asked(question) | opened(question, (known or {}).get(subject, ()))
            for subject, question in pending.items()
        }
        self._refresh(index, ((question, names[subject]) for subject, question in pending.items()))
        hopeful = {
            subject: question
            for subject, question in pending.items()
            if not index.is_hopeless(question, names[subject])
        }
        found = self._in_parallel(hopeful, offline=True)
        self._refresh(index, ((pending[subject], opened(pending[subject], pins)) for subject, pins in found.items()))
        final = {subject: pins for subject, pins in found.items() if index.confirms(pending[subject], pins)}
        rest = {subject: question for subject, question in pending.items() if subject not in final}
        return final | self._in_parallel(rest, offline=False)

    def _refresh(self, index: IndexData, wanted: Iterable[tuple[Question, Iterable[NormalizedName]]]) -> None:
        missing = index.missing(wanted)
        if missing:
            self.progress.begin("index data", len(missing))
        for registry, names in missing.items():
            index.update(registry, names)
            self.progress.advance("index data")

    def _in_parallel(self, pending: Mapping[str, Question], *, offline: bool) -> dict[str, tuple[Pin, ...]]:
        """Many resolutions; those that fail are kept as failures, but for want of the network they are left out."""
        found: dict[str, tuple[Pin, ...]] = {}
        if not pending:
            return found
        self.progress.begin("from uv's cache" if offline else "with the registry", len(pending))
        undecided = (
            contextlib.suppress(UndecidedError) if offline and not self.uv.is_offline else contextlib.nullcontext()
        )
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            futures = {
                subject: pool.submit(self._one, question, offline=offline) for subject, question in pending.items()
            }
            try:
                for subject, future in futures.items():
                    try:
                        with undecided:
                            found[subject] = future.result()
                    except FumehoodError as error:
                        self.failures[subject] = error
            except BaseException:
                pool.shutdown(cancel_futures=True)  # An interrupt does not wait for those that have not begun.
                raise
        return found

    def _one(self, question: Question, *, offline: bool) -> tuple[Pin, ...]:
        """One resolution, in a thread."""
        try:
            with disk_errors(f"resolving {question.subject}"):
                scratch = Path(tempfile.mkdtemp(dir=self.scratch))
            return resolve(self.uv, question, root=self.root, scratch=scratch, offline=offline)
        finally:
            self.progress.advance(question.subject)
