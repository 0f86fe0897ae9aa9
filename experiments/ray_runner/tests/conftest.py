"""A real Ray, small and local, and a repository with sessions that need nothing but nox."""

from __future__ import annotations

import logging
import tempfile
from typing import TYPE_CHECKING

import pytest
import ray

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOXFILE = """
import os, pathlib, signal, subprocess, time
import nox

def register(function):
    nox.session(name=f"exp-{function.__name__}", venv_backend="none")(function)

@register
def good(session):
    session.log(f"sees the GPUs {os.environ.get('CUDA_VISIBLE_DEVICES', 'of nobody')}")

@register
def greedy(session):
    session.log(f"sees the GPUs {os.environ.get('CUDA_VISIBLE_DEVICES', 'of nobody')}")

@register
def bad(session):
    session.error("something is wrong")

@register
def idle(session):
    session.skip("nothing to do")

@register
def deadly(session):
    # The worker, of which what supervises nox is a child.
    worker = subprocess.check_output(["ps", "-o", "ppid=", "-p", str(os.getppid())])
    os.kill(int(worker), signal.SIGKILL)
    time.sleep(100)

@register
def patient(session):
    pathlib.Path("patient.pid").write_text(str(os.getpid()))
    while not pathlib.Path("go").exists():
        time.sleep(0.05)
"""


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a cluster with two CPUs and two pretended GPUs, which this process is connected to."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ray-") as folder:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # With authentication, Ray would write a token into the user's home.
        patch.setenv("RAY_AUTH_MODE", "disabled")
        # The GPUs are pretended, so it does not matter that these tests were granted none.
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        ray.init(
            "local",
            num_cpus=2,
            num_gpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=folder,
        )
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with a noxfile and two experiments of the names of its sessions."""
    (tmp_path / "noxfile.py").write_text(NOXFILE)
    for name in ("good", "bad"):
        (tmp_path / "experiments" / name).mkdir(parents=True)
        (tmp_path / "experiments" / name / "requirements.txt").write_text("")
    return tmp_path
