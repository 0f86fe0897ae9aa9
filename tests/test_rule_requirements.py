"""The rules about where requirements stand and come from: `core/requirements-differ`, `independence/two-indexes`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.rules import said

if TYPE_CHECKING:
    from support.project import Project

SETTINGS = "[tool.fumehood]\ntest-requirements = []\n"


def core(project: Project, requirements: str, dependencies: str, more: str = "") -> list[str]:
    project.write(
        {
            "requirements.txt": requirements,
            "pyproject.toml": f'{SETTINGS}[project]\nname = "core"\nversion = "1"\n{dependencies}\n{more}\n',
        }
    )
    return said(project, "core/requirements-differ")


def test_two_lists_that_say_the_same_in_other_words_agree(project: Project) -> None:
    requirements = "Alpha_One >= 1, <2\nbeta==1.0 ; python_version > '3'\n# gamma\n"
    assert core(project, requirements, "dependencies = ['beta == 1.0; python_version>\"3\"', 'alpha-one<2,>=1']") == []


def test_each_package_in_which_two_lists_differ_is_named_with_both_places(project: Project) -> None:
    assert core(project, "alpha>=1.0.5\nbeta\n", 'dependencies = [\n  "alpha",\n  "gamma>=0.1",\n]') == [
        "pyproject.toml:8: 'gamma>=0.1' is not in requirements.txt, which says what core needs too",
        "requirements.txt:1: it says 'alpha>=1.0.5' where pyproject.toml:7 says 'alpha'",
        "requirements.txt:2: 'beta' is not in pyproject.toml, which says what core needs too",
    ]


@pytest.mark.parametrize(
    ("requirements", "dependencies", "more"),
    [
        ("alpha\n", "", ""),
        ("alpha\n", 'dynamic = ["dependencies"]', "tool.setuptools.dynamic.dependencies.file = 'requirements.txt'"),
        ("alpha\n", 'dependencies = ["beta"]', "[tool.fumehood.core]\nrequirements = ['pyproject.toml']"),
        ("-e .\nbeta\n", 'dependencies = ["alpha"]', ""),
        (f"alpha==1.0 --hash=sha256:{'0' * 64}\nbeta==1.0 --hash=sha256:{'0' * 64}\n", 'dependencies = ["alpha"]', ""),
    ],
    ids=["no dependencies", "dynamic", "pyproject is core's", "installs the project", "pins with hashes"],
)  # fmt: skip
def test_what_is_no_second_list_is_not_compared(
    project: Project, requirements: str, dependencies: str, more: str
) -> None:
    assert core(project, requirements, dependencies, more) == []


def indexes(project: Project, core_lines: str, own: str) -> list[str]:
    project.write({"pyproject.toml": SETTINGS, "requirements.txt": core_lines, "experiments/foo/requirements.txt": own})
    return said(project, "independence/two-indexes")


def shadows(place: str, second: str, first: str = "the default index") -> str:
    return f"{place}: packages may come from {second} and from {first}, whichever has the name"


EXTRA = "--extra-index-url https://one.example/simple\n"


def test_one_index_in_place_of_the_default_one_shadows_nothing(project: Project) -> None:
    assert indexes(project, "alpha\n", "-i https://one.example/simple\nbeta\n") == []
    assert indexes(project, "-i https://one.example/simple\nalpha\n", "beta\n") == []


def test_an_index_of_cores_is_said_once(project: Project) -> None:
    assert indexes(project, f"alpha\n{EXTRA}", f"{EXTRA}beta\n") == [
        shadows("requirements.txt:2", "https://one.example/simple")
    ]


def test_an_experiments_own_index_beside_cores_is_a_second_one_and_its_password_is_not_shown(project: Project) -> None:
    own = "# ours\n--index-url=https://me:secret@two.example/simple\nbeta\n"
    assert indexes(project, "-i https://one.example/simple\nalpha\n", own) == [
        shadows("experiments/foo/requirements.txt:2", "https://****@two.example/simple", "https://one.example/simple")
    ]


def test_a_page_of_links_is_an_index_too_and_a_folder_of_the_repository_is_none(project: Project) -> None:
    assert indexes(project, "alpha\n", "--find-links ./wheels\n-f https://one.example/wheels\nbeta\n") == [
        shadows("experiments/foo/requirements.txt:2", "https://one.example/wheels")
    ]


def test_where_every_line_has_its_hash_no_index_can_shadow_another(project: Project) -> None:
    pinned = f"==1.0 --hash=sha256:{'0' * 64}\n"
    assert indexes(project, f"alpha{pinned}", f"{EXTRA}beta{pinned}") == []
    assert len(indexes(project, "alpha\n", f"{EXTRA}beta{pinned}")) == 1
