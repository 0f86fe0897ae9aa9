"""`fumehood list`: whole answers, for people and for programs."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.privileges import without_privileges

if TYPE_CHECKING:
    from support.project import Project

FILES = {
    "requirements.txt": "alpha\n",
    "src/acme/__init__.py": "",
    "tests/test_core.py": "",
    "CODEOWNERS": "* @example-owner\n/experiments/\n/experiments/group/ @example-org/vision @second\n",
    "experiments/group/one/requirements.txt": "delta-lib\n",
    "experiments/group/one/README.md": "# One\n\nMeasures one thing.\n",
    "experiments/group/one/tests/test_one.py": "",
    "experiments/group/one/test_more.py": "",
    "experiments/two/experiment.toml": (
        'theme = "speech"\nsummary = "Does two things."\nowners = ["@two"]\nstate = "proposed"\ngroups = ["gpu"]\n'
    ),
    "experiments/two/pyproject.toml": '[project]\nname = "two"\nversion = "1"\n[dependency-groups]\ngpu = []\n',
}


def test_the_whole_answer_for_programs(project: Project) -> None:
    project.write(FILES)
    outcome = project.fumehood("list", "--json").assert_ok()
    assert outcome.stderr == ""
    assert json.loads(outcome.stdout) == {
        "schema": 1,
        "core": {"requirements": ["requirements.txt"], "packages": ["acme"], "tests": ["tests"]},
        "experiments": [
            {
                "name": "group/one",
                "path": "experiments/group/one",
                "session": "exp-group-one",
                "requirements": ["experiments/group/one/requirements.txt"],
                "tests": ["experiments/group/one/test_more.py", "experiments/group/one/tests/test_one.py"],
                "owners": ["@example-org/vision", "@second"],
                "state": "active",
                "summary": "Measures one thing.",
                "theme": "",
            },
            {
                "name": "two",
                "path": "experiments/two",
                "session": "exp-two",
                "requirements": ["experiments/two/pyproject.toml"],
                "tests": [],
                "owners": ["@two"],
                "state": "proposed",
                "summary": "Does two things.",
                "theme": "speech",
            },
        ],
    }


def test_each_experiment_has_one_line_and_its_whole_name_also_where_the_summary_does_not_fit(project: Project) -> None:
    project.write(
        {
            "experiments/a_rather_long_name_of_an_experiment/README.md": f"# One\n\n{'Measures one thing. ' * 5}\n",
            "experiments/two/README.md": "Two.",
            "experiments/two/main.py": "",
            "experiments/a_rather_long_name_of_an_experiment/main.py": "",
        }
    )
    expected = """\
core: no requirements · no package · tests: none
experiments: below experiments/

experiment                           requirements  state   tests  owners  summary
a_rather_long_name_of_an_experiment  none          active  0      nobody  Measures one thing.…
two                                  none          active  0      nobody  Two.
"""
    assert project.fumehood("list", env={"COLUMNS": "94"}).assert_ok().stdout == expected
    names_only = """\
core: no requirements · no package · tests: none
experiments: below experiments/

experiment                           requirements  state   tests  owners
a_rather_long_name_of_an_experiment  none          active  0      nobody
two                                  none          active  0      nobody
"""
    assert project.fumehood("list", env={"COLUMNS": "80"}).assert_ok().stdout == names_only


def test_the_whole_answer_for_people_also_from_a_folder_below_and_without_git(project: Project) -> None:
    project.write(FILES)
    shutil.rmtree(project.root / ".git")
    expected = """\
core: requirements.txt · acme · tests: tests
experiments: below experiments/

experiment  requirements      state     tests  owners                       summary
group/one   requirements.txt  active    2      @example-org/vision @second  Measures one thing.
two         pyproject.toml    proposed  0      @two                         Does two things.
"""
    project.env["COLUMNS"] = "110"
    below = project.root / "experiments/two"
    outcome = project.run(sys.executable, "-m", "fumehood", "list", cwd=below).assert_ok()
    assert (outcome.stdout, outcome.stderr) == (expected, "")
    elsewhere = project.root.parent
    outcome = project.run(sys.executable, "-m", "fumehood", "--root", "repo", "list", cwd=elsewhere).assert_ok()
    assert (outcome.stdout, outcome.stderr) == (expected, "")


def test_each_experiment_has_its_path_where_they_are_in_several_places(project: Project) -> None:
    project.write(
        {
            "pyproject.toml": '[tool.fumehood]\nexperiments = ["research/*", "examples/*/train"]\n',
            "research/one/main.py": "",
            "examples/two/train/main.py": "",
        }
    )
    expected = """\
core: no requirements · no package · tests: none

experiment  path                requirements  state   tests  owners  summary
one         research/one        none          active  0      nobody
two/train   examples/two/train  none          active  0      nobody
"""
    assert project.fumehood("list", env={"COLUMNS": "94"}).assert_ok().stdout == expected


def test_an_empty_repository_says_what_was_looked_for(project: Project) -> None:
    expected = (
        "core: no requirements · no package · tests: none\n"
        "no experiments in experiments/*\n"
        '  → if they are elsewhere, say where: experiments = ["examples/*"] in [tool.fumehood]\n'
    )
    assert project.fumehood("list").assert_ok().stdout == expected
    (project.root / "experiments").mkdir()
    assert project.fumehood("list").assert_ok().stdout == expected


def test_an_empty_repository_says_where_experiments_seem_to_be(project: Project) -> None:
    project.write({
        "acme/experiments/one/run.py": "",
        "acme/lab/experiments/two/run.py": "",
        "acme/lab/old/experiments/notes.txt": "",
        "venv/lib/experiments/three/run.py": "",
        ".hidden/experiments/four/run.py": "",
    })  # fmt: skip
    said = project.fumehood("list").assert_ok().stdout.splitlines()
    globs = '"acme/experiments/*", "acme/lab/experiments/*"'
    why = "if they are those in acme/experiments and acme/lab/experiments, say so"
    assert said[1:] == [
        "no experiments in experiments/*",
        f"  → {why}: experiments = [{globs}] in [tool.fumehood]",
    ]


def test_mistakes_are_said_on_standard_error_and_the_rest_is_listed(project: Project) -> None:
    project.write(
        {
            "experiments/a-b/main.py": "",
            "experiments/a/b/main.py": "",
            "experiments/fine/main.py": "",
            "experiments/with space/main.py": "",
            "experiments/wrong/experiment.toml": 'state = "lost"\nowner = "@x"\n',
        }
    )
    outcome = project.fumehood("list", "--json").assert_exit(2)
    assert [one["name"] for one in json.loads(outcome.stdout)["experiments"]] == ["fine"]
    clash = "experiments/a-b and experiments/a/b would share the session exp-a-b\n  → rename one of them\n"
    assert outcome.stderr == (
        f"experiments/a-b: {clash}"
        f"experiments/a/b: {clash}"
        "experiments/with space: the folder name 'with space' cannot be part of a session's name\n"
        "  → rename it with letters, digits, '.', '_' and '-', or leave it out with `exclude`\n"
        "experiments/wrong/experiment.toml:1: state is 'lost'\n"
        "  → use one of proposed, active, suspended, graduated, retired\n"
        "experiments/wrong/experiment.toml:2: unknown key 'owner'\n"
        "  → did you mean owners?\n"
    )


def test_wrong_settings_and_folders_end_with_a_sentence(project: Project, tmp_path: Path) -> None:
    project.write({"pyproject.toml": "[tool.fumehood]\nexperimets = 'labs/*'\n"})
    outcome = project.fumehood("list").assert_exit(2)
    assert (outcome.stdout, outcome.stderr) == (
        "",
        "pyproject.toml:2: unknown key 'experimets'\n  → did you mean experiments?\n",
    )
    outcome = project.fumehood("--root", "nowhere", "list").assert_exit(2)
    assert outcome.stderr == f"{project.root}/nowhere is no folder\n  → name the folder of a repository\n"
    outcome = project.run(sys.executable, "-m", "fumehood", "list", cwd=tmp_path).assert_exit(2)
    assert outcome.stderr.startswith(f"{tmp_path} is in no repository: ")


def test_a_folder_that_may_not_be_read_is_a_mistake_of_its_own(project: Project) -> None:
    project.write({"experiments/fine/main.py": "", "experiments/mine/main.py": "", "experiments/data/sub/main.py": ""})
    project.write({"experiments/fine/private/test_x.py": "", "experiments/file/experiment.toml": ""})
    folders = [project.root / f"experiments/{name}" for name in ("mine", "fine/private")]
    for path in (*folders, project.root / "experiments/file/experiment.toml"):
        path.chmod(0)
    outcome = project.run(*without_privileges(), sys.executable, "-m", "fumehood", "list", "--json").assert_exit(2)
    for path in folders:
        path.chmod(0o755)
    assert [one["name"] for one in json.loads(outcome.stdout)["experiments"]] == ["data/sub", "fine"]
    assert outcome.stderr == (
        "experiments/file/experiment.toml: cannot be read: Permission denied\n  → make it readable\n"
        "experiments/mine: cannot be read: Permission denied\n  → make the folder readable\n"
    )


def test_an_answer_that_nobody_can_take_is_the_world_s_failure(project: Project) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has a disk that is always full")
    command = f"{shlex.quote(sys.executable)} -m fumehood"
    outcome = project.run("sh", "-c", f"{command} list > /dev/full").assert_exit(3)
    said = "answering failed: No space left on device\n  → free some disk space and run it again\n"
    assert (outcome.stdout, outcome.stderr) == ("", said)
    for wrong in ("list --nothing", "nothing", "env path nothing"):
        project.run("sh", "-c", f"{command} {wrong} 2> /dev/full").assert_exit(2)
    outcome = project.run("sh", "-c", f"mkdir gone && cd gone && rmdir ../gone && {command} list").assert_exit(2)
    assert outcome.stderr == "the current folder is gone\n  → change to one that is there\n"


def test_a_folder_of_experiments_that_may_not_be_read_does_not_look_empty(project: Project) -> None:
    project.write({"experiments/fine/main.py": ""})
    folder = project.root / "experiments"
    folder.chmod(0)
    outcome = project.run(*without_privileges(), sys.executable, "-m", "fumehood", "check").assert_exit(2)
    folder.chmod(0o755)
    assert (outcome.stdout, outcome.stderr) == ("", "experiments: cannot be read\n  → make the folder readable\n")
