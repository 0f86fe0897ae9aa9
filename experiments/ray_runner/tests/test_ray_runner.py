"""Sessions on a real local Ray."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest
from ray_runner.cluster import connected
from ray_runner.runner import run

from fumehood.errors import WorldError
from fumehood.extensions import SessionCall
from fumehood.testing.gpu_values import GpuNeeds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fumehood.extensions import SessionResult

HERE = platform.node()


def call(root: Path, name: str, gpus: int = 0) -> SessionCall:
    needs = GpuNeeds(count=gpus) if gpus else None
    return SessionCall(session=f"exp-{name}", experiment=name, root=root, gpus=needs)


def results(*calls: SessionCall, jobs: int | None = None) -> dict[str, SessionResult]:
    return {result.session: result for result in run(calls, jobs=jobs)}


def test_a_cluster_that_is_not_there_is_an_error_that_names_it() -> None:
    # Before any other test: a process that is connected to a cluster looks for no other.
    with pytest.raises(WorldError) as error, connected({"RAY_ADDRESS": "127.0.0.1:1"}):
        pass
    assert str(error.value) == (
        "there is no using the Ray cluster RAY_ADDRESS=127.0.0.1:1\n"
        "  | [Errno 111] Connection refused\n"
        "  → start one with this environment's own `ray start --head`, or unset it to use this machine alone"
    )


@pytest.mark.usefixtures("cluster")
def test_sessions_pass_fail_and_are_skipped(repository: Path) -> None:
    found = results(*(call(repository, name) for name in ("good", "bad", "idle")), jobs=2)
    assert {session: result.status for session, result in found.items()} == {
        "exp-good": "passed",
        "exp-bad": "failed",
        "exp-idle": "skipped",
    }
    assert {result.host for result in found.values()} == {HERE}
    assert "something is wrong" in found["exp-bad"].output
    assert 0 < found["exp-good"].seconds < 60


@pytest.mark.usefixtures("cluster")
def test_a_worker_that_dies_is_a_failure_that_names_the_node(repository: Path) -> None:
    found = results(call(repository, "deadly"), call(repository, "good"))
    assert found["exp-good"].status == "passed"
    dead = found["exp-deadly"]
    assert (dead.status, dead.host) == ("failed", HERE)
    assert dead.output.startswith(
        f"exp-deadly was lost on {HERE}: The worker died unexpectedly while executing this task."
    )


@pytest.mark.usefixtures("cluster")
def test_a_session_gets_the_gpus_that_its_tests_need(repository: Path) -> None:
    found = results(call(repository, "good", gpus=1), call(repository, "greedy", gpus=4))
    one, all_ = found["exp-good"].output, found["exp-greedy"].output
    assert any(f"sees the GPUs {number}\n" in one for number in (0, 1)), one
    assert all_.startswith("exp-greedy needs 4 GPUs; no node of the cluster has more than 2, so it gets 2\n")
    assert "sees the GPUs 0,1\n" in all_


@pytest.mark.usefixtures("cluster")
def test_results_come_as_sessions_end(repository: Path) -> None:
    arriving = run((call(repository, "patient"), call(repository, "good")), jobs=None)
    assert next(arriving).session == "exp-good"
    (repository / "go").touch()
    assert [result.status for result in arriving] == ["passed"]


@pytest.mark.usefixtures("cluster")
def test_an_interrupted_run_leaves_no_session_behind(repository: Path) -> None:
    arriving = run((call(repository, "patient"), call(repository, "good")), jobs=None)
    next(arriving)
    file = repository / "patient.pid"
    wait_until(file.exists)
    wait_until(lambda: file.read_text() != "")
    arriving.close()  # type: ignore[attr-defined]  # it is a generator, as fumehood closes those
    wait_until(lambda: not alive(int(file.read_text())))


@pytest.mark.usefixtures("cluster")
def test_a_repository_that_the_node_does_not_see_is_said_so(tmp_path: Path) -> None:
    found = results(call(tmp_path / "elsewhere", "good"))["exp-good"]
    assert (found.status, found.host) == ("failed", HERE)
    assert found.output == (
        f"{HERE} does not see {tmp_path}/elsewhere/noxfile.py: "
        "the repository has to be on a path that all nodes share\n"
    )


def test_fumehood_runs_sessions_on_the_cluster_that_is_named(cluster: str, repository: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "fumehood", "--root", str(repository), "run", "--runner", "ray"],
        env={**os.environ, "RAY_ADDRESS": cluster, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1, outcome.stderr
    lines = [line.split()[:2] for line in outcome.stdout.splitlines()]
    assert lines == [["session", "status"], ["exp-bad", "failed"], ["exp-good", "passed"], [], ["1", "passed,"]]
    assert "something is wrong" in outcome.stderr


def test_the_entry_point_is_found_in_this_environment() -> None:
    (point,) = entry_points(group="fumehood.runners", name="ray")
    assert point.load() is run


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
