"""Rules that other distributions bring, by entry points in the group ``fumehood.rules``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fumehood.extensions import REMEDY, Extension, ExtensionError, load_all
from fumehood.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES_GROUP = "fumehood.rules"


def load(taken: Iterable[str]) -> tuple[dict[str, Extension[Rule]], tuple[ExtensionError, ...]]:
    """The rules of all distributions that bring some, by id; and why others cannot be used.

    Args:
        taken: The ids that nobody else can have.
    """
    offered, failures = load_all(RULES_GROUP)
    found: dict[str, Extension[Rule]] = {}
    problems = list(failures)
    names = set(taken)
    for extension in offered:
        try:
            for rule in _rules(extension):
                if rule.id in names:
                    raise ExtensionError(f"{extension.what} takes the name of the rule {rule.id}", remedy=REMEDY)  # noqa: TRY301 - one handler keeps all that is wrong with a distribution
                names.add(rule.id)
                found[rule.id] = Extension(what=f"the rule {rule.id} of {extension.what}", value=rule)
        except ExtensionError as error:
            problems.append(error)
    return found, tuple(problems)


def _rules(extension: Extension[object]) -> Iterator[Rule]:
    offered = extension.value
    for rule in offered if isinstance(offered, Iterable) else (offered,):
        if not isinstance(rule, Rule):
            raise ExtensionError(f"{extension.what} offers {type(rule).__name__} instead of Rule", remedy=REMEDY)
        if not rule.id.partition("/")[2]:
            raise ExtensionError(f"{extension.what} has the id {rule.id!r}, which is not group/name", remedy=REMEDY)
        yield rule
