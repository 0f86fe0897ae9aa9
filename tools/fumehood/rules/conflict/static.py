"""``conflict/static``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.conflicts.static import RULE as STATIC
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """What lines alone say."""
    return (finding for finding in seen.versions.findings if finding.rule == RULE.id)


RULE = Rule(
    id=STATIC,
    severity="error",
    summary="Requirement lines that no version of a package can satisfy together.",
    why="""\
Two lines name one package, and their ranges do not overlap: no registry and no later release can change that. The
experiment cannot be installed on this core.""",
    remedy="""\
Change one of the lines so that their versions overlap. `fumehood explain NAME` says which changes resolve;
[Formats](../formats.md) says how far lines alone decide.""",
    check=check,
    waive="A waiver lets the check pass; the experiment's session still cannot be built.",
)
