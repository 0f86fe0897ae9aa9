"""`fumehood lock` when something is in the way: a conflict, a failing world and a wrong file never look alike."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from support.answers import PLAIN
from support.index import Fault, Index
from support.privileges import without_privileges
from support.wheels import Sdist, Wheel, build_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.index import Kind
    from support.project import Project

IMPATIENT = {"UV_HTTP_TIMEOUT": "1"}
WORDS = "the requirements cannot hold together"


@pytest.fixture
def repository(project: Project, private_uv_cache: Path) -> Project:
    """One experiment that needs transformers, and through it tokenizers; one that needs neither."""
    assert not private_uv_cache.exists()
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "alpha\n",
            "experiments/bad/requirements.txt": "delta-lib\ntransformers\n",
            "experiments/good/requirements.txt": "reader\n",
        }
    )
    return project


def unwrapped(text: str) -> str:
    """With uv's sentences in one line, as they are where the terminal is wide."""
    return re.sub(r"\n  \| {10}(?!And )", " ", text)


@pytest.mark.parametrize(
    ("fault", "on"),
    [
        (Fault.STATUS_500, "page"),
        (Fault.STATUS_403, "page"),
        (Fault.HANG, "page"),
        (Fault.TRUNCATED, "page"),
        (Fault.GARBAGE, "page"),
        (Fault.VANISHED, "page"),
        (Fault.GARBAGE, "metadata"),
        (Fault.VANISHED, "metadata"),
    ],
)
def test_a_failing_registry_is_no_conflict_and_stops_only_who_needs_it(
    repository: Project, faulty_index: Index, fault: Fault, on: Kind
) -> None:
    repository.write({"experiments/direct/requirements.txt": "tokenizers>=0.21\n"})
    faulty_index.misbehave("tokenizers", fault, on=on)
    outcome = repository.fumehood("lock", env=IMPATIENT).assert_exit(3)
    said = [line for line in outcome.stderr.splitlines() if not line.startswith(" ")]
    for name, line in zip(("bad", "direct"), said, strict=True):
        places = (f"experiments/{name}: ", f"experiments/{name}/requirements.txt:1: experiments/{name}: ")
        assert line.startswith(tuple(f"{place}not decided, because " for place in places))
    assert outcome.stderr.count("\n  | error: ") == 2
    assert outcome.stdout == (
        "requirements.lock: written, 1 pin\nexperiments/good/requirements.lock: written, 1 pin on top of core\n"
    )
    faulty_index.heal()
    assert repository.fumehood("lock").assert_ok().stderr == ""


def test_a_name_that_no_registry_knows_is_said_with_its_line(repository: Project) -> None:
    repository.write({"experiments/bad/requirements.txt": "delta-lib\n\nreqeusts  # misspelt\n"})
    assert unwrapped(repository.fumehood("lock").assert_exit(3).stderr) == (
        "experiments/bad/requirements.txt:3: experiments/bad: not decided, because no registry in use offers reqeusts\n"
        "  | error: No solution found when resolving dependencies\n"
        "  |   cause: Because reqeusts was not found in the package registry and you require reqeusts, we can conclude"
        " that your requirements are unsatisfiable.\n"
        "  → correct the name, or name the registry that has it with --extra-index-url; pin what was yanked with ==\n"
    )


def test_a_registry_that_refuses_is_no_misspelt_name(repository: Project, faulty_index: Index) -> None:
    repository.write({"experiments/bad/requirements.txt": "delta-lib\ntokenizers>=0.21\n"})
    for fault, said in (
        (Fault.STATUS_401, "An index URL ({}) could not be queried due to a lack of valid authentication credentials"),
        (Fault.STATUS_403, "An index ({}) returned a 403 Forbidden error."),
    ):
        faulty_index.misbehave("tokenizers", fault, on="page")
        first, *quoted, last = repository.fumehood("lock", "bad").assert_exit(3).stderr.splitlines()
        assert first == (
            "experiments/bad/requirements.txt:2: experiments/bad: not decided, because a registry in use refuses to"
            " say what it has of tokenizers"
        )
        assert quoted[-1].startswith(f"  | hint: {said.format(faulty_index.url)}")
        assert last == (
            "  → check the registry's address, the credentials for it, and what a proxy on the way to it allows"
        )


def test_a_package_whose_versions_were_all_yanked_is_said_not_to_be_offered(project: Project, own: Path) -> None:
    build_all([Wheel(name="gone", version=version, yanked=True) for version in ("1.0", "1.1")], own)
    project.write({"requirements.txt": "", "experiments/a/requirements.txt": "gone\n"})
    assert unwrapped(project.fumehood("lock").assert_exit(3).stderr) == (
        "experiments/a/requirements.txt:1: experiments/a: not decided, because no registry in use offers gone\n"
        "  | error: No solution found when resolving dependencies\n"
        "  |   cause: Because all versions of gone were yanked and you require gone, we can conclude that your"
        " requirements are unsatisfiable.\n"
        "  → correct the name, or name the registry that has it with --extra-index-url; pin what was yanked with ==\n"
    )
    project.write({"experiments/a/requirements.txt": "gone==1.0\n"})
    project.fumehood("lock").assert_ok()


def test_an_address_that_cannot_be_had_is_said_with_its_line(repository: Project, tmp_path: Path) -> None:
    address = f"git+file://{tmp_path}/nowhere.git"
    repository.write({"experiments/bad/requirements.txt": f"delta-lib\nthing @ {address}\n"})
    outcome = repository.fumehood("lock").assert_exit(3)
    first, *quoted, remedy = outcome.stderr.splitlines()
    assert first == (
        f"experiments/bad/requirements.txt:2: experiments/bad: not decided, because thing @ {address} cannot be had"
    )
    assert {line[:4] for line in quoted} == {"  | "}
    assert remedy == "  → make the address reachable from here, or remove the line"


def test_a_password_in_an_address_is_not_said(repository: Project) -> None:
    repository.env.update(WORD="hunter2")
    line = "thing @ git+http://reader:${WORD}@127.0.0.1:9/thing.git"
    repository.write({"experiments/bad/requirements.txt": "delta-lib\n"})
    repository.fumehood("lock").assert_ok()
    repository.write({"experiments/bad/requirements.txt": f"delta-lib\n{line}\n"})
    shown = line.replace("reader:${WORD}", "****")
    stale = repository.fumehood("lock", "--check", "bad").assert_exit(1).stderr
    assert stale == (
        f"experiments/bad/requirements.txt:2: {shown} is not in the lock\n"
        "  → run `fumehood lock` and commit what it writes\n"
    )
    said = repository.fumehood("lock", "bad").assert_exit(3).stderr
    first = f"experiments/bad/requirements.txt:2: experiments/bad: not decided, because {shown} cannot be had"
    assert said.splitlines()[0] == first
    assert "hunter2" not in said


def test_a_path_counts_from_the_top_of_the_repository(repository: Project) -> None:
    project = '[project]\nname = "lib"\nversion = "1"\n[build-system]\nrequires = []\n'
    repository.write({"experiments/bad/lib/pyproject.toml": project})
    repository.write({"experiments/bad/requirements.txt": "-e ./lib\n"})
    assert repository.fumehood("lock", "bad").assert_exit(3).stderr == (
        "experiments/bad/requirements.txt:1: experiments/bad: not decided, because ./lib cannot be had\n"
        f"  | error: Distribution not found at: file://{repository.root}/lib\n"
        "  → correct the path, which counts from the top of the repository\n"
    )
    repository.write({"experiments/bad/requirements.txt": "-e ./experiments/bad/lib\n"})
    repository.fumehood("lock", "bad").assert_ok()
    assert (repository.root / "experiments/bad/requirements.lock").read_text().endswith("\n-e ./experiments/bad/lib\n")
    repository.fumehood("lock", "bad", "--check").assert_ok()


def test_an_editable_checkout_is_locked_to_its_commit(repository: Project, tmp_path: Path) -> None:
    library = tmp_path / "library"
    files = {"pyproject.toml": '[project]\nname = "lib"\nversion = "1"\n', "lib.py": ""}
    elsewhere = replace(repository, root=library)
    library.mkdir()
    elsewhere.write(files)
    elsewhere.git("init", "--quiet", "--initial-branch", "main")
    commit = elsewhere.commit()
    repository.write(
        {
            "experiments/bad/requirements.txt": f"-e git+file://{library}#egg=lib\nbeta\n-c limits.txt\n",
            "experiments/bad/limits.txt": "beta<2\n",
        }
    )
    repository.fumehood("lock", "bad").assert_ok()
    lock = (repository.root / "experiments/bad/requirements.lock").read_text()
    assert f"\nlib @ git+file://{library}@{commit}" in lock
    assert "\nbeta==1.0 " in lock
    repository.fumehood("lock", "bad", "--check").assert_ok()


def test_a_registry_that_nobody_answers_for_is_no_conflict(repository: Project) -> None:
    outcome = repository.fumehood("lock", env={"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}).assert_exit(3)
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("core: not decided, because uv could not finish\n  | error: ")
    for offline in (["--offline"], []):
        outcome = repository.fumehood("lock", *offline, env={"UV_OFFLINE": "" if offline else "1"}).assert_exit(3)
        assert outcome.stderr.startswith("core: not decided, because uv's cache alone does not tell\n  | error: ")
        assert outcome.stderr.endswith("\n  → run it again with the network\n")


def test_a_conflict_quotes_uv_and_names_the_files(repository: Project) -> None:
    repository.write(
        {
            "requirements.txt": "alpha>=2\n",
            "experiments/bad/requirements.txt": "-r more/requirements.txt\n",
            "experiments/bad/more/requirements.txt": "gamma\n",
        }
    )
    outcome = repository.fumehood("lock").assert_exit(1)
    assert unwrapped(outcome.stderr) == (
        "experiments/bad: the requirements cannot hold together\n"
        "  | error: No solution found when resolving dependencies\n"
        "  |   cause: Because all versions of gamma depend on alpha<2 and you require alpha>=2, we can conclude that"
        " your requirements and all versions of gamma are incompatible.\n"
        "  |          And because you require gamma, we can conclude that your requirements are unsatisfiable.\n"
        "  → relax one of the lines that uv names; they stand in experiments/bad/more/requirements.txt,"
        " requirements.txt; see `fumehood explain experiments/bad`\n"
    )
    assert "experiments/good/requirements.lock: written" in outcome.stdout


def test_lines_that_cannot_hold_together_are_a_conflict_whatever_the_way(repository: Project) -> None:
    (repository.root / "experiments/bad/requirements.txt").unlink()
    ways = {
        "a": "alpha==9\n",
        "b": "for-new-python\n",
        "c": "beta<2\nalpha<1\n",
        "d": "transformers>=5\ntokenizers<0.22\n",
        "e": "torchvision==0.20.0\ntorch>=2.7\n",
        "f": "needs-old-alpha\nbeta>=2\n",
    }
    repository.write({f"experiments/{name}/requirements.txt": lines for name, lines in ways.items()})
    outcome = repository.fumehood("lock").assert_exit(1)
    for name in ways:
        assert f"experiments/{name}: {WORDS}\n  | error: No solution found" in outcome.stderr
    assert repository.fumehood("lock").assert_exit(1).stderr == outcome.stderr


def test_a_conflict_and_a_failing_registry_are_told_apart_in_one_run(repository: Project, faulty_index: Index) -> None:
    repository.write({"requirements.txt": "alpha>=2\n", "experiments/clash/requirements.txt": "gamma\n"})
    faulty_index.misbehave("transformers", Fault.STATUS_500)
    outcome = repository.fumehood("lock", "--json").assert_exit(3)
    failed = {one["name"]: one["message"].splitlines()[0] for one in json.loads(outcome.stdout)["failed"]}
    assert failed == {
        "experiments/bad": "experiments/bad: not decided, because uv could not finish",
        "experiments/clash": f"experiments/clash: {WORDS}",
    }


def test_a_package_that_does_not_build_is_no_conflict(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "own-wheels"
    folder.mkdir()
    build_all(
        [
            Sdist(name="unbuildable", version="1.0", fails="metadata"),
            Wheel(name="on-it", version="1.0", requires=("unbuildable",)),
        ],
        folder,
    )
    project.write({"pyproject.toml": PLAIN, "requirements.txt": "", "experiments/a/requirements.txt": "on-it\n"})
    project.write({"experiments/b/requirements.txt": "unbuildable\n"})
    with Index(folder) as index:
        outcome = project.fumehood("lock", env={"UV_DEFAULT_INDEX": index.url}).assert_exit(3)
    for name in "ab":
        start = f"experiments/{name}: not decided, because uv could not finish\n  | error: Failed to build "
        assert start in outcome.stderr
    assert WORDS not in outcome.stderr


def test_mistakes_in_files_are_all_said_and_stop_only_their_experiment(repository: Project) -> None:
    repository.write(
        {
            "experiments/bad/requirements.txt": "alpha =>1\n\n--nonsense\n",
            "experiments/binary/requirements.txt": b"alpha\n\x00\x01\n",
            "experiments/large/requirements.txt": b"# large\n" * 1_400_000,
            "experiments/cycle/requirements.txt": "-r other.txt\n",
            "experiments/cycle/other.txt": "alpha\n-r requirements.txt\n",
            "experiments/folder/requirements.txt/file": "",
            "experiments/wrong/experiment.toml": "state = 1\n",
        }
    )
    outcome = repository.fumehood("lock").assert_exit(2)
    assert "experiments/good/requirements.lock: written, 1 pin on top of core\n" in outcome.stdout
    said = [line for line in outcome.stderr.splitlines() if not line.startswith(" ")]
    assert [line.partition(": ")[0] for line in said] == [
        "experiments/bad/requirements.txt:1",
        "experiments/bad/requirements.txt:3",
        "experiments/binary/requirements.txt:2",
        "experiments/cycle/other.txt:2",
        "experiments/folder/requirements.txt",
        "experiments/large/requirements.txt",
        "experiments/wrong/experiment.toml:1",
    ]


def test_core_s_own_mistake_stops_everything(repository: Project) -> None:
    repository.write({"requirements.txt": "alpha\n-r missing.txt\n"})
    outcome = repository.fumehood("lock").assert_exit(2)
    assert outcome.stdout == ""
    assert outcome.stderr == (
        "requirements.txt:2: 'missing.txt' does not exist\n  → correct the path, or add the file\n"
    )


def test_requires_python_that_means_nothing_is_said_with_its_line(repository: Project) -> None:
    for written, what in (("3.11 or so", "which is no version specifier"), (">=4", "which admits no Python 3")):
        project = f'[project]\nname = "x"\nversion = "1"\nrequires-python = "{written}"\n'
        repository.write({"pyproject.toml": project})
        outcome = repository.fumehood("lock").assert_exit(2)
        assert outcome.stderr == (
            f"pyproject.toml:4: requires-python is '{written}', {what}\n  → write a specifier such as \">=3.11\"\n"
        )


def test_a_lock_that_a_link_leads_out_of_the_repository_is_not_written(repository: Project, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "file"
    lock = repository.root / "experiments/good/requirements.lock"
    lock.symlink_to(outside)
    refused = (
        "experiments/good/requirements.lock: leads out of the repository\n"
        "  → put a file in the place of the symbolic link\n"
    )
    assert repository.fumehood("lock", "good").assert_exit(2).stderr == refused
    assert not outside.parent.exists()
    outside.parent.mkdir()
    outside.write_text("precious\n")
    assert repository.fumehood("lock", "good").assert_exit(2).stderr == refused
    assert outside.read_text() == "precious\n"

    inside = repository.root / "experiments/good/real.lock"
    lock.unlink()
    lock.symlink_to(inside)
    repository.fumehood("lock", "good").assert_ok()
    assert lock.is_symlink()
    assert inside.read_text().startswith("# What this experiment adds")


def test_a_lock_that_cannot_be_read_is_said(repository: Project) -> None:
    repository.write({"experiments/bad/requirements.lock/file": ""})
    for command in (["lock"], ["lock", "--check", "bad"]):
        assert repository.fumehood(*command).exit_code == 2
    outcome = repository.fumehood("lock", "bad").assert_exit(2)
    assert outcome.stderr == (
        "experiments/bad/requirements.lock: cannot be read: Is a directory\n  → make it readable, or remove it\n"
    )


def test_a_named_pipe_in_the_place_of_a_lock_is_replaced(repository: Project) -> None:
    os.mkfifo(repository.root / "requirements.lock")
    assert repository.fumehood("lock", "good", timeout=30).assert_ok().stdout.startswith("requirements.lock: written, ")
    assert (repository.root / "requirements.lock").is_file()


def test_locks_with_the_line_ends_of_windows_are_as_good_and_stay_as_they_are(repository: Project) -> None:
    repository.fumehood("lock", "good").assert_ok()
    locks = [repository.root / "requirements.lock", repository.root / "experiments/good/requirements.lock"]
    for lock in locks:
        lock.write_bytes(lock.read_bytes().replace(b"\n", b"\r\n"))
    before = [lock.read_bytes() for lock in locks]
    said = "requirements.lock: unchanged, 1 pin\nexperiments/good/requirements.lock: unchanged, 1 pin on top of core\n"
    for arguments in (["lock", "good"], ["lock", "--check", "good"]):
        assert repository.fumehood(*arguments).assert_ok().stdout == said
    assert [lock.read_bytes() for lock in locks] == before


@pytest.fixture
def read_only(repository: Project) -> Iterator[tuple[str, ...]]:
    """The checkout made read-only, and the words that start a program which may not write there all the same."""
    prefix = without_privileges()
    folders = [
        path for path in [repository.root, *repository.root.rglob("*")] if path.is_dir() and ".git" not in path.parts
    ]
    for folder in folders:
        folder.chmod(0o555)
    yield prefix
    for folder in folders:
        folder.chmod(0o755)


def test_a_read_only_checkout_is_checked_and_not_written_to(
    repository: Project, read_only: tuple[str, ...], tmp_path: Path
) -> None:
    fumehood = (*read_only, sys.executable, "-m", "fumehood")
    cache = {"FUMEHOOD_CACHE": str(tmp_path / "cache")}
    assert repository.run(*fumehood, "list", env=cache).assert_ok().stderr == ""
    outcome = repository.run(*fumehood, "lock", env=cache).assert_exit(3)
    assert outcome.stderr.startswith(f"writing {repository.root}/requirements.lock failed: Permission denied ")
    outcome = repository.run(*fumehood, "lock", "--check", env=cache).assert_exit(1)
    assert outcome.stderr.startswith("requirements.lock is missing\n")
    assert not list(repository.root.rglob("*.lock"))
