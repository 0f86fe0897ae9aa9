"""``reuse/private-name``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.errors import Place
from fumehood.imports.private import bound, is_private
from fumehood.rules.crossing import Use, by_module
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from fumehood.imports.private import Meaning
    from fumehood.model.finding import Finding
    from fumehood.rules.seen import Seen


def check(seen: Seen) -> Iterator[Finding]:
    """Private modules and names of core that experiments import, or reach through what they import."""
    offered = {point.replace(":", ".") for _, point in seen.settings.extension_points}
    through = _through_modules(seen, offered)
    for experiment in seen.experiments:
        imported = [
            use
            for use in seen.crossings.into.get(experiment.name, ())
            if _private(use.module, offered) and _is_core(seen, use.target)
        ]
        said = {(use.path, _private(use.module, offered)) for use in imported}
        others = [use for use in through.get(experiment.name, ()) if (use.path, use.module) not in said]
        for use, again in by_module(sorted([*imported, *others])):
            yield RULE.finding(
                experiment.name,
                Place(use.path, use.line),
                f"it uses {use.module}, which is private to core{use.how}",
                remedy=_remedy(seen, use),
                details=again,
                subject=use.module,
            )


def _through_modules(seen: Seen, offered: Collection[str]) -> Mapping[str, Sequence[Use]]:
    """The private names of core that are attributes of an imported module, by the experiment that uses them."""
    found: dict[str, list[Use]] = {}
    reader = _Reader(seen)
    for path, names in seen.privates.items():
        for whole, level, line in names:
            name = _private(whole, offered)
            module = reader.module(path, name.rpartition(".")[0], level) if name else ""
            if module and _is_core(seen, module):
                target = seen.survey.graph.runs(path, (name, level, "", line, 0))[-1]
                found.setdefault(seen.parts.experiment(path), []).append(Use(path, line, "." * level + name, 0, target))
    return found


def _is_core(seen: Seen, path: str) -> bool:
    """Whether a file is core's and none of its tests, which no experiment may use in the first place."""
    return seen.parts.kind(path) == "core" and not seen.parts.is_core_test(path)


class _Reader(Struct, frozen=True):
    """Says which names are of modules."""

    seen: Seen
    _bound: dict[str, Mapping[str, Collection[Meaning | None]]] = field(default_factory=dict)

    def module(self, path: str, name: str, level: int) -> str:
        """The file of a module that a file means by a name; empty where that is something else.

        It is if the package gives the name to something else, as ``from .loss import loss`` does in ``__init__``.
        """
        graph = self.seen.survey.graph
        package, _, last = name.rpartition(".")
        around = graph.module(path, package, level) if package else ""
        meanings = self._names(around).get(last, ()) if around else ()
        is_it = all(one and graph.module(around, one.module, one.level) for one in meanings)
        return graph.module(path, name, level) if is_it else ""

    def _names(self, package: str) -> Mapping[str, Collection[Meaning | None]]:
        if package not in self._bound:
            self._bound[package] = bound((self.seen.text(package) or "").encode())
        return self._bound[package]


def _private(module: str, offered: Iterable[str]) -> str:
    """A name up to its first part that is private and not of the name of an extension point; empty if none is."""
    begun = max((point.count(".") + 1 for point in offered if f"{module}.".startswith(f"{point}.")), default=0)
    parts = module.split(".")
    count = next((number for number, part in enumerate(parts, 1) if number > begun and is_private(part)), 0)
    return ".".join(parts[:count])


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
that uses it breaks on a change that nobody had to announce. It counts whether it is imported, as in `from core.x import
_y`, or reached through a module that is, as in `import core.x as m` and then `m._y`. What is private to an object, such
as a class of core's, is not looked for.""",
    remedy="""\
Use what core offers for the purpose: its extension points stand in `[tool.fumehood.extension-points]`, and
`fumehood reuse NAME` shows which of them an experiment uses. Where there is none, ask core's owners to make the name
public, or to declare an extension point.""",
    waive="A private name that core's owners have agreed to keep until there is a public one.",
    check=check,
    reads="imports",
)
