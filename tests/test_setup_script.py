"""Repositories whose core is a setuptools project of the old kind: `setup.cfg` or `setup.py`, and no `[project]`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fumehood.errors import ConfigurationError
from fumehood.reading import setup_script
from fumehood.repository import open_repository
from support.answers import PLAIN
from support.local_project import below, local_project

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

COMPUTED = """\
from setuptools import find_packages, setup

needed = {"alpha": "alpha<1.1"}
setup(
    name="itself",
    package_dir={"": "src"},
    install_requires=[needed["alpha"]],
)
"""

OUTDATED = (
    "requirements.lock was made from other requirement lines\n  → run `fumehood lock` and commit what it writes\n"
)


def read(root: Path, name: str, content: str) -> list[str]:
    """The requirements in a file, each with its place."""
    (root / name).write_text(content)
    assert setup_script.files(root) == (name,)
    found = setup_script.read(root / name, root=root)
    return [f"{line.place}: {'-e ' * line.editable}{line.text}" for line in found.requirements]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "setup(\n    install_requires=[\n        'alpha',\n        'beta; sys_platform == \"linux\"',\n    ],\n)\n",
            ["setup.py:3: alpha", 'setup.py:4: beta; sys_platform == "linux"'],
        ),
        ('import setuptools\nsetuptools.setup(install_requires=("alpha",))\n', ["setup.py:2: alpha"]),
        ('NEEDED = [\n    "alpha",\n]\nsetup(install_requires=NEEDED)\n', ["setup.py:2: alpha"]),
        ('NEEDED = ["alpha"]\nNEEDED.append("beta")\nsetup(install_requires=NEEDED)\n', ["setup.py:3: -e ."]),
        ("setup(\n    name='x',\n    install_requires=read('requirements.in'),\n)\n", ["setup.py:3: -e ."]),
        ('setup(install_requires=["alpha", f"beta=={version}"])\n', ["setup.py:1: -e ."]),
        ("common = {}\nsetup(**common)\n", ["setup.py:2: -e ."]),
        (
            "if fast:\n    setup(name='x')\nelse:\n    setup(name='x', install_requires=['alpha'])\n",
            ["setup.py:1: -e ."],
        ),
        ("setup(name='x')\n", []),
    ],
)
def test_what_a_setup_script_writes_out_is_read_and_what_it_computes_is_left_to_a_build(
    tmp_path: Path, script: str, expected: list[str]
) -> None:
    assert read(tmp_path, "setup.py", script) == expected


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (
            "[metadata]\nname = x\n\n[options]\ninstall_requires =\n    # the first\n    alpha\n    beta>=1,<2\n",
            ["setup.cfg:7: alpha", "setup.cfg:8: beta>=1,<2"],
        ),
        ("[options]\ninstall_requires = alpha; beta\n", ["setup.cfg:2: alpha", "setup.cfg:2: beta"]),
        ("[options]\ninstall_requires = file: needed.txt\n", ["needed.txt:2: alpha"]),
    ],
)
def test_setup_cfg_counts_more_than_a_script_and_each_requirement_has_its_line(
    tmp_path: Path, configuration: str, expected: list[str]
) -> None:
    (tmp_path / "needed.txt").write_text("# what core needs\nalpha\n")
    (tmp_path / "setup.py").write_text('setup(install_requires=["gamma"])\n')
    assert read(tmp_path, "setup.cfg", configuration) == expected


def test_what_is_wrong_is_said_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, "setup.py", 'setup(install_requires=[\n    "alpha=1",\n])\n')
    assert str(raised.value) == (
        "setup.py:2: 'alpha=1' is not a requirement: Expected semicolon (after name with no version specifier) or end\n"
        "  → write == for one exact version"
    )
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, "setup.py", "setup(\n")
    assert str(raised.value) == ("setup.py:1: not valid Python: '(' was never closed\n  → correct the syntax")


def test_core_is_locked_installed_and_watched_where_only_a_build_knows_what_it_requires(project: Project) -> None:
    files = {**local_project("itself", "1.0", says="from source"), "setup.py": COMPUTED}
    files["pyproject.toml"] = files["pyproject.toml"].partition("[project]")[0] + PLAIN
    project.write({**files, "experiments/a/requirements.txt": "beta\n"})
    listed = json.loads(project.fumehood("list", "--json").assert_ok().stdout)
    assert listed["core"]["requirements"] == ["setup.py"]
    project.fumehood("lock").assert_ok()
    assert "\n-e .\nalpha==1.0 " in (project.root / "requirements.lock").read_text()

    project.fumehood("env", "build", "a").assert_ok()
    assert project.run(".nox/exp-a/bin/itself").assert_ok().stdout == "from source\n"
    assert project.fumehood("env", "build", "a").assert_ok().stdout == "exp-a: reused\n"

    project.commit()
    project.write({"setup.py": COMPUTED.replace("alpha<1.1", "alpha>=2")})
    assert project.fumehood("lock", "--check").assert_exit(1).stderr.startswith(OUTDATED)
    assert project.fumehood("whatif", "--from-git", "HEAD").assert_exit(2).stderr == (
        "core installs folders of the repository (setup.py:7), which at HEAD require something else than here\n"
        "  → check HEAD out, and run `fumehood check` there\n"
    )
    project.write({"experiments/b/requirements.txt": "alpha<2\n"})
    assert (
        project.fumehood("explain", "b")
        .assert_exit(1)
        .stdout.startswith(
            "b cannot be installed on core: these 2 lines cannot hold together, and without\n"
            "any one of them the rest can\n"
            "\n"
            "  setup.py:7: -e .   (nobody)\n"
            "  experiments/b/requirements.txt:1: alpha<2   (nobody)\n"
        )
    )
    project.fumehood("lock", "a").assert_ok()
    assert "\n-e .\nalpha==2.0 " in (project.root / "requirements.lock").read_text()


def test_a_line_that_names_core_stands_for_its_folder_where_only_setuptools_can_read_what_it_requires(
    project: Project,
) -> None:
    files = {**local_project("itself", "1.0", says="from source"), "setup.py": COMPUTED}
    files["pyproject.toml"] = files["pyproject.toml"].partition("[project]")[0] + PLAIN
    uses = {"experiments/a/use.py": "import alpha\n", "experiments/a/requirements.txt": "itself\n"}
    project.write({**files, **uses, "requirements.txt": "itself\nbeta\n"})
    project.fumehood("lock").assert_ok()
    assert "\n-e .\nalpha==1.0 " in (project.root / "requirements.lock").read_text()
    project.fumehood("env", "build", "a").assert_ok()
    assert project.run(".nox/exp-a/bin/itself").assert_ok().stdout == "from source\n"
    assert project.fumehood("check", "--rule", "independence").assert_ok().stdout == "1 experiment checked: it fits\n"

    project.write({"experiments/a/requirements.txt": "itself>=0.5\n"})
    assert project.fumehood("lock", "a").assert_ok().stdout.splitlines()[1:] == [
        "experiments/a/requirements.lock: written, 0 pins on top of core"
    ]

    project.write({"experiments/a/requirements.txt": "itself>=3\n"})
    said = project.fumehood("lock", "a").assert_exit(1).stderr
    assert said.startswith("experiments/a: the requirements cannot hold together\n  | error: No solution found ")
    assert "only itself<3 is available and you require itself>=3" in said
    project.write({"setup.py": COMPUTED.replace("package_dir", 'version="1.0", package_dir')})
    assert project.fumehood("lock", "a").assert_exit(2).stderr == (
        "experiments/a/requirements.txt:1: itself>=3 asks for another itself than core, which is 1.0\n"
        "  → remove the bound: each environment imports core from source\n"
    )
    project.write({"setup.py": f"{COMPUTED}# Built anew.\n", "backend/own_backend.py": "import torch\n"})
    first, *quoted, last = project.fumehood("lock").assert_exit(3).stderr.splitlines()
    assert first == "requirements.txt:1: core: not decided, because . cannot be had"
    assert any(line.endswith("ModuleNotFoundError: No module named 'torch'") for line in quoted)
    assert last == "  → the path is there, and uv says above what is wrong with it, such as a build that fails"


def test_a_core_that_cannot_be_built_here_may_be_imported_unbuilt(project: Project) -> None:
    setup = "from setuptools import setup\nsetup(name='itself', package_dir={'': 'src'})\n"
    build = local_project("itself", "1.0", says="")["pyproject.toml"].partition("[project]")[0]
    project.write({"setup.py": setup, "backend/own_backend.py": "import torch\n"})
    code = {"src/itself.py": "ANSWER = 42\n", "experiments/a/requirements.txt": "beta\n"}
    project.write({**code, "pyproject.toml": build + PLAIN})
    said = project.fumehood("env", "build", "a").assert_exit(3).stderr
    assert said.startswith("installing experiments/a failed\n  | ")
    assert "ModuleNotFoundError: No module named 'torch'" in said
    assert said.endswith(
        "\n  → uv builds core for that, and says above why it cannot; name a file with what core requires as "
        "`requirements` of [tool.fumehood.core], and core is imported from source without a build; "
        "nothing was changed\n"
    )
    project.write({"pyproject.toml": f'{build}{PLAIN}core.requirements = ["core.txt"]\n', "core.txt": "alpha\n"})
    project.fumehood("env", "build", "a").assert_ok()
    run = project.run(".nox/exp-a/bin/python", "-c", "import itself; print(itself.ANSWER)")
    assert run.assert_ok().stdout == "42\n"


@pytest.mark.parametrize(
    "files",
    [
        {"setup.cfg": "[options]\npackage_dir =\n    = py\n"},
        {"setup.cfg": "[options]\npackage_dir=\n    =py\n"},
        {"setup.py": "from setuptools import setup\nsetup(name='app', package_dir={'': './py'})\n"},
        {"setup.py": "PLACES = {'': 'py'}\nsetup(package_dir=PLACES)\n", "src/other/__init__.py": ""},
    ],
)
def test_core_is_where_a_setuptools_project_says(project: Project, files: dict[str, str]) -> None:
    project.write({"py/app/__init__.py": "", "experiments/a/requirements.txt": "", **files})
    core = open_repository(project.root).core
    assert (core.sources, core.packages) == (("py",), ("app",))


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"setup.cfg": "[metadata]\nname = itself\n", "setup.py": "setup(name='other')\n"}, "itself"),
        ({"setup.py": "NAME = 'itself'\nsetup(name=NAME)\n"}, "itself"),
        ({"setup.py": "setup(name=read('NAME'))\n"}, None),
        ({"setup.py": "setup(\n"}, None),
        ({}, None),
    ],
)
def test_what_a_setuptools_project_is_called(tmp_path: Path, files: dict[str, str], name: str | None) -> None:
    for file, content in files.items():
        (tmp_path / file).write_text(content)
    assert setup_script.project(tmp_path) == name


@pytest.mark.parametrize(
    ("files", "specifier"),
    [
        ({"setup.cfg": "[options]\npython_requires = >=3.9\n", "setup.py": "setup(python_requires='>=3')\n"}, ">=3.9"),
        ({"setup.py": "setup(python_requires='>=3.10.0')\n"}, ">=3.10.0"),
        ({"setup.py": "setup(python_requires=lowest())\n"}, None),
        ({"setup.py": "setup(python_requires='3.10')\n"}, None),
        ({"setup.py": "setup(python_requires='<3')\n"}, None),
        ({"setup.py": "setup(python_requires='>=3.9')\n", "pyproject.toml": "[project]\nname = 'core'\n"}, None),
    ],
)  # fmt: skip
def test_the_pythons_that_a_setuptools_project_supports(
    tmp_path: Path, files: dict[str, str], specifier: str | None
) -> None:
    for file, content in files.items():
        (tmp_path / file).write_text(content)
    assert open_repository(tmp_path).core.requires_python == specifier


def test_a_lock_is_as_current_as_the_folders_that_its_lines_install(project: Project) -> None:
    tool = dict(below("libs/tool", local_project("tool", "1.0", says="tool")))
    project.write({"pyproject.toml": PLAIN, "requirements.txt": "./libs/tool\n", **tool})
    project.write({"experiments/a/requirements.txt": "-e ./libs/tool\n"})
    project.fumehood("lock").assert_ok()
    project.write({"libs/tool/pyproject.toml": tool["libs/tool/pyproject.toml"] + "[tool.ruff]\nline-length = 100\n"})
    project.fumehood("lock", "--check").assert_ok()
    needs = tool["libs/tool/pyproject.toml"].replace('version = "1.0"', 'version = "1.0"\ndependencies = ["alpha"]')
    project.write({"libs/tool/pyproject.toml": needs})
    project.fumehood("lock", "--check").assert_exit(1)
    project.write(
        {"libs/tool/pyproject.toml": tool["libs/tool/pyproject.toml"], "requirements.txt": "-e ./libs/tool\n"}
    )
    assert project.fumehood("lock", "--check").assert_exit(1).stderr.startswith(OUTDATED)
