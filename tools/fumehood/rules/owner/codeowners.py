"""``owner/codeowners``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """What the forge passes over."""
    if seen.codeowners:
        for mistake in seen.codeowners.mistakes:
            place = Place(seen.codeowners.path, mistake.line)
            yield RULE.finding("", place, mistake.what, remedy=mistake.remedy)


RULE = Rule(
    id="owner/codeowners",
    severity="warning",
    summary="A line of CODEOWNERS that the forge passes over.",
    why="""\
GitHub skips a line that it cannot read, and loads no file of 3 MB or more; GitLab passes over words that are no owners.
Neither says so in a place where people look, and whoever is named there is never asked to review.""",
    remedy="""\
Correct the line. GitHub knows neither `!` nor character ranges (`[ab]`) nor an escaped `#`; every owner is a handle, a
team or an address. A file with section headers such as `[Docs] @writers`, or in `.gitlab/`, is read as GitLab does.""",
    check=check,
)
