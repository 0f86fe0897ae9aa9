"""``fumehood ci``: the workflows that it writes, and the one verdict on all rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from ruamel.yaml import YAML

from fumehood.ci import github, gitlab
from fumehood.ci.answers import plain
from fumehood.ci.matrix import Matrix, pack
from fumehood.repository import open_repository
from fumehood.testing.results import Result, Seconds, file_stem, record
from support.jobs import JOB
from support.pipelines import github_mistakes, gitlab_mistakes
from support.schemas import mistakes, schema

if TYPE_CHECKING:
    from fumehood.testing.results import Status
    from support.project import Project

FACTS = github.Facts(
    python="3.12",
    install='python -m pip install "fumehood>=0.1" && echo "it\'s there"',
    branches=("main", "release/*"),
    schedule="23 3 * * 1",
    runner=("self-hosted", "linux"),
)
CHANGED = replace(JOB, reason="experiments/a/x.py (changed)")


def parsed(text: str) -> Any:  # noqa: ANN401 - whatever YAML can hold
    return YAML(typ="safe").load(text)


@pytest.mark.parametrize(
    "facts",
    [
        FACTS,
        replace(FACTS, schedule="", runner=("ubuntu-latest",), install="pip install fumehood"),
    ],
)
def test_the_workflow_is_accepted_by_actionlint_and_the_schema(facts: github.Facts) -> None:
    assert github_mistakes(github.workflow(facts)) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("runs-on: ${{ matrix.runner }}", "runs-on: ${{ matrx.runner }}", "undefined variable"),
        ("needs: [select, test]", "needs: [select, tset]", "needs job"),
        ("cp -R fumehood-results/. fumehood-history/", "cp -R $GITHUB_REF x", "SC2086"),
    ],
)
def test_actionlint_would_see_mistakes(right: str, wrong: str, said: str) -> None:
    text = github.workflow(FACTS)
    assert right in text
    assert said in github_mistakes(text.replace(right, wrong))


def test_the_workflow_may_only_read_pins_every_action_and_puts_no_expression_into_a_script() -> None:
    text = github.workflow(FACTS)
    workflow = parsed(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    used = {step["uses"].partition("@")[2] for step in steps if "uses" in step}
    assert used == {commit for commit, _ in github.ACTIONS.values()}
    assert all("${{" not in step.get("run", "") for step in steps)
    assert all(not step["with"]["persist-credentials"] for step in steps if "checkout@" in step.get("uses", ""))


def test_only_a_newer_push_to_the_same_pull_request_ends_a_run_or_takes_its_place() -> None:
    concurrency = parsed(github.workflow(FACTS))["concurrency"]
    assert concurrency == {
        "group": (
            "fumehood-${{ github.event_name }}-"
            "${{ github.event_name == 'pull_request' && github.ref || github.run_id }}"
        ),
        "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
    }


def test_the_check_to_require_is_always_there_and_a_matrix_without_rows_is_not_run() -> None:
    jobs = parsed(github.workflow(FACTS))["jobs"]
    assert (jobs["verdict"]["name"], jobs["verdict"]["if"]) == ("fumehood", "always()")
    assert jobs["verdict"]["needs"] == ["select", "test"]
    assert jobs["test"]["if"] == "needs.select.outputs.matrix != '{\"include\": []}'"
    assert jobs["test"]["continue-on-error"] == "${{ matrix.advisory }}"


def test_a_pipeline_of_gitlab_is_accepted_by_its_schema() -> None:
    facts = gitlab.Facts(image="python:3.12", install="pip install fumehood")
    assert gitlab_mistakes(gitlab.parent(facts)) == ""
    jobs = [CHANGED, replace(CHANGED, session="exp-b", runner=("gpu", "h100"), gpus=1, advisory=True, timeout=60)]
    child = gitlab.child(Matrix(rows=pack(jobs, 9)), facts)
    assert gitlab_mistakes(child) == ""
    assert parsed(child)["exp-b (1 GPU)"] == {
        "stage": "experiments",
        "script": ["pip install fumehood", "nox -s exp-b"],
        "timeout": "11 minutes",
        "allow_failure": True,
        "cache": {"key": "fumehood-core-own", "paths": [".cache/"]},
        "artifacts": {
            "when": "always",
            "paths": ["fumehood-results/"],
            "reports": {"junit": "fumehood-results/*.xml"},
        },
        "tags": ["gpu", "h100"],
    }
    assert gitlab_mistakes(child.replace('"script"', '"scrpt"')) != ""


def test_a_workflow_is_written_once_and_a_drift_is_a_finding_with_its_line(project: Project) -> None:
    project.write({"pyproject.toml": '[tool.fumehood.ci]\npython = "3.13"\n'})
    missing = project.fumehood("ci", "check").assert_exit(1)
    assert missing.stderr == (
        ".github/workflows/fumehood.yml: there is no such workflow\n  → run `fumehood ci write github` and commit it\n"
    )
    assert project.fumehood("ci", "write").assert_ok().stderr == (
        "wrote .github/workflows/fumehood.yml\n"
        "  its jobs run nox: write a noxfile.py with `import fumehood.nox` and `fumehood.nox.register()`\n"
    )
    assert project.fumehood("ci", "write").assert_ok().stderr == ".github/workflows/fumehood.yml is current\n"
    project.fumehood("ci", "check").assert_ok()
    path = project.root / github.PATH
    assert 'python-version: "3.13"' in path.read_text()
    path.write_text(path.read_text().replace("contents: read", "contents: write"))
    drifted = project.fumehood("ci", "check").assert_exit(1)
    assert drifted.stderr == (
        ".github/workflows/fumehood.yml:15: it is not what fumehood writes\n"
        "  → run `fumehood ci write github` and commit it\n"
    )


def test_a_workflow_below_the_top_of_a_clone_is_said_to_be_read_by_nobody(project: Project, tmp_path: Path) -> None:
    inner = tmp_path / "clone" / "ml"
    (inner / "experiments").mkdir(parents=True)
    (inner.parent / ".git").mkdir()
    project.write({"noxfile.py": "import fumehood.nox\n"})
    (project.root / "noxfile.py").rename(inner / "noxfile.py")
    outcome = project.fumehood("--root", str(inner), "ci", "write").assert_ok()
    assert outcome.stderr == (
        "wrote .github/workflows/fumehood.yml\n"
        "  it is read at the top of a clone only, and runs there: this repository is ml in one\n"
    )


@pytest.mark.parametrize(
    ("requires", "python"),
    [
        (">=3.10", "3.11"),
        ("~=3.13", "3.13"),
        ("==3.13.2", "3.13"),
        (">=3.10,!=3.11.*", "3.12"),
        ("==3.13.*", "3.13"),
        (">=3.12.4", "3.12"),
        (">=3.8,<3.11", "3.11"),
        ("^3.11", "3.12"),
    ],
)
def test_jobs_run_on_the_lowest_python_that_core_admits_and_fumehood_runs_on(
    project: Project, requires: str, python: str
) -> None:
    project.write({"pyproject.toml": f'[project]\nname = "core"\nrequires-python = "{requires}"\ndependencies = []\n'})
    assert github.python_of(open_repository(project.root)) == python


def test_a_repository_on_gitlab_gets_gitlabs_file(project: Project) -> None:
    project.write({".gitlab-ci.yml": "include: []\n", "noxfile.py": ""})
    assert project.fumehood("ci", "write").assert_ok().stderr == (
        "wrote .gitlab/fumehood.yml\n  .gitlab-ci.yml takes it in with: include: [{local: .gitlab/fumehood.yml}]\n"
    )
    assert gitlab_mistakes((project.root / gitlab.PATH).read_text()) == ""
    project.fumehood("ci", "check", "gitlab").assert_ok()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[tool.fumehood.ci]\npython = "2.7"\n', "pyproject.toml:2: '2.7' is no Python for fumehood"),
        ('[tool.fumehood.ci]\nschedule = "daily"\n', "pyproject.toml:2: 'daily' is no time in cron's form"),
        ("[tool.fumehood.ci]\njobs = 300\n", "pyproject.toml:2: jobs is 300"),
        ("[[tool.fumehood.runners.gpu]]\ncount = 2\n", "a runner without a label"),
        ('[[tool.fumehood.runners.gpu]]\nlabel = "g"\nmemory = "big"\n', "memory is 'big'"),
        ("[tool.fumehood.runners]\ngpus = 1\n", "pyproject.toml:2: unknown key 'gpus'"),
    ],
)
def test_wrong_settings_are_said_with_their_line(project: Project, settings: str, said: str) -> None:
    project.write({"pyproject.toml": settings})
    assert said in project.fumehood("ci", "check").assert_exit(2).stderr


def test_this_repository_has_the_workflow_that_fumehood_writes() -> None:
    root = Path(__file__).resolve().parents[1]
    if not (root / github.PATH).exists():
        pytest.skip("run from an installed distribution")
    assert (root / github.PATH).read_text(encoding="utf-8") == github.workflow(github.facts(open_repository(root)))


@pytest.fixture
def judged(project: Project) -> Project:
    """Four rows: one of a change to itself, one that advises, one that tests nothing, and core."""
    jobs = [
        CHANGED,
        replace(CHANGED, session="exp-b", experiment="b", advisory=True, reason="core.optim (changed)"),
        replace(CHANGED, session="exp-c", experiment="c", owners=()),
        replace(CHANGED, session="core", experiment="", owners=()),
    ]
    project.write({"rows.json": plain(Matrix(rows=pack(jobs, 256)))})
    return project


def came_to(project: Project, **statuses: Status) -> None:
    for name, status in statuses.items():
        session = "core" if name == "core" else f"exp-{name}"
        result = Result(
            session=session,
            experiment=name,
            status=status,
            reason="" if status == "passed" else f"why | {status}",
            started="2026-01-31T12:00:00Z",
            seconds=Seconds(total=1.25),
        )
        record(project.root / "results" / name, file_stem(session, "all"), result)


def test_an_experiment_that_a_change_of_core_breaks_is_reported_and_stops_nothing(judged: Project) -> None:
    came_to(judged, a="passed", b="failed", c="no-tests", core="passed")
    outcome = judged.fumehood("ci", "verdict", "--rows", "rows.json", "--summary", "summary.md", "results").assert_ok()
    assert outcome.stdout == (
        "failed, advisory: exp-b (@example-owner): failed: why | failed\n"
        "  run because: core.optim (changed)\n"
        "nothing tested: exp-c: no-tests: why | no-tests\n"
        "2 of 4 sessions passed, 1 failed that only their owners have to mend, 1 tested nothing\n"
    )
    assert (judged.root / "summary.md").read_text() == (
        "## ✅ 2 of 4 sessions passed, 1 failed that only their owners have to mend, 1 tested nothing\n"
        "\n"
        "| session | came to | owners | seconds | run because |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| exp-b | ⚠️ failed (advisory): why \\| failed | @example-owner | 1.2 | core.optim (changed) |\n"
        "| exp-c | ⚪ no-tests |  | 1.2 | experiments/a/x.py (changed) |\n"
        "| core | ✅ passed |  | 1.2 | experiments/a/x.py (changed) |\n"
        "| exp-a | ✅ passed | @example-owner | 1.2 | experiments/a/x.py (changed) |\n"
    )


def test_an_experiment_that_a_change_to_itself_breaks_stops_it(judged: Project) -> None:
    came_to(judged, a="timed-out", b="passed", c="passed", core="passed")
    outcome = judged.fumehood("ci", "verdict", "--rows", "rows.json", "results", "--json").assert_exit(1)
    answer = json.loads(outcome.stdout)
    assert mistakes(answer, schema("ci-verdict")) == []
    assert answer["blocks"]
    assert [(one["session"], one["failed"], one["owners"]) for one in answer["sessions"]][1] == (
        "exp-a",
        True,
        ["@example-owner"],
    )


def test_a_session_without_a_result_has_failed_though_no_job_says_so(judged: Project) -> None:
    came_to(judged, a="passed", b="passed", c="passed")
    outcome = judged.fumehood("ci", "verdict", "--rows", "rows.json", "results").assert_exit(1)
    assert outcome.stdout == (
        "failed: core: no-result: its job was cancelled, was ended from outside, or never began\n"
        "  run because: experiments/a/x.py (changed)\n"
        "3 of 4 sessions passed, 1 failed\n"
    )


@pytest.mark.parametrize(
    "damage", [{"session": 5}, {"session": "exp-a'"}, {"part": "some"}, {"advisory": "no"}, {"owners": [5]}]
)
def test_rows_that_hold_anything_else_are_no_answer(judged: Project, damage: dict[str, object]) -> None:
    rows = json.loads((judged.root / "rows.json").read_text())
    rows["include"][0] |= damage
    judged.write({"rows.json": json.dumps(rows)})
    outcome = judged.fumehood("ci", "verdict", "--rows", "rows.json", "results").assert_exit(2)
    assert outcome.stderr.splitlines()[0] == "rows.json: the rows cannot be read: is no answer of `fumehood matrix`"


def test_no_rows_are_a_verdict_too_and_no_file_of_rows_is_none(judged: Project) -> None:
    judged.write({"rows.json": '{"include": []}\n'})
    outcome = judged.fumehood("ci", "verdict", "--rows", "rows.json", "nowhere").assert_ok()
    assert outcome.stdout == "nothing had to be run: the change affects no tests\n"
    judged.write({"rows.json": "", "list.json": '{"include": [[1]]}\n', "deep.json": "[" * 100_000})
    no_answer = [(f"{name}.json", "is no answer of `fumehood matrix`") for name in ("rows", "list", "deep")]
    for name, said in (*no_answer, ("gone", "No such file or directory")):
        missing = judged.fumehood("ci", "verdict", "--rows", name, "results").assert_exit(2)
        assert missing.stderr == (
            f"{name}: the rows cannot be read: {said}\n"
            "  → see why `fumehood matrix` did not write it; without it nothing is known of what should have run\n"
        )
