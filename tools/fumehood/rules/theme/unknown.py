"""``theme/unknown``."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from fumehood.rules.owed import about
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Experiments with a theme that the settings do not list."""
    themes = seen.settings.themes
    for experiment in seen.experiments:
        if experiment.theme and experiment.theme not in themes:
            near = difflib.get_close_matches(experiment.theme, themes, n=1)
            instead = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(themes)}, or add it to `themes`"
            yield RULE.finding(
                experiment.name,
                about(seen, experiment, "theme"),
                f"there is no theme {experiment.theme!r}",
                remedy=instead,
            )


RULE = Rule(
    id="theme/unknown",
    severity="error",
    summary="A theme that the repository does not have.",
    why="""\
Themes decide what an experiment has to show. One that is misspelt decides nothing, and the experiment would be asked
for no evidence at all.""",
    remedy="""\
Correct it, or add it to the repository's themes: `themes = ["model", "infrastructure", "dataset"]` in
`[tool.fumehood]`.""",
    check=check,
)
