"""``theme/missing``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.rules.owed import MILDER, about, owed
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Experiments whose manifest names no theme, and those without a manifest."""
    for experiment in seen.experiments:
        if not experiment.theme:
            choices = " or ".join(f'"{theme}"' for theme in seen.settings.themes)
            yield RULE.finding(
                experiment.name,
                about(seen, experiment, "theme"),
                "it names no theme",
                remedy=f"write theme = {choices} in {experiment.path}/experiment.toml",
                severity=owed(experiment),
            )


RULE = Rule(
    id="theme/missing",
    severity="error",
    summary="An experiment that does not say what kind it is.",
    why="""\
An experiment is one folder with one clear theme: a `model` (a new model or architecture, with the training
infrastructure that it needs) or `infrastructure` (an addition to what core has). Who cannot say which is likely to have
two experiments in one folder. Other rules depend on it: what a README has to show is not the same for both.""",
    remedy="""\
Write `theme = "model"` or `theme = "infrastructure"` into `experiment.toml`. If both fit, split the folder. A
repository with other kinds lists them in its settings: `themes = ["model", "infrastructure", "dataset"]` in
`[tool.fumehood]`.""",
    check=check,
    milder=MILDER,
)
