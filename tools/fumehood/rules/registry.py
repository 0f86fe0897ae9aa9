"""Every rule that there is: one line for each, and those that other distributions bring."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from fumehood.errors import UsageError
from fumehood.rules.conflict import resolved, static
from fumehood.rules.core import requirements_differ
from fumehood.rules.independence import two_indexes, vendor_locked
from fumehood.rules.lock import stale
from fumehood.rules.theme import missing as theme_missing
from fumehood.rules.theme import unknown as theme_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fumehood.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    resolved.RULE,
    static.RULE,
    requirements_differ.RULE,
    two_indexes.RULE,
    vendor_locked.RULE,
    stale.RULE,
    theme_missing.RULE,
    theme_unknown.RULE,
)
"""fumehood's own, sorted by id."""

GROUPS: Mapping[str, str] = {
    "conflict": "Versions: whether an experiment can live on this core.",
    "core": "Core: whether what it says of itself agrees.",
    "independence": "Independence: whether an experiment has all that it needs from places that say so.",
    "lock": "Locks: whether they still say what they were made from.",
    "theme": "Theme: whether an experiment says what kind it is.",
}
"""What each group of rules is about, one sentence."""


def select(names: Iterable[str], rules: tuple[Rule, ...] = RULES) -> tuple[Rule, ...]:
    """The rules of these ids and groups, in their order; all of them when none is named.

    Raises:
        UsageError: There is no such rule.
    """
    wanted = set(names)
    for name in sorted(wanted):
        if not is_known(name, rules):
            raise UsageError(f"there is no rule {name!r}", remedy=advice(name, rules))
    return tuple(rule for rule in rules if not wanted or rule.id in wanted or rule.group in wanted)


def is_known(name: str, rules: tuple[Rule, ...] = RULES) -> bool:
    """Whether a rule or a group of rules has that name."""
    return any(name in {rule.id, rule.group} for rule in rules)


def advice(name: str, rules: tuple[Rule, ...] = RULES) -> str:
    """What to write instead of the name of a rule that there is not."""
    known = sorted({rule.id for rule in rules} | {rule.group for rule in rules})
    # The second half alone is what people remember.
    near = [rule.id for rule in rules if rule.id.partition("/")[2] == name.rpartition("/")[2]]
    near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else "docs/rules/README.md lists the rules"
