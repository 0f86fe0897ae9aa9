"""``boundary/core-needs-experiments``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_MOST_LINES = 40


def check(seen: Seen) -> Iterator[Finding]:
    """Core's tests, run where there are no experiments; only where that was asked for, since it takes long."""
    result = seen.run_core_alone()
    place = Place(seen.core.tests[0] if seen.core.tests else "")
    if result is None or result.status == "passed":
        return
    if result.status == "skipped":
        yield RULE.finding(
            "",
            place,
            "core has no tests that ran, so nothing shows that it can do without its experiments",
            remedy="add tests of core's",
            severity="warning",
        )
        return
    yield RULE.finding(
        "",
        place,
        "core's tests fail where there are no experiments",
        remedy="move what core needs into core; `nox -s core` tells whether they fail with the experiments there, too",
        details=tuple(result.output.rstrip().splitlines()[-_MOST_LINES:]),
    )


RULE = Rule(
    id="boundary/core-needs-experiments",
    severity="error",
    summary="Core's tests fail where there are no experiments.",
    why="""\
Anything among the experiments may be deleted, and core has to pass all the same. Imports are not the only way to need
an experiment: a path in a test, a data file, a list of names do as well. `nox -s core` keeps core from importing any
experiment; `fumehood check --without-experiments` runs the same session in a clone without their folder, which proves
it.""",
    remedy="""\
Move what core needs into core, and tests that need an experiment to that experiment. The details are the end of what
the session wrote. What git ignores is not in the clone, as it would not be in a fresh one: a test that needs such files
fails there too.""",
    check=check,
)
