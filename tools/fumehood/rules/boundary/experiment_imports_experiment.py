"""``boundary/experiment-imports-experiment``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.crossing import by_line
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen

_REMEDY = "move what both need into core, or give this experiment a version of its own"


def check(seen: Seen) -> Iterator[Finding]:
    """Imports of one experiment by another."""
    for experiment in seen.experiments:
        uses = [use for use in seen.crossings.into.get(experiment.name, ()) if seen.parts.experiment(use.target)]
        for use in by_line(uses):
            yield RULE.finding(
                experiment.name,
                Place(use.path, use.line),
                f"it imports {use.module}, a part of the experiment {seen.parts.experiment(use.target)}{use.how}",
                remedy=_REMEDY,
                subject=use.module,
            )
    wanted = {experiment.name for experiment in seen.experiments}
    for path in seen.survey.sources.naming:
        name = seen.parts.experiment(path)
        if name in wanted:
            yield from _put_together(seen, path, name)


def _put_together(seen: Seen, path: str, name: str) -> Iterator[Finding]:
    """Names that are formatted and then imported, where the beginning that is literal leads to other experiments."""
    for text, line, _ in seen.survey.sources.scans[path].prefixes:
        package = text.rpartition(".")[0]
        folders = [*seen.survey.graph.package_folders(path, text)]
        if package and (home := seen.needs.home(name, package.partition(".")[0])):
            folders.append(home)
        for folder in folders:
            other = seen.parts.experiment(f"{folder}/")
            if (other and other != name) or f"{folder}/" in seen.parts.roots:
                yield RULE.finding(
                    name,
                    Place(path, line),
                    f"it imports what begins with {text!r}, which leads to other experiments",
                    remedy=_REMEDY,
                    subject=text,
                )
                break


RULE = Rule(
    id="boundary/experiment-imports-experiment",
    severity="error",
    summary="An experiment imports another experiment.",
    why="""\
Two experiments that are tied together live and die together: neither can be suspended, moved or deleted alone, their
requirements have to agree, and a change in one breaks the other's tests. In the environment that fumehood makes for an
experiment no other one can be imported, so its tests fail.""",
    remedy="""\
Move what both need into core, where it has an owner and tests; or copy the few lines. Two experiments that cannot be
told apart are one: put them into one folder.""",
    check=check,
    reads="imports",
)
