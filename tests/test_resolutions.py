"""Many resolutions at once: what needs none, what is asked once, and what an answer from the cache is good for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from msgspec import Struct, field

from fumehood.locking.answer import answer as resolved
from fumehood.locking.book import LockBook
from fumehood.locking.many import Resolutions
from fumehood.locking.obtain import core_lock
from fumehood.locking.store import LockStore
from fumehood.model.experiment import experiment_target
from fumehood.outside.uv import Uv
from fumehood.repository import open_repository
from support.answers import PLAIN
from support.project import VERSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from fumehood.locking.question import Question
    from support.index import Index
    from support.project import Project


class Heard(Struct):
    """What a run says about how far it is."""

    phases: list[tuple[str, int]] = field(default_factory=list)

    def begin(self, what: str, total: int) -> None:
        self.phases.append((what, total))

    def advance(self, what: str) -> None:
        """Steps are not counted here."""


@pytest.fixture
def repository(project: Project) -> Project:
    project.write({"pyproject.toml": PLAIN, "requirements.txt": "beta\nwithdrawn\n"})
    return project


def questions(project: Project) -> dict[str, Question]:
    """What would be asked for the experiments, on what core resolves to."""
    repository = open_repository(project.root)
    book = LockBook(repository, LockStore(root=project.root, cache=project.root.parent / "cache"), os.environ)
    core, _ = core_lock(book, lambda asked: resolved(Uv(cwd=project.root), asked), None, locked=False)
    return {item.name: book.question(experiment_target(item), core) for item in repository.experiments}


def test_what_core_s_pins_give_already_needs_neither_lock_nor_uv_nor_network(repository: Project) -> None:
    repository.fumehood("lock").assert_ok()
    repository.write(
        {
            "experiments/bound/requirements.txt": "alpha>=1.1 ; python_version >= '3'\nbeta==2.0\n",
            "experiments/empty/requirements.txt": "# nothing yet\n",
            "experiments/limit/requirements.txt": "beta\n-c limits.txt\n",
            "experiments/limit/limits.txt": "alpha<3\n",
        }
    )
    nowhere = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}
    assert repository.fumehood(*VERSIONS, "--offline", env=nowhere).assert_ok().stdout == (
        "3 experiments checked: all fit\n"
    )
    repository.write(
        {
            "experiments/bound/requirements.txt": "alpha[more]\n",
            "experiments/empty/requirements.txt": "delta-lib\n",
            "experiments/limit/requirements.txt": "--pre\nbeta\n",
        }
    )
    outcome = repository.fumehood(*VERSIONS, "--offline", env=nowhere).assert_exit(3)
    assert outcome.stdout == (
        "bound, empty, limit\n"
        "  not decided: its lock is missing or not current, so only resolving could tell\n"
        "\n"
        "3 experiments checked: 3 not decided\n"
    )


def test_experiments_that_differ_only_in_what_core_gives_are_asked_about_once(
    repository: Project, private_uv_cache: Path, tmp_path: Path
) -> None:
    assert not private_uv_cache.exists()
    for name, lines in {
        "first": "delta-lib\n",
        "second": "beta\ndelta-lib\n",
        "third": "alpha>=1\ndelta-lib\n",
        "other": "reader\n",
        "none": "alpha\n",
    }.items():
        repository.write({f"experiments/{name}/requirements.txt": lines})
    asked = questions(repository)
    heard = Heard()
    many = Resolutions(Uv(cwd=repository.root, offline=True), tmp_path, heard)
    assert many.answers(asked.values()).keys() == {"experiments/none"}
    assert heard.phases == [("from uv's cache", 2), ("from uv's cache", 2)]

    heard = Heard()
    many = Resolutions(Uv(cwd=repository.root), tmp_path, heard)
    found = many.answers(asked.values())
    assert {name: [pin.requirement for pin in found[f"experiments/{name}"]] for name in asked} == {
        "first": ["alpha==2.0", "beta==2.0", "delta-lib==1.0", "withdrawn==1.0"],
        "none": ["alpha==2.0", "beta==2.0", "withdrawn==1.0"],
        "other": ["alpha==2.0", "beta==2.0", "reader==1.0", "withdrawn==1.0"],
        "second": ["alpha==2.0", "beta==2.0", "delta-lib==1.0", "withdrawn==1.0"],
        "third": ["alpha==2.0", "beta==2.0", "delta-lib==1.0", "withdrawn==1.0"],
    }
    assert heard.phases == [("from uv's cache", 2), ("with the registry", 2)]
    assert many.failures == {}


def test_one_that_core_moves_away_from_is_asked_about_by_itself(repository: Project, tmp_path: Path) -> None:
    """`first` may lose core's beta 2.0 to gamma; `second` insists on it."""
    repository.write(
        {
            "experiments/first/requirements.txt": "gamma\n",
            "experiments/second/requirements.txt": "beta>=2\ngamma\n",
        }
    )
    asked = questions(repository)
    assert asked["experiments/first".rpartition("/")[2]].key == asked["second"].key
    many = Resolutions(Uv(cwd=repository.root), tmp_path, Heard())
    assert [pin.requirement for pin in many.answers(asked.values())["experiments/first"]] == [
        "alpha==1.1",
        "beta==1.0",
        "gamma==1.0",
        "withdrawn==1.0",
    ]
    assert [str(error).partition("\n")[0] for error in many.failures.values()] == [
        "experiments/second: the requirements cannot hold together"
    ]


def test_an_answer_from_the_cache_proves_that_lines_fit_but_is_not_kept_as_a_lock(
    repository: Project, faulty_index: Index, private_uv_cache: Path, tmp_path: Path
) -> None:
    """Beside beta 1.0, tokenizers is not the newest that the registry has, so uv might choose another tomorrow."""
    assert not private_uv_cache.exists()
    repository.write({"experiments/old/requirements.txt": "transformers<4.51\n"})
    faulty_index.cache_control = "no-cache"
    repository.fumehood(*VERSIONS).assert_ok()
    elsewhere = {"FUMEHOOD_CACHE": str(tmp_path / "elsewhere")}
    for _ in range(2):
        faulty_index.forget_requests()
        repository.fumehood(*VERSIONS, env=elsewhere).assert_ok()
        assert faulty_index.requests("tokenizers", "page") == 1
        assert faulty_index.requests("tokenizers", "metadata") <= 1
    repository.fumehood("check", "--pairs", env=elsewhere).assert_ok()  # Pairs are decided by locks: they are kept.
    faulty_index.forget_requests()
    repository.fumehood(*VERSIONS, env=elsewhere).assert_ok()
    assert faulty_index.requests() == 0


def test_a_repository_that_git_cannot_reach_is_found_out_without_uv(repository: Project) -> None:
    address = "git+file:///nowhere-at-all.git@main#subdirectory=thing"
    repository.write({"experiments/far/requirements.txt": f"delta-lib\nthing @ {address}\n"})
    outcome = repository.fumehood(*VERSIONS).assert_exit(3)
    assert outcome.stdout == (
        "far\n"
        "  not decided: experiments/far/requirements.txt:2: thing @\n"
        f"    {address} cannot be had\n"
        "      | fatal: '/nowhere-at-all.git' does not appear to be a git repository\n"
        "      | fatal: Could not read from remote repository.\n"
        "      | Please make sure you have the correct access rights\n"
        "      | and the repository exists.\n"
        "      → make the address reachable from here, or remove the line\n"
        "\n"
        "1 experiment checked: 1 not decided\n"
    )
    assert outcome.stderr == ""


def test_what_another_experiment_lets_in_is_no_proof_for_those_that_would_not(repository: Project) -> None:
    """A withdrawn version is had by whoever names it exactly, and by nobody else."""
    repository.write({f"experiments/{name}/requirements.txt": "delta-lib\n" for name in ("first", "second", "third")})
    repository.write({"requirements.txt": "alpha\n", "experiments/exact/requirements.txt": "withdrawn==1.1\n"})
    assert repository.fumehood(*VERSIONS).assert_ok().stdout == "4 experiments checked: all fit\n"
    repository.write({"experiments/least/requirements.txt": "withdrawn>=1.1\n"})
    outcome = repository.fumehood(*VERSIONS).assert_exit(1)
    assert outcome.stdout.startswith("least\n  experiments/least/requirements.txt:1: error [conflict/resolved]\n")
    assert outcome.stdout.endswith("\n\n5 experiments checked: 4 fit, 1 in conflict\n")
