"""Tests and builds end with what runs them, whatever ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from support.project import kill, wait_until_gone

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

pytestmark = pytest.mark.usefixtures("shared_cache")

HANGING = """\
import os, pathlib, subprocess, sys, time
import pytest

@pytest.fixture
def service():
    yield
    pathlib.Path("torn-down").touch()

@pytest.mark.gpu
def test_hangs(service):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    nox = subprocess.check_output(["ps", "-o", "ppid=", "-p", str(os.getppid())], text=True)
    pathlib.Path("pids.new").write_text(f"{os.getpid()} {child.pid} {nox}")
    os.replace("pids.new", "pids")
    time.sleep(100)
"""


@pytest.fixture
def lab(project: Project, tmp_path: Path) -> Project:
    project.write(
        {
            "requirements.txt": "",
            "experiments/one/requirements.txt": "",
            "experiments/one/test_one.py": HANGING,
            "experiments/two/requirements.txt": "",
            "experiments/two/test_two.py": "def test_it():\n    pass\n",
        }
    )
    project.noxfile()
    project.env["FUMEHOOD_GPUS"] = "1xT"
    project.env["TMPDIR"] = str(tmp_path / "scratch")  # where simulated GPUs are leased: none of another test's
    (tmp_path / "scratch").mkdir()
    return project


def pids(lab: Project) -> list[int]:
    """The processes that hang, and nox, once they do."""
    deadline = time.monotonic() + 60
    while not (lab.root / "pids").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return list(map(int, (lab.root / "pids").read_text().split()))


def end(process: subprocess.Popen[str], how: str) -> None:
    if how == "unheard":
        assert process.stdout is not None
        process.stdout.close()
    elif how.endswith(" of all"):
        os.killpg(process.pid, signal.Signals[how.removesuffix(" of all")])
    else:
        process.send_signal(signal.Signals[how])


@pytest.mark.parametrize(
    ("how", "command", "is_torn_down"),
    [
        ("SIGTERM", ("nox", "-s", "exp-one"), True),
        ("SIGKILL", ("nox", "-j", "2", "-t", "exp"), True),
        ("unheard", ("nox", "-s", "exp-one"), True),
        ("SIGTERM of all", ("nox", "-s", "exp-one"), True),
        ("SIGKILL of all", ("nox", "-s", "exp-one"), False),
        ("SIGKILL", ("fumehood", "run", "one"), True),
    ],
)
def test_tests_end_with_what_runs_them(lab: Project, how: str, command: tuple[str, ...], *, is_torn_down: bool) -> None:
    process = lab.start(sys.executable, "-m", *command)
    try:
        running = pids(lab)
        end(process, how)
        for pid in running:
            if pid != process.pid:
                wait_until_gone(pid)
        process.wait(60)
    finally:
        kill(process)
    assert (lab.root / "torn-down").exists() is is_torn_down
    # Nobody holds the GPU or the environment any longer.
    lab.write({"experiments/one/test_one.py": HANGING.partition("    child")[0] + "    pass\n"})
    assert "waiting" not in lab.nox("-s", "exp-one").assert_ok().stderr
    # Nor does anything stay that was for the session.
    lab.fumehood("env", "gc").assert_ok()
    files = (path for path in (lab.root / ".nox/.fumehood").rglob("*") if path.is_file())
    left = {path.name for path in files if "-two." not in path.name}
    assert left == {"exp-one.fence", "exp-one.lease", "exp-one.jsonl", "exp-one.xml", ".lock"}


BUILD_SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BUILDING = """\
import os, subprocess, time

child = subprocess.Popen(["sleep", "100"])
with open(os.environ["PIDS"] + ".new", "w") as file:
    file.write(f"{os.getppid()} {os.getpid()} {child.pid}")
os.replace(file.name, os.environ["PIDS"])
time.sleep(100)
"""


@pytest.mark.parametrize(
    ("how", "command", "timeout"),
    [
        ("SIGTERM", ("nox", "-s", "exp-one"), ""),
        ("SIGTERM", ("nox", "-s", "exp-one"), "5m"),
        ("SIGHUP", ("nox", "-s", "exp-one"), ""),
        ("unheard", ("nox", "-s", "exp-one"), ""),
        ("SIGKILL", ("nox", "-j", "2", "-t", "exp"), ""),
        ("SIGTERM", ("fumehood", "lock"), ""),
        ("SIGKILL", ("fumehood", "run", "one"), ""),
    ],
)
def test_a_build_ends_with_what_waits_for_it(
    lab: Project, tmp_path: Path, how: str, command: tuple[str, ...], timeout: str
) -> None:
    lab.write({"local/pyproject.toml": BUILD_SYSTEM, "local/backend.py": BUILDING})
    lab.write({"experiments/one/requirements.txt": "./local\n"})
    lab.write({"experiments/one/experiment.toml": f'timeout = "{timeout}"\n' if timeout else ""})
    process = lab.start(sys.executable, "-m", *command, env={"PIDS": f"{lab.root}/pids"})
    running: list[int] = []
    try:
        running = pids(lab)
        end(process, how)
        for pid in running:
            wait_until_gone(pid, 3)
    finally:
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        kill(process)
    assert process.returncode == (-signal.SIGKILL if how == "SIGKILL" else 130)
    # nox itself leaves some of its own, and nobody is there to remove that of a run that was killed.
    assert not [
        path for path in (tmp_path / "scratch").glob("fumehood-*") if how != "SIGKILL" or "-run-" not in path.name
    ]
    assert not (lab.root / ".nox/exp-one").exists()


def test_tests_that_a_shell_runs_in_the_background_hear_their_timeout_and_no_interrupt(lab: Project) -> None:
    lab.write({"experiments/one/experiment.toml": 'timeout = "4s"\n'})
    process = lab.start("sh", "-c", f"trap '' INT; exec {sys.executable} -m nox -s exp-one")
    try:
        running = pids(lab)
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        kill(process)
    assert "the tests were not done after 4s; all that they had started was ended" in stderr
    for pid in running:
        wait_until_gone(pid)
    assert (lab.root / "torn-down").exists()


def test_output_gets_through_a_pipe_that_never_waits(lab: Project) -> None:
    lab.write({"experiments/two/test_two.py": "def test_it():\n    print('x' * 1_000_000)\n"})
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [sys.executable, "-m", "nox", "-s", "exp-two", "--", "-s"]
    with subprocess.Popen(command, cwd=lab.root, env=lab.env, stdout=writer, stderr=subprocess.DEVNULL) as process:
        os.close(writer)
        time.sleep(2)  # until it is full
        with open(reader, "rb") as file:
            said = file.read()
        assert process.wait(timeout=60) == 0
    assert said.count(b"x") > 1_000_000
    assert b"1 passed" in said
