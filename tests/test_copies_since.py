from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fumehood.copies.matching import copies_in
from fumehood.copies.since import History, Since
from fumehood.copies.tokens import read
from fumehood.outside.git import Change, Git
from test_copies import ORIGINAL, OTHER

if TYPE_CHECKING:
    from support.project import Project

CORE, OWN = "src/core/averages.py", "experiments/one/smooth.py"


@pytest.fixture
def copied(project: Project) -> Project:
    """A repository in which an experiment has copied a class of core's."""
    project.write({CORE: ORIGINAL, OWN: OTHER})
    project.commit("Begin")
    project.write({OWN: OTHER + "\n\n" + ORIGINAL})
    project.commit("Copy it")
    return project


def since(project: Project, original: str = CORE) -> Since:
    code = read((project.root / original).read_bytes())
    (copy,) = copies_in(read((project.root / OWN).read_bytes()), {original: code})
    history = History(Git(cwd=project.root, environ=project.env), lambda path: not path.startswith("experiments/"))
    return history.since(OWN, copy, code)


def titled(found: Since) -> tuple[str, str, str, list[str]]:
    return found.fate, found.made.title if found.made else "", found.was, [change.title for change in found.changes]


def test_an_original_that_nobody_has_touched_is_the_same(copied: Project) -> None:
    copied.write({CORE: "# Something above it.\n" + ORIGINAL.replace("averages of what", "AVERAGES of what")})
    copied.commit("Change a comment")
    assert titled(since(copied)) == ("same", "Copy it", "", [])


def test_of_an_original_that_has_changed_the_commits_are_named_newest_first(copied: Project) -> None:
    copied.write({CORE: ORIGINAL.replace("width < 1", "width < 2")})
    copied.commit("Want two")
    copied.write({CORE: ORIGINAL.replace("width < 1", "width < 3")})
    commit = copied.commit("Want three")
    found = since(copied)
    assert titled(found) == ("changed", "Copy it", "", ["Want three", "Want two"])
    day = copied.git("show", "--no-patch", "--format=%as").stdout.strip()
    assert found.changes[0] == Change(commit=commit, date=day, title="Want three")
    assert str(found.changes[0]) == f"{commit[:9]} ({day})"


def test_a_change_that_is_not_committed_counts_too(copied: Project) -> None:
    copied.write({CORE: ORIGINAL.replace("width < 1", "width < 2")})
    assert titled(since(copied)) == ("changed", "Copy it", "", [])


def test_a_copy_that_is_not_committed_has_no_history(project: Project) -> None:
    project.write({CORE: ORIGINAL, OWN: OTHER})
    project.commit("Begin")
    project.write({OWN: OTHER + "\n\n" + ORIGINAL})
    assert titled(since(project)) == ("uncommitted", "", "", [])


def test_what_core_has_taken_from_the_experiment_is_younger(project: Project) -> None:
    project.write({OWN: ORIGINAL, "src/core/__init__.py": ""})
    project.commit("Begin")
    project.write({CORE: ORIGINAL})
    project.commit("Take it over")
    assert titled(since(project)) == ("younger", "Begin", "", [])


@pytest.mark.parametrize("leave", [True, False], ids=["moved into a file that is new", "renamed"])
def test_an_original_is_found_where_it_stood_when_it_was_copied(copied: Project, leave: bool) -> None:  # noqa: FBT001 - a parameter of the test
    elsewhere = "src/core/statistics.py"
    copied.write({elsewhere: ORIGINAL, CORE: OTHER} if leave else {elsewhere: ORIGINAL})
    if not leave:
        (copied.root / CORE).unlink()
    copied.commit("Move it")
    assert titled(since(copied, elsewhere)) == ("same", "Copy it", CORE, [])


def test_without_a_repository_nothing_is_known(project: Project) -> None:
    project.write({CORE: ORIGINAL, OWN: ORIGINAL})
    (project.root / ".git").rename(project.root / "no-git")
    assert titled(since(project)) == ("unknown", "", "", [])
