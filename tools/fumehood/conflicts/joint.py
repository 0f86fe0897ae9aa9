"""Whether the lines of several experiments hold together with core's: many such questions, asked of uv in parallel.

Equal questions are asked once. Where uv fails, the lines that cannot hold together are found once and known from then
on: other questions with the same lines need no resolution.
"""

from __future__ import annotations

import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.conflicts.pairs import Verdict
from fumehood.conflicts.probe import Prober
from fumehood.conflicts.smallest import smallest
from fumehood.errors import ConflictError, FumehoodError
from fumehood.locking.question import Question
from fumehood.locking.resolve import UndecidedError, resolve
from fumehood.outside.files import disk_errors
from fumehood.reading.sources import of_lines, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fumehood.locking.many import Progress
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement
    from fumehood.outside.uv import Uv
    from fumehood.reading.sources import Inputs

_SUBJECT = "these experiments together"

Texts = frozenset[tuple[str, bool]]
"""Lines wherever they stand: what they say, and whether they are constraints."""

Key = tuple[Texts, str, str]


class JointQuestion(Struct, frozen=True, kw_only=True):
    """Lines that have to hold together; two questions with the same key have the same answer.

    Attributes:
        python: Lower bound of the Python versions.
        preferred: Pins that are likely to do.
    """

    inputs: Inputs
    python: str
    preferred: tuple[Pin, ...]

    @property
    def lines(self) -> tuple[Requirement, ...]:
        """The lines, without what nobody could name."""
        return tuple(dict.fromkeys(line for line in self.inputs.requirements if line.name or line.url))

    @property
    def key(self) -> Key:
        """What the answer depends on."""
        return texts_of(self.lines), self.python, str(self.inputs.options)

    def own(self, texts: Texts) -> tuple[Requirement, ...]:
        """Those of its lines that say this."""
        return tuple(line for line in self.lines if (line.text, line.constraint) in texts)


def texts_of(lines: Iterable[Requirement]) -> Texts:
    """What lines say."""
    return frozenset((line.text, line.constraint) for line in lines)


class Joint(Struct):
    """Asks uv.

    Attributes:
        scratch: An existing folder for files of its own.
        jobs: How many resolutions at a time.
    """

    uv: Uv
    scratch: Path
    progress: Progress
    jobs: int
    _known: list[Key] = field(default_factory=list)

    def answers(self, questions: Iterable[JointQuestion]) -> Mapping[Key, Verdict]:
        """The verdicts on many questions, by their keys."""
        distinct = {question.key: question for question in questions}
        if distinct:
            self.progress.begin("pairs", len(distinct))
        with ThreadPoolExecutor(max_workers=self.jobs) as pool:
            try:
                return dict(zip(distinct, pool.map(self._advancing, distinct.values()), strict=True))
            except BaseException:
                pool.shutdown(cancel_futures=True)  # An interrupt does not wait for those that have not begun.
                raise

    def _advancing(self, question: JointQuestion) -> Verdict:
        try:
            return self.answer(question)
        finally:
            self.progress.advance("pairs")

    def answer(self, question: JointQuestion) -> Verdict:
        """The verdict on one question."""
        try:
            return self._from_known(question) or self._ask(question)
        except FumehoodError as error:
            return Verdict(outcome="undecided", reason=without_credentials(error.reason))

    def _from_known(self, question: JointQuestion) -> Verdict | None:
        """The verdict from lines that are known not to hold together."""
        texts, *where = question.key
        for known, *known_where in tuple(self._known):
            if known <= texts and known_where == where:
                return Verdict(outcome="conflict", lines=question.own(known))
        return None

    def _ask(self, question: JointQuestion) -> Verdict:
        if self._is_cached(question):
            return Verdict(outcome="fits")
        if found := self._from_known(question):
            return found
        prober = self._prober(question)
        answer = prober.ask(question.lines)
        if answer.status == "holds":
            return Verdict(outcome="fits")
        if answer.status == "undecided":
            return Verdict(outcome="undecided", reason=without_credentials(answer.text.strip()))
        lines = smallest(prober, question.lines, text=answer.text).lines
        if not self._is_conflict(question, lines):
            lines = question.lines  # The cache alone had not told all: the registry lets these hold together.
            if not self._is_conflict(question, lines):
                return Verdict(outcome="fits")
        self._known.append((texts_of(lines), *question.key[1:]))
        return Verdict(outcome="conflict", lines=lines)

    def _is_cached(self, question: JointQuestion) -> bool:
        """Whether the pins of locks and uv's cache alone have an answer."""
        asked = Question(subject=_SUBJECT, inputs=question.inputs, python=question.python, preferred=question.preferred)
        with contextlib.suppress(UndecidedError):
            resolve(self.uv, asked, scratch=self._folder(), offline=True)
            return True
        return False

    def _is_conflict(self, question: JointQuestion, lines: tuple[Requirement, ...]) -> bool:
        """Ask once more, in the way that tells a conflict from a failure of network or registry.

        Raises:
            WorldError: It is such a failure.
        """
        inputs = of_lines(lines, question.inputs.options)
        asked = Question(subject=_SUBJECT, inputs=inputs, python=question.python)
        try:
            resolve(self.uv, asked, scratch=self._folder())
        except ConflictError:
            return True
        return False

    def _prober(self, question: JointQuestion) -> Prober:
        return Prober(
            uv=self.uv,
            scratch=self._folder(),
            python=question.python,
            options=question.inputs.options,
        )

    def _folder(self) -> Path:
        with disk_errors("preparing to ask uv"):
            return Path(tempfile.mkdtemp(dir=self.scratch))
