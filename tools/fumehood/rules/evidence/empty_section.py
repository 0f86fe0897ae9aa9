"""``evidence/empty-section``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.evidence.readme import KINDS, sections
from fumehood.rules.owed import MILDER, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Sections with nothing to read or to look at."""
    for experiment, readme, section in sections(seen, *KINDS):
        if readme.has_text(section) or readme.has_picture(section):
            continue
        hidden = any(part.comments for part in readme.parts(section))
        yield RULE.finding(
            experiment.name,
            readme.at(section.line),
            f"the section {section.title!r} is empty{', but for a comment that no reader sees' if hidden else ''}",
            remedy="write what there is to show, or say in a sentence why there is nothing",
            subject=section.title,
            severity=owed(experiment),
        )


RULE = Rule(
    id="evidence/empty-section",
    severity="error",
    summary="A section of evidence with nothing in it.",
    why="""\
A heading without content says that somebody knew what is missing, and that nobody filled it in.""",
    remedy="""\
Fill it in. If there is nothing to show, a sentence that says why is an answer. What a section holds in comments
(`<!-- … -->`) no reader sees, so it does not count.""",
    check=check,
    milder=MILDER,
)
