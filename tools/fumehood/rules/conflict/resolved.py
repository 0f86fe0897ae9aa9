"""``conflict/resolved``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.conflicts.check import RESOLVED
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding, Undecided
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding | Undecided]:
    """What the resolver says, and about what nothing could be said."""
    yield from (finding for finding in seen.versions.findings if finding.rule == RULE.id)
    yield from seen.versions.undecided


RULE = Rule(
    id=RESOLVED,
    severity="error",
    summary="Requirement lines that cannot hold together with the packages that exist.",
    why="""\
The experiment cannot be installed on this core at all, so none of its tests run and nobody can repeat what it shows.
No line is wrong by itself: the packages that the lines ask for ask for others, and there the ranges no longer meet.""",
    remedy="""\
`fumehood explain NAME` names the smallest set of lines that cannot hold together, whose they are, and changes that were
tried and mend it. [Conflicts](../conflicts.md) describes how it is decided.""",
    check=check,
    waive="A waiver lets the check pass; the experiment's session still cannot be built.",
)
