"""What a check has to say, in the same form for every rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fumehood.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

Severity = Literal["error", "warning", "note"]

RULES: Mapping[str, str] = {
    "conflict/resolved": "Requirement lines that cannot hold together with the packages that exist.",
    "conflict/static": "Requirement lines that no version of a package can satisfy together.",
    "lock/stale": "A lock that does not match what it was made from.",
}
"""What each rule is about, one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One thing that a check has to say.

    Attributes:
        experiment: The experiment's name; empty for core.
        file: Relative to the repository, with ``/``; empty if no file is to blame.
        line: Counted from 1; 0 for the whole file.
        rule: Such as ``conflict/static``; those whose names begin with ``conflict/`` are about versions.
        message: What is wrong, one sentence.
        remedy: What to do about it, one sentence; empty if only people can know.
        details: Lines that belong to it, such as the other lines of a conflict.
    """

    experiment: str
    file: str
    line: int
    rule: str
    severity: Severity
    message: str
    remedy: str = ""
    details: tuple[str, ...] = ()

    @property
    def is_conflict(self) -> bool:
        """Whether versions are what it is about."""
        return self.rule.startswith("conflict/")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Undecided:
    """An experiment (empty: core) about which a check could not decide, and why."""

    experiment: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer:
    """Everything that one run of a check has to say.

    Attributes:
        checked: How many experiments were looked at, core not counted.
    """

    findings: tuple[Finding, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    checked: int


def exit_code(answer: CheckAnswer) -> ExitCode:
    """How a check ends: errors count more than what is not decided, and warnings and notes do not count."""
    if any(finding.severity == "error" for finding in answer.findings):
        return ExitCode.FINDINGS
    return ExitCode.WORLD if answer.undecided else ExitCode.OK
