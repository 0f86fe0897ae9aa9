"""What is asked with cannot be used: said so, and never taken for a conflict.

A uv or a git that is missing, cannot be started, or is another program; a damaged clone; no room for questions.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.answers import PLAIN
from support.disks import small_disk
from support.project import VERSIONS

if TYPE_CHECKING:
    from support.project import Project

NO_PROGRAM = "not a program\n"
OTHER = "#!/bin/sh\necho \"error: unexpected argument '--universal' found\" >&2\nexit 2\n"
ANEW = "→ reinstall fumehood, which brings uv along\n"


@pytest.fixture
def repository(project: Project) -> Project:
    """One experiment that has to be resolved, and one that comes from a Git repository too."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "alpha\n",
            "experiments/old/requirements.txt": "thing @ git+https://localhost/thing.git\n",
            "experiments/plain/requirements.txt": "gamma\n",
        }
    )
    return project


@pytest.fixture
def python(repository: Project, tmp_path: Path) -> Path:
    """An interpreter that can import all that this one can, uv's module too, without the program beside it."""
    if (Path(sys.base_prefix) / "bin" / "uv").exists():
        pytest.skip("the interpreter itself brings uv along")
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=True, with_pip=False)
    places = []
    for name in ("uv", "fumehood", "packaging"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        places.append(Path(spec.origin).parent)
    shutil.copytree(places[0], tmp_path / "module" / "uv")
    paths = [tmp_path / "module", *(place.parent for place in places[1:])]
    repository.env["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    return folder / "bin" / "python"


def program(path: Path, text: str, *, mode: int = 0o755) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_uv_that_is_missing_cannot_be_started_or_is_another_is_named(repository: Project, python: Path) -> None:
    missing = repository.run(python, "-m", "fumehood", "explain", "plain").assert_exit(3)
    assert missing.stderr == f"the uv program is missing from fumehood's environment\n  {ANEW}"
    program(python.with_name("uv"), NO_PROGRAM, mode=0o644)
    forbidden = repository.run(python, "-m", "fumehood", *VERSIONS).assert_exit(3)
    assert forbidden.stdout == (
        "core\n"
        "  not decided: uv could not be started: Permission denied\n"
        f"      {ANEW}"
        "\n"
        "old, plain\n"
        "  not decided: core's own requirements have to hold together first\n"
        "\n"
        "2 experiments checked: 2 not decided; core not decided\n"
    )
    program(python.with_name("uv"), OTHER)
    other = repository.run(python, "-m", "fumehood", "explain", "plain").assert_exit(3)
    assert other.stdout == (
        "plain: not decided: uv could not finish\n"
        "    | error: unexpected argument '--universal' found\n"
        "    → see uv's message above; the network, the registry or a package's own build\n"
        "    may have failed\n"
    )
    assert other.stderr == ""


NO_ANSWER = 'while [ "$1" != --output-file ]; do shift; done; printf "\\377hello there" > "$2"'
UNREADABLE = (
    "uv's answer cannot be read: one line of it is no pin\n"
    "  | \ufffdhello there\n"
    "  → reinstall fumehood, which brings along a uv that it understands\n"
)
UNFINISHED = "core: not decided, because uv could not finish\n"
AGAIN = "→ run it again; if that does not help, reinstall fumehood, which brings uv along\n"


@pytest.mark.parametrize(
    ("does", "what"),
    [
        ("exit 1", f"{UNFINISHED}  | uv ended with 1, and said nothing\n  {AGAIN}"),
        ("kill -9 $$", f"{UNFINISHED}  | uv was ended by signal 9, and said nothing\n  {AGAIN}"),
        ("echo hello >&2; exit 1", f"{UNFINISHED}  | hello\n  {AGAIN}"),
        ("echo hello", f"uv ended well, but wrote no answer\n  {ANEW}"),
        (NO_ANSWER, UNREADABLE),
    ],
)
def test_a_uv_that_is_silent_or_answers_rubbish_is_to_blame_and_no_registry(
    repository: Project, python: Path, does: str, what: str
) -> None:
    program(python.with_name("uv"), f"#!/bin/sh\n{does}\n")
    for command in (("whatif", "alpha<2"), ("lock",)):
        outcome = repository.run(python, "-m", "fumehood", *command).assert_exit(3)
        assert outcome.stderr == what
        assert outcome.stdout == ""
    explained = repository.run(python, "-m", "fumehood", "explain", "plain", "alpha").assert_exit(3)
    assert what.removeprefix("core: not decided, because ").splitlines()[0] in explained.stdout + explained.stderr


def test_a_git_that_cannot_be_started_or_says_nothing_is_named(repository: Project, tmp_path: Path) -> None:
    git = program(tmp_path / "programs" / "git", NO_PROGRAM)
    there = {"PATH": str(git.parent)}
    asked = repository.fumehood("whatif", "--from-git", "HEAD", env=there).assert_exit(3)
    assert asked.stderr == "git could not be started: Exec format error\n  → install git anew\n"
    explained = repository.fumehood("explain", "old", env=there).assert_exit(3)
    assert explained.stdout == (
        "old: not decided: git could not be started: Exec format error\n    → install git anew\n"
    )
    program(git, "#!/bin/sh\nexit 7\n")
    mute = repository.fumehood("explain", "old", env=there).assert_exit(3)
    assert mute.stdout == (
        "old: not decided: experiments/old/requirements.txt:1: thing @\n"
        "  git+https://localhost/thing.git cannot be had\n"
        "    | git ended with 7\n"
        "    → make the address reachable from here, or remove the line\n"
    )
    program(git, "#!/bin/sh\n")
    empty = repository.fumehood("whatif", "--from-git", "HEAD", env=there).assert_exit(2)
    assert empty.stderr == (
        "there is no branch, tag or commit 'HEAD' here\n"
        "  → `git branch --all` and `git tag` list what there is; `git fetch` gets what only the server has\n"
    )


def test_a_clone_that_is_damaged_is_said_to_be(repository: Project) -> None:
    commit = repository.commit()
    blob = repository.git("rev-parse", "HEAD:requirements.txt").stdout.strip()
    stored = repository.root / ".git" / "objects" / blob[:2] / blob[2:]
    stored.chmod(0o644)
    stored.write_bytes(stored.read_bytes()[:-4])
    outcome = repository.fumehood("whatif", "--from-git", "HEAD").assert_exit(3)
    first, *quoted, last = outcome.stderr.splitlines()
    assert first == f"git could not read the files of {commit[:12]}"
    assert {line[:4] for line in quoted} == {"  | "}
    assert last == "  → `git fsck` tells whether the clone is sound; of a partial clone, fetch the commit"


@pytest.mark.parametrize(
    ("files", "arguments", "doing"),
    [
        (2, ("explain", "plain"), "preparing to ask uv"),
        (3, ("explain", "plain"), "asking uv"),
        (2, ("whatif", "--from-git", "main"), "preparing to read a commit"),
        (3, ("whatif", "--from-git", "main"), "laying out the requirement files of main"),
    ],
)
def test_a_disk_that_has_no_room_for_a_question_is_named(
    repository: Project, tmp_path: Path, files: int, arguments: tuple[str, ...], doing: str
) -> None:
    repository.commit()
    with small_disk(tmp_path / "small", f"1m,nr_inodes={files}"):
        outcome = repository.fumehood(*arguments, env={"TMPDIR": str(tmp_path / "small")}).assert_exit(3)
    said = re.sub(r"\(.+/fumehood-ask-.+\)", "(PATH)", outcome.stderr)
    assert said == (f"{doing} failed: No space left on device (PATH)\n  → free some disk space and run it again\n")
