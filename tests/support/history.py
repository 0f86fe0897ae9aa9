"""A repository whose every dependency is known, and changes of it with the experiments that each affects."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.repository import open_repository
from fumehood.selection.affected import select
from fumehood.selection.asking import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fumehood.model.selection import Selection
    from support.project import Project

FILES: Mapping[str, str | bytes] = {
    "pyproject.toml": (
        '[project]\nname = "core"\nversion = "1"\ndescription = "Core"\n'
        '[project.entry-points."core.plugins"]\next = "core.ext:Plugin"\n[tool.ruff]\nline-length = 100\n'
    ),
    "requirements.txt": "alpha\n",
    "noxfile.py": "import fumehood.nox\n\nfumehood.nox.register()\n",
    "README.md": "# Core\n",
    "docs/conf.py": "project = 'core'\n",
    ".github/workflows/ci.yml": "on: push\n",
    "data/table.csv": "a,b\n",
    "scripts/tool.py": "print(1)\n",
    "src/core/__init__.py": "",
    "src/core/optim.py": "from core.utils.clip import clip\n\n\ndef step(x):\n    return clip(x)\n",
    "src/core/api/__init__.py": "from core.utils.clip import clip as clip\n",
    "src/core/utils/__init__.py": "",
    "src/core/utils/clip.py": 'def clip(x):\n    """Clip."""\n    return min(x, 1)\n',
    "src/core/utils/clipper.py": "def cut(x):\n    return x\n",
    "src/core/models/__init__.py": "",
    "src/core/models/llama.py": "SIZE = 1\n",
    "src/core/models/qwen.py": "SIZE = 2\n",
    "src/core/plugins.py": 'from importlib import metadata\n\nFOUND = metadata.entry_points(group="core.plugins")\n',
    "src/core/ext.py": "class Plugin: ...\n",
    "src/core/typed.py": "Number = int\n",
    "src/core/later.py": "X = 1\n",
    "src/core/lazy/__init__.py": (
        'from core.lazily import give\n\n_OFFERED = {"Thing": "thing"}\n\n\n'
        "def __getattr__(name):\n    return give(__name__, _OFFERED, name)\n"
    ),
    "src/core/lazy/thing.py": "class Thing: ...\n",
    "src/core/lazy/unnamed.py": "X = 1\n",
    "src/core/lazily.py": "def give(package, offered, name): ...\n",
    "src/core/registry/__init__.py": (
        'from importlib import import_module\n\n\ndef load(name):\n    return import_module(f".{name}", __name__)\n'
    ),
    "src/core/registry/one.py": "X = 1\n",
    "src/core/lonely.py": "X = 1\n",
    "src/core/table.json": "{}\n",
    "tests/test_core.py": "import core\n",
    "tests/helpers.py": "def help(): ...\n",
    "experiments/README.md": "# Experiments\n",
    "experiments/api/train.py": "from core.api import clip\n",
    "experiments/dynamic/train.py": 'import importlib\n\nllama = importlib.import_module("core.models.llama")\n',
    "experiments/formatted/train.py": (
        'from importlib import import_module\n\ndef load(name):\n    return import_module(f"core.models.{name}")\n'
    ),
    "experiments/helped/test_it.py": "from tests.helpers import help\n",
    "experiments/later/train.py": "def run():\n    from core import later\n    return later\n",
    "experiments/lazy/train.py": "from core.lazy import Thing\n",
    "experiments/plain/train.py": "import json\n",
    "experiments/plain/test_it.py": "import train\n",
    "experiments/plain/config.yaml": "a: 1\n",
    "experiments/plain/README.md": "# Plain\n",
    "experiments/plugin/train.py": "import core.plugins\n",
    "experiments/registry/train.py": "import core.registry\n",
    "experiments/rl/train.py": "import core.optim\n",
    "experiments/rl/run.sh": "true\n",
    "experiments/typed/train.py": (
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from core.typed import Number\n"
    ),
    "experiments/user/train.py": "import experiments.plain.train\n",
    "experiments/whole/train.py": "import core.utils.clipper\n",
    "experiments/asleep/experiment.toml": 'state = "suspended"\n',
    "experiments/asleep/train.py": "import core.optim\n",
}
EXPERIMENTS = frozenset(
    "api dynamic formatted helped later lazy plain plugin registry rl typed user whole".split()  # noqa: SIM905 - names are words
)


class Change(Struct, frozen=True, kw_only=True):
    """One change and what it affects.

    Attributes:
        write: Files with their new content.
        delete: Files and folders that go.
        move: Files and folders that move, with where to.
        affects: The experiments that it can break.
        core: Whether core's tests are affected.
    """

    write: Mapping[str, str | bytes]
    delete: tuple[str, ...]
    move: Mapping[str, str]
    affects: frozenset[str]
    core: bool

    def apply(self, project: Project) -> None:
        """Make the change in a work tree."""
        for path in self.delete:
            target = project.root / path
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        for before, after in self.move.items():
            os.renames(project.root / before, project.root / after)
        project.write(self.write)


def selected(project: Project, base: str | None = "HEAD", *, only: str | None = None) -> Selection:
    """What the difference to a commit affects."""
    asked = ask(project.root, base, project.env)
    return select(open_repository(project.root), asked, project.env, only=only)


def names(selection: Selection) -> set[str]:
    """The experiments that are affected."""
    return {one.name for one in selection.experiments}
