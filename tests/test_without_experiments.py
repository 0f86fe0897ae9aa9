"""``fumehood check --without-experiments``: core's tests in a clone without experiments, and nothing left behind."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from support.project import kill

if TYPE_CHECKING:
    from pathlib import Path

    from support.project import Project

pytestmark = pytest.mark.usefixtures("shared_cache")

CORE = {
    "requirements.txt": "",
    "core/__init__.py": "",
    "core/data.py": "from pathlib import Path\n\nPLACES = Path(__file__).parents[1]\n",
    "experiments/README.md": "# Experiments\n",
    "experiments/one/requirements.txt": "",
    "experiments/one/model.py": "",
    "tests/test_core.py": (
        "from core.data import PLACES\n\n\n"
        "def test_what_is_not_committed_is_there():\n    assert (PLACES / 'new.txt').read_text() == 'changed'\n\n\n"
        "def test_there_are_no_experiments():\n    assert not (PLACES / 'experiments').exists()\n"
    ),
}


@pytest.fixture
def repository(project: Project, tmp_path: Path) -> Project:
    """A core that passes only where its experiments are gone."""
    project.env["TMPDIR"] = str(tmp_path / "scratch")
    (tmp_path / "scratch").mkdir()
    project.write(CORE)
    project.commit()
    project.write({"new.txt": "changed"})
    return project


def state(project: Project) -> dict[str, bytes | None]:
    """Every file of the repository, git's own among them, and of the scratch folder."""
    folders = (project.root, project.root.parent / "scratch")
    return {
        str(path): path.read_bytes() if path.is_file() else None for folder in folders for path in folder.rglob("*")
    }


def test_core_passes_without_its_experiments_and_nothing_is_left_behind(repository: Project) -> None:
    before = state(repository)
    outcome = repository.fumehood("check", "--without-experiments").assert_ok()
    said = outcome.stderr.splitlines()
    assert said[0] == f"copying {repository.root} without 3 files of experiments"
    assert said[1].startswith("core without experiments: passed after ")
    assert outcome.stdout == "1 experiment checked: it fits\n"
    assert state(repository) == before


def test_core_that_needs_an_experiment_fails_with_the_end_of_what_its_tests_said(repository: Project) -> None:
    test = "def test_it():\n    assert Path('experiments/one/model.py').exists(), 'it is gone'\n"
    source = f"from pathlib import Path\n\n\n{test}"
    repository.write({"tests/test_core.py": source})
    before = state(repository)
    outcome = repository.fumehood("check", "--without-experiments").assert_exit(1)
    lines = outcome.stdout.splitlines()
    assert lines[:4] == [
        "core",
        "  tests: error [boundary/core-needs-experiments]",
        "    core's tests fail where there are no experiments",
        lines[3],
    ]
    assert "E       AssertionError: it is gone" in outcome.stdout
    assert lines[-4:] == [
        "    → move what core needs into core; `nox -s core` tells whether they fail with",
        "      the experiments there, too",
        "",
        "1 experiment checked: it fits; core with findings",
    ]
    assert state(repository) == before


def test_core_without_tests_is_a_warning(repository: Project) -> None:
    (repository.root / "tests/test_core.py").unlink()
    outcome = repository.fumehood("check", "--without-experiments").assert_ok()
    assert "core has no tests that ran" in outcome.stdout


def test_a_folder_that_git_does_not_know_and_named_experiments_are_refused(repository: Project) -> None:
    assert repository.fumehood("check", "--without-experiments", "one").assert_exit(2).stderr == (
        "--without-experiments is about core\n  → name no experiments\n"
    )
    (repository.root / ".git").rename(repository.root / "no-git")
    repository.write({"pyproject.toml": "[tool.fumehood]\n"})
    assert "git does not take" in repository.fumehood("check", "--without-experiments").assert_exit(2).stderr


def test_an_interrupt_ends_the_tests_and_leaves_nothing_behind(repository: Project) -> None:
    marker = repository.root.parent / "begun"
    test = f"def test_it():\n    pathlib.Path({str(marker)!r}).touch()\n    time.sleep(60)\n"
    repository.write({"tests/test_core.py": f"import pathlib, time\n\n\n{test}"})
    before = state(repository)
    process = repository.start(sys.executable, "-m", "fumehood", "check", "--without-experiments")
    deadline = time.monotonic() + 60
    while not marker.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    kill(process)
    assert state(repository) == before
