"""``owner/table``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fumehood.errors import ConfigurationError, Place
from fumehood.rules.change import Change
from fumehood.rules.owner import overview
from fumehood.rules.owner.lines import agree
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.experiment import Experiment
    from fumehood.model.finding import Finding, Severity
    from fumehood.reading.markdown import Table
    from fumehood.rules.owner.overview import Overview
    from fumehood.rules.seen import Seen

_FIXED = "`fumehood check --fix` writes it anew"
_BY_HAND = (
    f"correct it, or put the two lines `{overview.MARKERS.begin}` and `{overview.MARKERS.end}` in its place, and run "
    "`fumehood check --fix`"
)


def check(seen: Seen) -> Iterator[Finding]:
    """What tables in the experiments' READMEs say that is not so."""
    for found in overview.overviews(seen):
        content = overview.content(seen, found.path)
        try:
            block = overview.MARKERS.find(content, name=found.path)
        except ConfigurationError as error:
            yield RULE.finding("", error.place or Place(found.path), error.what, remedy=error.remedy or "")
            continue
        if block is not None and block.body != found.body():
            message = "the table of experiments is not what their manifests say"
            yield RULE.finding("", Place(found.path, block.line), message, remedy=_FIXED)
        elif block is None:
            for table, column in overview.tables(content.decode("utf-8-sig", "replace")):
                yield from _compared(found, table, column)


def _compared(found: Overview, table: Table, column: int) -> Iterator[Finding]:
    """What a table that people wrote says otherwise."""
    for row in table.rows[1:]:
        experiment = found.named(row)
        place = Place(found.path, row.line)
        if experiment is None:
            yield RULE.finding("", place, f"there is no experiment {row.cells[0]!r}", remedy=_BY_HAND)
        elif not agree(told := overview.owners_in(row, column), experiment.owners):
            others = " ".join(experiment.owners)
            truth = f"not {others}" if others else "where neither a manifest nor CODEOWNERS names any"
            yield RULE.finding(
                experiment.name,
                place,
                f"the table names {' '.join(told) or 'nobody'} as owners, {truth}",
                remedy=_BY_HAND,
                severity=_severity(experiment),
            )
    for experiment in overview.unlisted(found, table):
        place = Place(found.path, table.rows[0].line)
        message = "the table of owners leaves it out"
        yield RULE.finding(experiment.name, place, message, remedy=_BY_HAND, severity=_severity(experiment))


def _severity(experiment: Experiment) -> Severity:
    return "error" if experiment.manifest else "warning"


def fix(seen: Seen) -> Iterator[Change]:
    """Write the blocks of the READMEs that have one."""
    for found in overview.overviews(seen):
        if overview.MARKERS.find(overview.content(seen, found.path), name=found.path):
            yield Change.of(seen.root, found.path, partial(_rewritten, found))


def _rewritten(found: Overview, content: bytes) -> bytes:
    block = overview.MARKERS.find(content, name=found.path)
    return block.rewritten(found.body()) if block else content


RULE = Rule(
    id="owner/table",
    severity="error",
    summary="A table of experiments that names other owners, or other experiments, than there are.",
    why="""\
The table in the experiments' README is where people look first. One that is kept by hand tells of owners who have left
and of experiments that are gone.""",
    remedy="""\
Correct it; or take it out, put two lines in its place, and let `fumehood check --fix` write the table between them:

```markdown
<!-- fumehood: experiments -->
<!-- fumehood: end of experiments -->
```

A table that people wrote is compared if it has a column `owner`, `owners` or `maintainers`; its first column names the
experiment. One between the two lines is compared as a whole.""",
    milder="A warning about a folder without `experiment.toml`.",
    check=check,
    fix=fix,
)
