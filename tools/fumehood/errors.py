"""What can go wrong, as data with a sentence.

The library raises these and never exits; the command line and the nox sessions turn them into text and an exit
code in one place each.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_QUOTE = 80


class ExitCode(IntEnum):
    """How a command ends; nox sessions fail with the same messages."""

    OK = 0
    FINDINGS = 1
    """Findings, conflicts or failed tests."""
    USAGE = 2
    """Wrong usage or configuration."""
    WORLD = 3
    """The network, the registry, the disk or uv failed."""


class Place(Struct, frozen=True, order=True):
    """Where something stands: a path as the user would type it, and a line counted from 1 (0: the whole file)."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


def quoted(text: str) -> str:
    """What somebody wrote, as a message quotes it: so much of it as a line has room for."""
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 1]}…")


class FumehoodError(Exception):
    """Root of everything that fumehood raises on purpose.

    Args:
        what: What happened, one sentence without a final full stop.
        place: Where, if a file is to blame.
        remedy: What the user can do about it, one imperative sentence.
        details: Lines quoted from elsewhere, for example uv's own explanation.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(
        self, what: str, *, place: Place | None = None, remedy: str | None = None, details: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.remedy = remedy
        self.details = details

    @property
    def headline(self) -> str:
        """What happened and where, in one line."""
        return f"{self.place}: {self.what}" if self.place else self.what

    @property
    def reason(self) -> str:
        """The whole text, to stand behind the name of what is not decided for it."""
        return str(self)

    def __str__(self) -> str:
        lines = [self.headline]
        if self.details:
            lines += [f"  | {line}" for line in self.details.strip().splitlines()]
        if self.remedy:
            lines.append(f"  → {self.remedy}")
        return "\n".join(lines)


class ConfigurationError(FumehoodError):
    """A file that the user wrote cannot be used as it is."""


class UnsupportedPythonError(ConfigurationError):
    """An environment is wanted for a Python version that the repository does not support."""


class UsageError(FumehoodError):
    """A command was asked for something that does not exist or does not fit."""


class ConflictError(FumehoodError):
    """Requirements that cannot hold together."""

    exit_code = ExitCode.FINDINGS


class StaleLockError(FumehoodError):
    """A lock no longer matches what it was made from, and this run may not make it anew."""

    exit_code = ExitCode.FINDINGS


class HashMismatchError(FumehoodError):
    """A download does not have the hash that the lock promises."""

    exit_code = ExitCode.FINDINGS


class WorldError(FumehoodError):
    """Something outside failed: network, registry, disk, an interpreter or a program."""

    exit_code = ExitCode.WORLD


class NotDecidedError(WorldError):
    """Something outside failed, so that nobody can tell whether requirements hold together.

    Args:
        subject: Whose requirements these are.
        why: What failed.
        place: Where, if a file is to blame.
        remedy: As for any error.
        details: As for any error.
    """

    def __init__(
        self,
        subject: str,
        why: str,
        *,
        place: Place | None = None,
        remedy: str | None = None,
        details: str | None = None,
    ) -> None:
        super().__init__(f"{subject}: not decided, because {why}", place=place, remedy=remedy, details=details)
        self.subject = subject
        self.why = why

    @property
    def reason(self) -> str:
        """The text without what the name of the subject and the words "not decided" say before it."""
        return str(WorldError(self.why, place=self.place, remedy=self.remedy, details=self.details))


class Mistakes(ConfigurationError):  # noqa: N818 - it reads as what it is: several mistakes in one report
    """All configuration and requirement mistakes of one run, reported together."""

    def __init__(self, mistakes: Sequence[FumehoodError]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: (mistake.place or Place(""), mistake.what)))

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)


def raise_all(mistakes: Sequence[FumehoodError]) -> None:
    """Raise nothing, the one mistake, or all of them together: each text once, and what is in a `Mistakes` one by one.

    Raises:
        FumehoodError: The only mistake, or a `Mistakes` with all of them.
    """
    several = [one for some in mistakes for one in (some.mistakes if isinstance(some, Mistakes) else (some,))]
    found = list({str(one): one for one in several}.values())
    if len(found) == 1:
        raise found[0]
    if found:
        raise Mistakes(found)
