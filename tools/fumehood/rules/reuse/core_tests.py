"""``reuse/core-tests``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.crossing import by_line
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Imports of core's tests by experiments."""
    for experiment in seen.experiments:
        uses = [use for use in seen.crossings.into.get(experiment.name, ()) if seen.parts.is_core_test(use.target)]
        for use in by_line(uses):
            yield RULE.finding(
                experiment.name,
                Place(use.path, use.line),
                f"it imports {use.module}, which is a part of core's tests{use.how}",
                remedy=f"ask core's owners to move it from {use.target} to where others may use it, or write it here",
                subject=use.module,
            )


RULE = Rule(
    id="reuse/core-tests",
    severity="error",
    summary="An experiment imports core's tests.",
    why="""\
Tests are for the one who wrote them: core may rename, split or delete its tests without asking, and is right to. What
experiments import from them is not installed with core either, so it is found only where the repository's top folder
happens to be on the import path.""",
    remedy="""\
What is worth using by others, such as a harness for integration tests, belongs into core: a package like
`core.testing`, with tests of its own. Ask core's owners for it, or move it there. A few lines are written again.""",
    check=check,
    reads="imports",
)
