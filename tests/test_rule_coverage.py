"""``coverage/…``: nothing is untested, and nothing is named that is not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fumehood.model.runner import WORKFLOWS

if TYPE_CHECKING:
    from support.project import Project

MANIFEST = 'theme = "infrastructure"\nowners = ["@example-owner"]\n'
PASSING = "def test_it():\n    pass\n"


def said(project: Project) -> list[str]:
    """The findings of the group, one line each."""
    arguments = ("check", "--rule", "coverage", "--notes", "--format", "json")
    findings = json.loads(project.fumehood(*arguments).stdout)["findings"]
    return [
        f"{one['file']}:{one['line']}: {one['severity']}: {one['message']} → {one['remedy']}"
        for one in findings
        if one["rule"].startswith("coverage/")
    ]


def test_only_tests_that_no_session_runs_are_found(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": '[tool.fumehood]\nexclude = ["experiments/old"]\n',
            "tests/deep/test_core.py": PASSING,
            "src/thing_test.py": PASSING,
            "src/test_helpers.py": "def helper():\n    pass\n",
            "experiments/test_shared.py": PASSING,
            "experiments/old/test_old.py": PASSING,
            "experiments/a/experiment.toml": f'{MANIFEST}tests = ["tests"]\n',
            "experiments/a/tests/test_a.py": PASSING,
            "experiments/a/test_forgotten.py": PASSING,
            "experiments/b/experiment.toml": "state = 5\n",
            "experiments/b/test_b.py": PASSING,
        }
    )
    project.commit()
    unreached = "0: warning: no session runs these tests"
    assert said(project) == [
        f"experiments/test_shared.py:{unreached} → move it, or name its folder in `tests` of [tool.fumehood.core]",
        f"src/thing_test.py:{unreached} → move it, or name its folder in `tests` of [tool.fumehood.core]",
        f"experiments/a/test_forgotten.py:{unreached} → name it in `tests` of its manifest",
    ]


def test_patterns_that_match_nothing_are_found_where_they_stand(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": (
                "[tool.fumehood]\n"
                'experiments = ["experiments/*", "labs/*"]\n'
                'exclude = ["experiments/gone"]\n'
                "\n"
                "[tool.fumehood.affected]\n"
                'all = ["scripts/*.sh"]\n'
                'ignore = ["*.md", "art/*"]\n'
            ),
            "README.md": "",
            "CODEOWNERS": "* @example-owner\n/experiments/a/ @example-owner\n/labs/ @example-owner\n*.cu\n",
            "experiments/a/test_a.py": PASSING,
        }
    )
    project.commit()
    assert [line.partition(" → ")[0] for line in said(project)] == [
        "CODEOWNERS:3: warning: /labs/ matches no file",
        "CODEOWNERS:4: warning: *.cu matches no file",
        "pyproject.toml:2: warning: 'labs/*' in experiments matches nothing",
        "pyproject.toml:3: warning: 'experiments/gone' in exclude matches nothing",
        "pyproject.toml:6: warning: 'scripts/*.sh' in affected.all matches nothing",
        "pyproject.toml:7: warning: 'art/*' in affected.ignore matches nothing",
    ]


def test_gpu_tests_need_a_machine_once_there_is_a_workflow(project: Project) -> None:
    gpu = "import pytest\n\n@pytest.mark.gpu(count=8)\ndef test_it():\n    pass\n"
    project.write({"experiments/a/test_a.py": gpu, "experiments/b/README.md": "", "experiments/b/b.py": ""})
    project.commit()
    idle = (
        "experiments/b:0: note: it has no tests, so nothing notices when core breaks it"
        " → add a test_*.py, or say in its manifest where its `tests` are"
    )
    assert said(project) == [idle]
    project.fumehood("ci", "write").assert_ok()
    assert (project.root / WORKFLOWS["github"]).exists()
    nowhere = (
        "experiments/a:0: warning: no machine of CI has 8 GPUs, so its GPU tests run nowhere"
        " → name one that has, with [[tool.fumehood.runners.gpu]] in pyproject.toml"
    )
    assert said(project) == [nowhere, idle]
    project.write({"pyproject.toml": '[[tool.fumehood.runners.gpu]]\nlabel = "big"\ncount = 8\n'})
    assert said(project) == [idle]
