"""The requirement files of two public repositories, as they were in 2026-08, against the real registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from bench import sets

if TYPE_CHECKING:
    from support.project import Project

TITAN = {
    ".ci/docker/requirements.txt": (
        "grain == 0.2.18\ndatasets >= 3.6.0, < 4.8.0\ntensorboard\nwandb\ntyro >= 1.0.5\ntokenizers >= 0.15.0\n"
        "safetensors\neinops\npillow\nspmd_types==0.2.3\n"
    ),
    ".github/CODEOWNERS": (
        "* @example-owner @second-owner\n\n# Exclude the experiments directory by adding a pattern without owners\n"
        "/torchtitan/experiments/\n\n/torchtitan/experiments/forge/ @forge-owner\n"
    ),
    "pyproject.toml": '[tool.fumehood]\nexperiments = ["torchtitan/experiments/*"]\n',
    "torchtitan/__init__.py": "",
    "torchtitan/experiments/__init__.py": "",
    "torchtitan/experiments/forge/__init__.py": "",
    "torchtitan/experiments/forge/engine.py": "",
    "torchtitan/experiments/rl/__init__.py": "",
    "torchtitan/experiments/rl/requirements.txt": (
        "torchmonarch\npygtrie\nportpicker\ngit+https://github.com/PrimeIntellect-ai/renderers.git@main\n"
    ),
    "torchtitan/experiments/rl/examples/dapo_math/requirements.txt": "math-verify==0.9.0\n",
    "torchtitan/experiments/rl/tests/test_rl.py": "",
    "torchtitan/models/flux/requirements-flux.txt": "transformers>=4.51.1\nsentencepiece\n",
}
"""https://github.com/pytorch/torchtitan: its layout and files, owners replaced."""

NO_GITHUB = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "url.file:///nonexistent/.insteadOf",
    "GIT_CONFIG_VALUE_0": "https://github.com/",
}
"""As on a machine that reaches the package index but not GitHub."""


def messages(answer: str) -> dict[str, str]:
    return {one["name"]: one["message"] for one in json.loads(answer)["failed"]}


@pytest.fixture
def examples(project: Project) -> Project:
    sets.examples(project.root)
    return project


def test_all_examples_are_found_under_sessions_of_their_own(examples: Project) -> None:
    answer = json.loads(examples.fumehood("list", "--json").assert_ok().stdout)
    found = {one["path"]: one["session"] for one in answer["experiments"]}
    assert found == {folder: f"exp-{folder.replace('/', '-')}" for folder in sets.EXAMPLES}
    assert len(found) == 32
    assert answer["core"]["requirements"] == ["requirements.txt"]


@pytest.mark.network
def test_examples_are_locked_or_refused_for_the_right_reason(examples: Project, private_uv_cache: object) -> None:
    del private_uv_cache
    names = ["gat", "time_sequence_prediction", "mnist_hogwild", "docs", "distributed/tensor_parallelism"]
    outcome = examples.fumehood("lock", "--json", *names, env=NO_GITHUB, timeout=300).assert_exit(3)
    locked = {one["name"] for one in json.loads(outcome.stdout)["locks"]}
    assert locked == {"core", "gat", "distributed/tensor_parallelism"}
    failed = messages(outcome.stdout)
    assert set(failed) == {"time_sequence_prediction", "mnist_hogwild", "docs"}
    for name, lines in (
        ("time_sequence_prediction", ("torch<2.6", "torch>=2.7")),
        ("mnist_hogwild", ("torchvision==0.20.0", "torch>=2.7")),
    ):
        assert failed[name].startswith(f"{name}: the requirements cannot hold together\n")
        assert all(line in failed[name] for line in lines)
        files = ", ".join(sorted(("requirements.txt", f"{name}/requirements.txt")))
        assert failed[name].endswith(
            f"\n  → relax one of the lines that uv names; they stand in {files}; see `fumehood explain {name}`"
        )
    address = "git+https://github.com/pytorch/pytorch_sphinx_theme.git#egg=pytorch_sphinx_theme"
    reason = f"docs/requirements.txt:4: docs: not decided, because {address} cannot be had\n"
    assert failed["docs"].startswith(reason)

    delta = (examples.root / "gat/requirements.lock").read_text()
    core = (examples.root / "requirements.lock").read_text()
    pinned = {line.partition("==")[0] for line in delta.splitlines() if line[0] not in " #"}
    assert {"requests", "numpy", "idna"} <= pinned
    assert not pinned & {line.partition("==")[0] for line in core.splitlines()}
    assert "http" not in core + delta
    assert examples.fumehood("lock", "time_sequence_prediction").exit_code == 1
    explained = json.loads(examples.fumehood("explain", "mnist_hogwild", "--json", timeout=120).assert_exit(1).stdout)
    assert [(one["file"], one["requirement"]) for one in explained["lines"]] == [
        ("requirements.txt", "torch>=2.7"),
        ("mnist_hogwild/requirements.txt", "torchvision==0.20.0"),
    ]
    assert (explained["smallest"], explained["remedies"][0]["file"]) == (True, "mnist_hogwild/requirements.txt")
    assert explained["remedies"][0]["pins"]
    checked = examples.fumehood("check", "--offline", "--rule", "conflict", "time_sequence_prediction").assert_exit(1)
    assert checked.stdout == (
        "time_sequence_prediction\n"
        "  time_sequence_prediction/requirements.txt:1: error [conflict/static]\n"
        "    no version of torch satisfies these 2 lines together\n"
        "      requirements.txt:1: torch>=2.7\n"
        "      time_sequence_prediction/requirements.txt:1: torch<2.6\n"
        "    → change one of these lines so that their versions overlap\n"
        "\n"
        "1 experiment checked: 1 in conflict\n"
    )
    examples.fumehood("lock", "--check", "gat", "distributed/tensor_parallelism").assert_ok()


def test_a_nested_root_and_linked_requirements_are_found(project: Project) -> None:
    titan(project)
    answer = json.loads(project.fumehood("list", "--json").assert_ok().stdout)
    assert answer["core"] == {"requirements": ["requirements.txt"], "packages": ["torchtitan"], "tests": []}
    assert [(one["name"], one["requirements"], one["owners"]) for one in answer["experiments"]] == [
        ("forge", [], ["@forge-owner"]),
        ("rl", ["torchtitan/experiments/rl/requirements.txt"], []),
    ]


@pytest.mark.network
def test_an_address_that_cannot_be_had_leaves_its_experiment_undecided(project: Project) -> None:
    titan(project)
    outcome = project.fumehood("lock", "--json", env=NO_GITHUB, timeout=300).assert_exit(3)
    assert {one["name"]: one["written"] for one in json.loads(outcome.stdout)["locks"]} == {
        "core": True,
        "torchtitan/experiments/forge": True,
    }
    (message,) = messages(outcome.stdout).values()
    place = "torchtitan/experiments/rl/requirements.txt:4: torchtitan/experiments/rl"
    address = "git+https://github.com/PrimeIntellect-ai/renderers.git@main"
    assert message.startswith(f"{place}: not decided, because {address} cannot be had\n")
    assert (project.root / "requirements.txt").is_symlink()
    assert (project.root / "requirements.lock").is_file()


def titan(project: Project) -> None:
    project.write(TITAN)
    (project.root / "requirements.txt").symlink_to(".ci/docker/requirements.txt")
