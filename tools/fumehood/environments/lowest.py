"""Whether the lowest versions are what an environment really has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from fumehood.errors import WorldError
from fumehood.locking.book import LockBook
from fumehood.locking.lowest import lowered
from fumehood.model.markers import from_variables
from fumehood.outside.interpreter import installed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fumehood.environments.manager import Environment, Environments, Wish
    from fumehood.locking.lowest import Lowest


def verified(environments: Environments, wish: Wish, environment: Environment) -> tuple[Lowest, ...]:
    """What was lowered, after a look by the environment's own interpreter at what is installed.

    Raises:
        WorldError: Another version of something is there than was to be tested.
    """
    repository = environments.repository
    book = LockBook.of(repository, environments.environ, cache=environments.cache)
    here = from_variables(environments.interpreter(wish.python).variables)
    expected = lowered(book, wish.target, here, environment.state.versions)
    there = installed(environment.path / "bin" / "python")
    for one in expected:
        if not _is_same(there, one):
            found = there.get(one.name, "nothing")
            raise WorldError(
                f"{wish.target.session}: {one.name} {one.version} was to be tested, and {found} can be imported",
                remedy="remove the environment and run it again; see whether the sources bring a copy along",
            )
    return expected


def _is_same(there: Mapping[str, str], one: Lowest) -> bool:
    try:
        return Version(there[one.name]) == Version(one.version)
    except (KeyError, InvalidVersion):
        return False
