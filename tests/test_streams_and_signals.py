"""What a shell, a terminal or a CI system does to a command: streams that are closed or full, requests to end."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import environments
from support.index import Fault, Index
from support.project import kill

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.project import Project

FUMEHOOD = f"{shlex.quote(sys.executable)} -m fumehood"

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")


@needs_full
@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("list > /dev/full 2> /dev/full", 3),
        ("lock nothing 2> /dev/full", 2),
        ("lsit 2> /dev/full", 2),
        ("env build > /dev/full 2> /dev/full", 3),
    ],
)
def test_an_exit_code_means_the_same_where_the_last_words_cannot_be_written(
    project: Project, command: str, exit_code: int
) -> None:
    environments.write(project, core=["alpha"])
    outcome = project.run("sh", "-c", f"{FUMEHOOD} {command}").assert_exit(exit_code)
    assert (outcome.stdout, outcome.stderr) == ("", "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_matter(project: Project, closed: str) -> None:
    environments.write(project, core=["alpha"], a=["nsone"])
    outcome = project.run("sh", "-c", f"{FUMEHOOD} env build {closed}").assert_ok()
    assert outcome.stderr == ""
    assert project.fumehood("env", "build").assert_ok().stdout == "exp-a: reused\n"


def test_a_reader_that_has_gone_is_no_finding(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["nsone"])
    outcome = project.run("bash", "-c", f"{FUMEHOOD} list | :; exit ${{PIPESTATUS[0]}}").assert_ok()
    assert (outcome.stdout, outcome.stderr) == ("", "")


def test_characters_that_a_terminal_has_not_are_written_out(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["gamma"])
    latin = {"PYTHONIOENCODING": "latin-1"}
    outcome = project.run(sys.executable, "-m", "fumehood", "lock", env=latin).assert_ok()
    assert outcome.stdout.endswith("  changes 1 of core's pins: alpha 2.0 \\u2192 1.1\n")
    assert outcome.stderr == ""


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_half_a_character_in_what_is_remembered_is_written_out_in_every_locale(project: Project, locale: str) -> None:
    environments.write(project, a=["alpha"])
    project.fumehood("env", "build").assert_ok()
    state = environments.folder(project) / "fumehood.json"
    state.write_text(state.read_text().replace('"exp-a"', '"exp-\\udc00"'))
    outcome = project.run(sys.executable, "-m", "fumehood", "env", "list", env={"LC_ALL": locale}).assert_ok()
    assert outcome.stdout.splitlines()[1].split()[:2] == ["exp-\\udc00", "stacked"]
    assert outcome.stderr == ""


STARTED = """
import os, signal, sys
from pathlib import Path
from fumehood.outside import interrupts, programs

def interrupt(frame, event, argument):
    if event == "return" and frame.f_code.co_name == "_execute_child":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

interrupts.heed()
sys.setprofile(interrupt)
start = {"command": ["sleep", "60"], "cwd": Path.cwd(), "environ": os.environ}
try:
    if sys.argv[1] == "run":
        programs.run(**start)
    else:
        with programs.beside(**start) as wait:
            wait(None)
except KeyboardInterrupt:
    try:
        os.waitpid(-1, os.WNOHANG)
        print("it goes on")
    except ChildProcessError:
        print("it has ended")
"""
"""Asks itself to end when a program is started, and before whoever started it has it in hand."""


@pytest.mark.parametrize("how", ["run", "beside"])
def test_a_program_that_an_interrupt_finds_just_started_ends_with_it(project: Project, how: str) -> None:
    outcome = project.run(sys.executable, "-c", STARTED, how).assert_ok()
    assert (outcome.stdout, outcome.stderr) == ("it has ended\n", "")


@pytest.mark.usefixtures("private_uv_cache")
@pytest.mark.parametrize(
    ("command", "number"),
    [
        (("lock",), signal.SIGINT),
        (("lock",), signal.SIGTERM),
        (("lock",), signal.SIGHUP),
        (("env", "build"), signal.SIGTERM),
        (("explain", "c"), signal.SIGTERM),
        (("whatif", "beta"), signal.SIGTERM),
    ],
)
def test_a_command_that_waits_for_a_registry_ends_at_once_with_all_that_it_has_started(
    project: Project, faulty_index: Index, tmp_path: Path, command: tuple[str, ...], number: signal.Signals
) -> None:
    environments.write(project, core=["alpha"], experiments={"a": ["gamma"], "b": ["delta-lib"], "c": ["reader"]})
    for name in ("gamma", "delta-lib", "reader", "beta"):
        faulty_index.misbehave(name, Fault.HANG)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = project.start(sys.executable, "-m", "fumehood", *command, env={"TMPDIR": str(scratch)})
    try:
        asked = ("gamma", "delta-lib", "reader", "beta")
        wait_until(lambda: any(faulty_index.requests(name) for name in asked) or process.poll() is not None)
        process.send_signal(number)  # to the one process, as a CI system's cancellation does
        stdout, stderr = process.communicate(timeout=25)  # the registry would keep it for 30 s
        left = members(process.pid)
    finally:
        kill(process)
    assert (process.returncode, stdout, stderr) == (130, "", "\ninterrupted; nothing half-done is left behind\n")
    assert left == []
    assert list(scratch.iterdir()) == []
    assert not list(project.root.glob("experiments/*/requirements.lock"))
    faulty_index.heal()
    project.fumehood("lock").assert_ok()


TIDYING = """\
from fumehood.outside import interrupts
from fumehood.outside.scratch import scratch_folder

interrupts.heed()
try:
    with scratch_folder("full") as folder:
        for number in range(5000):
            (folder / str(number)).touch()
        print(folder, flush=True)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_while_a_scratch_folder_is_removed_comes_after_that(project: Project, tmp_path: Path) -> None:
    process = project.start(sys.executable, "-c", TIDYING, env={"TMPDIR": str(tmp_path)})
    try:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        wait_until(lambda: not folder.exists() or len(os.listdir(folder)) < 5000)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        kill(process)
    assert (stdout, stderr) == ("interrupted\n", "")
    assert not folder.exists()


def test_a_request_to_end_that_was_to_be_ignored_is_ignored(project: Project, faulty_index: Index) -> None:
    environments.write(project, core=["alpha"])
    faulty_index.misbehave("alpha", Fault.HANG)
    process = project.start("sh", "-c", f"trap '' HUP; exec {FUMEHOOD} lock")
    try:
        wait_until(lambda: faulty_index.requests("alpha") > 0)
        process.send_signal(signal.SIGHUP)
        faulty_index.heal()
        _, stderr = process.communicate(timeout=30)
    finally:
        kill(process)
    assert process.returncode == 0, stderr


WAITING = """\
import os, pathlib, subprocess, time

def test_it():
    child = subprocess.Popen(["sleep", "100"])
    pathlib.Path("pids").write_text(f"{os.getpid()} {child.pid} ")
    time.sleep(100)
"""


def test_a_terminal_that_goes_away_takes_the_tests_with_it(project: Project) -> None:
    environments.write(project, bare=False)
    project.write({"experiments/a/test_a.py": WAITING})
    project.noxfile()
    process = project.start(sys.executable, "-m", "nox", "-s", "exp-a")
    pids = project.root / "pids"
    try:
        wait_until(lambda: pids.exists() and pids.read_text().endswith(" "))
        os.killpg(process.pid, signal.SIGHUP)
        process.communicate(timeout=30)
    finally:
        kill(process)
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not alive(pid))  # type: ignore[misc]  # mypy cannot infer it


@needs_full
def test_tests_do_not_fail_for_output_that_nobody_can_take(project: Project) -> None:
    environments.write(project, bare=False)
    project.write({"experiments/a/test_a.py": "def test_it():\n    pass\n"})
    project.noxfile()
    nox = f"{shlex.quote(sys.executable)} -m nox --nocolor -s exp-a"
    outcome = project.run("sh", "-c", f"{nox} > /dev/full").assert_ok()
    assert "nox > experiments/a: 1 passed\nnox > Session exp-a was successful" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("name", ["re", "tempfile"])
def test_processes_that_help_to_read_import_nothing_from_the_repository(project: Project, name: str) -> None:
    environments.write(project, core=["alpha"])
    project.write({f"src/core/m{number}.py": "import os\n" for number in range(500)})
    project.write({f"{name}.py": "import pathlib\npathlib.Path('imported').touch()\n"})
    as_installed = "import sys; sys.path.pop(0); sys.argv[0] = 'fumehood'; from fumehood.__main__ import main; main()"
    outcome = project.run(sys.executable, "-c", as_installed, "check").assert_ok()
    assert outcome.stderr == ""
    assert not (project.root / "imported").exists()
    assert not list(project.root.rglob("__pycache__"))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def members(group: int) -> list[str]:
    """What still runs in a process group, or in a session that one of it has begun."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and str(group) in fields[2:4]:
            found.append(status.parent.name)
    return found
