"""The protocol of a rule: what it is called, why it is there, and a function that looks and says what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict, Unpack

from fumehood.model.finding import Finding, Undecided

if TYPE_CHECKING:
    from fumehood.errors import Place
    from fumehood.model.finding import Severity
    from fumehood.rules.seen import Seen

Check = Callable[["Seen"], Iterable[Finding | Undecided]]


class _More(TypedDict, total=False):
    """What a finding may have beside its place and message; see `Finding`."""

    remedy: str
    details: tuple[str, ...]
    subject: str
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. Its texts are whole sentences in Markdown, and become its page in ``docs/rules/``.

    Attributes:
        id: ``group/name``; the group is also the sub-package that its module stands in.
        severity: What its findings are where neither the settings nor the rule itself says otherwise.
        summary: What it is about, one sentence.
        why: What goes wrong where nobody keeps to it.
        remedy: How to mend what it finds.
        check: Looks, and yields what it finds; an `Undecided` for an experiment that it cannot judge.
        waive: When a waiver is right, if that can be said.
    """

    id: str
    severity: Severity
    summary: str
    why: str
    remedy: str
    check: Check
    waive: str = ""

    @property
    def group(self) -> str:
        """The first half of its id."""
        return self.id.partition("/")[0]

    def finding(self, experiment: str, place: Place, message: str, **more: Unpack[_More]) -> Finding:
        """A finding of this rule.

        Args:
            experiment: The experiment's name; empty for core.
            place: The file, relative to the repository, and the line.
            message: What is wrong, one sentence without a full stop.
            more: Any other field of a finding.
        """
        finding = Finding(
            rule=self.id,
            severity=self.severity,
            experiment=experiment,
            file=place.file,
            line=place.line,
            message=message,
        )
        return replace(finding, **more)
