"""The protocol of a rule: what it is called, why it is there, and a function that looks and says what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from msgspec import Struct
from msgspec.structs import replace

from fumehood.model.finding import Finding, Undecided

if TYPE_CHECKING:
    from fumehood.errors import Place
    from fumehood.model.baseline import Entry
    from fumehood.model.finding import Severity
    from fumehood.model.waiver import Waiver
    from fumehood.rules.change import Change
    from fumehood.rules.seen import Seen


class Review(Struct, frozen=True, kw_only=True):
    """What a run has come to once the other rules have looked; for rules about waivers and the baseline.

    Attributes:
        known: The ids of all the rules that there are.
        unused: The waivers, of those that still hold, which no finding needed although their rule could tell.
        gone: The findings of the baseline that are no longer found.
    """

    known: frozenset[str]
    unused: tuple[Waiver, ...]
    gone: tuple[Entry, ...]


Reads = Literal["nothing", "imports of core", "imports", "copies"]
Check = Callable[["Seen"], Iterable[Finding | Undecided]]
Reviewing = Callable[["Seen", Review], Iterable[Finding]]
Fix = Callable[["Seen"], Iterable["Change"]]


class _More(TypedDict, total=False):
    """What a finding may have beside its place and message; see `Finding`."""

    remedy: str
    details: tuple[str, ...]
    subject: str
    severity: Severity


class Rule(Struct, frozen=True, kw_only=True):
    """One rule. Its texts are whole sentences in Markdown, and become its page in ``docs/rules/``.

    Attributes:
        id: ``group/name``; the group is also the sub-package that its module stands in.
        severity: What its findings are where neither the settings nor the rule itself says otherwise.
        summary: What it is about, one sentence.
        why: What goes wrong where nobody keeps to it.
        remedy: How to mend what it finds.
        check: Looks, and yields what it finds; an `Undecided` for an experiment that it cannot judge.
        review: Looks at what all the others found, after them.
        fix: What would mend its findings in files, so far as that can be done by a program.
        milder: When its findings are less severe than that.
        waive: When a waiver is right, if that can be said.
        reads: What of the sources it looks at, so that all that rules look at is read at once and ahead. One that says
            nothing may look at anything all the same.
    """

    id: str
    severity: Severity
    summary: str
    why: str
    remedy: str
    check: Check = lambda _seen: ()
    review: Reviewing = lambda _seen, _review: ()
    fix: Fix | None = None
    milder: str = ""
    waive: str = ""
    reads: Reads = "nothing"

    @property
    def group(self) -> str:
        """The first half of its id."""
        return self.id.partition("/")[0]

    def finding(self, experiment: str, place: Place, message: str, **more: Unpack[_More]) -> Finding:
        """A finding of this rule.

        Args:
            experiment: The experiment's name; empty for core.
            place: The file, relative to the repository, and the line.
            message: What is wrong, one sentence without a full stop. If it holds what may change while the finding
                stays the same, such as a line or a count of days, give a `subject` too.
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
