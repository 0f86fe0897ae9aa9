"""A check that is remembered until something changes that it looked at, and how long one takes that is not."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bench import sets

import fumehood
from support.answers import PLAIN
from support.memos import age, said
from support.project import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.project import Project


@pytest.fixture
def repository(project: Project) -> Project:
    """An experiment that fits, and one that does not."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "tokenizers>=0.22\n",
            "experiments/fits/requirements.txt": "transformers\n",
            "experiments/resolved/requirements.txt": "transformers==4.50.0\n",
        }
    )
    return project


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is touched": lambda root: os.utime(root / "experiments/fits/requirements.txt"),
    "a file is added": lambda root: (root / "experiments/fits/requirements-more.txt").write_text(""),
    "a file is removed": lambda root: (root / "experiments/fits/notes.md").unlink(),
    "a file is renamed": lambda root: (root / "experiments/fits/README.md").rename(root / "experiments/fits/other.md"),
    "an experiment comes": lambda root: (root / "experiments/more").mkdir(),
    "CODEOWNERS comes": lambda root: (root / "docs/CODEOWNERS").write_text("* @example-owner\n"),
    "CODEOWNERS comes in a place that counts more": lambda root: (root / "CODEOWNERS").write_text("* @example-owner\n"),
    "a lock changes": lambda root: os.utime(root / "experiments/fits/requirements.lock"),
    "an included file changes": lambda root: os.utime(root / "common/lines.txt"),
    "the settings change": lambda root: os.utime(root / "pyproject.toml"),
    "core's lines change": lambda root: os.utime(root / "requirements.txt"),
    "a file is exchanged for one of the same size and time": lambda root: exchange(root / "common/lines.txt"),
}


def exchange(path: Path) -> None:
    before = path.stat()
    other = path.with_name("other.txt")
    other.write_bytes(path.read_bytes().replace(b"one", b"two"))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    folder = path.parent.stat()
    other.replace(path)
    os.utime(path.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))


@pytest.fixture
def remembered(repository: Project) -> Project:
    repository.write(
        {
            "experiments/fits/requirements.txt": "transformers\n-r ../../common/lines.txt\n",
            "experiments/fits/notes.md": "notes\n",
            "experiments/fits/README.md": "What fits\n",
            "common/lines.txt": "delta-lib  # one\n",
            "docs/index.md": "docs\n",
        }
    )
    repository.fumehood("lock", "fits").assert_ok()
    age(repository)
    repository.fumehood(*VERSIONS, "fits").assert_ok()
    return repository


def has_looked(project: Project, *arguments: str, env: dict[str, str] | None = None) -> bool:
    """Whether a check looked at the experiments."""
    _, is_remembered = said(project, *VERSIONS, *arguments, env=env)
    return not is_remembered


def test_nothing_is_looked_at_again_until_something_changes(remembered: Project) -> None:
    assert not has_looked(remembered, "fits")
    assert has_looked(remembered, "fits", "--offline")
    assert has_looked(remembered, "fits", "--format", "json")
    for what, change in CHANGES.items():
        change(remembered.root)
        assert has_looked(remembered, "fits"), what
        age(remembered)
        assert has_looked(remembered, "fits"), f"{what}, and then everything looks old"
        assert not has_looked(remembered, "fits"), what


def test_what_has_just_changed_is_looked_at_again(remembered: Project) -> None:
    os.utime(remembered.root / "common/lines.txt")
    assert has_looked(remembered, "fits")
    assert has_looked(remembered, "fits")


def test_a_source_that_changes_is_looked_at_again(repository: Project) -> None:
    repository.write({"core/__init__.py": "", "experiments/fits/model.py": "import json\n"})
    age(repository)
    check = ("check", "--rule", "boundary")
    assert [repository.fumehood(*check).assert_ok().stdout for _ in range(3)] == [
        "2 experiments checked: all fit\n"
    ] * 3
    assert "fumehood.rules" not in repository.run(sys.executable, "-X", "importtime", "-m", "fumehood", *check).stderr
    repository.write({"core/__init__.py": "import experiments.fits.model\n"})
    age(repository)
    repository.fumehood(*check).assert_exit(1)


def test_other_code_of_the_same_version_looks_again(remembered: Project, tmp_path: Path) -> None:
    package = Path(shutil.copytree(Path(fumehood.__file__).parent, tmp_path / "fumehood"))
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from fumehood.__main__ import main; main()"

    def summary() -> str:
        return remembered.run(sys.executable, "-c", start, *VERSIONS, "fits").assert_ok().stdout

    assert summary() == "1 experiment checked: it fits\n"
    text = package / "formats/text.py"
    text.write_text(text.read_text(encoding="utf-8").replace("it fits", "it is well"), encoding="utf-8")
    assert summary() == "1 experiment checked: it is well\n"


def test_a_variable_counts_if_a_line_names_it(remembered: Project) -> None:
    assert not has_looked(remembered, "fits", env={"HOST": "two.invalid"})
    remembered.write({"common/lines.txt": "delta-lib\n--trusted-host ${HOST}\n"})
    limit = {"HOST": "one.invalid"}
    remembered.fumehood("lock", "fits", env=limit).assert_ok()
    age(remembered)
    assert has_looked(remembered, "fits", env=limit)
    assert not has_looked(remembered, "fits", env=limit)
    assert has_looked(remembered, "fits", env={"HOST": "two.invalid"})


def test_what_is_not_decided_and_what_uv_said_is_never_remembered(repository: Project) -> None:
    age(repository)
    for _ in range(2):
        assert has_looked(repository, "resolved")
        assert has_looked(repository, "fits", "--offline", env={"FUMEHOOD_CACHE": str(repository.root.parent / "none")})


def test_a_damaged_memo_is_looked_past(remembered: Project) -> None:
    (memo,) = (remembered.root.parent / "home/fumehood-cache/memos").iterdir()
    for content in ("", "{}", "[]", '{"answer": [1], "variables": {}, "paths": [], "digest": ""}', "\0", "[" * 100_000):
        memo.write_text(content)
        assert remembered.fumehood(*VERSIONS, "fits").assert_ok().stdout == "1 experiment checked: it fits\n"


def test_a_thousand_experiments_take_little_memory_and_the_second_time_a_fraction_of_the_first(
    project: Project,
) -> None:
    sets.thousand(project.root)
    age(project)
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        outcome = project.run(sys.executable, "-m", "fumehood", *VERSIONS, "--offline").assert_ok()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert outcome.stdout == "1000 experiments checked: all fit\n"
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent[1:]) < spent[0] / 2  # How long both take is for the benchmark to say.
    script = "import resource, sys; from fumehood.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    script += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    command = [sys.executable, "-c", script, *VERSIONS, "--offline", "--format", "json"]
    done = subprocess.run(command, cwd=project.root, env=project.env, capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) <= 200 * 1024
