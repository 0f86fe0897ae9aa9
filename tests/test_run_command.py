"""``fumehood run``: sessions side by side, their output kept whole, a summary, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from fumehood.repository import open_repository
from fumehood.running import session_calls
from fumehood.testing.gpu_values import GpuNeeds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.project import Project

NOXFILE = """
import os, pathlib, time
import nox

def session(function):
    nox.session(name=f"exp-{function.__name__}", venv_backend="none")(function)
    return function

@session
def good(session):
    session.log(f"arguments: {session.posargs}")

@session
def bad(session):
    print("first on standard output", flush=True)
    session.error("something is wrong")

@session
def idle(session):
    session.skip("nothing to do")

def wait_for(name):
    deadline = time.monotonic() + 30
    while not pathlib.Path(name).exists():
        assert time.monotonic() < deadline, f"{name} did not come"
        time.sleep(0.02)

@session
def left(session):
    pathlib.Path("left.here").touch()
    wait_for("right.here")

@session
def right(session):
    pathlib.Path("right.here").touch()
    wait_for("left.here")

@session
def alone(session):
    pathlib.Path("busy").mkdir()
    time.sleep(0.2)
    pathlib.Path("busy").rmdir()

@session
def single(session):
    alone(session)

@session
def patient(session):
    pathlib.Path("patient.tmp").write_text(str(os.getpid()))
    session.run("sh", "-c", "echo $$ > child.tmp; mv child.tmp child.pid; mv patient.tmp patient.pid; sleep 100",
                external=True)

@nox.session(name="exp-twofold", venv_backend="none")
@nox.parametrize("number", [1, 2])
def twofold(session, number):
    if number == 2:
        session.error("the second fails")
"""


def arrange(project: Project, *names: str) -> None:
    project.write({"noxfile.py": NOXFILE, "requirements.txt": ""})
    project.write({f"experiments/{name}/requirements.txt": "" for name in names})


def test_the_summary_says_how_each_session_ended_and_the_output_of_each_is_whole(project: Project) -> None:
    arrange(project, "good", "bad", "idle")
    outcome = project.fumehood("run").assert_exit(1)
    rows = [re.split(r"\s{2,}", line) for line in outcome.stdout.splitlines()]
    host = os.uname().nodename
    assert [row[:2] for row in rows] == [
        ["session", "status"],
        ["exp-bad", "failed"],
        ["exp-good", "passed"],
        ["exp-idle", "skipped"],
        [""],
        ["1 passed, 1 failed, 1 skipped"],
    ]
    assert all(re.fullmatch(r"\d+\.\d s", row[2]) and row[3] == host for row in rows[1:4]), repr(outcome)
    (bad,) = re.findall(r"─── exp-bad failed after \d+\.\d s on \S+ ───\n((?:(?!───).*\n)+)", outcome.stderr)
    assert bad.index("first on standard output") < bad.index("something is wrong")


def test_the_answer_for_programs_holds_the_same(project: Project) -> None:
    arrange(project, "good", "idle")
    answer = json.loads(project.fumehood("run", "--json").assert_ok().stdout)
    assert answer["schema"] == 1
    assert [(one["session"], one["status"]) for one in answer["sessions"]] == [
        ("exp-good", "passed"),
        ("exp-idle", "skipped"),
    ]
    assert all(one["seconds"] > 0 and one["host"] == os.uname().nodename for one in answer["sessions"])


def test_arguments_after_two_dashes_go_to_the_session(project: Project) -> None:
    arrange(project, "good", "bad")
    outcome = project.fumehood("run", "good", "-j", "1", "--", "-k", "some test", "--json").assert_ok()
    assert "arguments: ['-k', 'some test', '--json']" in outcome.stderr
    assert outcome.stdout.splitlines()[-1] == "1 passed"


def test_jobs_says_how_many_run_at_a_time(project: Project) -> None:
    arrange(project, "left", "right", "alone", "single")
    project.fumehood("run", "left", "right", "--jobs", "2").assert_ok()
    project.fumehood("run", "alone", "single", "--jobs", "1").assert_ok()


def test_a_session_of_several_parts_passes_only_with_all_of_them(project: Project) -> None:
    arrange(project, "twofold")
    outcome = project.fumehood("run", "twofold").assert_exit(1)
    assert outcome.stdout.splitlines()[-1] == "1 failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_behind(project: Project, number: signal.Signals) -> None:
    arrange(project, "patient")
    process = project.start(sys.executable, "-m", "fumehood", "run", "patient")
    pids = [project.root / "patient.pid", project.root / "child.pid"]
    wait_until(lambda: all(path.exists() for path in pids))
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1] == "interrupted; nothing half-done is left behind"
    for path in pids:
        wait_until(lambda path=path: not alive(int(path.read_text())))  # type: ignore[misc]  # mypy cannot infer it


def test_no_module_of_the_repository_stands_in_for_one_that_nox_imports(project: Project) -> None:
    arrange(project, "good")
    project.write({f"{name}.py": "raise SystemExit('of the repository')\n" for name in ("types", "nox", "packaging")})
    assert project.run(sys.executable, "-P", "-m", "fumehood", "run", "good").assert_ok().stdout.endswith("1 passed\n")


def test_a_noxfile_that_fails_fails_the_session(project: Project) -> None:
    arrange(project, "good")
    project.write({"noxfile.py": "raise ValueError('broken noxfile')\n"})
    outcome = project.fumehood("run", "good").assert_exit(1)
    assert outcome.stdout.splitlines()[-1] == "1 failed"
    assert "broken noxfile" in outcome.stderr


def test_a_repository_without_a_noxfile_is_told_what_to_write(project: Project) -> None:
    project.write({"experiments/a/requirements.txt": ""})
    outcome = project.fumehood("run").assert_exit(2)
    assert outcome.stderr == (
        f"{project.root} has no noxfile.py, and sessions are run by nox\n"
        "  → write one with two lines: `import fumehood.nox` and `fumehood.nox.register()`\n"
    )
    assert outcome.stdout == ""


def test_what_does_not_exist_is_refused_before_anything_runs(project: Project) -> None:
    arrange(project, "good")
    unknown = project.fumehood("run", "god").assert_exit(2)
    assert unknown.stderr == "there is no experiment 'god'\n  → did you mean good?\n"
    runner = project.fumehood("run", "--runner", "slurm").assert_exit(2)
    assert runner.stderr.startswith("there is no runner 'slurm'\n  → name one of these, or install the distribution")


def test_retired_experiments_do_not_run_and_broken_ones_are_reported_beside_the_others(project: Project) -> None:
    arrange(project, "good", "bad", "idle")
    project.write({"experiments/bad/experiment.toml": 'state = "retired"\n'})
    project.write({"experiments/idle/experiment.toml": "state = 7\n"})
    outcome = project.fumehood("run").assert_exit(2)
    assert [line.split()[0] for line in outcome.stdout.splitlines() if line] == ["session", "exp-good", "1"]
    assert "experiments/idle/experiment.toml:1: " in outcome.stderr


def test_a_repository_without_experiments_has_nothing_to_run(project: Project) -> None:
    project.write({"noxfile.py": NOXFILE})
    assert project.fumehood("run").assert_ok().stdout == "no sessions to run\n"


def test_a_call_says_what_gpus_its_tests_need(project: Project) -> None:
    marked = 'import pytest\n\n@pytest.mark.gpu(count=2, memory="8GiB")\ndef test_a():\n    pass\n'
    project.write({"experiments/a/requirements.txt": "", "experiments/a/test_a.py": marked})
    project.write({"experiments/b/requirements.txt": "", "tests/test_core.py": "def test_core():\n    pass\n"})
    calls = session_calls(open_repository(project.root), (), ("-x",))
    assert [(call.session, call.experiment, call.gpus) for call in calls] == [
        ("exp-a", "a", GpuNeeds(count=2, memory=8 * 2**30)),
        ("exp-b", "b", None),
    ]
    assert {(call.root, call.arguments) for call in calls} == {(project.root, ("-x",))}
    (core,) = session_calls(open_repository(project.root), ("core",), ())
    assert (core.session, core.experiment, core.gpus) == ("core", None, None)


def test_a_real_experiment_runs_in_its_own_environment(project: Project) -> None:
    project.noxfile()
    test = "import alpha\n\n\ndef test_a():\n    assert alpha.__version__ == '1.0'\n"
    project.write({"requirements.txt": "alpha\ndelta-lib\n", "experiments/a/requirements.txt": "alpha<1.1\n"})
    project.write({"experiments/a/test_a.py": test, "experiments/b/requirements.txt": "beta\n"})
    outcome = project.fumehood("run", "-j", "2").assert_ok()
    assert [line.split()[:2] for line in outcome.stdout.splitlines()[1:3]] == [
        ["exp-a", "passed"],
        ["exp-b", "skipped"],
    ]


def test_nothing_is_left_in_the_temporary_folder(project: Project, tmp_path: Path) -> None:
    arrange(project, "good", "bad")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    project.fumehood("run", env={"TMPDIR": str(scratch)}).assert_exit(1)
    assert list(scratch.iterdir()) == []


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
