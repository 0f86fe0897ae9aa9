"""``lock/stale``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.conflicts.check import STALE
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """What committed locks no longer say."""
    return (finding for finding in seen.versions.findings if finding.rule == RULE.id)


RULE = Rule(
    id=STALE,
    severity="error",
    summary="A lock that does not match what it was made from.",
    why="""\
A lock is the proof that its lines hold together, and what everybody installs. Once lines or core's lock have changed
under it, it proves nothing, and sessions that may not resolve (`--locked`, the default in CI) refuse to run.""",
    remedy="Run `fumehood lock` and commit what it writes. [Locks](../locks.md) describes them.",
    check=check,
)
