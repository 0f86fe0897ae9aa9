"""``evidence/no-readme``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.owed import MILDER, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Experiments without a README."""
    for experiment in seen.experiments:
        if experiment.name not in seen.readmes:
            yield RULE.finding(
                experiment.name,
                Place(experiment.path),
                "it has no README",
                remedy=f"write {experiment.path}/README.md",
                severity=owed(experiment),
            )


RULE = Rule(
    id="evidence/no-readme",
    severity="error",
    summary="An experiment without a README.",
    why="""\
An experiment is there so that others can learn from it. Without a README nobody knows what it tried, what came of it,
and when it has served its purpose.""",
    remedy="""\
Write a `README.md` in its folder, with sections on motivation and innovation and, for a `model`, on performance and
convergence. `fumehood new` starts one. What it shows is checked in Markdown and in reStructuredText (`README.rst`); of
any other, such as a `README.txt`, only that it is there.""",
    check=check,
    milder=MILDER,
)
