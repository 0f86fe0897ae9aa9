"""``health/overstayed``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.model.experiment import RUNNING_STATES
from fumehood.rules.owed import about
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Experiments that do not run any more and are still here after their day."""
    for experiment in seen.experiments:
        if experiment.state in RUNNING_STATES:
            continue
        health = seen.health.health(experiment)
        if step := health.due(seen.today):
            yield RULE.finding(
                experiment.name,
                about(seen, experiment, "state"),
                f"{health.reason}; due to be removed since {step.on}",
                remedy=f'`fumehood retire {experiment.name} --reason "…"`, or make it active again',
                subject="overstayed",
            )


RULE = Rule(
    id="health/overstayed",
    severity="warning",
    summary="An experiment that does not run any more, and is still here.",
    why="""\
A folder that no session runs decays unseen. One that has graduated lives in core now, and its copy here misleads; one
that is retired should be gone; one that was suspended was to come back, and has not for longer than
`remove-after-days` in `[tool.fumehood.lifecycle]` allows.""",
    remedy="""\
`fumehood retire NAME --reason "…"` removes it with all that names it, and records in `RETIRED.md` how to get it back.
One that is to come back becomes `state = "active"` again.""",
    check=check,
)
