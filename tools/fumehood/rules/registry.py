"""Every rule that there is: one line for each, and those that other distributions bring."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.errors import UsageError
from fumehood.extensions import REMEDY, Extension, ExtensionError, blaming
from fumehood.model.finding import Finding, Undecided
from fumehood.rules import plugins
from fumehood.rules.baseline import gone
from fumehood.rules.boundary import (
    core_imports_experiment,
    core_names_experiment,
    core_needs_experiments,
    experiment_imports_experiment,
)
from fumehood.rules.conflict import resolved, static
from fumehood.rules.core import requirements_differ
from fumehood.rules.coverage import no_job, no_match, unreached
from fumehood.rules.evidence import (
    broken_link,
    empty_section,
    missing_section,
    no_curve,
    no_number,
    no_provenance,
    no_readme,
    template,
    unknown_commit,
)
from fumehood.rules.health import overstayed
from fumehood.rules.health import stale as health_stale
from fumehood.rules.independence import transitive, two_indexes, undeclared, unused, vendor_locked
from fumehood.rules.lock import stale
from fumehood.rules.owner import codeowners, disagree, table, unlisted
from fumehood.rules.owner import missing as owner_missing
from fumehood.rules.reuse import copied, core_tests, private_name
from fumehood.rules.theme import missing as theme_missing
from fumehood.rules.theme import unknown as theme_unknown
from fumehood.rules.waiver import expired, unneeded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fumehood.rules.rule import Rule
    from fumehood.rules.seen import Seen

RULES: tuple[Rule, ...] = (
    gone.RULE,
    core_imports_experiment.RULE,
    core_names_experiment.RULE,
    core_needs_experiments.RULE,
    experiment_imports_experiment.RULE,
    resolved.RULE,
    static.RULE,
    requirements_differ.RULE,
    no_job.RULE,
    no_match.RULE,
    unreached.RULE,
    broken_link.RULE,
    empty_section.RULE,
    missing_section.RULE,
    no_curve.RULE,
    no_number.RULE,
    no_provenance.RULE,
    no_readme.RULE,
    template.RULE,
    unknown_commit.RULE,
    overstayed.RULE,
    health_stale.RULE,
    transitive.RULE,
    two_indexes.RULE,
    undeclared.RULE,
    unused.RULE,
    vendor_locked.RULE,
    stale.RULE,
    codeowners.RULE,
    disagree.RULE,
    owner_missing.RULE,
    table.RULE,
    unlisted.RULE,
    copied.RULE,
    core_tests.RULE,
    private_name.RULE,
    theme_missing.RULE,
    theme_unknown.RULE,
    expired.RULE,
    unneeded.RULE,
)
"""fumehood's own, sorted by id."""

GROUPS: Mapping[str, str] = {
    "baseline": "Baseline: what was there when the repository began to be checked, and may only become less.",
    "boundary": "Boundaries: whether imports lead only where they may, from experiments to core.",
    "conflict": "Versions: whether an experiment can live on this core.",
    "core": "Core: whether what it says of itself agrees.",
    "coverage": "Coverage: whether everything that is there is tested, and everything that is named is there.",
    "evidence": "Evidence: whether the README of an experiment shows what it is for and what came of it.",
    "health": "Health: whether somebody still looks after an experiment.",
    "independence": "Independence: whether an experiment has all that it needs from places that say so.",
    "lock": "Locks: whether they still say what they were made from.",
    "owner": "Owners: whether each experiment has one, and all that names them agrees.",
    "reuse": "Reuse: whether an experiment uses what core has, and uses it as core means it.",
    "theme": "Theme: whether an experiment says what kind it is.",
    "waiver": "Waivers: whether the permissions that were given still hold, and are still needed.",
}
"""What each group of rules is about, one sentence."""


class Registry(Struct, frozen=True, kw_only=True):
    """Every rule that there is here.

    Attributes:
        rules: Sorted by id.
        brought: Those among them that other distributions brought.
        failures: Why rules of other distributions cannot be used.
    """

    rules: tuple[Rule, ...] = RULES
    brought: Mapping[str, Extension[Rule]] = field(default_factory=dict)
    failures: tuple[ExtensionError, ...] = ()

    @classmethod
    def load(cls) -> Registry:
        """Fumehood's own rules, and those of all distributions that bring some."""
        brought, failures = plugins.load(rule.id for rule in RULES)
        others = (extension.value for extension in brought.values())
        rules = tuple(sorted([*RULES, *others], key=lambda rule: rule.id))
        return cls(rules=rules, brought=brought, failures=failures)

    def said_by(self, rule: Rule, seen: Seen) -> tuple[Finding | Undecided, ...]:
        """What a rule says.

        Raises:
            ExtensionError: Another distribution brought it, and it fails or says something else than findings.
        """
        if rule.id not in self.brought:
            return tuple(rule.check(seen))
        what = self.brought[rule.id].what
        with blaming(what, "checking"):
            said: tuple[object, ...] = tuple(rule.check(seen))
        return tuple(_own(one, rule, what) for one in said)

    def select(self, names: Iterable[str]) -> tuple[Rule, ...]:
        """The rules of these ids and groups, in their order; all of them when none is named.

        Raises:
            UsageError: There is no such rule.
            ExtensionError: There is none, and a distribution that may have it cannot be used.
        """
        wanted = set(names)
        for name in sorted(wanted):
            if not self.knows(name):
                if self.failures:
                    raise self.failures[0]
                raise UsageError(f"there is no rule {name!r}", remedy=self.advice(name))
        return tuple(rule for rule in self.rules if not wanted or rule.id in wanted or rule.group in wanted)

    def knows(self, name: str) -> bool:
        """Whether a rule or a group of rules has that name."""
        return any(name in {rule.id, rule.group} for rule in self.rules)

    def advice(self, name: str) -> str:
        """What to write instead of the name of a rule that there is not."""
        # The second half alone is what people remember.
        near = [rule.id for rule in self.rules if rule.id.partition("/")[2] == name.rpartition("/")[2]]
        known = sorted({rule.id for rule in self.rules} | {rule.group for rule in self.rules})
        near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        return f"did you mean {' or '.join(near)}?" if near else "docs/rules/README.md lists the rules"


def _own(said: object, rule: Rule, what: str) -> Finding | Undecided:
    """What a rule said, if a rule may say it."""
    if isinstance(said, Undecided) or (isinstance(said, Finding) and said.rule == rule.id):
        return said
    about = f"a finding of {said.rule}" if isinstance(said, Finding) else type(said).__name__
    raise ExtensionError(f"{what} answered with {about} instead of findings of its own", remedy=REMEDY)
