"""Whether a delta layer can be stacked on a core layer faithfully, and what the stack then consists of. Pure.

Faithful means: every import, entry point, script and ``importlib.metadata`` answer is what one flat environment with
the same pins would give. Packages that the delta changes or removes are hidden from core's side by a view, so what
remains to be decided is whether the two sides get in each other's way.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from fumehood.environments.contents import NATIVE, importable
from fumehood.environments.prepared import Commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fumehood.environments.contents import Tree
    from fumehood.environments.layer import Layer, LayerDistribution


class Side(Struct, frozen=True, kw_only=True):
    """One half of a stack: the distributions of a layer that are in use, with the import tree of each."""

    distributions: tuple[LayerDistribution, ...]
    trees: Mapping[str, Tree]

    @classmethod
    def of(cls, layer: Layer | None, hidden: frozenset[str] = frozenset()) -> Side:
        """A layer without its hidden distributions; no layer is an empty half."""
        if layer is None:
            return cls(distributions=(), trees={})
        return cls(
            distributions=tuple(item for item in layer.distributions if item.name not in hidden),
            trees={name: tree for name, tree in layer.trees.items() if name not in hidden},
        )


def obstacle(core: Side, delta: Side, hidden: Side) -> str | None:
    """Why stacking would not be faithful; None when it would be.

    Args:
        core: What is used of the core layer.
        delta: The delta layer.
        hidden: What the delta replaces in the core layer.
    """
    for (name, tree), (other, core_tree) in itertools.product(delta.trees.items(), core.trees.items()):
        if (clash := _clash(core_tree, tree)) is not None:
            return f"{other} (core) and {name} both ship {clash}"
    for (name, tree), (other, core_tree) in itertools.product(hidden.trees.items(), core.trees.items()):
        if (clash := _clash(core_tree, tree)) is not None:
            return f"{other} and {name}, both core's, ship {clash}, and only {other} stays"
    return _native_obstacle(core, delta, hidden)


def _native_obstacle(core: Side, delta: Side, hidden: Side) -> str | None:
    # A library finds its neighbours through the real folder it lies in, past any view: what the delta replaces there
    # would still be loaded.
    everything = {**core.trees, **hidden.trees}
    for (name, tree), (other, core_tree) in itertools.product(delta.trees.items(), everything.items()):
        if other != name and (shared := _native_namespace(core_tree, tree)) is not None:
            return f"{other} (core) and {name} both ship native libraries in the namespace package {shared}"
    for name in sorted({item.name for item in hidden.distributions} & set(delta.trees)):
        if (shared := _shared_native(hidden.trees[name], core.trees)) is not None:
            return f"core's native libraries in {shared} expect core's version of {name}"
    return None


def _clash(core: Tree, delta: Tree, prefix: str = "") -> str | None:
    for name in _common(core, delta):
        here, there = core[name], delta[name]
        dotted = f"{prefix}{name}"
        if isinstance(here, dict) and isinstance(there, dict):
            below = _clash(here, there, f"{dotted}.")
            if below is not None:
                return below
        elif _collide(here, there):
            return dotted
    return None


def _common(core: Tree, delta: Tree) -> list[str]:
    return [] if delta.keys().isdisjoint(core) else sorted((core.keys() & delta.keys()) - {NATIVE})


def _collide(here: Tree | str, there: Tree | str) -> bool:
    """Whether two entries of one name get in each other's way: always, except a folder of data beside a module."""
    for entry, other in ((here, there), (there, here)):
        if isinstance(entry, dict) and other == "module":
            return NATIVE in entry or importable(entry)
    return True


def _native_namespace(core: Tree, delta: Tree) -> str | None:
    for name in _common(core, delta):
        here, there = core[name], delta[name]
        if isinstance(here, dict) and isinstance(there, dict) and NATIVE in here and NATIVE in there:
            return name
    return None


def _shared_native(hidden: Tree, core: Mapping[str, Tree]) -> str | None:
    """A namespace that a replaced distribution has native libraries in, beside others of core's that stay."""
    for tree in core.values():
        if (shared := _native_namespace(tree, hidden)) is not None:
            return shared
    return None


class Described(Protocol):
    """What of an installed distribution decides whether requirements are met."""

    @property
    def name(self) -> str:
        """The normalised name."""

    @property
    def version(self) -> str:
        """The version."""

    @property
    def requires(self) -> tuple[str, ...]:
        """The ``Requires-Dist`` lines."""


def unmet(
    distributions: Iterable[Described], variables: Mapping[str, str], *, elsewhere: frozenset[str]
) -> Iterator[str]:
    """What installed distributions require and do not get from each other, as ``pip check`` looks at it.

    Args:
        distributions: Those to look at.
        variables: Values of the environment markers.
        elsewhere: Names of what is installed too, in a version that is not known.
    """
    versions = {item.name: item for item in distributions}
    for item in versions.values():
        for line in item.requires:
            problem = _problem(line, versions, variables, elsewhere)
            if problem:
                yield f"{item.name} {item.version} requires {problem}"


def _problem(
    line: str, versions: Mapping[str, Described], variables: Mapping[str, str], elsewhere: frozenset[str]
) -> str | None:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - most stacks are proven before
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - as above

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return None  # Old metadata that no tool can read; installing it is all that can be asked for.
    if requirement.marker and not requirement.marker.evaluate({**variables, "extra": ""}):
        return None
    wanted = f"{requirement.name}{requirement.specifier}"
    name = canonicalize_name(requirement.name)
    found = versions.get(name)
    if found is None:
        return None if name in elsewhere else f"{wanted}, which is not installed"
    if requirement.url or requirement.specifier.contains(found.version, prereleases=True):
        return None
    return f"{wanted}, but {found.name} is {found.version}"


def commands(sides: Iterable[tuple[str, Side]]) -> Commands:
    """Collect commands and files from the halves of a stack, core's first.

    Args:
        sides: The prefix of each layer with what is used of it.
    """
    entry_points: dict[str, str] = {}
    scripts: dict[str, str] = {}
    outside: dict[str, str] = {}
    for prefix, side in sides:
        for item in side.distributions:
            entry_points.update(item.commands)
            scripts.update(dict.fromkeys(item.scripts, prefix))
            outside.update(dict.fromkeys(item.outside, prefix))
    return Commands(
        entry_points=tuple(sorted(entry_points.items())),
        scripts=tuple(sorted((prefix, path) for path, prefix in scripts.items())),
        outside=tuple(sorted((prefix, path) for path, prefix in outside.items())),
    )
