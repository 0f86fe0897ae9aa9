"""One run of rules: each looks; what they find is judged by settings, waivers and baseline, collected and sorted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

from fumehood.errors import FumehoodError
from fumehood.model import baseline as known_findings
from fumehood.model.finding import CheckAnswer, Finding, Undecided, Waived
from fumehood.rules.rule import Review
from fumehood.rules.severities import Severities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fumehood.model.baseline import Entry
    from fumehood.rules.registry import Registry
    from fumehood.rules.rule import Rule
    from fumehood.rules.seen import Seen

_VERSIONS = "conflict/resolved"
"""The rule that cannot always tell: without an index, or where lines cannot be read."""
_BY_LINES = frozenset({"conflict", "lock", "independence"})
"""Groups of rules that then cannot tell either."""


class Progress(Protocol):
    """Hears how far a run is."""

    def begin(self, what: str, total: int | None) -> None:
        """A phase of that many steps begins."""

    def advance(self, what: str, steps: int = 1) -> None:
        """So many steps are done."""


def run(
    seen: Seen, rules: tuple[Rule, ...], registry: Registry, *, baseline: tuple[Entry, ...], progress: Progress
) -> CheckAnswer:
    """Let rules look at what there is to see.

    Args:
        seen: The repository.
        rules: Those that look.
        registry: All that there are.
        baseline: What is known already.
        progress: Hears each rule's name when it is done, and how many files have been read.

    Raises:
        ConfigurationError: The settings name rules that there are not.
    """
    severities = Severities.of(seen.settings.rules, registry)
    wanted = tuple(rule for rule in rules if not severities.is_off(rule))
    return _Run(seen, wanted, registry, severities).answer(baseline, progress)


class _Run(Struct):
    """A run, and what has come of it so far; `doubts` are rules with experiments that they could not judge."""

    seen: Seen
    rules: tuple[Rule, ...]
    registry: Registry
    severities: Severities
    findings: list[Finding] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)
    waived: list[Waived] = field(default_factory=list)
    doubts: set[tuple[str, str]] = field(default_factory=set)

    def answer(self, baseline: tuple[Entry, ...], progress: Progress) -> CheckAnswer:
        self.undecided += [Undecided(experiment="", reason=str(error)) for error in self.registry.failures]
        with self.seen.reading_ahead({rule.reads for rule in self.rules}) as reader:
            progress.begin("rules", len(self.rules) + reader.fresh)
            reader.advance = partial(progress.advance, "reading sources")
            # While sources are read, those rules have their turn that look at none.
            for rule in sorted(self.rules, key=lambda rule: rule.reads != "nothing"):
                self._look(rule)
                progress.advance(rule.id)
        held = known_findings.split(sorted(self.findings), baseline, is_judged=self._is_judged)
        self.findings = list(held.new)
        review = self._review(held.gone)
        for rule in self.rules:
            self._keep(rule.review(self.seen, review))
        return CheckAnswer(
            findings=tuple(sorted(self.findings)),
            undecided=tuple(sorted(self.undecided)),
            waived=tuple(sorted(self.waived)),
            known=held.known,
            gone=held.gone,
            checked=len(self.seen.experiments),
        )

    def _look(self, rule: Rule) -> None:
        """Let one rule look; one that another distribution brought may fail, and the others go on."""
        try:
            said = self.registry.said_by(rule, self.seen)
        except FumehoodError as error:
            if rule.id not in self.registry.brought:
                raise
            said = (Undecided(experiment="", reason=str(error)),)
        undecided = [one for one in said if isinstance(one, Undecided)]
        self.undecided += undecided
        self.doubts |= {(rule.id, one.experiment) for one in undecided}
        self._keep(one for one in said if isinstance(one, Finding))

    def _keep(self, findings: Iterable[Finding]) -> None:
        """Take findings as settings and waivers have them."""
        waivers = [(name, waiver) for name, waiver in self.seen.waivers if not waiver.has_ended(self.seen.today)]
        for finding in filter(None, map(self.severities.judged, filter(self._is_asked_for, findings))):
            waiver = next((one for name, one in waivers if name == finding.experiment and one.covers(finding)), None)
            if waiver:
                self.waived.append(Waived(finding=finding, waiver=waiver))
            else:
                self.findings.append(finding)

    def _is_asked_for(self, finding: Finding) -> bool:
        """Whether it is about an experiment in question, or about core's versions, without which there are none."""
        if self.seen.is_whole:
            return True
        if not finding.experiment:
            return finding.rule.startswith(("conflict/", "lock/"))
        return any(experiment.name == finding.experiment for experiment in self.seen.experiments)

    def _is_judged(self, entry: Entry) -> bool:
        """Whether what the baseline knows could have been found in this run."""
        names = {experiment.name for experiment in self.seen.experiments}
        in_question = self.seen.is_whole or entry.experiment in names
        return in_question and self._is_sure(entry.rule, entry.experiment)

    def _is_sure(self, rule: str, experiment: str) -> bool:
        """Whether a rule has looked at an experiment, and had all that it needs to tell."""
        if experiment in {broken.name for broken in self.seen.repository.broken}:
            return False
        deciding = {rule, _VERSIONS} if rule.partition("/")[0] in _BY_LINES else {rule}
        doubted = {(one, name) for name in (experiment, "") for one in deciding}
        return rule in {one.id for one in self.rules} and self.doubts.isdisjoint(doubted)

    def _review(self, gone: tuple[Entry, ...]) -> Review:
        used = {one.waiver for one in self.waived}
        held = [(name, one) for name, one in self.seen.waivers if not one.has_ended(self.seen.today)]
        return Review(
            known=frozenset(rule.id for rule in self.registry.rules),
            unused=tuple(one for name, one in held if one not in used and self._is_sure(one.rule, name)),
            gone=gone,
        )
