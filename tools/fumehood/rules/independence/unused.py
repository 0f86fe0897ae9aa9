"""``independence/unused``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Requirement lines of experiments that bring what nothing in the experiment imports or mentions."""
    for experiment in seen.experiments:
        for line in seen.needs.unused(experiment):
            yield RULE.finding(
                experiment.name,
                line.place,
                f"nothing imports {line.name}, and no file of the experiment mentions it",
                remedy="take the line out, or say in the README what it is for",
                subject=str(line.name),
            )


RULE = Rule(
    id="independence/unused",
    severity="note",
    summary="A requirement line of an experiment that brings what nothing in it imports.",
    why="""\
Each line takes part in every resolution and may be what keeps the experiment from core's next version. What nobody uses
any more should not.""",
    remedy="""\
Take the line out. What is used otherwise is not meant: what core imports, plugins of pytest, stubs for type checkers,
distributions with commands, and whatever a file of the experiment mentions by name, as a script, a configuration or the
README do. Nor is a file that `uv pip compile` or pip-compile wrote, which lists what others require, too.""",
    check=check,
    reads="imports",
)
