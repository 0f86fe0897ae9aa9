"""A proof by mutation: break each function of core in turn, and the experiments that fail are among the selected."""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING

from support.history import names, selected

if TYPE_CHECKING:
    from support.project import Project

CORE = {
    "core/__init__.py": "",
    "core/api.py": "from core.math.ops import double\n\n\ndef quadruple(x):\n    return double(double(x))\n",
    "core/math/__init__.py": "from core.math.ops import add\n",
    "core/math/ops.py": "def add(x, y):\n    return x + y\n\n\ndef double(x):\n    return add(x, x)\n",
    "core/models/__init__.py": (
        "import importlib\n\n\ndef load(name):\n    return importlib.import_module(f'core.models.{name}').make()\n"
    ),
    "core/models/big.py": "from core.text import shout\n\n\ndef make():\n    return shout('big')\n",
    "core/models/small.py": "def make():\n    return 'small'\n",
    "core/text.py": "def shout(x):\n    return x.upper() + '!'\n\n\ndef whisper(x):\n    return x.lower()\n",
    "core/lazy.py": "def late(x):\n    from core.text import whisper\n\n    return whisper(x)\n",
    "core/unused.py": "def nothing():\n    return None\n",
    "tests/helpers.py": "from core.math import add\n\n\ndef check(x):\n    assert add(x, 1) == x + 1\n",
}
EXPERIMENTS = {
    "algebra": "from core.api import quadruple\n\n\ndef test_it():\n    assert quadruple(2) == 8\n",
    "helped": "from tests.helpers import check\n\n\ndef test_it():\n    check(1)\n",
    "loading": "from core.models import load\n\n\ndef test_it():\n    assert load('big') == 'BIG!'\n",
    "late": "def test_it():\n    from core.lazy import late\n\n    assert late('A') == 'a'\n",
    "literal": (
        "from importlib import import_module\n\n\n"
        "def test_it():\n    assert import_module('core.models.small').make() == 'small'\n"
    ),
    "alone": "def test_it():\n    assert 1 + 1 == 2\n",
}


def test_every_experiment_that_a_broken_function_of_core_breaks_is_selected(project: Project) -> None:
    project.write(CORE)
    project.write({f"experiments/{name}/test_{name}.py": text for name, text in EXPERIMENTS.items()})
    project.commit()
    outcomes: dict[str, tuple[set[str], set[str]]] = {}
    for path, text in CORE.items():
        for function in (node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)):
            project.write({path: broken(text, function)})
            outcomes[f"{path}:{function}"] = failing(project), names(selected(project))
            project.write({path: text})
    missed = {what: failed - chosen for what, (failed, chosen) in outcomes.items() if failed - chosen}
    assert missed == {}
    assert {what: sorted(chosen) for what, (_, chosen) in outcomes.items()} == {
        "core/api.py:quadruple": ["algebra"],
        "core/math/ops.py:add": ["algebra", "helped"],
        "core/math/ops.py:double": ["algebra", "helped"],
        "core/models/__init__.py:load": ["literal", "loading"],
        "core/models/big.py:make": ["literal", "loading"],
        "core/models/small.py:make": ["literal", "loading"],
        "core/text.py:shout": ["late", "literal", "loading"],
        "core/text.py:whisper": ["late", "literal", "loading"],
        "core/lazy.py:late": ["late"],
        "core/unused.py:nothing": [],
        "tests/helpers.py:check": ["helped"],
    }
    assert {what: sorted(failed) for what, (failed, _) in outcomes.items()} == {
        "core/api.py:quadruple": ["algebra"],
        "core/math/ops.py:add": ["algebra", "helped"],
        "core/math/ops.py:double": ["algebra"],
        "core/models/__init__.py:load": ["loading"],
        "core/models/big.py:make": ["loading"],
        "core/models/small.py:make": ["literal"],
        "core/text.py:shout": ["loading"],
        "core/text.py:whisper": ["late"],
        "core/lazy.py:late": ["late"],
        "core/unused.py:nothing": [],
        "tests/helpers.py:check": ["helped"],
    }


def broken(text: str, function: str) -> str:
    """The same file, with a function that raises."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            node.body = ast.parse("raise RuntimeError('broken')").body
    return ast.unparse(tree)


def failing(project: Project) -> set[str]:
    """The experiments whose tests fail, all run in one process."""
    arguments = ("-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "experiments")
    env = {"PYTHONPATH": str(project.root), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = project.run(sys.executable, *arguments, env=env)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return {line.split(os.sep)[1] for line in lines}
