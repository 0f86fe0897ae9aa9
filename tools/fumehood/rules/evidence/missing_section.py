"""``evidence/missing-section``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.evidence.readme import required
from fumehood.rules.owed import MILDER, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_ABOUT: Mapping[str, str] = {
    "motivation": "its motivation",
    "innovation": "what is new in it",
    "performance": "performance, which it claims or its theme asks for",
    "convergence": "the convergence of its loss",
}
_HEADING: Mapping[str, str] = {
    "motivation": "`## Motivation`",
    "innovation": "`## What is new`",
    "performance": "`## Performance`",
    "convergence": "`## Loss convergence`",
}


def check(seen: Seen) -> Iterator[Finding]:
    """Kinds of evidence that no heading of a README is about; motivation may stand in the introduction."""
    for experiment in seen.experiments:
        readme = seen.readmes.get(experiment.name)
        if readme is None or readme.document is None:
            continue
        for kind in required(experiment, readme):
            if not readme.sections[kind] and not (kind == "motivation" and readme.introduces):
                yield RULE.finding(
                    experiment.name,
                    readme.at(0),
                    f"no section is about {_ABOUT[kind]}",
                    remedy=f"add a section {_HEADING[kind]}",
                    subject=kind,
                    severity=owed(experiment),
                )


RULE = Rule(
    id="evidence/missing-section",
    severity="error",
    summary="A README that leaves out something that every experiment has to show.",
    why="""\
Whoever reviews, uses or one day removes an experiment needs to know why it is there and what it showed. A `model` has
to report performance and the convergence of its loss; any other experiment has to report performance if it claims
some, such as to be faster.""",
    remedy="""\
Add the section. Sections are known by their headings: motivation (also why, background, rationale, problem, goals,
purpose, introduction), innovation (what is new, novelty, contributions, approach, method), performance (benchmarks,
numbers, throughput, speed, results, evaluation, measurements), convergence (loss, training curves). Instead of a
section on motivation, the introduction below the title may say it: "the goal is …", "it is designed for …".""",
    check=check,
    milder=MILDER,
)
