"""A repository with a thousand experiments and twenty thousand Python files, the same each time it is made."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.workload import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORDS = ("attention", "batch", "cache", "decay", "epoch", "filter", "gradient", "head", "index", "kernel", "mask")
_OUTSIDE = ("collections", "dataclasses", "functools", "itertools", "json", "logging", "math", "os", "pathlib")
_FOREIGN = ("numpy", "torch", "torch.nn", "torch.distributed", "torch.utils.data")
_NEAR, _REUSING, _OPTIONAL, _LAZY = 0.15, 0.5, 0.2, 0.1
"""How often a module uses an earlier one beside it, one of core's from an experiment, something optional or lazy."""

_FAR = (0, 1, 2, 3)
_TESTS = 2
_FUNCTION = '''
def {name}(values, scale={number}.0, *, limit=None, names=("{other}", "{name}")):
    """Apply {name} to values, as {other} would.

    Args:
        values: A sequence of numbers, or a mapping from names to numbers.
        scale: What each of them is multiplied with before it is added.
        limit: The largest number that is let through; all of them without one.
    """
    total = 0.0
    for index, value in enumerate(values):
        if limit is not None and value * scale > limit:
            raise ValueError(f"{{names[index % 2]}}: {{value!r}} is more than {{limit}}")
        total += value * scale if index % {number} else -value
    # The last step keeps the sign, since {other} depends on it.
    return {{"total": total, "count": len(values), "{name}": [total / (index + 1) for index in range({number})]}}
'''
_CLASS = '''
class {title}:
    """A {name} with its own state."""

    def __init__(self, size={number}, dropout=0.1):
        self.size, self.dropout = size, dropout
        self.weights = [[0.5 * row * column for column in range(size)] for row in range(size)]

    def forward(self, inputs):
        """What comes out for some inputs."""
        outputs = []
        for row in self.weights:
            outputs.append(sum(weight * value for weight, value in zip(row, inputs)) * (1 - self.dropout))
        return outputs
'''


class Shape(Struct, frozen=True, kw_only=True):
    """How large a repository is.

    Attributes:
        packages: Packages in core, each with `modules` modules beside its ``__init__``.
        experiments: Each with `own` Python files, tests among them.
    """

    packages: int = 300
    modules: int = 19
    experiments: int = 1000
    own: int = 14


def make(folder: Path, shape: Shape, *, seed: int = 1) -> None:
    """Write the repository and commit it, unless it is there already."""
    if (folder / ".git").exists():
        return
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    write(folder, "pyproject.toml", '[project]\nname = "core"\nversion = "1"\n[tool.fumehood]\n')
    write(folder, "requirements.txt", "torch\nnumpy\n")
    write(folder, "src/core/__init__.py", '"""Core."""\n')
    for package in range(shape.packages):
        for path, text in _package(package, shape, chance):
            write(folder, path, text)
    for number in range(shape.experiments):
        for path, text in _experiment(number, shape, chance):
            write(folder, path, text)
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)  # noqa: S607 - the benchmark's own git


def _package(number: int, shape: Shape, chance: random.Random) -> Iterator[tuple[str, str]]:
    """A package of core: its modules use each other and packages that were made before it."""
    folder = f"src/core/p{number:03}"
    yield f"{folder}/__init__.py", f"from core.p{number:03}.m00 import {_WORDS[0]}\n\n__all__ = ['{_WORDS[0]}']\n"
    for module in range(shape.modules):
        near = [earlier for earlier in range(module) if chance.random() < _NEAR]
        far = [
            (chance.randrange(number), chance.randrange(shape.modules)) for _ in range(min(number, chance.choice(_FAR)))
        ]
        uses = [f"from .m{earlier:02} import {_word(chance)}" for earlier in near]
        uses += [f"from core.p{package:03}.m{other:02} import {_word(chance)}" for package, other in far]
        yield f"{folder}/m{module:02}.py", _module(uses, chance)


def _experiment(number: int, shape: Shape, chance: random.Random) -> Iterator[tuple[str, str]]:
    folder = f"experiments/e{number:04}"
    yield f"{folder}/requirements.txt", "einops\n"
    yield f"{folder}/README.md", f"# Experiment {number}\n\nOne of many.\n"
    yield f"{folder}/experiment.toml", 'owners = ["@example-owner"]\n'
    for module in range(shape.own - _TESTS):
        near = [earlier for earlier in range(module) if chance.random() < _NEAR]
        uses = [f"from e{number:04}_m{earlier:02} import {_word(chance)}" for earlier in near]
        if chance.random() < _REUSING:
            package, other = chance.randrange(shape.packages), chance.randrange(shape.modules)
            uses.append(f"from core.p{package:03}.m{other:02} import {_word(chance)}")
        yield f"{folder}/e{number:04}_m{module:02}.py", _module(uses, chance)
    for test in range(_TESTS):
        body = f"\n\ndef test_{_word(chance)}():\n    assert e{number:04}_m{test:02}\n"
        yield f"{folder}/tests/test_e{number:04}_{test}.py", f"import e{number:04}_m{test:02}\n{body}"


def _module(uses: list[str], chance: random.Random) -> str:
    """About 120 lines: imports of all kinds at the top, some where they are needed, functions and classes."""
    outside = [f"import {name}" for name in chance.sample(_OUTSIDE, 3)]
    foreign = [f"import {name}" for name in chance.sample(_FOREIGN, 2)]
    parts = ['"""What this module is for, in one sentence."""\n', *outside, "", *foreign, "", *sorted(set(uses)), ""]
    if chance.random() < _OPTIONAL:
        parts.append("try:\n    import flash_attn\nexcept ImportError:\n    flash_attn = None\n")
    for _ in range(3):
        name, other, number = _word(chance), _word(chance), chance.randrange(2, 9)
        parts += [_FUNCTION.format(name=name, other=other, number=number)]
        parts += [_CLASS.format(name=name, title=name.title(), number=number)]
    if chance.random() < _LAZY:
        parts.append("\ndef later():\n    import torch.profiler\n\n    return torch.profiler\n")
    return "\n".join(parts)


def _word(chance: random.Random) -> str:
    return chance.choice(_WORDS)
