"""``evidence/no-provenance``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.evidence.readme import sections
from fumehood.rules.owed import MILDER, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_QUESTIONS = {
    "hardware": "on what hardware they were taken",
    "versions": "with which versions",
    "commit": "on which commit",
}


def check(seen: Seen) -> Iterator[Finding]:
    """Numbers that do not say what they were taken on."""
    for experiment, readme, section in sections(seen, "performance", "convergence"):
        lacks = readme.lacks(section)
        if lacks and readme.has_number(section):
            questions = " and ".join(_QUESTIONS[what] for what in lacks)
            yield RULE.finding(
                experiment.name,
                readme.at(section.line),
                f"the numbers of {section.title!r} do not say {questions}",
                remedy="add it there, or in a section Setup",
                subject=section.title,
                severity=owed(experiment),
            )


RULE = Rule(
    id="evidence/no-provenance",
    severity="error",
    summary="Numbers without the hardware, the versions or the commit that they were taken on.",
    why="""\
A number without these cannot be repeated, and nobody can tell whether it still holds. With the commit, `fumehood
status` says how far core has moved since.""",
    remedy="""\
Name, in the section itself or in one called setup, environment, hardware or the like: the hardware ("8 H100", "2
cores"); versions ("torch 2.7.1", or the committed `requirements.lock`); and the commit ("commit 1f0c9ab", or a link
to it).""",
    check=check,
    milder=MILDER,
)
