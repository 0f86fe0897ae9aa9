"""``fumehood matrix`` in real repositories, and what its rows do when they are run."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fumehood.testing.results import latest, read_results
from support.pipelines import gitlab_mistakes
from support.schemas import mistakes, schema

if TYPE_CHECKING:
    from support.project import Outcome, Project

PASSING = "def test_it():\n    pass\n"
GPU = "import pytest\n\n@pytest.mark.gpu(memory='40GiB')\ndef test_gpu():\n    pass\n"
SETTINGS = """
[tool.fumehood.runners]
default = "small"

[[tool.fumehood.runners.gpu]]
label = ["self-hosted", "h100"]
count = 1
memory = "80GiB"
compute_capability = "9.0"
"""


@pytest.fixture
def lab(project: Project) -> Project:
    """A core that experiment `one` imports, `two` with GPU tests and others, and `three`, which is suspended."""
    project.write(
        {
            ".gitignore": ".nox/\n__pycache__/\n",
            "pyproject.toml": f"[tool.fumehood.core]\nsources = ['src']\n{SETTINGS}",
            "requirements.txt": "alpha\n",
            "src/lab/__init__.py": "",
            "src/lab/maths.py": "def double(n):\n    return 2 * n\n",
            "tests/test_maths.py": "from lab.maths import double\n\ndef test_it():\n    assert double(1) == 2\n",
            "experiments/one/experiment.toml": 'owners = ["@example-owner"]\ntimeout = "5m"\n',
            "experiments/one/requirements.txt": "alpha<2\n",
            "experiments/one/test_one.py": "from lab.maths import double\n\ndef test_it():\n    assert double(2)\n",
            "experiments/two/requirements.txt": "",
            "experiments/two/test_two.py": PASSING,
            "experiments/two/test_gpu.py": GPU,
            "experiments/three/experiment.toml": 'state = "suspended"\n',
            "experiments/three/test_three.py": PASSING,
        }
    )
    project.noxfile()
    project.commit("Begin")
    project.git("checkout", "--quiet", "-b", "change")
    return project


def rows(outcome: Outcome) -> list[dict[str, Any]]:
    answer = json.loads(outcome.assert_ok().stdout)
    assert mistakes(answer, schema("matrix")) == []
    included: list[dict[str, Any]] = answer["include"]
    return included


def test_a_change_of_core_is_tested_by_core_and_advises_the_experiments_that_import_it(lab: Project) -> None:
    lab.write({"src/lab/maths.py": "def double(n):\n    return n + n\n"})
    outcome = lab.fumehood("matrix")
    core, one = rows(outcome)
    assert outcome.stderr == (
        f"compared with {lab.git('rev-parse', 'main').stdout[:9]}, the merge base with main: 1 changed file, "
        "1 of 2 experiments affected, and core\n"
        "left out: three: it is suspended (experiments/three/experiment.toml)\n"
    )
    assert (core["name"], core["advisory"], core["owners"]) == ("core", False, [])
    assert {key: value for key, value in one.items() if key not in {"cache", "reason"}} == {
        "id": "exp-one",
        "name": "exp-one",
        "experiment": "one",
        "session": "exp-one",
        "python": "",
        "runner": "small",
        "gpus": 0,
        "timeout": 15,
        "advisory": True,
        "owners": ["@example-owner"],
        "part": "all",
        "lowest": False,
        "command": "nox -s exp-one",
        "seconds": 60.0,
    }
    assert one["reason"].endswith("lab.maths (changed)")


def test_an_experiment_that_is_changed_itself_has_to_hold_and_its_gpu_tests_run_where_gpus_are(lab: Project) -> None:
    lab.write({"experiments/two/model.py": "SIZE = 1\n"})
    other, gpu = rows(lab.fumehood("matrix", "--format", "json"))
    assert (other["advisory"], other["runner"], other["gpus"]) == (False, "small", 0)
    assert (gpu["advisory"], gpu["runner"], gpu["gpus"]) == (False, ["self-hosted", "h100"], 1)
    assert gpu["command"] == "nox -s exp-two -- --gpu-tests=only --gpus=require"
    assert other["reason"] == gpu["reason"] == "experiments/two/model.py (untracked)"


def test_a_change_that_affects_nothing_has_a_valid_answer_in_every_format(lab: Project) -> None:
    lab.write({"docs/page.md": "Words.\n"})
    assert rows(lab.fumehood("matrix")) == []
    assert lab.fumehood("matrix", "--format", "github").assert_ok().stdout == '{"include": []}\n'
    child = lab.fumehood("matrix", "--format", "gitlab").assert_ok().stdout
    assert gitlab_mistakes(child) == ""
    assert [name for name in json.loads(child) if name not in {"stages", "default", "variables"}] == ["fumehood"]


def test_labels_and_commit_messages_ask_for_more(lab: Project, tmp_path: Path) -> None:
    lab.write({"docs/page.md": "Words.\n"})
    labelled = rows(lab.fumehood("matrix", "--label", "fumehood: one"))
    assert [(row["session"], row["reason"], row["advisory"]) for row in labelled] == [
        ("exp-one", "asked for by the label `fumehood: one`", True)
    ]
    lab.commit("Describe\n\nfumehood: all")
    everything = rows(lab.fumehood("matrix"))
    assert [(row["name"], row["advisory"]) for row in everything] == [
        ("core", False),
        ("exp-one", True),
        ("exp-two", True),
        ("exp-two (1 GPU)", True),
    ]
    lab.git("commit", "--amend", "--quiet", "--message", "Describe\n\nfumehood: tow, three, core")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"labels": [{"name": "bug"}, {"name": "Fumehood: two"}]}}))
    mixed = lab.fumehood("matrix", env={"GITHUB_EVENT_PATH": str(event)})
    assert [row["name"] for row in rows(mixed)] == ["core", "exp-two", "exp-two (1 GPU)"]
    assert mixed.stderr.splitlines()[-1] == (
        "there is no experiment 'tow', which a commit message `fumehood: tow, three, core` asks for"
    )


def test_everything_is_run_whatever_has_changed_and_a_broken_experiment_is_not_forgotten(lab: Project) -> None:
    lab.write({"experiments/four/experiment.toml": "state = 4\n"})
    found = rows(lab.fumehood("matrix", "--all", "--lowest"))
    assert [row["name"] for row in found if not row["lowest"]] == [
        "core",
        "exp-four",
        "exp-one",
        "exp-two",
        "exp-two (1 GPU)",
    ]
    assert [row["command"] for row in found if row["lowest"]][-2:] == [
        "nox -s exp-two -- --lowest --gpu-tests=only --gpus=require",
        "nox -s exp-two -- --lowest --gpu-tests=none",
    ]
    assert not any(row["advisory"] for row in found)


@pytest.mark.parametrize("name", ["$(touch pwned)", "one; touch pwned", "`touch pwned`", "it's"])
def test_a_folder_s_name_is_no_program_and_stops_the_change_that_brings_it(lab: Project, name: str) -> None:
    lab.write({f"experiments/{name}/test_it.py": PASSING})
    matrix = lab.fumehood("matrix")
    (row,) = [row for row in rows(matrix) if not row["advisory"] and name in row["experiment"]]
    lab.write({"rows.json": matrix.stdout})
    path = f"{Path(sys.executable).parent}:{lab.env['PATH']}"
    lab.run("bash", "-euc", row["command"], env={"FUMEHOOD_RESULTS": "results", "PATH": path}).assert_exit(1)
    assert not (lab.root / "pwned").exists()
    verdict = lab.fumehood("ci", "verdict", "--rows", "rows.json", "results").assert_exit(1).stdout
    assert verdict == (
        f"failed: exp-{name}: install-failed: experiments/{name}: "
        f"the folder name {name!r} cannot be part of a session's name\n"
        f"  run because: experiments/{name}/test_it.py (untracked)\n"
        "0 of 1 session passed, 1 failed\n"
    )


def test_gpu_tests_for_which_there_is_no_machine_are_said_to_run_nowhere(lab: Project) -> None:
    lab.write({"experiments/two/test_gpu.py": GPU.replace("40GiB", "141GiB")})
    outcome = lab.fumehood("matrix")
    assert [row["name"] for row in rows(outcome)] == ["exp-two"]
    reason = "its GPU tests run nowhere: no runner in [tool.fumehood.runners] has 1 GPU with 141 GiB"
    assert f"left out: two: {reason}\n" in outcome.stderr
    assert {"name": "two", "reason": reason} in json.loads(outcome.stdout)["left_out"]


def test_more_sessions_than_rows_share_rows(lab: Project) -> None:
    lab.write({f"experiments/e{number:03}/test_it.py": PASSING for number in range(300)})
    found = rows(lab.fumehood("matrix", "--all"))
    assert len({row["id"] for row in found}) == len(found) == 256
    assert len([session for row in found for session in row["session"].split()]) == 304
    child = lab.fumehood("matrix", "--all", "--format", "gitlab").assert_ok().stdout
    assert gitlab_mistakes(child) == ""


def test_a_mistake_in_a_changed_file_is_said_and_its_experiment_is_run(lab: Project) -> None:
    lab.write({"experiments/one/test_one.py": "def (:\n"})
    outcome = lab.fumehood("matrix")
    assert [row["name"] for row in rows(outcome)] == ["exp-one"]
    assert [line for line in outcome.stderr.splitlines() if line.startswith("experiments/one/test_one.py:1: ")]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--base", "nowhere"), 2, "there is no branch, tag or commit 'nowhere' here"),
        (("--format", "yaml"), 2, "Invalid value for '--format'"),
    ],
)
def test_what_cannot_be_answered_is_refused(lab: Project, arguments: tuple[str, ...], code: int, said: str) -> None:
    outcome = lab.fumehood("matrix", *arguments).assert_exit(code)
    assert said in outcome.stderr
    assert outcome.stdout == ""


def test_without_git_only_everything_can_be_asked_for(lab: Project) -> None:
    (lab.root / ".git").rename(lab.root / "nogit")
    outcome = lab.fumehood("matrix").assert_exit(2)
    assert outcome.stderr.startswith(f"git does not take {lab.root} for a repository\n")
    assert len(rows(lab.fumehood("matrix", "--all"))) == 4


def test_every_row_run_as_it_says_comes_to_the_same_as_all_sessions(lab: Project) -> None:
    """The rows in one folder of results, all sessions in another; then the verdict on the rows."""
    lab.write({"experiments/one/test_more.py": "def test_more():\n    assert 0\n"})
    lab.write({"experiments/four/requirements.txt": "beta>=3\n", "experiments/four/test_it.py": PASSING})
    lab.write({"experiments/five/experiment.toml": "state = 5\n"})
    gpus = {"FUMEHOOD_GPUS": "1xH100:80GiB@9.0"}
    matrix = lab.fumehood("matrix", "--all", "--format", "github").assert_ok().stdout
    lab.write({"matrix.json": matrix})
    for row in json.loads(matrix)["include"]:
        program, *arguments = shlex.split(row["command"])
        assert program == "nox"
        lab.nox(*arguments, env={**gpus, "FUMEHOOD_RESULTS": "rows"})
    lab.nox("-t", "exp", env={**gpus, "FUMEHOOD_RESULTS": "all"})
    lab.nox("-s", "core", env={**gpus, "FUMEHOOD_RESULTS": "all"})
    ran, at_once = latest(read_results(lab.root / "rows")), latest(read_results(lab.root / "all"))
    assert [(one.session, one.status) for one in at_once] == [
        ("core", "passed"),
        ("exp-five", "install-failed"),
        ("exp-four", "conflict"),
        ("exp-one", "failed"),
        ("exp-two", "passed"),
    ]
    assert {(one.session, one.status) for one in ran} == {(one.session, one.status) for one in at_once}
    counted = {one.session: one.counts.collected for one in at_once if one.counts}
    parts = [(one.session, one.counts.collected) for one in ran if one.counts]
    assert {name: sum(count for other, count in parts if other == name) for name, _ in parts} == counted
    outcome = lab.fumehood("ci", "verdict", "--rows", "matrix.json", "rows").assert_exit(1)
    assert outcome.stdout.splitlines()[-1] == "3 of 6 sessions passed, 3 failed"
    assert "failed: exp-five: install-failed: experiments/five/experiment.toml:1: state is a string" in outcome.stdout
