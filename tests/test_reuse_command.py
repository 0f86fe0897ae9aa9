"""``fumehood reuse``: what an experiment uses of core, and what it has copied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.schemas import mistakes, schema
from test_copies import ORIGINAL, OTHER

if TYPE_CHECKING:
    from support.project import Project

SETTINGS = """\
[tool.fumehood]
extension-points = { averages = "core.averages:Averager", registry = "core.registry", unused = "core.unused" }
"""


@pytest.fixture
def repository(project: Project) -> Project:
    """An experiment that uses core and has copied from it, and one that does neither."""
    project.write(
        {
            "pyproject.toml": SETTINGS,
            "requirements.txt": "",
            "src/core/__init__.py": "",
            "src/core/averages.py": ORIGINAL,
            "src/core/registry.py": "def register(name): ...\n",
            "tests/helpers.py": "",
            "experiments/bare/requirements.txt": "",
            "experiments/smooth/requirements.txt": "",
            "experiments/smooth/main.py": (
                "import tests.helpers\nfrom core.averages import Averager\nfrom core.registry import register\n\n"
                "def later():\n    from core import registry\n"
            ),
        }
    )
    project.commit("Begin")
    project.write({"experiments/smooth/own.py": OTHER + ORIGINAL})
    project.commit("Copy it")
    return project


def test_uses_and_copies_are_shown_in_tables(repository: Project) -> None:
    head = repository.git("show", "--no-patch", "--format=%H %as").stdout.split()
    outcome = repository.fumehood("reuse", env={"COLUMNS": "120"}).assert_ok()
    assert outcome.stdout == (
        "bare: it has no Python code\n\nit imports nothing of core's\n\n"
        "smooth: 56.7% of its code is a copy of core's (140 of 247 tokens)\n\n"
        "of core           what             imports\n"
        "averages          extension point  1\n"
        "registry          extension point  2\n"
        "core.registry     module           2\n"
        "core.averages     module           1\n"
        "tests/helpers.py  module           1\n\n"
        "in experiments/smooth  is a copy of               and core's\n"
        f"own.py:23-45           src/core/averages.py:6-28  is the same since {head[0][:9]} ({head[1]})\n"
    )


def test_the_answer_for_programs_says_which_commits_have_changed_the_original(repository: Project) -> None:
    made = repository.git("rev-parse", "HEAD").stdout.strip()
    repository.write({"src/core/averages.py": ORIGINAL.replace("width < 1", "width < 2")})
    commit = repository.commit("Want two")
    day = repository.git("show", "--no-patch", "--format=%as").stdout.strip()
    answer = json.loads(repository.fumehood("reuse", "smooth", "--json").assert_ok().stdout)
    assert mistakes(answer, schema("reuse")) == []
    (experiment,) = answer["experiments"]
    assert experiment["copies"] == [
        {
            "file": "experiments/smooth/own.py",
            "lines": [23, 45],
            "original": "src/core/averages.py",
            "original_lines": [6, 28],
            "tokens": 140,
            "renamed": False,
            "since": {
                "fate": "changed",
                "made": {"commit": made, "date": day, "title": "Copy it"},
                "was": "src/core/averages.py",
                "changes": [{"commit": commit, "date": day, "title": "Want two"}],
            },
        }
    ]
    assert {key: experiment[key] for key in ("name", "path", "tokens", "copied", "share")} == {
        "name": "smooth", "path": "experiments/smooth", "tokens": 247, "copied": 140, "share": 0.5668,
    }  # fmt: skip


def test_an_extension_point_that_is_no_module_is_a_mistake(repository: Project) -> None:
    repository.write({"pyproject.toml": '[tool.fumehood.extension-points]\nregistry = "src/core/registry.py"\n'})
    assert repository.fumehood("reuse").assert_exit(2).stderr == (
        "pyproject.toml:2: 'src/core/registry.py' is no module\n"
        '  → write registry = "package.module" or "package.module:Name"\n'
    )
