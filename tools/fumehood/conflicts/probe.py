"""The question that every explanation is made of: can these lines hold together? Answered by uv, each question once."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct, field

from fumehood.locking import lockfile
from fumehood.outside.files import disk_errors
from fumehood.outside.uv import OutOfTimeError
from fumehood.reading.sources import asked_of_uv, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from fumehood.model.index_options import IndexOptions
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import Requirement
    from fumehood.outside.uv import Uv

_UNSOLVABLE = 1
"""uv's exit status when it resolved and found no solution."""

_FROM = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==\S[^\n]*\n +# from (\S+)$", re.MULTILINE)
"""A pin with the index that answered for it, as ``--emit-index-annotation`` writes it."""


Said = frozenset[tuple[str, bool, bool]]
"""What lines say, wherever they stand: their text, whether editable, whether a constraint."""


class Answer(Struct, frozen=True, kw_only=True):
    """Whether lines hold together.

    Attributes:
        status: ``undecided`` when uv could not finish, or may lack data because it was kept offline.
        pins: What they resolve to.
        text: uv's explanation where they do not.
        indexes: Package and the index that answered for it, without credentials.
    """

    status: Literal["holds", "fails", "undecided"]
    pins: tuple[Pin, ...] = ()
    text: str = ""
    indexes: tuple[tuple[str, str], ...] = ()

    def versions(self, name: str) -> tuple[str, ...]:
        """The versions of a package: several where environments need different ones; none where it has none."""
        return tuple(dict.fromkeys(pin.what for pin in self.pins if str(pin.name) == name))


class BudgetError(Exception):
    """The time that an explanation may take is used up; caught where the explanation is made."""


class Asker(Protocol):
    """What finds the smallest set of lines: something that answers whether lines hold together."""

    asked: int

    def ask(self, lines: Iterable[Requirement]) -> Answer:
        """Whether the lines hold together."""

    def fewest(self, lines: Iterable[Requirement]) -> list[Requirement]:
        """Of these lines, the fewest that are known to fail; none where none are."""


class Prober(Struct):
    """Asks uv about sets of lines, and remembers the answers.

    Attributes:
        uv: Its deadline is when to stop asking.
        scratch: An existing folder for files of its own.
        python: Lower bound of the Python versions.
        options: Where packages come from.
        advance: Called after each resolution.
        asked: How many resolutions uv has made.
        is_fresh: Whether a failure was seen with the network: index data is fresh then, and asking with the network
            costs hardly more than asking the cache, which lacks what no resolution has needed yet.
    """

    uv: Uv
    scratch: Path
    python: str
    options: IndexOptions
    advance: Callable[[str], None] = lambda _what: None
    asked: int = 0
    is_fresh: bool = False
    _answers: dict[Said, Answer] = field(default_factory=dict)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def ask(self, lines: Iterable[Requirement]) -> Answer:
        """Whether the lines hold together.

        What holds does so without some of its lines too, and what fails does so with more, so many a question is
        answered without uv.

        Args:
            lines: The lines; their order does not matter.

        Raises:
            BudgetError: There is no time left to ask.
        """
        asked = frozenset(lines)
        said = _said(asked)
        if said in self._answers:
            return self._answers[said]
        for known, answer in tuple(self._answers.items()):  # Others may be asking at the same time.
            if (answer.status == "fails" and known <= said) or (answer.status == "holds" and said <= known):
                return answer
        return self.learn(asked, self._resolve(asked))

    def learn(self, lines: Iterable[Requirement], answer: Answer) -> Answer:
        """Take note of an answer that was found in another way."""
        self._answers[_said(lines)] = answer
        return answer

    def fewest(self, lines: Iterable[Requirement]) -> list[Requirement]:
        """Of these lines, the fewest that are known to fail; none where none are."""
        given = list(lines)
        failing = [known for known, answer in self._answers.items() if answer.status == "fails"]
        fewest = min((known for known in failing if known <= _said(given)), key=len, default=frozenset())
        return [line for line in given if _said([line]) <= fewest]

    def lowest(self, line: Requirement, bounds: Iterable[Requirement]) -> str | None:
        """The lowest version of a line's package that the line and bounds of other packages admit.

        The cache alone would name the lowest that it happens to hold, so this asks with the network if it may.
        """
        answer = self._ask_uv(frozenset([line, *bounds]), lowest=True, offline=self.uv.is_offline)
        return next(iter(answer.versions(str(line.name))), None)

    def _resolve(self, lines: frozenset[Requirement]) -> Answer:
        if not self.is_fresh:
            answer = self._ask_uv(lines, offline=True)
            if answer.status == "holds" or self.uv.is_offline:
                return answer
        answer = self._ask_uv(lines, offline=False)
        self.is_fresh = self.is_fresh or answer.status == "fails"
        return answer

    def _ask_uv(self, lines: frozenset[Requirement], *, lowest: bool = False, offline: bool) -> Answer:
        with disk_errors("asking uv"):
            source, output = self._files(lines)
            try:
                result = self.uv.ask(
                    source, output=output, python=self.python, options=self.options, lowest=lowest, offline=offline
                )
            except OutOfTimeError:
                raise BudgetError from None
            self.asked += 1
            self.advance("resolutions")
            if result.status == 0:
                return Answer(status="holds", pins=lockfile.parse_pins(result.answer), indexes=_indexes(result.answer))
        status: Literal["fails", "undecided"] = "fails" if result.status == _UNSOLVABLE else "undecided"
        return Answer(status=status, text=without_credentials(result.said))

    def _files(self, lines: frozenset[Requirement]) -> tuple[Path, Path]:
        ordered = sorted(lines, key=lambda line: (line.constraint, line.text, line.place))
        number = next(self._number)
        constraints = self.scratch / f"question-{number}.constraints"
        constraints.write_text("".join(f"{line.text}\n" for line in ordered if line.constraint), encoding="utf-8")
        source = self.scratch / f"question-{number}.in"
        asked = [asked_of_uv(line) for line in ordered if not line.constraint]
        source.write_text("\n".join([f"-c {constraints.name}", *asked, ""]), encoding="utf-8")
        return source, self.scratch / f"question-{number}.lock"


def _said(lines: Iterable[Requirement]) -> Said:
    return frozenset((line.text, line.editable, line.constraint) for line in lines)


def _indexes(text: str) -> tuple[tuple[str, str], ...]:
    found = {str(match[1]): without_credentials(match[2]) for match in _FROM.finditer(text)}
    return tuple(sorted(found.items()))
