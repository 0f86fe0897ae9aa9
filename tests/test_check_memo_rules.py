"""What rules looked at by other means than opening a file: a check is remembered until that changes too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.memos import age, said
from support.violations import BASE, MANIFEST, MODEL, WAIVER, experiment

if TYPE_CHECKING:
    from support.project import Project

RULES = ("check", "--rule", "evidence", "--rule", "theme", "--rule", "waiver")
DAY = {"FUMEHOOD_TODAY": "2026-06-01"}


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


def check(lab: Project, day: dict[str, str] = DAY) -> tuple[str, bool]:
    return said(lab, *RULES, env=day)


def test_what_a_link_leads_to_which_commits_there_are_and_the_day_all_count(lab: Project) -> None:
    fine = "2 experiments checked: all fit; 1 waived"
    bad = "2 experiments checked: 1 fits, 1 with findings; 1 waived"
    age(lab)
    assert [check(lab), check(lab)] == [(fine, False), (fine, True)]
    assert check(lab, {"FUMEHOOD_TODAY": "2026-06-02"}) == ("2 experiments checked: 1 fits, 1 with findings", False)
    (lab.root / "docs/more.md").rename(lab.root / "docs/other.md")
    age(lab)
    assert [check(lab), check(lab)] == [(bad, False), (bad, True)]
    lab.write({"docs/more.md": "# Less\n"})
    age(lab)
    assert [check(lab), check(lab)] == [(bad, False), (bad, True)]
    lab.write({"docs/more.md": "# More\n"})
    age(lab)
    assert [check(lab), check(lab)] == [(fine, False), (fine, True)]
    # As if the history had been cut off below the named commit: nobody can tell then whether there is such a commit.
    lab.write({".git/shallow": lab.git("rev-parse", "HEAD").stdout})
    age(lab)
    assert [check(lab), check(lab)] == [(fine, False), (fine, True)]
