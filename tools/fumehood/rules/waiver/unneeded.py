"""``waiver/unneeded``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.rule import Review
    from fumehood.rules.seen import Seen


def review(seen: Seen, review: Review) -> Iterator[Finding]:
    """Waivers of rules that looked and found nothing to waive, and of rules that there are not."""
    groups = {rule.partition("/")[0] for rule in review.known}
    for experiment, waiver in seen.waivers:
        remedy = "take it out"
        if waiver.rule in groups:
            message = f"{waiver.rule!r} is a group of rules, and a waiver is for one rule"
            remedy = f"write a waiver for each rule, such as {min(_of_group(review.known, waiver.rule))}"
        elif waiver.rule not in review.known:
            message = f"there is no rule {waiver.rule!r} to waive"
        elif waiver in review.unused:
            message = f"nothing needs the waiver of {waiver.rule}"
        else:
            continue
        yield RULE.finding(experiment, waiver.place, message, remedy=remedy)


def _of_group(ids: Iterable[str], group: str) -> Iterator[str]:
    return (one for one in ids if one.startswith(f"{group}/"))


RULE = Rule(
    id="waiver/unneeded",
    severity="warning",
    summary="A waiver that waives nothing.",
    why="""\
What was waived has been mended, or never was what the waiver says. A waiver that stays lets it come back unseen.""",
    remedy="Take it out. If it should waive something, correct its `rule` (an id, not a group) and its `path`.",
    review=review,
    waive="Nothing is gained by it.",
)
