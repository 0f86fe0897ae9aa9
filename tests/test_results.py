"""What a session leaves behind: one line of JSON and a JUnit file, however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from fumehood.environments.store import LayerStore
from fumehood.model.lock import PinChange
from fumehood.outside.files import to_json
from fumehood.testing.results import (
    KEPT,
    Counts,
    Result,
    Seconds,
    UsedGpu,
    default_folder,
    junit_without_tests,
    latest,
    read_results,
    record,
)
from support.index import Fault
from support.project import wait_until_gone
from support.schemas import mistakes, schema

if TYPE_CHECKING:
    from pathlib import Path

    from support.index import Index, Kind
    from support.project import Project

pytestmark = pytest.mark.usefixtures("shared_cache")

PASSING = "def test_it():\n    pass\n"


@pytest.fixture
def lab(project: Project) -> Project:
    """An experiment that changes a pin of core's, and is committed."""
    project.write(
        {
            ".gitignore": ".nox/\n__pycache__/\n",
            "requirements.txt": "alpha\n",
            "experiments/one/requirements.txt": "alpha<2\n",
            "experiments/one/test_one.py": PASSING,
        }
    )
    project.noxfile()
    project.commit()
    return project


def left(project: Project) -> tuple[Result, ...]:
    """The results, each held against the schema."""
    folder = default_folder(project.root, project.env)
    results = read_results(folder)
    for result in results:
        assert mistakes(json.loads(to_json(result)), schema("result")) == []
        assert not result.junit or (folder / result.junit).is_file()
        assert not result.log or (folder / result.log).is_file()
    assert [path.name for path in folder.glob(".*") if path.name != ".lock"] == []
    return results


def suites(project: Project, name: str) -> list[tuple[str, str]]:
    """Each test case of a JUnit file, and what was wrong with it."""
    tree = ET.parse(default_folder(project.root, project.env) / name)  # noqa: S314 - pytest wrote it
    return [
        (str(case.get("name")), ", ".join(f"{child.tag}: {child.get('message')}" for child in case))
        for case in tree.iter("testcase")
    ]


def test_a_session_leaves_a_line_that_says_what_ran_on_what_and_how_long_it_took(lab: Project) -> None:
    outcome = lab.nox("-s", "exp-one").assert_ok()
    (result,) = left(lab)
    places = [line.strip("- ") for line in outcome.stdout.splitlines() if ".xml" in line]
    assert places == [f"generated xml file: {default_folder(lab.root, lab.env) / 'exp-one.xml'}"]
    head = lab.git("rev-parse", "HEAD").stdout.strip()
    tree = lab.git("rev-parse", "HEAD:experiments/one").stdout.strip()
    assert (result.session, result.experiment, result.status) == ("exp-one", "one", "passed")
    assert result.reason == "experiments/one: 1 passed"
    assert result.python == sys.version.split()[0]
    assert result.counts == Counts(collected=1, passed=1)
    assert result.changes == (PinChange(name="alpha", before="2.0", after="1.1"),)
    assert (result.origin.commit, result.origin.core_dirty) == (head, False)
    assert (result.origin.tree, result.origin.dirty) == (tree, False)
    assert 0 < result.seconds.tests < result.seconds.total
    assert 0 < result.seconds.environment < result.seconds.total
    assert suites(lab, "exp-one.xml") == [("test_it", "")]
    assert (result.junit, result.log) == ("exp-one.xml", "")

    lab.write({"experiments/one/new.py": "", "requirements.txt": "alpha \n"})
    lab.nox("-s", "exp-one", "--", "-k", "nothing").assert_ok()
    (first, second) = left(lab)
    assert first == result
    assert (second.status, second.arguments) == ("no-tests", ("-k", "nothing"))
    assert (second.origin.core_dirty, second.origin.dirty) == (True, True)
    assert latest([first, second]) == (second,)


def test_a_failed_session_keeps_the_end_of_what_was_said(lab: Project) -> None:
    lab.write({"experiments/one/test_one.py": "def test_it():\n    print('a trace')\n    assert 0\n"})
    outcome = lab.nox("-s", "exp-one").assert_exit(1)
    assert "1 failed" in outcome.stdout
    commands = [line for line in outcome.stderr.splitlines() if "Command " in line]
    assert commands == ["nox > Command pytest -p fumehood_pytest experiments/one failed with exit code 1"]
    (result,) = left(lab)
    assert (result.status, result.reason) == ("failed", "pytest ended with exit code 1")
    assert result.counts == Counts(collected=1, failed=1)
    log = (default_folder(lab.root, lab.env) / "exp-one.log").read_text()
    assert "a trace" in log
    assert log.rstrip().endswith("=")
    lab.write({"experiments/one/test_one.py": PASSING})
    lab.nox("-s", "exp-one").assert_ok()
    assert not (default_folder(lab.root, lab.env) / "exp-one.log").exists()


@pytest.mark.parametrize(
    ("files", "status", "reason"),
    [
        ({"test_one.py": "x = 1\n"}, "no-tests", "experiments/one: no tests were found"),
        (
            {"test_one.py": "import pytest\n\n@pytest.mark.gpu\ndef test_gpu(): ...\n"},
            "all-skipped",
            "experiments/one: every test was skipped (1: needs 1 GPU; granted: none)",
        ),
        (
            {
                "test_one.py": "import pytest\npytest.skip('no data', allow_module_level=True)\n",
                "test_two.py": "import pytest\n\n@pytest.mark.skip(reason='later')\ndef test_it(): ...\n",
            },
            "all-skipped",
            "experiments/one: every test was skipped (1: later; 1: no data)",
        ),
        (
            {"test_one.py": "import pytest\n\ndef test_it():\n    pytest.exit('no', returncode=0)\n"},
            "no-tests",
            "experiments/one: none of its 1 tests has run",
        ),
        (
            {"test_one.py": "import os\n\ndef test_it():\n    os._exit(0)\n"},
            "failed",
            "experiments/one: pytest ended without reporting its tests",
        ),
        ({"requirements.txt": "beta>=3\n"}, "conflict", "experiments/one: the requirements cannot hold together"),
        ({"requirements.txt": "./no-such-folder\n"}, "install-failed", None),
        ({"experiment.toml": 'python = "3.99"\n'}, "unsupported-python", "Python interpreter 3.99 not found"),
    ],
)
def test_every_other_end_has_its_status_and_a_junit_file(
    lab: Project, files: dict[str, str], status: str, reason: str | None
) -> None:
    lab.write({f"experiments/one/{name}": text for name, text in files.items()})
    lab.nox("-s", "exp-one", "--download-python", "never", env={"FUMEHOOD_GPUS": "none"})
    (result,) = left(lab)
    assert result.status == status, result
    assert reason is None or result.reason == reason
    if status != "all-skipped" and "has run" not in result.reason:  # pytest wrote the file
        kind = "error" if result.failed else "skipped"
        assert suites(lab, "exp-one.xml") in ([(status, f"{kind}: {result.reason}")], [])


def test_something_else_in_the_place_of_pytest_s_report_is_none(lab: Project) -> None:
    conftest = (
        "import atexit, os, pathlib\n\n"
        "report = pathlib.Path(os.environ['FUMEHOOD_PYTEST_REPORT'])\n"
        "atexit.register(report.write_text, '{}')\n"
    )
    lab.write({"experiments/one/conftest.py": conftest})
    lab.nox("-s", "exp-one").assert_exit(1)
    (result,) = left(lab)
    assert (result.status, result.reason) == ("failed", "experiments/one: pytest ended without reporting its tests")


def test_a_python_that_core_does_not_support_is_said_before_anything_is_resolved(lab: Project) -> None:
    lab.write({"pyproject.toml": '[project]\nname = "lab"\nversion = "1"\nrequires-python = ">=3.99"\n'})
    outcome = lab.nox("-s", "exp-one").assert_exit(1)
    version = sys.version.split()[0]
    assert f"experiments/one: requires-python is '>=3.99', and this is Python {version}" in outcome.stderr
    assert [result.status for result in left(lab)] == ["unsupported-python"]


def test_a_timeout_ends_all_that_the_tests_have_started_and_keeps_the_end_of_the_log(lab: Project) -> None:
    test = (
        "import os, subprocess, sys, time\n\n"
        "def test_hangs():\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import signal, time; "
        "signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(100)'])\n"
        "    with open('pids', 'w') as file:\n"
        "        file.write(f'{os.getpid()} {child.pid}')\n"
        "    print('about to hang')\n"
        "    time.sleep(100)\n"
    )
    lab.write({"experiments/one/test_one.py": test, "experiments/one/experiment.toml": 'timeout = "5s"\n'})
    begun = time.monotonic()
    outcome = lab.nox("-s", "exp-one").assert_exit(1)
    assert time.monotonic() - begun < 60
    assert "the tests were not done after 5s; all that they had started was ended" in outcome.stderr
    (result,) = left(lab)
    assert (result.status, result.reason) == ("timed-out", "the tests were not done after 5s")
    log = (default_folder(lab.root, lab.env) / "exp-one.log").read_text()
    assert re.search(r"test_one\.py:\d+: KeyboardInterrupt", log), log
    for pid in (lab.root / "pids").read_text().split():
        wait_until_gone(int(pid))


def test_what_hangs_and_hears_no_interrupt_says_where_it_hangs_before_it_is_killed(lab: Project) -> None:
    test = (
        "import signal, time\n\n"
        "def test_deaf():\n"
        "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "    time.sleep(100)\n"
    )
    lab.write({"experiments/one/test_one.py": test, "experiments/one/experiment.toml": 'timeout = "5s"\n'})
    lab.nox("-s", "exp-one").assert_exit(1)
    (result,) = left(lab)
    assert result.status == "timed-out"
    assert 'test_one.py", line 5 in test_deaf' in (default_folder(lab.root, lab.env) / "exp-one.log").read_text()


def test_an_interrupted_session_leaves_the_result_before_it_as_it_was(lab: Project) -> None:
    lab.nox("-s", "exp-one").assert_ok()
    before = left(lab)
    waiting = "import pathlib, time\n\ndef test_it():\n    pathlib.Path('here').touch()\n    time.sleep(100)\n"
    lab.write({"experiments/one/test_one.py": waiting})
    process = lab.start(sys.executable, "-m", "nox", "-s", "exp-one")
    deadline = time.monotonic() + 60
    while not (lab.root / "here").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert left(lab) == before


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--setup-plan", "--version"])
def test_what_only_shows_something_leaves_no_result(lab: Project, option: str) -> None:
    lab.nox("-s", "exp-one", "--", option).assert_ok()
    assert read_results(default_folder(lab.root, lab.env)) == ()


def test_a_file_that_skips_itself_is_no_test_of_another_that_passes(lab: Project) -> None:
    skipping = "import pytest\npytest.skip('no data', allow_module_level=True)\n"
    lab.write({"experiments/one/test_two.py": skipping, "experiments/one/test_three.py": skipping})
    lab.nox("-s", "exp-one").assert_ok()
    (result,) = left(lab)
    assert (result.status, result.reason) == ("passed", "experiments/one: 1 passed, 2 skipped")


def test_what_is_no_text_and_what_ends_lines_is_kept_in_one_line(lab: Project) -> None:
    lab.write(
        {
            "experiments/one/test_one.py": "import os, pytest\n\n\ndef test_it():\n"
            "    pytest.skip('no ' + os.fsdecode(b'\\xff') + '\u2028 here')\n"
        }
    )
    junk = os.fsdecode(b"test_it or \xfe")
    for _ in range(2):
        lab.run(sys.executable, "-m", "nox", "-s", "exp-one", "--", "-k", junk).assert_exit(1)
        lab.nox("-s", "exp-one").assert_ok()
    reason = "experiments/one: every test was skipped (1: no \\udcff\u2028 here)"
    results = read_results(default_folder(lab.root, lab.env))
    assert [(one.status, one.reason, one.arguments) for one in results] == [
        ("failed", "pytest ended with exit code 4", ("-k", "test_it or \\xfe")),
        ("all-skipped", reason, ()),
    ] * 2


def test_what_a_killed_session_left_is_never_taken_for_that_of_another_with_the_same_process_number(
    lab: Project,
) -> None:
    lab.nox("-s", "exp-one").assert_ok()
    counts = dict.fromkeys(("failed", "errors", "skipped", "xfailed", "xpassed", "deselected"), 0)
    passed = {**counts, "passed": 1, "collected": 1, "finished": 1, "skip_reasons": {}, "gpu": {"mode": "auto"}}
    lab.write({"passed.json": json.dumps(passed), "experiments/one/test_one.py": "import os\n\nos._exit(0)\n"})
    outcome = lab.run(
        "sh",
        "-c",
        "cp passed.json .nox/.fumehood/report-$$.json; cp passed.json .nox/.fumehood/results/.exp-one.$$.xml; "
        f"exec {sys.executable} -m nox -s exp-one",
    )
    outcome.assert_exit(1)
    sentence = "experiments/one: pytest ended without reporting its tests"
    assert f"Session exp-one aborted: {sentence}" in outcome.stderr
    assert suites(lab, "exp-one.xml") == [("failed", f"error: {sentence}")]


def test_sessions_side_by_side_and_core_leave_theirs_where_it_is_said(lab: Project, tmp_path: Path) -> None:
    lab.write({f"experiments/e{number}/test_it.py": PASSING for number in range(3)})
    lab.write({"tests/test_core.py": PASSING})
    elsewhere = {"FUMEHOOD_RESULTS": str(tmp_path / "artefacts")}
    lab.nox("-s", "core", "exp-one", "exp-e0", "exp-e1", "exp-e2", "-j", "2", env=elsewhere).assert_ok()
    results = latest(read_results(tmp_path / "artefacts"))
    assert [(one.session, one.experiment, one.status) for one in results] == [
        ("core", None, "passed"),
        ("exp-e0", "e0", "passed"),
        ("exp-e1", "e1", "passed"),
        ("exp-e2", "e2", "passed"),
        ("exp-one", "one", "passed"),
    ]
    assert not (lab.root / ".nox/.fumehood/results").exists()


def test_the_place_of_the_junit_file_is_said_wherever_environments_are(lab: Project) -> None:
    outcome = lab.nox("--envdir", "../elsewhere", "-s", "exp-one").assert_ok()
    place = lab.root.parent / "elsewhere" / ".fumehood" / "results" / "exp-one.xml"
    assert f"generated xml file: {place} " in outcome.stdout
    assert place.is_file()


def test_a_junit_file_that_the_user_asks_for_is_written_where_they_say(lab: Project) -> None:
    lab.nox("-s", "exp-one", "--", "--junitxml=mine.xml").assert_ok()
    assert "test_it" in (lab.root / "mine.xml").read_text()
    assert [result.junit for result in left(lab)] == [""]


def test_without_git_a_result_says_nothing_about_commits(lab: Project) -> None:
    (lab.root / ".git").rename(lab.root / "nogit")
    lab.nox("-s", "exp-one").assert_ok()
    (result,) = left(lab)
    assert (result.status, result.origin.commit, result.origin.dirty) == ("passed", None, None)


def test_gpu_tests_and_the_others_can_be_run_apart_and_have_results_apart(lab: Project) -> None:
    both = "import pytest\n\n@pytest.mark.gpu\ndef test_gpu(): ...\n\ndef test_plain(): ...\n"
    lab.write({"experiments/one/test_one.py": both})
    gpus = {"FUMEHOOD_GPUS": "1xH100:80GiB@9.0"}
    lab.nox("-s", "exp-one", "--", "--gpu-tests=only", "--gpus=require", env=gpus).assert_ok()
    lab.nox("-s", "exp-one", "--", "--gpu-tests=none", env=gpus).assert_ok()
    gpu, other = sorted(left(lab), key=lambda result: result.part)
    assert (gpu.part, gpu.junit, gpu.counts) == ("gpu", "exp-one.gpu.xml", Counts(collected=1, passed=1))
    assert (other.part, other.junit, other.counts) == ("other", "exp-one.other.xml", Counts(collected=1, passed=1))
    assert gpu.gpus == (
        UsedGpu(name="H100", vendor="nvidia", memory=80 * 2**30, compute_capability="9.0", simulated=True),
    )
    assert other.gpus == ()
    assert suites(lab, "exp-one.gpu.xml") == [("test_gpu", "")]
    assert suites(lab, "exp-one.other.xml") == [("test_plain", "")]


def test_the_history_of_a_session_is_bounded_and_damage_in_it_is_passed_over(tmp_path: Path) -> None:
    result = Result(session="exp-a", experiment="a", status="passed", seconds=Seconds(total=1.0))
    for number in range(KEPT + 3):
        record(tmp_path, "exp-a", replace(result, started=f"2026-01-01T00:00:{number // 10:02}Z", reason=str(number)))
    assert [one.reason for one in read_results(tmp_path)] == [str(number) for number in range(3, KEPT + 3)]
    with (tmp_path / "exp-a.jsonl").open("a") as file:
        file.write('{"schema": 1, "session": "exp-a"\n[]\n{"schema": 2}\n\n')
    assert len(read_results(tmp_path)) == KEPT
    assert read_results(tmp_path / "nowhere") == ()


@pytest.mark.parametrize(
    "damage",
    [
        {"session": ["exp-a"]},
        {"session": {}},
        {"started": 5},
        {"reason": None},
        {"lowest": [1]},
        {"part": 1},
        {"status": ["passed"]},
        {"seconds": {"total": "1"}},
        {"seconds": {"total": float("nan")}},
        {"seconds": {"total": float("inf")}},
        {"seconds": {"total": 10**400}},
        {"origin": {"commit": 1}},
        {"origin": None},
        {"counts": [1]},
        {"gpus": None},
    ],
)
def test_a_result_whose_fields_are_of_another_kind_is_passed_over(tmp_path: Path, damage: dict[str, object]) -> None:
    record(tmp_path, "exp-a", Result(session="exp-a", experiment="a", status="passed"))
    line = json.loads((tmp_path / "exp-a.jsonl").read_text())
    (tmp_path / "exp-b.jsonl").write_text(f"{json.dumps({**line, **damage})}\n{'[' * 100_000}\n")
    assert [result.session for result in read_results(tmp_path)] == ["exp-a"]


def test_a_junit_file_for_a_session_without_tests_holds_whatever_was_said() -> None:
    result = Result(
        session="exp-a",
        experiment="a",
        status="install-failed",
        reason='a "quoted" <reason> \x1b[1m',
        started="2026-01-01T00:00:00Z",
        seconds=Seconds(total=1.5),
    )
    assert junit_without_tests(result, "tail & <more>\x00") == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<testsuites><testsuite name="exp-a" errors="1" failures="0" skipped="0" tests="1" time="1.500" '
        'timestamp="2026-01-01T00:00:00"><testcase classname="exp-a" name="install-failed" time="1.500">'
        "<error message='a \"quoted\" &lt;reason&gt; [1m'>tail &amp; &lt;more&gt;</error>"
        "</testcase></testsuite></testsuites>\n"
    )


def test_gpu_tests_of_each_vendor_can_be_run_apart(lab: Project) -> None:
    marks = {"plain": "", "any": "@pytest.mark.gpu", "red": "@pytest.mark.gpu(vendor='AMD', count=2)"}
    marks["green"] = "@pytest.mark.gpu(vendor='nvidia')"
    tests = "\n".join(f"{mark}\ndef test_{name}(): ..." for name, mark in marks.items())
    lab.write({"experiments/one/test_one.py": f"import pytest\n{tests}\n"})
    machine = {"FUMEHOOD_GPUS": "1xH100:80GiB@9.0"}
    lab.nox("-s", "exp-one", "--", "--gpu-tests=only:nvidia", "--gpus=require", env=machine).assert_ok()
    assert suites(lab, "exp-one.gpu-nvidia.xml") == [("test_any", ""), ("test_green", "")]
    machine = {"FUMEHOOD_GPUS": "2xamd/MI300X:192GiB"}
    lab.nox("-s", "exp-one", "--", "--gpu-tests=only:AMD", "--gpus=require", env=machine).assert_ok()
    assert suites(lab, "exp-one.gpu-amd.xml") == [("test_any", ""), ("test_red", "")]
    assert {result.part for result in left(lab)} == {"gpu-nvidia", "gpu-amd"}
    lab.write({"experiments/one/experiment.toml": "gpus = 1\n"})
    lab.nox("-s", "exp-one", "--", "--gpu-tests=none", "--gpus=require", env=machine).assert_ok()
    assert {result.part: len(result.gpus) for result in left(lab)} == {"gpu-nvidia": 1, "gpu-amd": 2, "other": 1}
    wrong = lab.nox("-s", "exp-one", "--", "--gpu-tests=onyl:amd").assert_exit(1)
    assert "argument --gpu-tests: all, only, only:VENDOR or none, not 'onyl:amd'" in wrong.stdout + wrong.stderr


@pytest.mark.parametrize(
    ("on", "seconds", "at_work"),
    [
        ("page", 1, "`uv pip compile` was at work"),
        ("file", 3, "`uv pip sync` was at work\n  | Resolved 1 package"),
    ],
)
@pytest.mark.usefixtures("private_uv_cache")
def test_a_registry_that_never_answers_ends_the_session_at_its_timeout(
    lab: Project, tmp_path: Path, faulty_index: Index, on: Kind, seconds: int, at_work: str
) -> None:
    lab.env["FUMEHOOD_CACHE"] = str(tmp_path / "cache")
    lab.write({"experiments/one/experiment.toml": f'timeout = "{seconds}s"\n'})
    faulty_index.misbehave("alpha", Fault.HANG, on=on)
    begun = time.monotonic()
    outcome = lab.nox("-s", "exp-one").assert_exit(1)
    assert time.monotonic() - begun < 20
    reason = f"the environment was not there after {seconds}s"
    said = (
        f"{reason}\n  | the time was used up while {at_work}\n"
        "  → see what does not answer, or allow more with `timeout`; nothing was changed"
    )
    log = (default_folder(lab.root, lab.env) / "exp-one.log").read_text()
    assert f"nox > Session exp-one aborted: {log[:-1]} (took " in outcome.stderr
    assert re.sub(r"(?<=package) in .*|  \| Using .*\n", "", log) == f"{said}\n"
    (result,) = left(lab)
    assert (result.status, result.reason, result.counts) == ("timed-out", reason, None)
    assert suites(lab, "exp-one.xml") == [("timed-out", f"error: {reason}")]
    assert not (lab.root / ".nox/exp-one").exists()
    store = LayerStore(cache=tmp_path / "cache", say=print)
    assert (store.leftovers(), store.published()) == ([], [])

    faulty_index.heal()
    lab.write({"experiments/one/experiment.toml": 'timeout = "1m"\n'})
    lab.nox("-s", "exp-one").assert_ok()


def test_a_build_that_hangs_ends_at_the_timeout_with_all_that_it_has_started(lab: Project) -> None:
    backend = (
        "import os, subprocess, sys, time\n\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
        f"with open({str(lab.root / 'pids')!r}, 'w') as file:\n"
        "    file.write(f'{os.getpid()} {child.pid}')\n"
        "time.sleep(100)\n"
    )
    lab.write(
        {
            "experiments/one/requirements.txt": "./slow\n",
            "experiments/one/experiment.toml": 'timeout = "5s"\n',
            "slow/backend.py": backend,
            "slow/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        }
    )
    lab.nox("-s", "exp-one").assert_exit(1)
    assert [result.status for result in left(lab)] == ["timed-out"]
    for pid in (lab.root / "pids").read_text().split():
        wait_until_gone(int(pid))
