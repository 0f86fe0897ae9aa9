"""``evidence/template``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fumehood.rules.evidence.readme import KINDS, sections
from fumehood.rules.owed import MILDER, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_PLACEHOLDER = re.compile(
    r"\b(?:todo|to[ -]do|tb[acd]|fixme|wip|lorem ipsum|coming soon|work in progress|goes here)\b"
    r"|\bto be (?:added|announced|completed|continued|defined|determined|done|filled|measured|written)\b"
    r"|^\W*(?:please )?(?:add|describe|explain|fill|give|insert|provide|put|replace|report|summari[sz]e|write)\b"
    r"(?:.*\byour\b|.*\b(?:here|below|this)\W*$|(?: (?:me|this))?(?: \w+)?\W*$)"
    r"|^\W*(?:please )?(?:describe|explain|say|state|summari[sz]e) (?:how|the|what|which|why)\b"
    r"|^\W*(?:an? )?(?:brief|short)\b.*\b(?:description|explanation|summary)\b"
    r"|^\W*(?:n/a|x{3,}|(?:results )?pending)\W*$"
    r"|^\W*(?:none|nothing|not)(?: yet)?(?: (?:available|done|measured|written))?\W*$"
    r"|^\W+$|^\W*<[^<>]+>\W*$|^\[[^\]]+\]\W*$|^\W*\{\{.*\}\}\W*$",
    re.IGNORECASE,
)
"""A line that stands for one that has still to be written."""


def check(seen: Seen) -> Iterator[Finding]:
    """Sections that still hold what a template put there."""
    for experiment, readme, section in sections(seen, *KINDS):
        lines = [line.strip() for line in readme.text(section).splitlines() if line.strip()]
        if lines and all(map(_PLACEHOLDER.search, lines)):
            yield RULE.finding(
                experiment.name,
                readme.at(section.line),
                f"the section {section.title!r} is as a template left it: {lines[0][:60]!r}",
                remedy="write what there is to say",
                subject=section.title,
                severity=owed(experiment),
            )


RULE = Rule(
    id="evidence/template",
    severity="error",
    summary="A section that is as a template left it.",
    why="""\
Text such as "TODO" or "describe your results here" looks like evidence from afar, and is none.""",
    remedy="""\
Write what there is to say. A section counts as left if every line of it is a placeholder: "to do", "TBD", "coming
soon", "...", "<your text>", "[insert a figure]", "Describe your results", "Not yet measured".""",
    check=check,
    milder=MILDER,
)
