"""The question that every explanation is made of: can these lines hold together? Answered by uv, each question once."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fumehood.locking import lockfile
from fumehood.outside.files import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fumehood.model.lock import Pin
    from fumehood.model.requirement import IndexOptions, Requirement
    from fumehood.outside.uv import Uv

_UNSOLVABLE = 1
"""uv's exit status when it resolved and found no solution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether lines hold together.

    Attributes:
        status: ``undecided`` when uv could not finish, or may lack data because it was kept offline.
        pins: What they resolve to.
        text: uv's explanation where they do not.
    """

    status: Literal["holds", "fails", "undecided"]
    pins: tuple[Pin, ...] = ()
    text: str = ""

    @property
    def versions(self) -> dict[str, str]:
        """Package and version; where a package has several pins for several platforms, the last."""
        return {str(pin.name): pin.what for pin in self.pins}


class BudgetError(Exception):
    """The time that an explanation may take is used up; caught where the explanation is made."""


@dataclass(slots=True)
class Prober:
    """Asks uv about sets of lines, and remembers the answers.

    Attributes:
        root: The repository, which relative paths in lines count from.
        scratch: An existing folder for files of its own.
        python: Lower bound of the Python versions.
        options: Where packages come from.
        deadline: When to stop asking, as `time.monotonic` counts; None for never.
        asked: How many resolutions uv has made.
        has_failed_online: Whether a failure has been seen with the network, which fetches all that it depends on.
    """

    uv: Uv
    root: Path
    scratch: Path
    python: str
    options: IndexOptions
    deadline: float | None = None
    asked: int = 0
    has_failed_online: bool = False
    _answers: dict[tuple[frozenset[Requirement], tuple[Pin, ...]], Answer] = field(default_factory=dict)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def ask(self, lines: Iterable[Requirement], *, preferred: tuple[Pin, ...] = ()) -> Answer:
        """Whether the lines hold together.

        What holds does so without some of its lines too, and what fails does so with more, so many a question is
        answered without uv.

        Args:
            lines: The lines; their order does not matter.
            preferred: Pins to keep where the lines admit them.

        Raises:
            BudgetError: There is no time left to ask.
        """
        chosen = frozenset(lines)
        for known, answer in self._answers.items():
            if known == (chosen, preferred):
                return answer
        if not preferred:
            for (asked, _), answer in self._answers.items():
                if (answer.status == "fails" and asked <= chosen) or (answer.status == "holds" and chosen <= asked):
                    return answer
        answer = self._resolve(chosen, preferred)
        self._answers[chosen, preferred] = answer
        return answer

    def confirm(self, lines: Iterable[Requirement]) -> Answer:
        """Ask again about lines that failed, with the network, since the cache alone may not have known enough."""
        chosen = frozenset(lines)
        if not self.uv.is_offline:
            self._answers = {key: known for key, known in self._answers.items() if known.status == "holds"}
            self._answers[chosen, ()] = self._ask_uv(chosen, (), offline=False)
        return self.ask(chosen)

    def lowest(self, line: Requirement, bounds: Iterable[Requirement]) -> str | None:
        """The lowest version of a line's package that the line and bounds of other packages admit.

        The cache alone would name the lowest that it happens to hold, so this asks with the network if it may.
        """
        answer = self._ask_uv(frozenset([line, *bounds]), (), lowest=True, offline=self.uv.is_offline)
        return answer.versions.get(str(line.name))

    def holds(self, lines: Iterable[Requirement]) -> bool:
        """Whether the lines hold together for certain; what is undecided does not."""
        return self.ask(lines).status == "holds"

    def _resolve(self, lines: frozenset[Requirement], preferred: tuple[Pin, ...]) -> Answer:
        answer = self._ask_uv(lines, preferred, offline=True)
        if answer.status == "holds" or self.uv.is_offline:
            return answer
        if self.has_failed_online and answer.status == "fails":
            # All that these packages need was fetched for the question before; the result is confirmed in the end.
            return answer
        answer = self._ask_uv(lines, preferred, offline=False)
        self.has_failed_online = self.has_failed_online or answer.status == "fails"
        return answer

    def _ask_uv(
        self, lines: frozenset[Requirement], preferred: tuple[Pin, ...], *, lowest: bool = False, offline: bool
    ) -> Answer:
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise BudgetError
        self.asked += 1
        with disk_errors("asking uv"):
            ordered = sorted(lines, key=lambda line: (line.constraint, line.text, line.place))
            source, output = self._files(ordered, preferred)
            options = self.options
            result = self.uv.ask(
                source, output=output, python=self.python, options=options, lowest=lowest, offline=offline
            )
            if result.status == 0:
                return Answer(status="holds", pins=lockfile.parse_pins(output.read_text(encoding="utf-8")))
        return Answer(status="fails" if result.status == _UNSOLVABLE else "undecided", text=result.stderr)

    def _files(self, lines: list[Requirement], preferred: tuple[Pin, ...]) -> tuple[Path, Path]:
        number = next(self._number)
        constraints = self.scratch / f"question-{number}.constraints"
        constraints.write_text("".join(f"{line.text}\n" for line in lines if line.constraint), encoding="utf-8")
        source = self.scratch / f"question-{number}.in"
        asked = [f"-e {line.text}" if line.editable else line.text for line in lines if not line.constraint]
        text = [f"-c {constraints.name}", *asked, ""]
        source.write_text("\n".join(text), encoding="utf-8")
        output = self.scratch / f"question-{number}.lock"
        output.write_text("".join(f"{pin.line}\n" for pin in preferred), encoding="utf-8")
        return source, output
