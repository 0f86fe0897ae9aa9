"""``owner/missing``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.owed import about, owed
from fumehood.rules.owner.lines import deciding
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.experiment import Experiment
    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Experiments that neither their manifest nor CODEOWNERS gives to anybody."""
    is_usual = any(experiment.owners for experiment in seen.repository.experiments)
    for experiment in seen.experiments:
        if experiment.owners:
            continue
        severity = owed(experiment)
        yield RULE.finding(
            experiment.name,
            about(seen, experiment, "owners"),
            "nobody owns it",
            details=tuple(_taken_away(seen, experiment)),
            remedy=f"write owners in {experiment.path}/experiment.toml, or a line in CODEOWNERS",
            severity="warning" if severity == "note" and is_usual else severity,
        )


def _taken_away(seen: Seen, experiment: Experiment) -> Iterator[str]:
    if seen.codeowners:
        for rule in deciding(seen.codeowners, experiment):
            yield f"{seen.codeowners.path}:{rule.line}: {rule.pattern} names no owner"


RULE = Rule(
    id="owner/missing",
    severity="error",
    summary="An experiment that nobody owns.",
    why="""\
When core changes and an experiment breaks, somebody has to decide whether it is mended, suspended or removed. Without
an owner nobody is asked, and it stays broken for months.""",
    remedy="""\
Name at least one owner in `experiment.toml`, `owners = ["@name"]`, or in CODEOWNERS. Owners are handles, teams
(`@org/team`) or addresses. A pattern of CODEOWNERS without owners takes them away, and the last pattern that matches
counts.""",
    milder="""\
A warning for an experiment that is proposed, suspended or retired, and for a folder without `experiment.toml` where
other experiments have owners; a note for one where none has.""",
    check=check,
)
