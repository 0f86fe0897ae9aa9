"""What uv's cache holds of the registries, brought up to date in one call for many resolutions offline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fumehood.locking.resolve import Question
    from fumehood.model.lock import Pin
    from fumehood.model.requirement import IndexOptions
    from fumehood.outside.uv import Uv

_NO_SOLUTION = 1
"""uv's exit status when one of the names cannot be had; above it, something kept uv from finding out."""


@dataclass(slots=True)
class IndexData:
    """Which packages' pages are known to be current in this run, for each way of saying where packages come from.

    A package that cannot be had is `hopeless`: what needs it has to be resolved with the network, which explains why.
    """

    uv: Uv
    scratch: Path
    current: set[tuple[IndexOptions, str]] = field(default_factory=set)
    hopeless: set[tuple[IndexOptions, str]] = field(default_factory=set)

    def missing(self, questions: Iterable[tuple[Question, frozenset[str]]]) -> dict[IndexOptions, set[str]]:
        """The names, of those that questions need, that nothing is known about yet."""
        wanted: dict[IndexOptions, set[str]] = {}
        for question, names in questions:
            options = question.inputs.options
            unknown = {name for name in names if not {(options, name)} & (self.current | self.hopeless)}
            if unknown:
                wanted.setdefault(options, set()).update(unknown)
        return wanted

    def update(self, options: IndexOptions, names: Iterable[str], *, python: str) -> None:
        """Ask for many packages in one call; where that fails for one of them, ask for halves."""
        ordered = sorted(names)
        if not ordered:
            return
        request = self.scratch / "index-data.in"
        request.write_text("".join(f"{name}\n" for name in ordered), encoding="utf-8")
        output = self.scratch / "index-data.lock"
        output.unlink(missing_ok=True)
        done = self.uv.compile([request], output=output, python=python, options=options, dependencies=False)
        keys = {(options, name) for name in ordered}
        if done.status == 0:
            self.current |= keys
        elif done.status == _NO_SOLUTION and len(ordered) > 1:
            middle = len(ordered) // 2
            self.update(options, ordered[:middle], python=python)
            self.update(options, ordered[middle:], python=python)
        else:
            self.hopeless |= keys

    def is_hopeless(self, question: Question, names: frozenset[str]) -> bool:
        """Whether a question needs a package that is not to be had."""
        return any((question.inputs.options, name) in self.hopeless for name in names)


def asked(question: Question) -> frozenset[str]:
    """The packages whose pages decide, as far as is known before resolving: those that no preferred pin decides."""
    decided = _decided(question)
    named = {line.name for line in question.inputs.requirements if line.name and not line.url}
    return frozenset((named | {pin.name for pin in question.former if not pin.url}) - decided)


def found(question: Question, pins: Iterable[Pin]) -> frozenset[str]:
    """The packages of an answer that no preferred pin decided."""
    return frozenset({pin.name for pin in pins if not pin.url} - _decided(question))


def _decided(question: Question) -> set[str]:
    return {pin.name for pin in question.preferred}
