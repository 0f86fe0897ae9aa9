"""``evidence/no-curve``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.evidence.readme import sections
from fumehood.rules.owed import MILDER, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.reading.markdown import Table
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Sections on convergence with neither figure nor table."""
    for experiment, readme, section in sections(seen, "convergence"):
        has_table = any(_has_numbers(table) for part in readme.parts(section) for table in part.tables)
        if readme.has_text(section) and not has_table and not readme.has_picture(section):
            yield RULE.finding(
                experiment.name,
                readme.at(section.line),
                f"the section {section.title!r} has neither a figure nor a table with numbers",
                remedy="show the loss over steps, beside that of a baseline",
                subject=section.title,
                severity=owed(experiment),
            )


def _has_numbers(table: Table) -> bool:
    return any(char.isdigit() for row in table.rows[1:] for cell in row.cells for char in cell)


RULE = Rule(
    id="evidence/no-curve",
    severity="error",
    summary="A section on convergence with neither figure nor table.",
    why="""\
That a loss converges is seen in its course beside that of a baseline. A sentence that says so leaves out how long it
took and how close it came.""",
    remedy="""\
Show the loss over steps as a picture in the folder (`![loss](loss.svg)`), or as a table with a row for every so many
steps, and a baseline in the same picture or table.""",
    check=check,
    milder=MILDER,
)
