"""`fumehood whatif`: what a change of core would do to each experiment, before anyone makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.answers import PLAIN, answer_of, outcomes

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project


@pytest.fixture
def repository(project: Project) -> Project:
    """Core with tokenizers; `models` and `other` with locks, `plain` without, `paused` in no state to run."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "CODEOWNERS": "* @core-owner\n/experiments/ @lab\n",
            "requirements.txt": "alpha\ntokenizers<0.22\ntorch<2.6\n",
            "experiments/models/requirements.txt": "transformers\n",
            "experiments/models/experiment.toml": 'owners = ["@example-owner"]\n',
            "experiments/other/requirements.txt": "beta\n",
            "experiments/paused/requirements.txt": "gamma\n",
            "experiments/paused/experiment.toml": 'state = "paused"\n',
            "experiments/plain/requirements.txt": "torchvision\n",
        }
    )
    project.fumehood("lock", "models", "other").assert_ok()
    return project


def answered(project: Project, *arguments: str, code: int) -> Any:  # noqa: ANN401 - whatever JSON can hold
    return answer_of(project.fumehood("whatif", "--format", "json", *arguments).assert_exit(code), "whatif")


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_pins_that_move_are_named_and_nothing_on_disk_changes(repository: Project) -> None:
    before = everything(repository.root)
    outcome = repository.fumehood("whatif", "tokenizers>=0.22", "torch>=2.7", "-alpha").assert_ok()
    assert outcome.stdout == (
        "core: locks anew: alpha 2.0 → (gone), tokenizers 0.21.4 → 0.23.3,\n  torch 2.5.0 → 2.7.1\n"
        "models: locks anew: transformers 4.50.0 → 5.0.0\n"
        "plain: locks anew: torchvision 0.20.0 → 0.22.1\n"
        "\n"
        "3 experiments: 1 unchanged, 2 lock anew\n"
    )
    assert outcome.stderr == ""
    assert everything(repository.root) == before


def test_a_conflict_that_the_change_does_not_bring_is_told_apart(repository: Project) -> None:
    repository.write({"experiments/other/requirements.txt": "beta\ntokenizers>=0.22\n"})
    assert repository.fumehood("whatif", "alpha==1.1").assert_exit(1).stdout == (
        "core: locks anew: alpha 2.0 → 1.1\n"
        "other: conflict, as now\n"
        "  requirements.txt:2: tokenizers<0.22   (@core-owner)\n"
        "  experiments/other/requirements.txt:2: tokenizers>=0.22   (@lab)\n"
        "  | no version of tokenizers satisfies these 2 lines together\n"
        "\n"
        "3 experiments: 2 unchanged, 1 in conflict (as now)\n"
    )
    # A change of a line that is in conflict already brings none either, whether lines or a resolution tell.
    repository.write({"experiments/plain/requirements.txt": "transformers>=4.57\n"})
    answer = answered(repository, "tokenizers==0.21.4", code=1)
    assert [(one["outcome"], one["already"]) for one in answer["experiments"]] == [
        ("unchanged", False),
        ("conflict", True),
        ("conflict", True),
    ]
    repository.write({"requirements.txt": "alpha\ntokenizers\n"})
    answer = answered(repository, "tokenizers==0.21.4", code=1)
    assert [(one["outcome"], one["already"]) for one in answer["experiments"]] == [
        ("unchanged", False),
        ("conflict", False),
        ("conflict", False),
    ]


def test_an_experiment_without_a_lock_is_compared_with_what_it_resolves_to_now(repository: Project) -> None:
    answer = answered(repository, "torch<2.7", code=0)
    assert answer["core"]["pins"] == []
    assert outcomes(answer) == {"core": "unchanged", "models": "unchanged", "other": "unchanged", "plain": "unchanged"}
    answer = answered(repository, "torch>=2.6,<2.7", code=0)
    assert answer["experiments"][2]["pins"] == [{"name": "torchvision", "before": "0.20.0", "after": "0.21.0"}]
    assert outcomes(answer) == {"core": "relocks", "models": "unchanged", "other": "unchanged", "plain": "relocks"}


def test_a_conflict_comes_with_its_lines_and_reason(repository: Project) -> None:
    outcome = repository.fumehood("whatif", "alpha<2", "beta>=2; python_version < '3'", "reader").assert_ok()
    assert outcome.stdout.endswith("\nother: locks anew: beta 2.0 → 1.0\n\n3 experiments: 2 unchanged, 1 lock anew\n")
    repository.write({"experiments/other/requirements.txt": "beta>=2\n"})
    outcome = repository.fumehood("whatif", "alpha<2").assert_exit(1)
    assert outcome.stdout == (
        "core: locks anew: alpha 2.0 → 1.1\n"
        "other: conflict\n"
        "  the command line: alpha<2\n"
        "  experiments/other/requirements.txt:1: beta>=2   (@lab)\n"
        "  | Because beta>=2.0 depends on alpha>=2 and you require alpha<2, we can\n"
        "  | conclude that your requirements and beta>=2.0 are incompatible. And because\n"
        "  | you require beta>=2, we can conclude that your requirements are\n"
        "  | unsatisfiable.\n"
        "\n"
        "3 experiments: 2 unchanged, 1 in conflict\n"
    )
    answer = answered(repository, "alpha<2", "--offline", code=1)
    assert outcomes(answer)["other"] == "conflict"
    assert answer["experiments"][1]["reason"].endswith("a version that it lacks may make the lines hold together")


def test_the_markdown_can_be_pasted_into_a_pull_request(repository: Project) -> None:
    repository.write({"experiments/other/requirements.txt": "beta>=2\n"})
    outcome = repository.fumehood("whatif", "--format", "markdown", "alpha<2", "tokenizers>=0.22").assert_exit(1)
    assert outcome.stdout == (
        "**alpha<2 tokenizers>=0.22**: 3 experiments: 1 unchanged, 1 lock anew, 1 in conflict\n"
        "\n"
        "Core: locks anew: alpha 2.0 → 1.1, tokenizers 0.21.4 → 0.23.3.\n"
        "\n"
        "| experiment | what happens | owners |\n"
        "| --- | --- | --- |\n"
        "| `models` | locks anew: transformers 4.50.0 → 5.0.0 | @example-owner |\n"
        "| `other` | conflict<br>`the command line: alpha<2`<br>"
        "`experiments/other/requirements.txt:1: beta>=2` @lab | @lab |\n"
    )
    repository.write({"experiments/other/requirements.txt": "no-such-package\n"})
    outcome = repository.fumehood("whatif", "--format", "markdown", "delta-lib").assert_exit(3)
    place = "experiments/other/requirements.txt:1"
    assert f"\n| `other` | not decided: {place}: no registry in use offers no-such-package | @lab |\n" in outcome.stdout


def test_where_core_itself_is_impossible_nothing_else_is_decided(repository: Project) -> None:
    answer = answered(repository, "alpha>=2", "gamma", code=1)
    assert outcomes(answer) == {"core": "conflict", "models": "undecided", "other": "undecided", "plain": "undecided"}
    lines = [(one["file"], one["requirement"]) for one in answer["core"]["lines"]]
    assert lines == [("the command line", "alpha>=2"), ("the command line", "gamma")]
    assert {one["reason"] for one in answer["experiments"]} == {"core's own requirements have to hold together first"}
    answer = answered(repository, "nowhere-to-be-had", code=3)
    assert outcomes(answer)["core"] == "undecided"
    assert answer["core"]["reason"].startswith("the command line: no registry in use offers nowhere-to-be-had\n")


def test_a_core_that_does_not_hold_together_can_be_mended(repository: Project) -> None:
    repository.write({"requirements.txt": "alpha>=2\ngamma\n"})
    (repository.root / "requirements.lock").unlink()
    answer = answered(repository, "-gamma", code=0)
    assert answer["core"]["pins"] == [{"name": "alpha", "before": "", "after": "2.0"}]


def test_what_includes_core_includes_it_as_it_would_be(repository: Project) -> None:
    for include in ("-r", "-c"):
        repository.write({"experiments/other/requirements.txt": f"{include} ../../requirements.txt\ntransformers\n"})
        assert outcomes(answered(repository, "tokenizers>=0.22", code=0))["other"] == "relocks"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-beta"], "core does not require beta\n  → core requires alpha, tokenizers, torch\n"),
        (["-huggingface-hub"], "core does not require huggingface-hub\n  → core requires alpha, tokenizers, torch\n"),
        (
            ["alpha >>"],
            (
                "the command line: 'alpha >>' is not a requirement: "
                "Expected semicolon (after name with no version specifier) or end\n"
                "  → write a name with versions and a marker, "
                "as in numpy[extra]>=2,<3; python_version < '3.13', a URL or a path\n"
            ),
        ),
    ],
)
def test_a_change_that_cannot_be_is_a_mistake_of_the_user(
    repository: Project, arguments: list[str], message: str
) -> None:
    outcome = repository.fumehood("whatif", *arguments).assert_exit(2)
    assert (outcome.stdout, outcome.stderr) == ("", message)
