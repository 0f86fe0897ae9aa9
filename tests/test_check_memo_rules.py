"""What rules looked at by other means than opening a file: a check is remembered until that changes too."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from support.violations import BASE, MANIFEST, MODEL, WAIVER, experiment

if TYPE_CHECKING:
    from support.project import Project

RULES = ("check", "--rule", "evidence", "--rule", "theme", "--rule", "waiver")
DAY = {"FUMEHOOD_TODAY": "2026-06-01"}
LONG_AGO = 1_000_000_000


def age(project: Project) -> None:
    """Make everything look old, git's own files included, so that a memo of it is believed at once."""
    for folder, folders, files in os.walk(project.root):
        for name in (*folders, *files):
            os.utime(os.path.join(folder, name), (LONG_AGO, LONG_AGO), follow_symlinks=False)
    os.utime(project.root, (LONG_AGO, LONG_AGO))
    time.sleep(0.01)


@pytest.fixture
def lab(project: Project) -> Project:
    """A README that links to a file elsewhere, and names a commit; and an experiment with a waiver."""
    project.write(BASE | {"docs/more.md": "# More\n"})
    commit = project.commit("Begin")
    readme = f"{MODEL.replace('COMMIT', commit)}\n[more](../../docs/more.md#more)\n"
    manifest = 'owners = ["@example-owner"]\n' + WAIVER.format("theme/missing", "2026-06-01")
    project.write(experiment("one", README__md=readme, experiment__toml=MANIFEST.replace("infrastructure", "model")))
    project.write(experiment("two", experiment__toml=manifest))
    project.commit("Continue")
    return project


def said(project: Project, day: dict[str, str] = DAY) -> tuple[str, bool]:
    """The last line of a check, and whether it was remembered: then no rule was even imported."""
    outcome = project.run(sys.executable, "-X", "importtime", "-m", "fumehood", *RULES, env=day)
    return outcome.stdout.splitlines()[-1], "fumehood.rules" not in outcome.stderr


def test_what_a_link_leads_to_which_commits_there_are_and_the_day_all_count(lab: Project) -> None:
    fine = "2 experiments checked: all fit; 1 waived"
    bad = "2 experiments checked: 1 fits, 1 with findings; 1 waived"
    age(lab)
    assert [said(lab), said(lab)] == [(fine, False), (fine, True)]
    assert said(lab, {"FUMEHOOD_TODAY": "2026-06-02"}) == ("2 experiments checked: 1 fits, 1 with findings", False)
    (lab.root / "docs/more.md").rename(lab.root / "docs/other.md")
    age(lab)
    assert [said(lab), said(lab)] == [(bad, False), (bad, True)]
    lab.write({"docs/more.md": "# Less\n"})
    age(lab)
    assert [said(lab), said(lab)] == [(bad, False), (bad, True)]
    lab.write({"docs/more.md": "# More\n"})
    age(lab)
    assert [said(lab), said(lab)] == [(fine, False), (fine, True)]
    # As if the history had been cut off below the named commit: nobody can tell then whether there is such a commit.
    lab.write({".git/shallow": lab.git("rev-parse", "HEAD").stdout})
    age(lab)
    assert [said(lab), said(lab)] == [(fine, False), (fine, True)]
