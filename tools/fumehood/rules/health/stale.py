"""``health/stale``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.model.experiment import RUNNING_STATES
from fumehood.reading.manifest import MANIFEST
from fumehood.rules.owed import about
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from fumehood.model.finding import Finding
    from fumehood.model.health import Health
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Experiments that run and that nobody has looked after for too long."""
    for experiment in seen.experiments:
        health = seen.health.health(experiment)
        if experiment.state in RUNNING_STATES and health.due(seen.today):
            yield RULE.finding(
                experiment.name,
                about(seen, experiment, "state"),
                f"{health.reason}; {announced(health, seen.today)}",
                remedy=f'answer for it with a commit, or write state = "suspended" into {experiment.path}/{MANIFEST}',
                severity="warning" if experiment.manifest else "note",
                subject="stale",
            )


def announced(health: Health, today: date) -> str:
    """The steps that are due and to come, in words."""
    said = []
    for step in health.steps:
        is_due = step.on <= today
        match step.what:
            case "suspend":
                said.append(f"due to be suspended since {step.on}" if is_due else f"to be suspended on {step.on}")
            case "remove":
                said.append(f"due to be removed since {step.on}" if is_due else f"to be removed on {step.on}")
            case "warn":
                pass  # This is the warning.
    return ", ".join(said)


RULE = Rule(
    id="health/stale",
    severity="warning",
    summary="An experiment that nobody has looked after for too long.",
    why="""\
What nobody runs does not work any more, and what nobody answers for is in everybody's way: it holds back core's
requirements, it takes machines, and newcomers copy it. An experiment is stale when its folder has had no commit, its
tests no green result, or its failure no answer for longer than `[tool.fumehood.lifecycle]` allows. The steps that
follow have their days: from the first on its owners are warned here, then it is to be suspended, then to be removed.
`fumehood status` announces them for every experiment.

Results count where they are kept; what is not known here, such as results of other machines, is held against nobody.
In a shallow clone, the commits at its end are taken for as young as they look.""",
    remedy="""\
Look after it: make its tests pass on this core, and commit what that takes. If that has to wait, write
`state = "suspended"` into its `experiment.toml`: it is then left out of sessions and of the matrix, and says so. If it
has served its purpose, or nobody wants it, `fumehood retire NAME --reason "…"` removes it and keeps a record.""",
    check=check,
    milder="A note for a folder without `experiment.toml`.",
    waive="When it is meant to stay as it is, and somebody has said until when.",
)
