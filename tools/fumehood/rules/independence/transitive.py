"""``independence/transitive``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.needs import places
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Modules that are imported, and are there only because something else requires their distribution."""
    for experiment in (None, *seen.experiments) if seen.is_whole else seen.experiments:
        for needed in seen.needs.of(experiment).transitive:
            first = needed.uses[0]
            yield RULE.finding(
                experiment.name if experiment else "",
                Place(first.path, first.line),
                f"{'it' if experiment else 'core'} imports {needed.module}, which is installed only because others "
                f"require it{first.how}",
                remedy=f"add {needed.distribution} to the requirements",
                details=places(needed),
                subject=needed.module,
            )


RULE = Rule(
    id="independence/transitive",
    severity="warning",
    summary="Something is imported that the lock has only because another package requires it.",
    why="""\
The lock brings it today. When the package that requires it stops doing so, in any release, the import fails, and no
line of the repository says that it was needed. Where a `setup.py` computes what core requires, any pin of core's lock
may be among it, and none is reported.""",
    remedy="Add the distribution to the requirements, with the versions that the code works with.",
    check=check,
    reads="imports",
)
