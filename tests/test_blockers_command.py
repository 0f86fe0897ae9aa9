"""`fumehood blockers`: what holds a package back, by which line, and whose that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.answers import PLAIN, answer_of
from support.index import Fault, Index
from support.wheels import Wheel, build_all

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

FROM_3_11 = f'{PLAIN}python = "3.11"\n'
"""Settings of a repository whose lines hold for the same Pythons whoever runs fumehood."""


@pytest.fixture
def repository(project: Project) -> Project:
    """Core keeps torch below 2.7; `vision` below 2.6 through torchvision, `pinned` at 2.6 by itself."""
    project.write(
        {
            "pyproject.toml": FROM_3_11,
            "CODEOWNERS": "* @core-owner\n/experiments/ @lab\n",
            "requirements.txt": "alpha\ntorch<2.7\n",
            "experiments/free/requirements.txt": "delta-lib\n",
            "experiments/pinned/requirements.txt": "torch==2.6.0\n",
            "experiments/pinned/experiment.toml": 'owners = ["@example-owner"]\n',
            "experiments/vision/requirements.txt": "gamma\ntorchvision<0.21\n",
        }
    )
    return project


def answered(project: Project, *arguments: str, code: int) -> Any:  # noqa: ANN401 - whatever JSON can hold
    return answer_of(project.fumehood("blockers", "--json", *arguments).assert_exit(code), "blockers")["packages"]


def test_core_comes_first_then_who_allows_least_with_lines_and_owners(repository: Project) -> None:
    outcome = repository.fumehood("blockers", "torch").assert_exit(1)
    assert outcome.stdout == (
        "torch: core has 2.6.0; 2.7.1 is aimed at\n"
        "core allows 2.6.0, held back by\n"
        "  requirements.txt:2: torch<2.7   (@core-owner)\n"
        "vision allows 2.5.0, held back by\n"
        "  experiments/vision/requirements.txt:2: torchvision<0.21   (@lab)\n"
        "pinned allows 2.6.0, held back by\n"
        "  experiments/pinned/requirements.txt:1: torch==2.6.0   (@example-owner)\n"
        "1 of 3 experiments does not hold it back\n"
    )
    assert outcome.stderr == ""
    (row,) = answered(repository, "torch", code=1)
    assert (row["name"], row["current"], row["newest"], row["to"]) == ("torch", "2.6.0", "2.7.1", None)
    assert [(one["name"], one["allows"], one["blocks"]) for one in row["experiments"]] == [
        ("vision", "2.5.0", True),
        ("pinned", "2.6.0", True),
        ("free", "2.7.1", False),
    ]
    assert row["experiments"][1]["owners"] == ["@example-owner"]


def test_only_what_allows_less_than_the_version_aimed_at_holds_it_back(repository: Project) -> None:
    (row,) = answered(repository, "torch", "--to", "2.6", code=1)
    assert (row["newest"], row["to"]) == (None, "2.6")
    assert [one["name"] for one in row["experiments"] if one["blocks"]] == ["vision"]
    assert not row["core"]["blocks"]
    outcome = repository.fumehood("blockers", "torch", "--to", "2.5").assert_ok()
    assert outcome.stdout == ("torch: core has 2.6.0; 2.5 is aimed at\n3 of 3 experiments do not hold it back\n")


def test_without_a_package_all_of_cores_stand_in_a_table_worst_first(repository: Project) -> None:
    outcome = repository.fumehood("blockers").assert_exit(1)
    assert outcome.stdout == (
        "package  core has  core allows  could be  held back by\n"
        "torch    2.6.0     2.6.0        2.7.1     core, vision (2.5.0), pinned (2.6.0)\n"
        "alpha    2.0       2.0          2.0       vision (1.1)\n"
    )
    rows = answered(repository, code=1)
    assert [(row["name"], len([one for one in row["experiments"] if one["blocks"]])) for row in rows] == [
        ("torch", 2),
        ("alpha", 1),
    ]


def test_a_package_that_core_does_not_require_can_be_asked_about_too(repository: Project) -> None:
    outcome = repository.fumehood("blockers", "torchvision").assert_exit(1)
    assert outcome.stdout == (
        "torchvision: core has no pin of it; 0.21.0 is aimed at\n"
        "vision allows 0.20.0, held back by\n"
        "  experiments/vision/requirements.txt:2: torchvision<0.21   (@lab)\n"
        "2 of 3 experiments do not hold it back\n"
    )


def test_an_experiment_in_conflict_is_named_and_so_is_what_is_not_decided(
    repository: Project, faulty_index: Index, private_uv_cache: Path
) -> None:
    assert not private_uv_cache.exists()
    repository.write({"experiments/free/requirements.txt": "gamma\nalpha>=2\n"})
    repository.write({"experiments/pinned/requirements.txt": "transformers\n"})
    faulty_index.misbehave("tokenizers", Fault.STATUS_500)
    outcome = repository.fumehood("blockers", "torch", "--to", "2.5").assert_exit(1)
    said = outcome.stdout.splitlines()
    assert said[1] == "free: its lines cannot hold together: see `fumehood explain free`"
    assert said[2] == "pinned: not decided: uv could not finish"
    assert said[3] == "1 of 3 experiments does not hold it back"
    outcome = repository.fumehood("blockers").assert_exit(1)
    assert outcome.stdout == (
        "package  core has  core allows  could be  held back by\n"
        "torch    2.6.0     2.6.0        2.7.1     core, vision (2.5.0)\n"
        "alpha    2.0       2.0          2.0       vision (1.1)\n"
        "\n"
        "free: its lines cannot hold together: see `fumehood explain free`\n"
        "pinned: not decided: uv could not finish\n"
    )
    repository.write({"experiments/free/requirements.txt": "delta-lib\n"})
    repository.fumehood("blockers", "torch", "--to", "2.5").assert_exit(3)
    repository.fumehood("blockers", "torch", "--offline").assert_exit(1)


def test_what_cannot_be_asked_about_is_a_mistake_of_the_user_or_of_the_registry(repository: Project) -> None:
    outcome = repository.fumehood("blockers", "torch", "--to", "new").assert_exit(2)
    assert outcome.stderr == "'new' is no version\n  → write one, as in `fumehood blockers torch --to 2.16`\n"
    outcome = repository.fumehood("blockers", "--to", "2").assert_exit(2)
    assert outcome.stderr == "--to needs a package\n  → name one, as in `fumehood blockers torch --to 2.16`\n"
    outcome = repository.fumehood("blockers", "no such thing").assert_exit(2)
    assert outcome.stderr.startswith("the command line: 'no such thing' is not a requirement: ")
    outcome = repository.fumehood("blockers", "reqeusts").assert_exit(3)
    assert outcome.stderr.startswith(
        "the command line: core, left free: not decided, because no registry in use offers reqeusts\n  | error: "
    )
    assert outcome.stdout == ""


def test_core_s_lines_that_an_experiment_includes_are_core_s_and_hold_back_nobody_else(repository: Project) -> None:
    repository.write(
        {
            "limits.txt": "torch<2.7\n",
            "requirements.txt": "alpha\ntorch\n-c limits.txt\n",
            "experiments/free/requirements.txt": "-r ../../requirements.txt\ndelta-lib\n",
            "experiments/pinned/requirements.txt": "-c ../../limits.txt\ntorch\n",
        }
    )
    outcome = repository.fumehood("blockers", "torch").assert_exit(1)
    assert outcome.stdout == (
        "torch: core has 2.6.0; 2.7.1 is aimed at\n"
        "core allows 2.6.0, held back by\n"
        "  limits.txt:1: torch<2.7   (@core-owner)\n"
        "vision allows 2.5.0, held back by\n"
        "  experiments/vision/requirements.txt:2: torchvision<0.21   (@lab)\n"
        "2 of 3 experiments do not hold it back\n"
    )
    (torch,) = (row for row in answered(repository, code=1) if row["name"] == "torch")
    assert [one["name"] for one in torch["experiments"] if one["blocks"]] == ["vision"]


def test_a_line_for_some_environments_only_holds_back_too(repository: Project) -> None:
    two = 'torch==2.5.0 ; python_version < "3.12"\ntorch>=2.7 ; python_version >= "3.12"\n'
    repository.write({"requirements.txt": "alpha\ntorch\n", "experiments/free/requirements.txt": two})
    outcome = repository.fumehood("blockers", "torch").assert_exit(1)
    assert (
        "free allows 2.5.0, held back by\n"
        '  experiments/free/requirements.txt:1: torch==2.5.0 ; python_version < "3.12"   (@lab)\n'
    ) in outcome.stdout
    assert "free (2.5.0)" in repository.fumehood("blockers").assert_exit(1).stdout


def test_what_is_older_for_old_pythons_by_itself_is_held_back_by_nobody(project: Project, own: Path) -> None:
    old = Wheel(name="array", version="2.2", requires_python=">=3.10")
    build_all([old, Wheel(name="array", version="2.3", requires_python=">=3.13")], own)
    lines = {"requirements.txt": "array\n", "experiments/any/requirements.txt": "array>=2\n"}
    project.write({"pyproject.toml": FROM_3_11, **lines})
    outcome = project.fumehood("blockers").assert_ok()
    head = "package  core has   core allows  could be  held back by\n"
    assert outcome.stdout == f"{head}array    2.2 / 2.3  2.3          2.3       nobody\n"
    outcome = project.fumehood("blockers", "array", "--to", "2.3").assert_exit(2)
    assert outcome.stderr == (
        "no version of array from 2.3 on can be had for all Pythons from 3.11 on\n"
        "  → core could have 2.2, if no line of its own held it back\n"
    )
    project.write({"experiments/tight/requirements.txt": "array<2.3\n"})
    outcome = project.fumehood("blockers").assert_exit(1)
    assert outcome.stdout == f"{head}array    2.2 / 2.3  2.3          2.3       tight (2.2)\n"


def test_a_version_that_nobody_could_have_is_no_aim(repository: Project) -> None:
    outcome = repository.fumehood("blockers", "torch", "--to", "3").assert_exit(2)
    assert outcome.stdout == ""
    assert outcome.stderr == (
        "no version of torch from 3 on can be had for all Pythons from 3.11 on\n"
        "  → core could have 2.7.1, if no line of its own held it back\n"
    )


def test_a_pre_release_that_every_line_admits_is_held_back_by_nobody(project: Project, own: Path) -> None:
    build_all([Wheel(name="array", version="1.0"), Wheel(name="array", version="2.0rc1")], own)
    project.write({"requirements.txt": "array\n", "experiments/any/requirements.txt": "array<2\n"})
    outcome = project.fumehood("blockers", "array", "--to", "2.0rc1").assert_exit(1)
    assert outcome.stdout == (
        "array: core has 1.0; 2.0rc1 is aimed at\n"
        "any allows 1.0, held back by\n"
        "  experiments/any/requirements.txt:1: array<2   (nobody)\n"
        "0 of 1 experiment does not hold it back\n"
    )


def test_a_conflict_among_core_s_other_lines_is_said_of_core(repository: Project) -> None:
    repository.write({"requirements.txt": "alpha>=2\ngamma\ntorch<2.7\n"})
    outcome = repository.fumehood("blockers", "torch").assert_exit(1)
    assert outcome.stderr == ""
    assert outcome.stdout.startswith(
        "torch: core has no pin of it; no version is aimed at\n"
        "core: its lines cannot hold together: see `fumehood explain core`\n"
    )
    (row,) = answered(repository, "torch", code=1)
    assert row["newest"] is None
    outcome = repository.fumehood("blockers", "for-new-python").assert_exit(2)
    assert outcome.stderr == "no version of for-new-python can be had for all Pythons from 3.11 on\n"


def test_the_table_blames_nobody_for_what_a_resolver_left_for_another_package_s_sake(
    project: Project, own: Path
) -> None:
    build_all(
        [
            Wheel(name="zeros", version="1.0"),
            Wheel(name="zeros", version="2.0"),
            Wheel(name="solver", version="1.0"),
            Wheel(name="solver", version="1.1", requires=("zeros<2",)),
            Wheel(name="solver", version="2.0"),
        ],
        own,
    )
    project.write({"requirements.txt": "solver\nzeros\n", "experiments/tight/requirements.txt": "solver<2\n"})
    outcome = project.fumehood("blockers").assert_exit(1)
    assert outcome.stdout == (
        "package  core has  core allows  could be  held back by\n"
        "solver   2.0       2.0          2.0       tight (1.1)\n"
        "zeros    2.0       2.0          2.0       nobody\n"
    )
    project.fumehood("blockers", "zeros").assert_ok()
