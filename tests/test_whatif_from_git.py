"""`fumehood whatif --from-git`: core's requirements as a branch or a commit has them, tried on every experiment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.answers import PLAIN, answer_of, outcomes

if TYPE_CHECKING:
    from support.project import Project


@pytest.fixture
def repository(project: Project) -> Project:
    """On `main` core takes any tokenizers; on `newer` it needs one that transformers 4.50 does not take."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "tokenizers>=0.21\n",
            "experiments/old/requirements.txt": "transformers<4.51\n",
            "experiments/old/experiment.toml": 'owners = ["@example-owner"]\n',
            "experiments/plain/requirements.txt": "delta-lib\n",
        }
    )
    project.commit()
    project.git("checkout", "--quiet", "-b", "newer")
    project.write({"requirements.txt": "-r requirements/models.txt\n", "requirements/models.txt": "tokenizers>=0.22\n"})
    project.commit()
    project.git("checkout", "--quiet", "main")
    return project


def everything(project: Project) -> dict[str, bytes]:
    """Every file of the repository, git's own too."""
    found = (path for path in sorted(project.root.rglob("*")) if path.is_file())
    return {str(path): path.read_bytes() for path in found}


def answered(project: Project, *arguments: str, code: int) -> Any:  # noqa: ANN401 - whatever JSON can hold
    return answer_of(project.fumehood("whatif", *arguments, "--format", "json").assert_exit(code), "whatif")


def test_the_lines_of_a_branch_are_tried_and_nothing_on_disk_changes(repository: Project) -> None:
    before = everything(repository)
    answer = answered(repository, "--from-git", "newer", code=1)
    assert outcomes(answer) == {"core": "unchanged", "old": "conflict", "plain": "unchanged"}
    assert answer["experiments"][0]["owners"] == ["@example-owner"]
    assert "tokenizers>=0.22" in answer["experiments"][0]["reason"]
    assert outcomes(answered(repository, "--from-git", "main", code=0)) == {
        "core": "unchanged",
        "old": "unchanged",
        "plain": "unchanged",
    }
    assert everything(repository) == before


def test_the_markdown_names_the_ref_and_its_commit(repository: Project) -> None:
    commit = repository.git("rev-parse", "newer").stdout[:7]
    outcome = repository.fumehood("whatif", "--from-git", "newer", "delta-lib", "--format", "markdown").assert_exit(1)
    assert outcome.stdout == (
        f"**core's requirements at newer ({commit}) delta-lib**: 2 experiments: 1 unchanged, 1 in conflict\n"
        "\n"
        "Core: locks anew: delta-lib (new) → 1.0.\n"
        "\n"
        "| experiment | what happens | owners |\n"
        "| --- | --- | --- |\n"
        "| `old` | conflict<br>`requirements/models.txt:1: tokenizers>=0.22`<br>"
        "`experiments/old/requirements.txt:1: transformers<4.51` @example-owner | @example-owner |\n"
    )
    assert outcome.stderr == ""


def test_changes_on_the_command_line_come_on_top_of_the_commit(repository: Project) -> None:
    answer = answered(repository, "--from-git", "newer", "tokenizers<0.22", code=0)
    assert outcomes(answer) == {"core": "relocks", "old": "unchanged", "plain": "unchanged"}
    assert answer["core"]["pins"] == [{"name": "tokenizers", "before": "0.23.3", "after": "0.21.4"}]
    assert outcomes(answered(repository, "--from-git", "newer", "-tokenizers", code=0))["old"] == "unchanged"


def test_settings_constraints_and_links_are_those_of_the_commit(repository: Project) -> None:
    repository.git("checkout", "--quiet", "-b", "moved")
    repository.git("rm", "--quiet", "requirements.txt")
    repository.write(
        {
            "pyproject.toml": f'{PLAIN}\n[tool.fumehood.core]\nrequirements = ["deps/core.txt"]\n',
            "deps/real.txt": "-c ../bounds.txt\ntokenizers\n",
            "bounds.txt": "tokenizers<0.22\n",
        }
    )
    (repository.root / "deps/core.txt").symlink_to("real.txt")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    answer = answered(repository, "--from-git", "moved", code=0)
    assert answer["core"]["pins"] == [{"name": "tokenizers", "before": "0.23.3", "after": "0.21.4"}]


def test_a_pyproject_of_the_commit_is_read_with_the_files_that_setuptools_takes(repository: Project) -> None:
    repository.git("checkout", "--quiet", "-b", "project")
    repository.git("rm", "--quiet", "requirements.txt")
    dynamic = '[tool.setuptools.dynamic]\ndependencies = { file = ["base.txt"] }\n'
    project = f'[project]\nname = "lab"\nversion = "1"\ndynamic = ["dependencies"]\n\n{dynamic}\n{PLAIN}'
    repository.write({"pyproject.toml": project, "base.txt": "tokenizers<0.22\n"})
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    answer = answered(repository, "--from-git", "project", code=0)
    assert answer["core"]["pins"] == [{"name": "tokenizers", "before": "0.23.3", "after": "0.21.4"}]


def test_a_root_below_the_top_of_the_checkout_includes_files_from_above(project: Project) -> None:
    project.write(
        {
            "common.txt": "tokenizers<0.22\n",
            "lab/pyproject.toml": PLAIN,
            "lab/requirements.txt": "-r ../common.txt\n",
            "lab/experiments/plain/requirements.txt": "delta-lib\n",
        }
    )
    project.commit()
    project.write({"common.txt": "tokenizers\n"})
    outcome = project.fumehood("--root", "lab", "whatif", "--from-git", "HEAD", "--format", "json").assert_ok()
    assert json.loads(outcome.stdout)["core"]["pins"] == [{"name": "tokenizers", "before": "0.23.3", "after": "0.21.4"}]


def test_an_experiment_that_includes_cores_files_includes_them_as_they_would_be(repository: Project) -> None:
    repository.write(
        {
            "requirements.txt": "tokenizers<0.22\n",
            "experiments/old/requirements.txt": "-r ../../requirements.txt\ndelta-lib\n",
        }
    )
    expected = {"core": "relocks", "old": "unchanged", "plain": "unchanged"}
    assert outcomes(answered(repository, "--from-git", "newer", code=0)) == expected
    assert outcomes(answered(repository, "tokenizers>=0.22", code=0)) == expected


@pytest.mark.parametrize(
    ("ref", "remedy"),
    [
        ("newre", "did you mean newer?"),
        ("topic", "did you mean origin/topic?"),
        ("0123456", "`git branch --all` and `git tag` list what there is; `git fetch` gets what only the server has"),
        ("", "`git branch --all` and `git tag` list what there is; `git fetch` gets what only the server has"),
        ("--all", "`git branch --all` and `git tag` list what there is; `git fetch` gets what only the server has"),
    ],
)
def test_a_ref_that_is_not_there_is_a_mistake_of_the_user(repository: Project, ref: str, remedy: str) -> None:
    repository.git("update-ref", "refs/remotes/origin/topic", "HEAD")
    outcome = repository.fumehood("whatif", f"--from-git={ref}").assert_exit(2)
    assert outcome.stderr == f"there is no branch, tag or commit {ref!r} here\n  → {remedy}\n"
    assert outcome.stdout == ""


def test_a_shallow_clone_says_that_it_is_shallow(repository: Project) -> None:
    (parent,) = repository.git("rev-parse", "HEAD").stdout.split()
    clone = repository.root.parent / "shallow"
    url = f"file://{repository.root}"
    repository.git("clone", "--quiet", "--depth", "1", "--branch", "newer", url, str(clone))
    outcome = repository.fumehood("--root", str(clone), "whatif", "--from-git", parent).assert_exit(2)
    assert outcome.stderr == (
        f"there is no branch, tag or commit {parent!r} here\n"
        "  → this clone is shallow: `git fetch --unshallow` gets its history, `git fetch origin REF` one branch\n"
    )


def test_what_is_wrong_with_the_files_of_a_commit_is_said_with_their_lines(repository: Project) -> None:
    repository.git("checkout", "--quiet", "-b", "wrong")
    repository.write({"requirements.txt": "alpha\n-r gone.txt\nbeta >>\n"})
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    outcome = repository.fumehood("whatif", "--from-git", "wrong").assert_exit(2)
    assert outcome.stderr == (
        "core's requirements cannot be read as they are at wrong\n"
        "  | requirements.txt:2: 'gone.txt' does not exist\n"
        "  |   → correct the path, or add the file\n"
        "  | requirements.txt:3: 'beta >>' is not a requirement: "
        "Expected semicolon (after name with no version specifier) or end\n"
        "  |   → write a name with versions and a marker, "
        "as in numpy[extra]>=2,<3; python_version < '3.13', a URL or a path\n"
        "  → correct them there, or name another commit\n"
    )


def test_a_commit_without_requirements_of_core_is_taken_for_a_mistake(repository: Project) -> None:
    repository.git("checkout", "--quiet", "--orphan", "pages")
    repository.git("rm", "--quiet", "-r", "--force", ".")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    outcome = repository.fumehood("whatif", "--from-git", "pages").assert_exit(2)
    assert outcome.stderr == "core has no requirement files at pages\n  → name a commit that has some\n"


def test_a_folder_without_git_and_a_machine_without_git_are_told_apart(repository: Project) -> None:
    plain = repository.root.parent / "plain"
    (plain / "experiments").mkdir(parents=True)
    outcome = repository.fumehood("--root", str(plain), "whatif", "--from-git", "main").assert_exit(2)
    said = outcome.stderr.splitlines()
    assert said[0] == f"git does not take {plain} for a repository"
    assert said[1].startswith("  | fatal: not a git repository")
    assert said[-1] == "  → run it in a clone of the repository"
    outcome = repository.fumehood("whatif", "--from-git", "main", env={"PATH": str(plain)}).assert_exit(3)
    assert outcome.stderr == "there is no git on this machine\n  → install git, or correct PATH\n"


def test_variables_that_git_sets_for_hooks_do_not_mislead(repository: Project) -> None:
    elsewhere = {"GIT_DIR": str(repository.root.parent / "nowhere"), "GIT_INDEX_FILE": "nowhere"}
    outcome = repository.fumehood("whatif", "--from-git", "main", env=elsewhere).assert_ok()
    assert outcome.stdout == "core: unchanged\n\n2 experiments: 2 unchanged\n"


def test_without_any_change_there_is_nothing_to_try(repository: Project) -> None:
    outcome = repository.fumehood("whatif").assert_exit(2)
    assert outcome.stderr == (
        "there is no change to try\n  → name one, as in `fumehood whatif 'torch>=2.16'`, or a commit with --from-git\n"
    )
