"""``waiver/expired``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Waivers whose day is over."""
    for experiment, waiver in seen.waivers:
        if waiver.has_ended(seen.today):
            yield RULE.finding(
                experiment,
                waiver.place,
                f"the waiver of {waiver.rule} ended on {waiver.until}",
                remedy="mend what it waived and take it out, or agree on another day",
                details=(f"its reason was: {waiver.reason}",),
            )


RULE = Rule(
    id="waiver/expired",
    severity="error",
    summary="A waiver whose day is over.",
    why="""\
A waiver lets something stay for a time that somebody agreed to. After its last day it waives nothing: the finding
counts again, and so does the promise that was not kept.""",
    remedy="""\
Mend what it waived and take the waiver out; or agree with the repository's maintainers on a later day. Who wants to
know beforehand runs `FUMEHOOD_TODAY=2026-12-31 fumehood check`, which judges waivers as on that day.""",
    check=check,
    waive="A later `until` says the same, and says it in one place.",
)
