"""A repository of so many experiments that what was read of them is noted: it has to be as if all was read anew."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

import fumehood
from fumehood.outside.kept import Kept, changed
from fumehood.outside.noted import Notes
from fumehood.repository import discover, open_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from fumehood.model.experiment import Experiment
    from fumehood.repository import BrokenExperiment

_RACY = 2.1
"""Seconds after which what was written is relied on."""


def make(root: Path) -> None:
    """A hundred experiments, and some that have everything that an experiment can follow from."""
    for number in range(100):
        folder = root / f"experiments/e{number:03}"
        (folder / "tests").mkdir(parents=True)
        (folder / "train.py").write_text("")
        (folder / "requirements.txt").write_text("alpha\n")
        (folder / "README.md").write_text(f"# Number {number}\n\nWhat {number} is for.\n")
        (folder / "experiment.toml").write_text('owners = ["@example-owner"]\n')
        (folder / "tests/test_it.py").write_text("")
    for number in range(5):
        special = root / f"experiments/special{number}"
        for path in ("src/x", "checks/deep", "inner"):
            (special / path).mkdir(parents=True)
        (special / "more.txt").write_text("")
        (special / "inner/experiment.toml").write_text("")
        (special / "checks/deep/test_it.py").write_text("")
        (special / "experiment.toml").write_text(
            'requirements = ["more.txt"]\ntests = ["checks"]\ntimeout = "5m"\ngpus = {count = 2, vendor = "amd"}\n'
        )
    waived = root / "experiments/waived"
    waived.mkdir()
    (waived / "experiment.toml").write_text(
        '[[waivers]]\nrule = "owner/missing"\nreason = "It is new."\nuntil = 2099-01-01\n'
    )
    package = root / "experiments/package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "model.py").write_text("")
    (root / "experiments/wrong").mkdir()
    (root / "experiments/wrong/experiment.toml").write_text("thme = 1\n")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a manifest says something else of the same length": lambda root: (root / "e001/experiment.toml").write_text(
        'owners = ["@example-ownes"]\n'
    ),
    "a manifest comes": lambda root: (root / "package/experiment.toml").write_text('theme = "model"\n'),
    "a manifest goes": lambda root: (root / "e002/experiment.toml").unlink(),
    "a manifest is wrong": lambda root: (root / "e003/experiment.toml").write_text("thme = 1\n"),
    "a manifest is right again": lambda root: (root / "wrong/experiment.toml").write_text('theme = "model"\n'),
    "a manifest is exchanged for one of the same size and time": lambda root: exchange(
        root / "e004/experiment.toml", 'owners = ["@example-other"]\n'
    ),
    "a README says something else": lambda root: (root / "e005/README.md").write_text("Another one.\n"),
    "a README goes": lambda root: (root / "e006/README.md").unlink(),
    "requirements go": lambda root: (root / "e007/requirements.txt").unlink(),
    "requirements that the manifest names go": lambda root: (root / "special0/more.txt").unlink(),
    "a test comes in a folder": lambda root: (root / "e008/tests/test_more.py").write_text(""),
    "a folder with a test comes": lambda root: add(root / "e009/other/test_more.py"),
    "a folder with tests goes": lambda root: shutil.rmtree(root / "e010/tests"),
    "a test comes where the manifest says that they are": lambda root: add(root / "special1/checks/deep/test_more.py"),
    "an experiment in another one goes": lambda root: shutil.rmtree(root / "special2/inner"),
    "a folder of tests becomes an experiment": lambda root: (root / "e011/tests/experiment.toml").write_text(""),
    "sources are elsewhere": lambda root: (root / "special3/src").rename(root / "special3/lib"),
    "the folder above becomes a package": lambda root: (root / "__init__.py").write_text(""),
    "an experiment comes": lambda root: add(root / "new/train.py"),
    "an experiment goes": lambda root: shutil.rmtree(root / "e012"),
    "an experiment is called otherwise": lambda root: (root / "e013").rename(root / "e999"),
    "an experiment becomes a link to another": lambda root: link(root / "e014", root / "e015"),
    "an experiment becomes a link to outside": lambda root: link(root / "e016", root.parent.parent),
    "a manifest becomes a link": lambda root: link(root / "e017/experiment.toml", root / "special4/experiment.toml"),
    "two experiments change places": lambda root: swap(root / "e018", root / "special4"),
    "the settings of all change": lambda root: (root.parent / "pyproject.toml").write_text(
        '[tool.fumehood]\npython = ["3.12"]\ntimeout = "9m"\n'
    ),
    "the globs change": lambda root: (root.parent / "pyproject.toml").write_text(
        '[tool.fumehood]\nexperiments = ["*/*"]\nexclude = ["experiments/e02*"]\n'
    ),
    "CODEOWNERS comes": lambda root: (root.parent / "CODEOWNERS").write_text("* @example-team\n"),
}


def add(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


def link(path: Path, target: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(target)


def swap(one: Path, two: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    two.rename(one)
    aside.rename(two)


def exchange(path: Path, text: str) -> None:
    before = path.stat()
    other = path.with_name("other")
    other.write_text(text)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def content(experiments: Iterable[Experiment], broken: Iterable[BrokenExperiment]) -> dict[str, object]:
    """By folder what is an experiment, and the mistake in what would be one."""
    return {one.path: one for one in experiments} | {one.path: str(one.error) for one in broken}


@pytest.fixture
def settled(tmp_path: Path) -> Path:
    root = tmp_path / "lab"
    make(root)
    time.sleep(_RACY)
    return root


def test_what_has_just_been_written_is_not_relied_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUMEHOOD_CACHE", str(tmp_path / "noted"))
    make(tmp_path / "lab")
    for path in (tmp_path / "lab").rglob("*"):
        os.utime(path, (0, 0))
    first = open_repository(tmp_path / "lab")
    notes = Notes.of("discovery", 1, tmp_path / "lab", os.environ)
    assert [one.path for one in first.experiments if notes.recall(one.path) is not None] == []


def test_notes_that_are_damaged_are_not_believed(
    settled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUMEHOOD_CACHE", str(tmp_path / "noted"))
    first = open_repository(settled)
    (kept,) = (tmp_path / "noted/discovery").iterdir()
    for damaged in (kept.read_bytes()[:-9], b"", kept.read_bytes().replace(b"e001", b"e002")):
        kept.write_bytes(damaged)
        assert open_repository(settled).experiments == first.experiments


def test_notes_of_other_code_are_not_believed_though_it_has_the_same_version(tmp_path: Path) -> None:
    module = tmp_path / "package" / "inner" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    os.utime(module, ns=(7, 7))
    assert changed(str(tmp_path / "package")) == 7
    own = changed(os.path.dirname(fumehood.__file__))
    assert f" {own} ".encode() in Kept.of("discovery", 1, tmp_path, {"FUMEHOOD_CACHE": str(tmp_path)}).head


def test_what_is_noted_is_what_would_be_read(settled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUMEHOOD_CACHE", str(tmp_path / "noted"))
    first = open_repository(settled)
    notes = Notes.of("discovery", 1, settled, os.environ)
    assert [one.path for one in first.experiments if notes.recall(one.path) is None] == ["experiments/waived"]
    for what, change in {"nothing": lambda _: None, **CHANGES}.items():
        change(settled / "experiments")
        noted = open_repository(settled)
        assert content(noted.experiments, noted.broken) == content(*discover(settled, noted.settings)), what
