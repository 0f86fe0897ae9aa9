"""What a check has to say, in the same form for every rule."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from fumehood.errors import ExitCode

if TYPE_CHECKING:
    from fumehood.model.baseline import Entry
    from fumehood.model.waiver import Waiver

Severity = Literal["error", "warning", "note"]


class Finding(Struct, frozen=True, order=True, kw_only=True):
    """One thing that a check has to say.

    Attributes:
        experiment: The experiment's name; empty for core.
        file: Relative to the repository, with ``/``; empty if no file is to blame.
        line: Counted from 1; 0 for the whole file.
        rule: Such as ``conflict/static``; those whose names begin with ``conflict/`` are about versions.
        message: What is wrong, one sentence.
        remedy: What to do about it, one sentence; empty if only people can know.
        details: Lines that belong to it, such as the other lines of a conflict.
        subject: What it is about within its file, such as a module's name: that by which it is known again when lines
            have moved and numbers in the message have changed. Empty where the message itself will do.
    """

    experiment: str
    file: str
    line: int
    rule: str
    severity: Severity
    message: str
    remedy: str = ""
    details: tuple[str, ...] = ()
    subject: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """By which it is known again after lines have moved and severities have changed."""
        return self.rule, self.experiment, self.file, self.subject or self.message

    @property
    def fingerprint(self) -> str:
        """The same in 16 hexadecimal digits, for services that follow findings from commit to commit."""
        return hashlib.sha256("\0".join(self.identity).encode("utf-8", "backslashreplace")).hexdigest()[:16]

    @property
    def is_conflict(self) -> bool:
        """Whether versions are what it is about."""
        return self.rule.startswith("conflict/")


class Undecided(Struct, frozen=True, order=True, kw_only=True):
    """An experiment (empty: core) about which a check could not decide, and why."""

    experiment: str
    reason: str


class Waived(Struct, frozen=True, order=True, kw_only=True):
    """A finding that a waiver lets stay."""

    finding: Finding
    waiver: Waiver


class CheckAnswer(Struct, frozen=True, kw_only=True):
    """Everything that one run of a check has to say.

    Attributes:
        checked: How many experiments were looked at, core not counted.
        waived: What waivers let stay.
        known: What the baseline knows already.
        gone: What is in the baseline and no longer found.
        left_out: How many notes are not among the findings, since nobody asked for notes.
    """

    findings: tuple[Finding, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    checked: int
    waived: tuple[Waived, ...] = ()
    known: tuple[Finding, ...] = ()
    gone: tuple[Entry, ...] = ()
    left_out: int = 0

    def without_notes(self) -> CheckAnswer:
        """The same, with its notes counted only."""
        kept = tuple(finding for finding in self.findings if finding.severity != "note")
        return replace(self, findings=kept, left_out=self.left_out + len(self.findings) - len(kept))


def exit_code(answer: CheckAnswer) -> ExitCode:
    """How a check ends: errors count more than what is not decided, and warnings and notes do not count."""
    if any(finding.severity == "error" for finding in answer.findings):
        return ExitCode.FINDINGS
    return ExitCode.WORLD if answer.undecided else ExitCode.OK
