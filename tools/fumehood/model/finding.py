"""What a check has to say, in the same form for every rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One thing that a check has to say.

    Attributes:
        experiment: The experiment's name; empty for core.
        file: Relative to the repository, with ``/``.
        line: Counted from 1; 0 for the whole file.
        rule: Such as ``conflict/static``.
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


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Undecided:
    """An experiment about which a check could not decide, and why."""

    experiment: str
    reason: str
