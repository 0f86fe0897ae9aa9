"""One run of rules: each looks, and what they find is judged by the settings, collected and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fumehood.model.finding import CheckAnswer, Finding, Undecided
from fumehood.rules.severities import Severities

if TYPE_CHECKING:
    from fumehood.rules.rule import Rule
    from fumehood.rules.seen import Seen


class Progress(Protocol):
    """Hears how far a run is."""

    def begin(self, what: str, total: int | None) -> None:
        """A phase of that many steps begins."""

    def advance(self, what: str) -> None:
        """One step is done."""


def run(seen: Seen, rules: tuple[Rule, ...], known: tuple[Rule, ...], progress: Progress) -> CheckAnswer:
    """Let rules look at what there is to see.

    Args:
        seen: The repository.
        rules: Those that look.
        known: All that there are.
        progress: Hears each rule's name when it is done.

    Raises:
        ConfigurationError: The settings name rules that there are not.
    """
    severities = Severities.of(seen.settings.rules, known)
    wanted = tuple(rule for rule in rules if not severities.is_off(rule))
    findings: list[Finding] = []
    undecided: list[Undecided] = []
    progress.begin("rules", len(wanted))
    for rule in wanted:
        for said in rule.check(seen):
            if isinstance(said, Undecided):
                undecided.append(said)
            elif (judged := severities.judged(said)) and _is_asked_for(judged, seen):
                findings.append(judged)
        progress.advance(rule.id)
    return CheckAnswer(
        findings=tuple(sorted(findings)), undecided=tuple(sorted(undecided)), checked=len(seen.experiments)
    )


def _is_asked_for(finding: Finding, seen: Seen) -> bool:
    """Whether it is about an experiment in question, or about core's versions, without which there are none."""
    if not finding.experiment:
        return seen.is_whole or finding.rule.startswith(("conflict/", "lock/"))
    return seen.is_whole or any(experiment.name == finding.experiment for experiment in seen.experiments)
