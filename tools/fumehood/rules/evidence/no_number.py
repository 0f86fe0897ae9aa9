"""``evidence/no-number``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.evidence.readme import sections
from fumehood.rules.owed import MILDER, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Sections on performance without a measurement."""
    for experiment, readme, section in sections(seen, "performance"):
        if readme.has_text(section) and not readme.has_number(section):
            yield RULE.finding(
                experiment.name,
                readme.at(section.line),
                f"the section {section.title!r} has no number",
                remedy="measure it, and give the numbers beside those of what it is compared with",
                subject=section.title,
                severity=owed(experiment),
            )


RULE = Rule(
    id="evidence/no-number",
    severity="error",
    summary="A section on performance that measures nothing.",
    why="""\
"Much faster" cannot be checked, compared or repeated. A number can.""",
    remedy="""\
Give the numbers, in the text or in a table. Versions, names of hardware, commits and the options of
commands are no measurements.""",
    check=check,
    milder=MILDER,
)
