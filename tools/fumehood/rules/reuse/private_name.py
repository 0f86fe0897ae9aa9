"""``reuse/private-name``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fumehood.errors import Place
from fumehood.rules.crossing import by_module
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fumehood.model.finding import Finding
    from fumehood.rules.crossing import Use
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Imports of core's private modules and names by experiments."""
    offered = {point.replace(":", ".") for _, point in seen.settings.extension_points}
    for experiment in seen.experiments:
        uses = [
            use
            for use in seen.crossings.into.get(experiment.name, ())
            if _is_private(use.module, offered) and seen.parts.kind(use.target) == "core"
        ]
        for use, others in by_module(uses):
            yield RULE.finding(
                experiment.name,
                Place(use.path, use.line),
                f"it uses {use.module}, which is private to core{use.how}",
                remedy=_remedy(seen, use),
                details=others,
                subject=use.module,
            )


def _is_private(module: str, offered: Iterable[str]) -> bool:
    """Whether a part of a name is private that does not belong to the name of an extension point."""
    for point in offered:
        if f"{module}.".startswith(f"{point}."):
            module = module.removeprefix(point)
            break
    return any(part.startswith("_") and not part.endswith("__") for part in module.split("."))


def _remedy(seen: Seen, use: Use) -> str:
    """What to use instead, where core says so, and whom to ask."""
    owners = seen.codeowners.owners_of_file(use.target) if seen.codeowners else ()
    ask = f"ask {' '.join(owners) or 'the owners of core'} to make it public"
    points = sorted(name for name, _ in seen.settings.extension_points)
    return f"use one of core's extension points ({', '.join(points)}), or {ask}" if points else ask


RULE = Rule(
    id="reuse/private-name",
    severity="warning",
    summary="An experiment reaches into a module or a name of core's that is private.",
    why="""\
A name that begins with `_` is a promise not to be bound by it: core changes it without a word to anybody. An experiment
that uses it breaks on a change that nobody had to announce.""",
    remedy="""\
Use what core offers for the purpose: its extension points stand in `[tool.fumehood.extension-points]`, and
`fumehood reuse NAME` shows which of them an experiment uses. Where there is none, ask core's owners to make the name
public, or to declare an extension point.""",
    waive="A private name that core's owners have agreed to keep until there is a public one.",
    check=check,
    reads="imports",
)
