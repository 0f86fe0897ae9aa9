"""What a change of requirements affects, where locks tell it: with real locks of real packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.history import names, selected

if TYPE_CHECKING:
    from support.project import Project

ALL = {"ahead", "bare", "plain"}


@pytest.fixture
def lab(project: Project) -> Project:
    """Core at alpha 2; one experiment that replaces it, one with a delta of its own, and one without requirements."""
    project.write(
        {
            "requirements.txt": "alpha\n",
            "tests/requirements.txt": "delta-lib\n",
            "core.py": "",
            "experiments/ahead/requirements.txt": "needs-old-alpha\n",
            "experiments/plain/requirements.txt": "beta<2\n",
            "experiments/bare/train.py": "",
        }
    )
    project.fumehood("lock").assert_ok()
    project.commit()
    return project


def test_a_changed_pin_of_core_affects_those_that_get_it(lab: Project) -> None:
    lab.write({"requirements.txt": "alpha<2\n"})
    lab.fumehood("lock").assert_ok()
    found = selected(lab)
    changed = ("requirements.lock (changed)", "alpha 2.0 → 1.1")
    assert [(one.name, one.reasons) for one in found.experiments] == [("bare", (changed,)), ("plain", (changed,))]
    assert found.core_reasons == (changed,)
    lab.commit()
    lab.write({"requirements.txt": "alpha<2\ndelta-lib\n"})
    lab.fumehood("lock").assert_ok()
    found = selected(lab)
    added = ("requirements.lock (changed)", "delta-lib nothing → 1.0")
    assert [(one.name, one.reasons) for one in found.experiments] == [(name, (added,)) for name in sorted(ALL)]


def test_of_very_many_pins_a_reason_names_a_few(lab: Project) -> None:
    lab.write({"requirements.txt": "alpha<2\nbeta\ndelta-lib\ngamma\ntokenizers\n"})
    lab.fumehood("lock").assert_ok()
    few = "alpha 2.0 → 1.1, beta nothing → 1.0, delta-lib nothing → 1.0 and 2 more"
    assert selected(lab).core_reasons == (("requirements.lock (changed)", few),)
    assert (("requirements.lock (changed)", few),) == selected(lab).experiments[1].reasons


def test_lines_that_lead_to_the_same_pins_affect_nobody(lab: Project) -> None:
    lab.write({"requirements.txt": "# The only one.\nalpha\n"})
    assert (names(selected(lab)), selected(lab).core) == (set(), False)
    lab.write({"requirements.txt": "alpha>=1.0\n"})
    lab.fumehood("lock").assert_ok()
    assert (names(selected(lab)), selected(lab).core) == (set(), False)


def test_a_line_that_an_experiments_own_pin_breaks_affects_it_alone(lab: Project) -> None:
    lab.write({"requirements.txt": "alpha>=1.1\n"})
    lab.fumehood("lock").assert_exit(1)
    found = selected(lab)
    assert [(one.name, one.reasons) for one in found.experiments] == [
        (
            "ahead",
            (("requirements.lock (changed)", "requirements.txt:1: alpha>=1.1 does not admit alpha 1.0"),),
        )
    ]
    assert not found.core


def test_lines_that_the_lock_does_not_know_yet_affect_everybody(lab: Project) -> None:
    lab.write({"requirements.txt": "alpha\ngamma\n"})
    found = selected(lab)
    assert (names(found), found.core) == (ALL, True)
    assert found.core_reasons == (
        (
            "requirements.txt (changed)",
            "no lock tells what that changes: requirements.txt:2: gamma is not in the lock",
        ),
    )
    lab.write({"requirements.txt": "alpha &\n"})
    assert names(selected(lab)) == ALL


def test_a_lock_that_comes_goes_or_is_damaged_affects_everybody(lab: Project) -> None:
    lock = (lab.root / "requirements.lock").read_text()
    lab.write({"requirements.lock": lock.replace("2.0", "1.1")})
    assert names(selected(lab)) == ALL
    (lab.root / "requirements.lock").unlink()
    assert names(selected(lab)) == ALL
    lab.commit()
    lab.write({"requirements.lock": lock})
    assert selected(lab).core_reasons == (
        ("requirements.lock (untracked)", "no lock tells what that changes: requirements.lock is new"),
    )


def test_an_experiments_own_lock_affects_it_unless_it_installs_the_same(lab: Project) -> None:
    path = "experiments/plain/requirements.lock"
    lock = (lab.root / path).read_text()
    lab.write({path: f"# One more line.\n{lock}"})
    assert names(selected(lab)) == set()
    lab.write({path: lock.replace("beta==1.0", "beta==1.1")})
    assert names(selected(lab)) == {"plain"}


def test_what_only_cores_tests_need_affects_core_alone(lab: Project) -> None:
    lab.write({"tests/requirements.txt": "delta-lib\nwithplugin\n"})
    lab.fumehood("lock").assert_ok()
    assert (names(selected(lab)), selected(lab).core) == (set(), True)


def test_requirements_in_pyproject_count_by_their_pins_too(project: Project) -> None:
    head = '[project]\nname = "core"\nversion = "1"\ndependencies = '
    project.write({"pyproject.toml": f'{head}["alpha"]\n', "core/__init__.py": "", "experiments/bare/train.py": ""})
    project.fumehood("lock").assert_ok()
    project.commit()
    project.write({"pyproject.toml": f'{head}["alpha>=1"]\n'})
    project.fumehood("lock").assert_ok()
    assert names(selected(project)) == set()
    project.write({"pyproject.toml": f'{head}["alpha<2"]\n'})
    project.fumehood("lock").assert_ok()
    found = selected(project)
    assert found.experiments[0].reasons == (("requirements.lock (changed)", "alpha 2.0 → 1.1"),)
