"""Each cause and each non-cause as a change of one repository, with the exact answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.history import EXPERIMENTS, FILES, Change, names, selected
from support.project import Project

if TYPE_CHECKING:
    from collections.abc import Mapping


def change(
    affects: str = "",
    *,
    core: bool = True,
    write: Mapping[str, str | bytes] | None = None,
    delete: tuple[str, ...] = (),
    move: Mapping[str, str] | None = None,
) -> Change:
    return Change(affects=frozenset(affects.split()), core=core, write=write or {}, delete=delete, move=move or {})


ALL = " ".join(EXPERIMENTS)
CLIP = FILES["src/core/utils/clip.py"]
CLIPPING = "api rl"
PROJECT = str(FILES["pyproject.toml"])

CAUSES = {
    "an experiment's own code": change("plain user", core=False, write={"experiments/plain/train.py": "import os\n"}),
    "an experiment's own test": change("plain", core=False, write={"experiments/plain/test_it.py": "import os\n"}),
    "an experiment's own data": change("plain", core=False, write={"experiments/plain/config.yaml": "a: 2\n"}),
    "an experiment's own requirements": change("rl", core=False, write={"experiments/rl/requirements.txt": "beta\n"}),
    "an experiment's own manifest": change("rl", core=False, write={"experiments/rl/experiment.toml": "gpus = 1\n"}),
    "a new file of an experiment": change("rl", core=False, write={"experiments/rl/more.py": "X = 1\n"}),
    "a new experiment": change("fresh", core=False, write={"experiments/fresh/train.py": "X = 1\n"}),
    "a core module, and through another": change(CLIPPING, write={"src/core/utils/clip.py": "def clip(x): ...\n"}),
    "a core module, directly": change("rl", write={"src/core/optim.py": "X = 1\n"}),
    "a re-export": change("api", write={"src/core/api/__init__.py": "clip = 1\n"}),
    "a package around what is imported": change(f"{CLIPPING} whole", write={"src/core/utils/__init__.py": "X = 1\n"}),
    "core's outermost package": change(
        "api dynamic formatted later lazy plugin registry rl whole", write={"src/core/__init__.py": "X = 1\n"}
    ),
    "a name that begins like another": change("whole", write={"src/core/utils/clipper.py": "X = 1\n"}),
    "a module imported by a literal name": change("dynamic formatted", write={"src/core/models/llama.py": "X = 1\n"}),
    "a module imported by a formatted name": change("formatted", write={"src/core/models/qwen.py": "X = 1\n"}),
    "a new module that a formatted name may mean": change("formatted", write={"src/core/models/new.py": "X = 1\n"}),
    "a new module that a relative name may mean": change("registry", write={"src/core/registry/new.py": "X = 1\n"}),
    "a module behind a name that its package gives when asked": change(
        "lazy", write={"src/core/lazy/thing.py": "class Thing: x = 1\n"}
    ),
    "a plugin behind an entry point": change("plugin", write={"src/core/ext.py": "class Plugin: x = 1\n"}),
    "a module imported in a function": change("later", write={"src/core/later.py": "X = 2\n"}),
    "core's test helpers": change("helped", write={"tests/helpers.py": "X = 2\n"}),
    "a deleted module": change(CLIPPING, delete=("src/core/utils/clip.py",)),
    "a renamed module": change(CLIPPING, move={"src/core/utils/clip.py": "src/core/utils/clamp.py"}),
    "a module that becomes a package": change(
        CLIPPING, delete=("src/core/utils/clip.py",), write={"src/core/utils/clip/__init__.py": CLIP}
    ),
    "a package beside the module of its name": change(CLIPPING, write={"src/core/utils/clip/__init__.py": CLIP}),
    "a package that loses its init": change(f"{CLIPPING} whole", delete=("src/core/utils/__init__.py",)),
    "a new module in place of a distribution's": change("plain user", write={"src/json.py": "X = 1\n"}),
    "a syntax error in core": change(CLIPPING, write={"src/core/utils/clip.py": "def clip(:\n"}),
    "a conftest for all": change("helped plain", write={"conftest.py": "X = 1\n"}),
    "a conftest for the experiments": change("helped plain", core=False, write={"experiments/conftest.py": "X = 1\n"}),
    "the noxfile": change(ALL, write={"noxfile.py": "import fumehood.nox\n\nfumehood.nox.register('.')\n"}),
    "the settings": change(ALL, write={"pyproject.toml": f'{PROJECT}[tool.fumehood]\npython = ["3.11"]\n'}),
    "pytest's settings": change(ALL, write={"pytest.ini": "[pytest]\n"}),
    "pytest's settings in TOML": change(ALL, write={"pytest.toml": "[pytest]\n"}),
    "a workflow": change(ALL, write={".github/workflows/ci.yml": "on: pull_request\n"}),
    "core's requirements without a lock": change(ALL, write={"requirements.txt": "alpha<2\n"}),
    "a file that nobody claims": change(ALL, write={"data/table.csv": "a,c\n"}),
    "data of core": change(ALL, write={"src/core/table.json": "[]\n"}),
    "a script that nobody imports": change(ALL, write={"scripts/tool.py": "print(2)\n"}),
    "names with blanks, quotes and line breaks": change(
        "rl", core=False, write={"experiments/rl/a 'b' \"c\"\nd.py": "X = 1\n"}
    ),
    "one thing of an experiment that becomes core's": change(
        "plain user", move={"experiments/plain/train.py": "src/core/trained.py"}
    ),
}
NON_CAUSES = {
    "nothing": change(core=False),
    "a comment": change(core=False, write={"src/core/utils/clip.py": f"# Clip.\n{CLIP!s}"}),
    "a docstring": change(
        core=False, write={"src/core/optim.py": f'"""Optimise."""\n\n{FILES["src/core/optim.py"]!s}'}
    ),
    "layout": change(core=False, write={"src/core/utils/clip.py": "def clip( x ):\n  return min( x,1 )\n"}),
    "layout in an experiment": change(core=False, write={"experiments/plain/train.py": "import   json  # it\n"}),
    "a comment in the noxfile": change(core=False, write={"noxfile.py": f"# Sessions.\n{FILES['noxfile.py']!s}"}),
    "documentation": change(core=False, write={"README.md": "# Core, again\n", "docs/conf.py": "project = 'Core'\n"}),
    "documentation of experiments": change(
        core=False, write={"experiments/plain/README.md": "# More\n", "experiments/README.md": "# All\n"}
    ),
    "a comment in core's requirements": change(core=False, write={"requirements.txt": "# Few.\nalpha  # one\n"}),
    "settings of linters": change(core=False, write={"pyproject.toml": PROJECT.replace("100", "120")}),
    "core's description": change(core=False, write={"pyproject.toml": PROJECT.replace('"Core"', '"The core"')}),
    "what only type checkers see": change(write={"src/core/typed.py": "Number = float\n"}),
    "a stub": change(core=False, write={"src/core/optim.pyi": "def step(x: int) -> int: ...\n"}),
    "a module that nobody imports": change(write={"src/core/lonely.py": "X = 2\n"}),
    "a module that its package does not give": change(write={"src/core/lazy/unnamed.py": "X = 2\n"}),
    "what checks know already": change(core=False, write={"fumehood-baseline.json": "{}\n"}),
    "core's own tests": change(write={"tests/test_core.py": "import core.optim\n"}),
    "a suspended experiment": change(core=False, write={"experiments/asleep/train.py": "X = 1\n"}),
    "an experiment that is gone": change(core=False, delete=("experiments/rl",)),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The repository of all changes, each of which is undone afterwards."""
    folder = tmp_path_factory.mktemp("history")
    root = folder / "repo"
    root.mkdir()
    made = Project(root=root, env={**os.environ, "FUMEHOOD_CACHE": str(folder / "cache")})
    made.git("init", "--quiet", "--initial-branch", "main")
    made.write(FILES)
    made.commit()
    return made


@pytest.mark.parametrize("name", [*CAUSES, *NON_CAUSES])
def test_exactly_the_right_experiments_are_affected_by(lab: Project, name: str) -> None:
    made = (CAUSES | NON_CAUSES)[name]
    made.apply(lab)
    try:
        found = selected(lab)
        assert (names(found), found.core) == (set(made.affects), made.core)
        lab.git("add", "--all")
        staged = selected(lab)
        assert (names(staged), staged.core) == (set(made.affects), made.core)
    finally:
        lab.git("reset", "--quiet", "--hard")
        lab.git("clean", "--quiet", "--force", "-d")
