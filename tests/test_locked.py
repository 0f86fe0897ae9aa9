"""`--locked`, and environments where locks are committed or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.answers import PLAIN

if TYPE_CHECKING:
    from support.project import Project

LOCKED = "the lock is not current, and --locked forbids resolving: "
TWO_REASONS = (
    "requirements.txt:1: alpha>1.1 does not admit alpha 1.1\n  | requirements.txt:3: gamma is not in the lock\n"
)
ADVICE = "  → run `fumehood lock` and commit what it writes\n"


@pytest.fixture
def repository(project: Project) -> Project:
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "alpha<2\n",
            "experiments/a/requirements.txt": "delta-lib\n",
        }
    )
    return project


def python(repository: Project) -> str:
    return repository.fumehood("env", "path", "a").assert_ok().stdout.strip() + "/bin/python"


def test_locked_refuses_a_lock_that_is_not_current(repository: Project) -> None:
    repository.fumehood("lock").assert_ok()
    repository.fumehood("env", "build", "a", "--locked").assert_ok()
    lines, lock = "experiments/a/requirements.txt", "experiments/a/requirements.lock"
    cases: list[tuple[str, str | None, str]] = [
        (lines, "gamma\n", f"{lines}:1: gamma is not in the lock\n"),
        (lines, "", f"{lock} was made from other requirement lines\n"),
        (lock, None, f"{lock} is missing\n"),
        (lock, "<<<<<<< HEAD\n", f"{lock} has no header of a lock\n"),
        ("requirements.txt", "alpha>1.1\n\ngamma\n", TWO_REASONS),
    ]
    for number, (path, content, reason) in enumerate(cases):
        sound = (repository.root / path).read_bytes()
        if content is None:
            (repository.root / path).unlink()
        else:
            repository.write({path: content})
        before = {file: file.read_bytes() for file in repository.root.rglob("*.lock")}
        arguments, environ = (["--locked"], {"CI": ""}) if number % 2 else ([], {"CI": "1"})
        outcome = repository.fumehood("env", "build", "a", *arguments, env=environ).assert_exit(1)
        assert outcome.stderr.endswith(LOCKED + reason + ADVICE)
        assert {file: file.read_bytes() for file in repository.root.rglob("*.lock")} == before
        repository.write({path: sound})


def test_without_locked_a_stale_lock_is_passed_over_aloud_and_left_alone(repository: Project) -> None:
    repository.fumehood("lock").assert_ok()
    before = (repository.root / "experiments/a/requirements.lock").read_bytes()
    repository.write({"experiments/a/requirements.txt": "delta-lib\nbeta\n"})
    outcome = repository.fumehood("env", "build", "a").assert_ok()
    assert "experiments/a/requirements.txt:2: beta is not in the lock; using fresh pins" in outcome.stderr
    assert (repository.root / "experiments/a/requirements.lock").read_bytes() == before
    # What was resolved then is there, and is still not what is locked.
    outcome = repository.fumehood("env", "build", "a", "--locked").assert_exit(1)
    assert outcome.stderr == f"{LOCKED}experiments/a/requirements.txt:2: beta is not in the lock\n{ADVICE}"
    assert repository.fumehood("env", "build", "a").assert_ok().stdout == "exp-a: reused\n"
    code = "import alpha, beta; print(alpha.__version__, beta.__version__)"
    assert repository.run(python(repository), "-c", code).assert_ok().stdout == "1.1 1.0\n"


def test_where_no_lock_is_committed_ci_resolves_and_writes_nothing_into_the_repository(repository: Project) -> None:
    repository.fumehood("env", "build", "a", "--locked", env={"CI": "1"}).assert_ok()
    assert not [path for path in repository.root.rglob("*.lock") if ".nox" not in path.parts]
    # What was resolved once is remembered: another environment needs no registry.
    repository.fumehood("env", "build", "a", "--rebuild", "--offline", env={"UV_CACHE_DIR": "/nonexistent"}).assert_ok()


def test_a_session_is_locked_where_ci_is_set(repository: Project) -> None:
    repository.write({"pyproject.toml": "", "experiments/a/test_it.py": "def test_it():\n    pass\n"})
    repository.noxfile()
    repository.fumehood("lock").assert_ok()
    repository.nox("-s", "exp-a", env={"CI": "1"}).assert_ok()
    repository.write({"experiments/a/requirements.txt": "delta-lib\nbeta\n"})
    for arguments, ci in ((["--", "--locked"], ""), ([], "1")):
        outcome = repository.nox("-s", "exp-a", *arguments, env={"CI": ci}).assert_exit(1)
        assert f"{LOCKED}experiments/a/requirements.txt:2: beta is not in the lock" in outcome.stderr


def test_a_core_that_moved_under_a_delta_is_proven_by_the_build_and_not_by_resolving(repository: Project) -> None:
    repository.write({"requirements.txt": "alpha==1.0\n", "experiments/a/requirements.txt": "beta==1.0\n"})
    repository.fumehood("lock").assert_ok()
    delta = (repository.root / "experiments/a/requirements.lock").read_bytes()
    repository.write({"requirements.txt": "alpha==1.1\n"})
    repository.fumehood("lock").assert_ok()
    assert (repository.root / "experiments/a/requirements.lock").read_bytes() == delta
    elsewhere = {"FUMEHOOD_CACHE": str(repository.root.parent / "elsewhere"), "CI": "1"}
    repository.fumehood("env", "build", "a", env=elsewhere).assert_ok()
    code = "import alpha; print(alpha.__version__)"
    assert repository.run(python(repository), "-c", code).assert_ok().stdout == "1.1\n"
