"""``nox -s exp-NAME -- --lowest``: the lowest versions that the lines admit, in an environment of their own."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet

from fumehood.locking.lowest import lower_bound
from fumehood.testing.results import default_folder, read_results

if TYPE_CHECKING:
    from support.project import Project


@pytest.fixture
def lab(project: Project) -> Project:
    """An experiment that adds a package with a lower bound, and one without."""
    project.write(
        {
            "requirements.txt": "alpha>=1.0\n",
            "experiments/one/requirements.txt": "beta>=1.0\ndelta-lib\n",
            "experiments/one/test_one.py": dedent(
                """
                from importlib.metadata import version

                def test_versions():
                    print("has", version("alpha"), version("beta"), version("delta-lib"))
                """
            ),
        }
    )
    project.noxfile()
    return project


def test_the_lowest_versions_are_installed_looked_for_and_tested_beside_the_usual_environment(lab: Project) -> None:
    lab.fumehood("lock").assert_ok()
    lab.nox("-s", "exp-one").assert_ok()
    before = lab.git("status", "--porcelain", "--untracked-files=all", ".").stdout
    usual = (lab.root / ".nox/exp-one/fumehood.json").read_text()
    outcome = lab.nox("-s", "exp-one", "--", "--lowest", "-s", env={"CI": "true"}).assert_ok()
    assert "lowest versions, as installed: alpha 1.0, beta 1.0\n" in outcome.stderr
    assert "has 1.0 1.0 1.0" in outcome.stdout
    assert (lab.root / ".nox/exp-one/fumehood.json").read_text() == usual
    after = lab.git("status", "--porcelain", "--untracked-files=all", ".").stdout
    outside = [line for line in after.splitlines() if ".nox/" not in line]
    assert outside == [line for line in before.splitlines() if ".nox/" not in line]
    last = read_results(default_folder(lab.root, lab.env))[-1]
    assert (last.session, last.lowest, last.junit) == ("exp-one", True, "exp-one-lowest.xml")
    assert "has 2.0 2.0 1.0" in lab.nox("-s", "exp-one", "--", "-s").assert_ok().stdout


def test_a_line_without_a_lower_bound_is_not_lowered(lab: Project) -> None:
    lab.write({"experiments/one/requirements.txt": "beta>=1.0\ndelta-lib\ntokenizers<0.23\n"})
    test = "from importlib.metadata import version\n\ndef test_it():\n    print('has', version('tokenizers'))\n"
    lab.write({"experiments/one/test_one.py": test})
    outcome = lab.nox("-s", "exp-one", "--", "--lowest", "-s").assert_ok()
    assert "has 0.22.0" in outcome.stdout


def test_a_bound_that_nothing_reaches_is_said(lab: Project) -> None:
    lab.write({"experiments/one/requirements.txt": "beta>=1.5\ngamma>=1\n"})
    outcome = lab.nox("-s", "exp-one", "--", "--lowest").assert_exit(1)
    assert "experiments/one with lowest versions: the requirements cannot hold together" in outcome.stderr
    lab.write({"experiments/one/requirements.txt": "beta>=0.5\n"})
    outcome = lab.nox("-s", "exp-one", "--", "--lowest", "-k", "nothing")
    assert "lowest versions, as installed: alpha 1.0, beta 1.0 (for 0.5 or newer)\n" in outcome.stderr


def test_another_copy_of_a_package_in_the_way_is_found(lab: Project) -> None:
    lab.write({"experiments/one/alpha-3.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: alpha\nVersion: 3.0\n"})
    outcome = lab.nox("-s", "exp-one", "--", "--lowest").assert_exit(1)
    assert "exp-one: alpha 1.0 was to be tested, and 3.0 can be imported" in outcome.stderr


@pytest.mark.parametrize(
    ("specifier", "bound"),
    [
        (">=1.2,<3", "1.2"),
        (">1.2", "1.2"),
        ("~=1.4", "1.4"),
        ("==2.*", "2"),
        ("==2.1", "2.1"),
        (">=1,>=1.5,!=1.6", "1.5"),
        ("<3", None),
        ("!=2", None),
        ("", None),
    ],
)
def test_a_lower_bound_is_read_from_whatever_gives_one(specifier: str, bound: str | None) -> None:
    found = lower_bound(SpecifierSet(specifier))
    assert (str(found) if found else None) == bound
