"""``baseline/gone``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.rule import Review
    from fumehood.rules.seen import Seen


def review(seen: Seen, review: Review) -> Iterator[Finding]:
    """Entries of the baseline that nothing needs any longer."""
    for entry in review.gone:
        where = f"{entry.rule} in {entry.file}" if entry.file else entry.rule
        times = f", {entry.count} times" if entry.count > 1 else ""
        yield RULE.finding(
            entry.experiment,
            Place(seen.settings.baseline, entry.line),
            f"no longer found: {where}{times}",
            details=(entry.subject,),
            remedy="`fumehood check --baseline write` takes it out",
        )


RULE = Rule(
    id="baseline/gone",
    severity="warning",
    summary="An entry of the baseline that is no longer found.",
    why="""\
A baseline is what a repository promised to get rid of. An entry that stays in it after its finding has gone lets the
same mistake come back unseen.""",
    remedy="""\
`fumehood check --baseline write` takes out what is gone, and never adds anything. Commit what it writes. With
`baseline = "error"` in `[tool.fumehood.rules]` continuous integration insists on that.""",
    review=review,
    waive="Nothing is gained by it.",
)
