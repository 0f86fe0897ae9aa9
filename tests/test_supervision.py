"""Tests end with the nox that runs them, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from support.project import kill, wait_until_gone

if TYPE_CHECKING:
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
    pathlib.Path("pids.new").write_text(f"{os.getpid()} {child.pid}")
    os.replace("pids.new", "pids")
    time.sleep(100)
"""


@pytest.fixture
def lab(project: Project) -> Project:
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
    project.env["FUMEHOOD_GPUS"] = f"1xT{os.getpid()}"
    return project


def pids(lab: Project) -> list[int]:
    """The processes of the tests that hang, once they do."""
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
    ("how", "arguments", "is_torn_down"),
    [
        ("SIGTERM", ("-s", "exp-one"), True),
        ("SIGKILL", ("-j", "2", "-t", "exp"), True),
        ("unheard", ("-s", "exp-one"), True),
        ("SIGTERM of all", ("-s", "exp-one"), True),
        ("SIGKILL of all", ("-s", "exp-one"), False),
    ],
)
def test_tests_end_with_the_nox_that_runs_them(
    lab: Project, how: str, arguments: tuple[str, ...], *, is_torn_down: bool
) -> None:
    process = lab.start(sys.executable, "-m", "nox", *arguments)
    try:
        running = pids(lab)
        end(process, how)
        for pid in running:
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
