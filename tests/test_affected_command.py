from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from support.history import FILES, names, selected
from support.schemas import mistakes, schema

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

SMALL = {path: FILES[path] for path in FILES if path.startswith(("src/core/", "experiments/rl/", "experiments/plain/"))}


@pytest.fixture
def lab(project: Project) -> Project:
    project.write(SMALL)
    project.commit()
    return project


def test_each_experiment_comes_with_its_chains_of_reasons(lab: Project) -> None:
    base = lab.git("rev-parse", "HEAD").stdout.strip()
    lab.write({"src/core/utils/clip.py": "def clip(x): ...\n", "experiments/plain/config.yaml": "a: 2\n"})
    lab.write({"README.md": "# Core\n", "src/core/optim.py": f"# Steps.\n{FILES['src/core/optim.py']!s}"})
    text = lab.fumehood("affected").assert_ok()
    assert text.stdout == (
        "2 of 2 experiments affected by 4 changed files; core's own tests are\n"
        "\n"
        "core\n"
        "  src/core/utils/clip.py (changed)\n"
        "\n"
        "plain\n"
        "  experiments/plain/config.yaml (changed)\n"
        "\n"
        "rl\n"
        "  experiments/rl/train.py imports core.optim → core.utils.clip (changed)\n"
        "\n"
        f"compared with {base[:9]}, the merge base with main\n"
        "looked at 4 changed files and the imports of 23 Python files\n"
        "  only comments, docstrings or layout: src/core/optim.py\n"
        "  affects no test: README.md\n"
    )
    assert text.stderr == ""
    answer = json.loads(lab.fumehood("affected", "--json", "--base", "main").assert_ok().stdout)
    assert mistakes(answer, schema("affected")) == []
    assert answer == {
        "schema": 1,
        "base": base,
        "base_description": "the merge base with main",
        "core": True,
        "core_reasons": [["src/core/utils/clip.py (changed)"]],
        "experiments": [
            {"name": "plain", "reasons": [["experiments/plain/config.yaml (changed)"]]},
            {
                "name": "rl",
                "reasons": [["experiments/rl/train.py imports core.optim", "core.utils.clip (changed)"]],
            },
        ],
        "looked_at": {
            "changed": 4,
            "alike": ["src/core/optim.py"],
            "without_effect": ["README.md"],
            "unclaimed": [],
            "python_files": 23,
            "experiments": 2,
        },
        "warnings": [],
    }


def test_an_empty_selection_says_what_was_looked_at(lab: Project) -> None:
    base = lab.git("rev-parse", "HEAD").stdout.strip()
    lab.write({"docs/more.md": "# More\n"})
    assert lab.fumehood("affected").assert_ok().stdout == (
        "none of 2 experiments affected by 1 changed file; core's own tests are not\n"
        "\n"
        f"compared with {base[:9]}, the merge base with main\n"
        "looked at 1 changed file and the imports of 23 Python files\n"
        "  affects no test: docs/more.md\n"
    )


def test_one_file_can_be_asked_for_whether_or_not_it_has_changed(lab: Project) -> None:
    base = lab.git("rev-parse", "HEAD").stdout.strip()
    lab.write({"experiments/plain/config.yaml": "a: 2\n"})
    assert lab.fumehood("affected", "--explain", "src/core/utils/clip.py").assert_ok().stdout == (
        "1 of 2 experiments affected by a change of src/core/utils/clip.py; core's own tests are\n"
        "\n"
        "core\n"
        "  src/core/utils/clip.py (if it changed)\n"
        "\n"
        "rl\n"
        "  experiments/rl/train.py imports core.optim → core.utils.clip (if it changed)\n"
        "\n"
        f"compared with {base[:9]}, the merge base with main\n"
        "looked at 1 changed file and the imports of 23 Python files\n"
    )
    missing = lab.fumehood("affected", "--explain", "src/core/none.py").assert_exit(2)
    assert missing.stderr == (
        "there is no file 'src/core/none.py', and there was none\n"
        "  → name a file by its path from the top of the repository\n"
    )


def test_what_nobody_claims_is_for_the_settings_to_decide(lab: Project) -> None:
    lab.write({"data/table.csv": "a\n"})
    found = selected(lab)
    assert (names(found), found.core) == ({"plain", "rl"}, True)
    assert found.experiments[0].reasons == (("data/table.csv (untracked)", "which nothing claims"),)
    nobody: set[str] = set()
    for unclaimed, expected in (("core", (nobody, True)), ("none", (nobody, False))):
        lab.write({"pyproject.toml": f'[tool.fumehood.affected]\nunclaimed = "{unclaimed}"\n'})
        lab.git("add", "pyproject.toml")
        lab.git("commit", "--quiet", "--message", "Settle", "pyproject.toml")
        found = selected(lab)
        assert (names(found), found.core, found.looked_at.unclaimed) == (*expected, ("data/table.csv",))
        assert "claimed by nothing, so [tool.fumehood.affected] unclaimed decides: data/table.csv" in (
            lab.fumehood("affected").assert_ok().stdout
        )


def test_settings_can_say_that_a_file_affects_everything_or_nothing(lab: Project) -> None:
    settings = '[tool.fumehood.affected]\nall = ["data/*"]\nignore = ["tools/", "src/core/utils/*"]\n'
    lab.write({"pyproject.toml": settings})
    lab.commit()
    lab.write({"tools/x.sh": "true\n", "src/core/utils/clip.py": "def clip(x): ...\n"})
    assert (names(selected(lab)), selected(lab).core) == (set(), False)
    lab.write({"data/deep/table.csv": "a\n"})
    assert (names(selected(lab)), selected(lab).core) == ({"plain", "rl"}, True)
    lab.write({"pyproject.toml": '[tool.fumehood.affected]\nunclaimed = "some"\nnone = []\n'})
    assert lab.fumehood("affected").assert_exit(2).stderr == (
        "pyproject.toml:2: unclaimed is 'some'\n"
        "  → use one of all, core, none\n"
        "pyproject.toml:3: unknown key 'none'\n"
        "  → did you mean ignore?\n"
    )


def test_a_syntax_error_affects_by_file_and_is_reported(lab: Project) -> None:
    lab.write({"src/core/utils/clip.py": "x = 1\ndef clip(:\n"})
    done = lab.fumehood("affected").assert_ok()
    assert done.stderr == "src/core/utils/clip.py:2: is no Python: invalid syntax\n"
    assert "core.utils.clip (changed, no Python: invalid syntax)" in done.stdout
    assert names(selected(lab)) == {"rl"}


def test_a_syntax_error_in_a_file_that_is_new_or_was_moved_is_reported_too(lab: Project) -> None:
    wrong = "import os\n\n\ndef step(:\n"
    lab.write({"experiments/rl/new.py": wrong, "experiments/plain/added.py": wrong, "src/core/empty.py": ""})
    lab.git("add", "experiments/plain/added.py")
    lab.git("mv", "experiments/rl/train.py", "experiments/rl/trained.py")
    lab.write({"experiments/rl/trained.py": f"{FILES['experiments/rl/train.py']!s}\ndef step(:\n"})
    done = lab.fumehood("affected").assert_ok()
    assert done.stderr == (
        "experiments/plain/added.py:4: is no Python: invalid syntax\n"
        "experiments/rl/new.py:4: is no Python: invalid syntax\n"
        f"experiments/rl/trained.py:{len(str(FILES['experiments/rl/train.py']).splitlines()) + 2}: is no Python: "
        "invalid syntax\n"
    )
    assert "  experiments/plain/added.py (added, no Python: invalid syntax)\n" in done.stdout
    assert "  experiments/rl/new.py (untracked, no Python: invalid syntax)\n" in done.stdout
    assert "renamed from experiments/rl/train.py, no Python: invalid syntax)\n" in done.stdout
    assert "src/core/empty.py (untracked)" in done.stdout


def test_a_merge_conflict_in_the_tree_is_reported(lab: Project) -> None:
    lab.git("checkout", "--quiet", "-b", "topic")
    lab.write({"src/core/utils/clip.py": "ONE = 1\n"})
    lab.commit()
    lab.git("checkout", "--quiet", "main")
    lab.write({"src/core/utils/clip.py": "TWO = 2\n"})
    lab.commit()
    lab.run("git", "merge", "topic").assert_exit(1)
    done = lab.fumehood("affected", "--base", "HEAD").assert_ok()
    assert done.stderr == "src/core/utils/clip.py: is in conflict: what it affects is told by what it was and is\n"
    assert "core.utils.clip (in conflict, no Python: invalid syntax)" in done.stdout
    assert names(selected(lab)) == {"rl"}


def test_the_base_is_where_a_branch_began_and_the_work_tree_counts(lab: Project) -> None:
    lab.git("checkout", "--quiet", "-b", "topic")
    lab.write({"experiments/plain/config.yaml": "a: 2\n"})
    lab.commit()
    lab.git("checkout", "--quiet", "main")
    lab.write({"experiments/rl/run.sh": "false\n"})
    lab.commit()
    lab.git("checkout", "--quiet", "--detach", "topic")
    assert names(selected(lab, None)) == {"plain"}
    lab.write({"experiments/rl/new.py": "X = 1\n"})
    assert names(selected(lab, None)) == {"plain", "rl"}


def test_ci_says_what_to_compare_with(lab: Project, tmp_path: Path) -> None:
    first = lab.git("rev-parse", "HEAD").stdout.strip()
    lab.write({"experiments/rl/run.sh": "false\n"})
    second = lab.commit()
    lab.write({"experiments/plain/config.yaml": "a: 2\n"})
    lab.commit()
    lab.git("update-ref", "refs/remotes/origin/next", second)
    event = tmp_path / "event.json"

    def described(**variables: str) -> str:
        answer = json.loads(lab.fumehood("affected", "--json", env=variables).assert_ok().stdout)
        return f"{answer['base_description']}: {' '.join(one['name'] for one in answer['experiments'])}"

    assert described() == "the merge base with main: "
    assert described(GITHUB_BASE_REF="next") == "the merge base with origin/next: plain"
    event.write_text(json.dumps({"before": first, "pusher": {}}))
    assert described(GITHUB_EVENT_PATH=str(event)) == f"{first}: plain rl"
    event.write_text(json.dumps({"merge_group": {"base_sha": second}}))
    assert described(GITHUB_EVENT_PATH=str(event)) == f"{second}: plain"
    event.write_text(json.dumps({"before": "0" * 40, "pusher": {}}))
    assert described(GITHUB_EVENT_PATH=str(event)) == "the merge base with main: "
    assert described(CI_MERGE_REQUEST_DIFF_BASE_SHA=first) == f"{first}: plain rl"
    assert described(CI_COMMIT_BEFORE_SHA=second) == f"{second}: plain"
    assert described(CI_COMMIT_BEFORE_SHA="0" * 40, CI_DEFAULT_BRANCH="main") == "the merge base with main: "


def test_what_is_missing_for_a_comparison_is_said(lab: Project, tmp_path: Path) -> None:
    lab.write({"experiments/rl/run.sh": "false\n"})
    lab.commit()
    unknown = lab.fumehood("affected", "--base", "mian").assert_exit(2)
    assert unknown.stderr == "there is no branch, tag or commit 'mian' here\n  → did you mean main?\n"
    lab.run("git", "clone", "--quiet", "--depth", "1", lab.root.as_uri(), tmp_path / "shallow").assert_ok()
    shallow = lab.fumehood("--root", str(tmp_path / "shallow"), "affected", "--base", "HEAD~1").assert_exit(2)
    assert shallow.stderr == (
        "there is no branch, tag or commit 'HEAD~1' here\n"
        "  → this clone is shallow: `git fetch --unshallow` gets its history, `git fetch origin REF` one branch\n"
    )
    lab.git("checkout", "--quiet", "--orphan", "alone")
    lab.git("commit", "--quiet", "--message", "Alone")
    assert lab.fumehood("affected").assert_exit(2).stderr == (
        "HEAD and main have no common ancestor\n  → name another one with --base\n"
    )
    lab.git("branch", "--quiet", "-D", "main")
    assert lab.fumehood("affected").assert_exit(2).stderr == (
        "there is no default branch to compare with: no remote has one here, and none is called "
        "main or master or trunk or develop\n"
        "  → name a branch or a commit with --base\n"
    )


def test_a_shallow_clone_of_one_branch_says_what_to_fetch(lab: Project, tmp_path: Path) -> None:
    lab.git("branch", "topic")
    place = tmp_path / "shallow"
    lab.run("git", "clone", "--quiet", "--depth", "1", "-b", "topic", lab.root.as_uri(), place).assert_ok()
    assert lab.fumehood("--root", str(place), "affected").assert_exit(2).stderr == (
        "this clone is shallow, and no default branch is in it\n"
        "  → `git fetch --unshallow origin +refs/heads/*:refs/remotes/origin/*` gets the history; "
        "with actions/checkout, `fetch-depth: 0`\n"
    )
    every = "+refs/heads/*:refs/remotes/origin/*"
    lab.run("git", "fetch", "--quiet", "--unshallow", "origin", every, cwd=place).assert_ok()
    lab.fumehood("--root", str(place), "affected").assert_ok()


def test_a_shallow_clone_that_lacks_the_fork_says_so(lab: Project, tmp_path: Path) -> None:
    lab.git("checkout", "--quiet", "-b", "topic")
    for number in range(3):
        lab.write({"experiments/rl/run.sh": f"exit {number}\n"})
        lab.commit()
    lab.git("checkout", "--quiet", "main")
    lab.write({"experiments/plain/config.yaml": "a: 2\n"})
    lab.commit()
    place = tmp_path / "shallow"
    url = lab.root.as_uri()
    lab.run("git", "clone", "--quiet", "--depth", "1", "--no-single-branch", "-b", "topic", url, place).assert_ok()
    assert lab.fumehood("--root", str(place), "affected").assert_exit(2).stderr == (
        "this clone is shallow, and where it branched off from origin/HEAD is not in it\n"
        "  → `git fetch --unshallow` gets the history; with actions/checkout, `fetch-depth: 0`\n"
    )
    lab.run("git", "fetch", "--quiet", "--unshallow", cwd=place).assert_ok()
    assert "the merge base with origin/HEAD" in lab.fumehood("--root", str(place), "affected").assert_ok().stdout


def test_without_git_there_is_nothing_to_compare(project: Project, tmp_path: Path) -> None:
    assert project.fumehood("affected").assert_exit(2).stderr == (
        "nothing is committed here yet\n  → commit something first, so that there is a base\n"
    )
    folder = tmp_path / "plain"
    (folder / "experiments").mkdir(parents=True)
    done = project.fumehood("--root", str(folder), "affected").assert_exit(2)
    assert done.stderr == (
        f"git does not take {folder} for a repository\n"
        "  | fatal: not a git repository (or any of the parent directories): .git\n"
        "  → run it in a clone of the repository\n"
    )
    nowhere = project.fumehood("affected", env={"PATH": str(tmp_path)}).assert_exit(3)
    assert nowhere.stderr == "there is no git on this machine\n  → install git, or correct PATH\n"


@pytest.mark.parametrize(
    "name", [b"a b.py", b"\"quoted\" 'twice'.py", b"line\nbreak.py", b"tab\t.py", b"latin-\xe9.py"]
)
def test_any_name_that_a_file_can_have_is_understood(lab: Project, name: bytes) -> None:
    place = os.fsencode(lab.root) + b"/experiments/rl/" + name
    with open(place, "wb") as file:
        file.write(b"X = 1\n")
    lab.fumehood("affected").assert_ok()
    assert names(selected(lab)) == {"rl"}
    lab.commit()
    with open(place, "wb") as file:
        file.write(b"X = 2\n")
    assert names(selected(lab)) == {"rl"}
    with open(place, "wb") as file:
        file.write(b"# X\nX = 1\n")
    assert names(selected(lab)) == set()
    os.unlink(place)
    answer = json.loads(lab.fumehood("affected", "--json").assert_ok().stdout)
    assert len(answer["experiments"][0]["reasons"]) == 1


def test_symbolic_links_lead_to_what_they_mean(lab: Project) -> None:
    lab.write({"shared/helper.py": "X = 1\n", "shared/sizes.json": "1\n", "common.txt": "alpha\n"})
    (lab.root / "experiments/rl/shared").symlink_to("../../shared")
    (lab.root / "experiments/plain/copy.py").symlink_to("../../shared/helper.py")
    (lab.root / "experiments/plain/requirements.txt").symlink_to("../../common.txt")
    lab.write({"experiments/rl/train.py": "from shared import helper\n"})
    lab.commit()
    lab.write({"shared/helper.py": "X = 2\n"})
    assert names(selected(lab)) == {"plain", "rl"}
    lab.git("checkout", "--quiet", ".")
    lab.write({"shared/sizes.json": "2\n"})
    assert names(selected(lab)) == {"rl"}
    lab.git("checkout", "--quiet", ".")
    lab.write({"common.txt": "beta\n"})
    found = selected(lab)
    assert names(found) == {"plain"}
    assert ("experiments/plain/requirements.txt is a link to common.txt (changed)",) in found.experiments[0].reasons
    lab.git("checkout", "--quiet", ".")
    (lab.root / "experiments/rl/shared").unlink()
    assert names(selected(lab)) == {"rl"}


def test_a_submodule_that_moved_is_a_file_that_nobody_claims_or_its_experiments(lab: Project) -> None:
    for place in ("third/lib", "experiments/rl/vendored"):
        folder = lab.root / place
        folder.mkdir(parents=True)
        lab.run("git", "init", "--quiet", cwd=folder).assert_ok()
        lab.run("git", "commit", "--quiet", "--allow-empty", "--message", "One", cwd=folder).assert_ok()
        lab.run("git", "-c", "advice.addEmbeddedRepo=false", "add", place).assert_ok()
        lab.commit()
        assert names(selected(lab)) == set()
        lab.run("git", "commit", "--quiet", "--allow-empty", "--message", "Two", cwd=folder).assert_ok()
        assert names(selected(lab)) == ({"plain", "rl"} if place == "third/lib" else {"rl"})
        lab.commit()


def test_requirements_that_an_experiment_includes_are_its_own(lab: Project) -> None:
    lab.write({"shared/common.txt": "alpha\n", "experiments/rl/requirements.txt": "-r ../../shared/common.txt\n"})
    lab.write({"libs/own/pyproject.toml": "[project]\n", "experiments/plain/requirements.txt": "-e ../../libs/own\n"})
    lab.commit()
    lab.write({"shared/common.txt": "beta\n"})
    assert names(selected(lab)) == {"rl"}
    lab.commit()
    lab.write({"libs/own/pyproject.toml": '[project]\nname = "own"\n'})
    assert names(selected(lab)) == {"plain"}


def test_in_a_folder_of_a_larger_clone_only_what_is_below_counts_and_how_ci_runs(project: Project) -> None:
    project.write({f"inner/{path}": text for path, text in SMALL.items()})
    project.write({"inner/pyproject.toml": "[tool.fumehood]\n", "other/x.py": "X = 1\n"})
    project.write({".github/workflows/ci.yml": "on: pull_request\n"})
    project.commit()
    project.write({"other/x.py": "X = 2\n", "inner/src/core/utils/clip.py": "def clip(x): ...\n"})
    answer = json.loads(project.fumehood("--root", "inner", "affected", "--json").assert_ok().stdout)
    assert [one["name"] for one in answer["experiments"]] == ["rl"]
    project.write({".github/workflows/ci.yml": "on: push\n"})
    answer = json.loads(project.fumehood("--root", "inner", "affected", "--json").assert_ok().stdout)
    assert [one["name"] for one in answer["experiments"]] == ["plain", "rl"]


def test_ten_thousand_changed_files_are_no_trouble(lab: Project) -> None:
    lab.write({f"experiments/rl/data/{number:05}.txt": "x\n" for number in range(9_000)})
    lab.write({f"src/core/many/m{number:03}.py": "import core.optim\n" for number in range(1_000)})
    lab.write({"experiments/plain/train.py": "import core.many.m999\n"})
    found = selected(lab)
    assert names(found) == {"plain", "rl"}
    assert found.looked_at.changed == 10_001
    assert found.experiments[0].reasons == (
        ("experiments/plain/train.py (changed)",),
        ("experiments/plain/train.py imports core.many.m999 (untracked)",),
    )
