"""Many resolutions at once: index data refreshed in one call, then offline and in parallel, online where that lacks."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

from fumehood.errors import FumehoodError
from fumehood.locking.certificate import breaches
from fumehood.locking.index_data import IndexData, asked, opened
from fumehood.locking.resolve import UndecidedError, resolve
from fumehood.model.lock import by_name
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from packaging.utils import NormalizedName

    from fumehood.locking.question import Question
    from fumehood.model.lock import Pin
    from fumehood.outside.uv import Uv


_WAITING = 4
"""How many resolutions share a processor while they wait for a registry."""


def _is_other(question: Question, pins: tuple[Pin, ...]) -> bool:
    """Whether a question has another answer than these pins of one that is like it."""
    inputs = question.inputs
    return bool(breaches(inputs.requirements, by_name(pins), python=question.python, settings=inputs.settings))


class Progress(Protocol):
    """Told how far a long run is."""

    def begin(self, what: str, total: int) -> None:
        """A phase of that many steps begins."""

    def advance(self, what: str) -> None:
        """One step is done."""


class Resolutions(Struct, dict=True):
    """Resolves many questions of one repository; one that fails does not stop the others.

    Attributes:
        scratch: An existing folder for files of its own.
        failures: Why those failed that have no answer, by subject.
        older: Those whose answer, taken as proof, may not be what the registry would have led to.
    """

    uv: Uv
    scratch: Path
    progress: Progress
    failures: dict[str, FumehoodError] = field(default_factory=dict)
    older: set[str] = field(default_factory=set)

    @functools.cached_property
    def _index(self) -> IndexData:
        return IndexData(self.uv, self.scratch)

    def answers(
        self,
        questions: Iterable[Question],
        *,
        known: Mapping[str, Iterable[Pin]] | None = None,
        as_proof: bool = False,
    ) -> dict[str, tuple[Pin, ...]]:
        """What the questions resolve to, by subject: from the cache where the registry would have led to the same.

        Questions that differ only in lines which core's pins satisfy anyway are asked once.

        Args:
            questions: Each with a subject of its own.
            known: Pins that an answer is likely to have, by subject, so that their index data is refreshed at once.
            as_proof: An answer will do that has versions which the registry offers, though not all the newest ones:
                it is proof that the lines hold together.
        """
        pending = tuple(questions)
        settled = {question.subject: question.settled for question in pending if question.settled}
        alike: dict[object, list[Question]] = {}
        for question in pending:
            if question.subject not in settled:
                alike.setdefault(question.key, []).append(question)
        likely = {subject: tuple(pins) for subject, pins in (known or {}).items()}
        found = self._distinct([first for first, *_ in alike.values()], likely, as_proof=as_proof)
        rest = []
        for first, *others in alike.values():
            pins = found.get(first.subject)
            for question in others:
                if pins is None or _is_other(question, pins):
                    rest.append(question)
                    continue
                found[question.subject] = pins
                if first.subject in self.older:
                    self.older.add(question.subject)
        return settled | found | self._distinct(rest, likely, as_proof=as_proof)

    def prepare(self, questions: Iterable[Question], known: Mapping[str, Iterable[Pin]] | None = None) -> None:
        """Refresh the index data of what will be asked, and of pins that an answer is likely to have."""
        if not self.uv.is_offline:
            likely = known or {}
            self._refresh((one, asked(one) | opened(one, likely.get(one.subject, ()))) for one in questions)

    def has(self, question: Question, pins: Iterable[Pin]) -> bool:
        """Whether it is known, since index data was refreshed, that the packages of an answer are to be had."""
        return self._index.has(question, opened(question, pins))

    def _distinct(
        self, questions: Sequence[Question], known: Mapping[str, tuple[Pin, ...]], *, as_proof: bool
    ) -> dict[str, tuple[Pin, ...]]:
        """What different questions resolve to."""
        pending = {question.subject: question for question in questions}
        found = self._in_parallel(pending, offline=True)
        if self.uv.is_offline or not pending:
            return found
        hopeful = {subject: pending[subject] for subject in found}
        # What the cache has no answer to goes to the registry while index data is refreshed for the rest.
        with ThreadPoolExecutor(max_workers=1) as pool:
            lost = {subject: question for subject, question in pending.items() if subject not in found}
            with_registry = pool.submit(self._in_parallel, lost, offline=False)
            final = self._from_cache(hopeful, {**known, **found}, found, as_proof=as_proof)
            final |= with_registry.result()
        rest = {subject: question for subject, question in hopeful.items() if subject not in final}
        return final | self._in_parallel(rest, offline=False)

    def _from_cache(
        self,
        pending: Mapping[str, Question],
        likely: Mapping[str, tuple[Pin, ...]],
        found: Mapping[str, tuple[Pin, ...]],
        *,
        as_proof: bool,
    ) -> dict[str, tuple[Pin, ...]]:
        """Those answers from the cache that will do, once index data is fresh."""
        names = {subject: asked(one) | opened(one, likely.get(subject, ())) for subject, one in pending.items()}
        self._refresh((one, names[subject]) for subject, one in pending.items())
        final = self._confirmed(pending, found)
        # The cache may tell more by now. What needs a package that is not to be had is for the registry to explain.
        hopeful = {
            subject: question
            for subject, question in pending.items()
            if subject not in final and not self._index.is_hopeless(question, names[subject])
        }
        found = self._in_parallel(hopeful, offline=True)
        opening = {subject: opened(pending[subject], pins) for subject, pins in found.items()}
        offered = {subject for subject in found if self._index.has(pending[subject], opening[subject])}
        self._refresh((pending[subject], names) for subject, names in opening.items())
        final |= self._confirmed(pending, found)
        if as_proof:
            self.older |= offered - set(final)
            final |= {subject: found[subject] for subject in offered}
        return final

    def _confirmed(
        self, pending: Mapping[str, Question], found: Mapping[str, tuple[Pin, ...]]
    ) -> dict[str, tuple[Pin, ...]]:
        """The answers from the cache that the registry would have led to as well."""
        return {subject: pins for subject, pins in found.items() if self._index.confirms(pending[subject], pins)}

    def _refresh(self, wanted: Iterable[tuple[Question, Iterable[NormalizedName]]]) -> None:
        missing = self._index.missing(wanted)
        if missing:
            self.progress.begin("index data", len(missing))
        for registry, names in missing.items():
            self._index.update(registry, names)
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
        # The cache keeps a processor busy, a registry keeps it waiting.
        at_once = (os.cpu_count() or 2) * (1 if offline else _WAITING)
        with ThreadPoolExecutor(max_workers=at_once) as pool:
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
            return resolve(self.uv, question, scratch=scratch, offline=offline)
        finally:
            self.progress.advance(question.subject)
