"""Many at once: one builds and all succeed, and nothing changes under a test that is running."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

from support import environments
from support.project import kill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import Popen

    from support.project import Project

BUILD = (sys.executable, "-m", "fumehood", "env", "build")
NOX = (sys.executable, "-m", "nox", "--nocolor", "-s", "exp-a")

WAITING_TEST = """\
import os, time
from pathlib import Path

import alpha, beta, gamma

HERE = Path(__file__).parent


def test_that_waits():
    (HERE / f"started-{os.getpid()}").touch()
    deadline = time.monotonic() + 60
    while not (HERE / "go").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
"""


STUBBORN_TEST = WAITING_TEST.replace("import os, time", "import os, signal, time").replace(
    "that_waits():\n", "that_waits():\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
)
"""Goes on for two seconds when its session is killed, as long as it is given to end."""


def test_ten_processes_build_one_environment_once(project: Project) -> None:
    environments.write(project, core=["alpha", "nsone"], a=["delta-lib"])
    processes = [project.start(*BUILD, "a") for _ in range(10)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 10, outputs
    assert sorted(stdout for stdout, _ in outputs) == ["exp-a: built (there is none yet)\n", *["exp-a: reused\n"] * 9]
    waiting = {line for _, stderr in outputs for line in stderr.splitlines() if "hashed" not in line}
    numbers = "|".join(str(process.pid) for process in processes)
    one = rf"process ({numbers}) on {re.escape(socket.gethostname())}"
    assert all(re.fullmatch(rf"waiting for {one}( and {one})* to finish with \S*exp-a", line) for line in waiting), (
        waiting
    )
    assert sorted(environments.layers(project)) == ["alpha,nsone", "delta-lib"]
    assert environments.leftovers(project) == []


def test_processes_that_build_different_environments_share_what_they_have_in_common(project: Project) -> None:
    names = ("a", "b", "c", "d")
    environments.write(project, core=["alpha", "nsone"], experiments=dict.fromkeys(names, ("delta-lib",)))
    processes = [project.start(*BUILD, name) for name in names]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [stdout for stdout, _ in outputs] == [f"exp-{name}: built (there is none yet)\n" for name in names], outputs
    assert sorted(environments.layers(project)) == ["alpha,nsone", "delta-lib"]


def test_processes_that_want_the_same_in_another_order_do_not_wait_for_each_other_for_ever(project: Project) -> None:
    environments.write(project, core=["alpha"], experiments={"a": ["delta-lib"], "b": ["reader"], "c": ["nsone"]})
    orders = ("abc", "cba", "bca", "acb")
    processes = [project.start(*BUILD, "--rebuild", *order) for order in orders]
    outputs = [process.communicate(timeout=90) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(orders), outputs


def test_nothing_changes_under_a_test_that_is_running(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["gamma", "beta"], bare=False)
    project.write({"experiments/a/tests/test_it.py": WAITING_TEST})
    project.noxfile()
    tests = project.root / "experiments/a/tests"
    first, second = project.start(*NOX), project.start(*NOX)
    others: list[Popen[str]] = []
    try:
        # Both run at once, although one of them has waited for the other to build the environment.
        wait_until(lambda: len(list(tests.glob("started-*"))) == 2, first, second)
        environment = environments.folder(project)
        before = snapshot(environment, *environments.layers(project).values())
        project.write({"experiments/a/requirements.txt": "gamma\n"})
        others.append(project.start(*BUILD, "a"))
        collected = project.fumehood("env", "gc", "--older-than", "0").assert_ok()
        assert collected.stdout == "nothing to remove\n"
        time.sleep(1)
        assert others[0].poll() is None
        assert snapshot(environment, *environments.layers(project).values()) == before
        (tests / "go").touch()
        outputs = [process.communicate(timeout=60) for process in (first, second, *others)]
    finally:
        for process in (first, second, *others):
            kill(process)
    assert [process.returncode for process in (first, second, *others)] == [0, 0, 0], outputs
    stdout, stderr = outputs[2]
    assert stdout == (
        "exp-a: rebuilt (experiments/a/requirements.txt changed: beta 1.0 → (gone))\n"
        "  changes 1 of core's pins: alpha 2.0 → 1.1\n"
    )
    here = socket.gethostname()
    numbers = sorted((first.pid, second.pid))
    waited = [line for line in stderr.splitlines() if line.startswith("waiting")]
    holders = re.findall(rf"process (\d+) on {re.escape(here)}", waited[0])
    assert len(waited) == 1
    assert set(map(str, numbers)) <= set(holders)
    assert waited[0].endswith(f" to finish with {environment.name}")
    gone = project.run(environment / "bin/python", "-c", "import beta", env={"PYTHONPATH": ""}).assert_exit(1)
    assert gone.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'beta'"


def test_gc_leaves_alone_what_a_run_holds_even_when_nobody_knows_of_its_environment(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["gamma"], bare=False)
    project.write({"experiments/a/tests/test_it.py": WAITING_TEST.replace("alpha, beta, gamma", "alpha, gamma")})
    project.noxfile()
    tests = project.root / "experiments/a/tests"
    process = project.start(*NOX)
    try:
        wait_until(lambda: len(list(tests.glob("started-*"))) == 1, process)
        shutil.rmtree(environments.cache(project) / "environments")
        assert project.fumehood("env", "gc", "--older-than", "0").assert_ok().stdout == "nothing to remove\n"
        core, delta, view = sorted(environments.layers(project))
        assert (core, view) == ("alpha", "view")
        assert {"alpha", "gamma", "pytest"} < set(delta.split(","))
        (tests / "go").touch()
        output = process.communicate(timeout=60)
        assert process.returncode == 0, output
    finally:
        kill(process)
    removed = project.fumehood("env", "gc", "--older-than", "0").assert_ok().stdout.splitlines()
    assert sorted(line.split()[1] for line in removed) == ["layer", "layer", "view"]
    assert environments.layers(project) == {}
    # The environment finds out, and says so.
    assert project.fumehood("env", "build").assert_ok().stdout.startswith("exp-a: rebuilt (its layer ")


def test_tests_are_undisturbed_until_they_have_followed_the_session_that_was_killed(project: Project) -> None:
    environments.write(project, core=["alpha"], a=["gamma"], bare=False)
    project.write({"experiments/a/tests/test_it.py": STUBBORN_TEST.replace("alpha, beta, gamma", "alpha, gamma")})
    project.noxfile()
    tests = project.root / "experiments/a/tests"
    session = project.start(*NOX)
    try:
        wait_until(lambda: len(list(tests.glob("started-*"))) == 1, session)
        session.kill()
        before = snapshot(environments.folder(project))
        project.write({"experiments/a/requirements.txt": ""})
        rebuild = project.start(*BUILD, "a")
        time.sleep(1)
        assert rebuild.poll() is None
        assert snapshot(environments.folder(project)) == before
        stdout, stderr = rebuild.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(session.pid, signal.SIGKILL)
        session.communicate()
    assert stderr == "waiting for another process to finish with exp-a\n"
    assert stdout.startswith(
        "exp-a: rebuilt (experiments/a/requirements.txt changed: alpha 1.1 → 2.0, gamma 1.0 → (gone)"
    )


def test_gpus_stay_leased_until_the_tests_have_followed_the_session_that_was_killed(project: Project) -> None:
    environments.write(project, core=["alpha"], experiments={"a": ["gamma"], "b": ["gamma"]}, bare=False)
    waiting = STUBBORN_TEST.replace("alpha, beta, gamma", "pytest")
    waiting = waiting.replace("def test_that_waits", "@pytest.mark.gpu\ndef test_that_waits")
    project.write({f"experiments/{name}/tests/test_it.py": waiting for name in ("a", "b")})
    project.noxfile()
    project.fumehood("env", "build").assert_ok()
    a, b = (project.root / f"experiments/{name}/tests" for name in ("a", "b"))
    (b / "go").touch()
    env = {"FUMEHOOD_GPUS": "1xT4", "TMPDIR": str(project.root)}  # where leases are, which other tests want as well
    session = project.start(*NOX, env=env)
    try:
        wait_until(lambda: len(list(a.glob("started-*"))) == 1, session)
        session.kill()
        other = project.start(*NOX[:-1], "exp-b", env=env)
        time.sleep(1)
        assert (other.poll(), list(b.glob("started-*"))) == (None, [])
        _, stderr = other.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(session.pid, signal.SIGKILL)
        session.communicate()
    assert other.returncode == 0
    assert "waiting for them" in stderr


def wait_until(condition: Callable[[], bool], *processes: Popen[str]) -> None:
    """Wait for something that processes are to do; their output is shown if they end, or take too long."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
            for process in processes:
                kill(process)
            raise AssertionError([process.communicate() for process in processes])
        time.sleep(0.02)


def snapshot(*folders: Path) -> dict[str, object]:
    """Every file with what would change if anybody touched it."""
    found: dict[str, object] = {}
    for folder in folders:
        for top, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(top, name)
                status = os.lstat(path)
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                found[path] = (status.st_ino, status.st_mtime_ns, digest)
    return found
