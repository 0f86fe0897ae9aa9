"""Histories made by chance, with answers that are worked out from what was written and not from what is read."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from msgspec import Struct, field

from support.history import names, selected
from support.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = ("", "nn", "nn.layers", "data")
FORMS: tuple[Callable[[str, str], str], ...] = (
    lambda module, _: f"import core.{module}",
    lambda module, _: f"from core.{module} import value as v_{module.replace('.', '_')}",
    lambda module, name: f"def f_{name}():\n    import core.{module}",
    lambda module, _: f"import importlib\nimportlib.import_module('core.{module}')",
    lambda module, _: f"try:\n    import core.{module}\nexcept ImportError:\n    pass",
)


class World(Struct):
    """What was written: which modules each file imports, and a number that makes its program another.

    Attributes:
        uses: By dotted name in core, or by the name of an experiment, the core modules that are imported.
        state: By the same names, the number in the program, and the one in a comment.
    """

    chance: random.Random
    uses: dict[str, set[str]] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)
    state: dict[str, list[int]] = field(default_factory=dict)

    def add(self, name: str, candidates: list[str]) -> None:
        """A module or an experiment that imports some of the candidates."""
        chosen = self.chance.sample(candidates, min(len(candidates), self.chance.randrange(4)))
        self.uses[name] = set(chosen)
        lines = [self.chance.choice(FORMS)(module, str(number)) for number, module in enumerate(chosen)]
        self.forms[name] = "\n".join(lines)
        self.state[name] = [0, 0]

    def text(self, name: str) -> str:
        """The file of a module or an experiment."""
        program, comment = self.state[name]
        return f'"""Version {comment}."""\n{self.forms[name]}\n# {comment}\nvalue = {program}\n'

    def path(self, name: str) -> str:
        """Where it is."""
        if name.startswith("e-"):
            return f"experiments/{name}/train.py"
        return f"src/core/{name.replace('.', '/')}.py"

    def runs(self, name: str) -> set[str]:
        """The modules of core that run, or may, when a file does; packages are called by their ``__init__``."""
        found: set[str] = set()
        pending = set(self.uses[name])
        while pending:
            module = pending.pop()
            if module not in found:
                found.add(module)
                pending |= self.uses.get(module, set())
                parts = module.split(".")[:-1]
                pending |= {".".join([*parts[:count], "__init__"]) for count in range(len(parts) + 1)}
        return found

    def affected(self, changed: set[str]) -> set[str]:
        """The experiments that are changed, or run what is."""
        return {name for name in self.uses if name.startswith("e-") and (name in changed or self.runs(name) & changed)}


def world(seed: int) -> World:
    made = World(random.Random(seed))  # noqa: S311 - nothing secret
    modules: list[str] = []
    for package in PACKAGES:
        made.add(".".join(filter(None, [package, "__init__"])), [])
    for number in range(24):
        package = made.chance.choice(PACKAGES)
        name = ".".join(filter(None, [package, f"m{number}"]))
        made.add(name, modules)
        modules.append(name)
    # A package that hands on what one of its modules has: whoever imports it runs that too.
    made.uses["nn.__init__"] = {"m_shared"}
    made.add("m_shared", [])
    made.forms["nn.__init__"] = "from core.m_shared import value as shared"
    for number in range(12):
        made.add(f"e-{number}", modules)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_of_a_random_history_every_selection_is_exact(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    made = world(seed)
    folder = tmp_path_factory.mktemp(f"seed-{seed}")
    project = Project(root=folder / "repo", env={**os.environ, "FUMEHOOD_CACHE": str(folder / "cache")})
    project.root.mkdir()
    project.git("init", "--quiet", "--initial-branch", "main")
    project.write({made.path(name): made.text(name) for name in made.uses})
    project.commit()
    for _ in range(12):
        changed: set[str] = set()
        for name in made.chance.sample(sorted(made.uses), made.chance.randrange(1, 4)):
            if made.chance.random() < 0.3:
                made.state[name][1] += 1
            else:
                made.state[name][0] += 1
                changed.add(name)
            project.write({made.path(name): made.text(name)})
        found = selected(project)
        assert names(found) == made.affected(changed), (seed, changed)
        assert found.core == any(not name.startswith("e-") for name in changed)
        project.commit()
