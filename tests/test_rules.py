"""The rules together: one violation of each, all of them mended, and what a rule has to bring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fumehood.errors import UsageError
from fumehood.rules.pages import pages
from fumehood.rules.registry import GROUPS, RULES, Registry
from support.violations import TODAY, VIOLATIONS, mend, violate

if TYPE_CHECKING:
    from support.project import Project

EXPECTED = Path(__file__).parent / "expected" / "violations.txt"

ELSEWHERE = {
    "baseline/gone": "it takes a run before: test_baseline.py",
    "boundary/core-needs-experiments": "it takes core's session: test_without_experiments.py",
    "conflict/resolved": "it takes uv and an index: test_check_command.py",
    "independence/transitive": "it takes locks: test_rule_imports.py",
    "lock/stale": "it takes locks: test_check_command.py",
}
"""Rules whose violation is shown in another test, with the reason."""


def test_one_violation_of_each_kind_is_found_and_nothing_else(project: Project, request: pytest.FixtureRequest) -> None:
    violate(project)
    outcome = project.fumehood("check", "--notes", env=TODAY).assert_exit(1)
    if request.config.getoption("--rewrite-expected"):
        EXPECTED.write_text(outcome.stdout, encoding="utf-8")
    assert outcome.stdout == EXPECTED.read_text(encoding="utf-8")


def test_a_repository_in_which_all_of_them_are_mended_is_silent(project: Project) -> None:
    violate(project)
    mend(project)
    outcome = project.fumehood("check", "--notes", env=TODAY).assert_ok()
    count = len([entry for entry in project.root.glob("[ea]*/*") if entry.is_dir()])
    assert (outcome.stdout, outcome.stderr) == (f"{count} experiments checked: all fit\n", "")


def test_each_rule_is_violated_once() -> None:
    assert sorted([*ELSEWHERE, *(violation.rule for violation in VIOLATIONS)]) == [rule.id for rule in RULES]


def test_rules_are_registered_in_order_under_the_name_of_their_module() -> None:
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    for rule in RULES:
        module = f"fumehood.rules.{rule.id.replace('/', '.').replace('-', '_')}"
        assert module in {rule.check.__module__, rule.review.__module__}
    assert list(GROUPS) == sorted({rule.group for rule in RULES})


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("teme", "did you mean theme?"),
        ("missing", "did you mean owner/missing or theme/missing?"),
        ("theme/mising", "did you mean theme/missing?"),
        ("nothing-like-it", "docs/rules/README.md lists the rules"),
    ],
)
def test_a_rule_that_there_is_not_is_a_mistake_that_names_the_nearest(name: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        Registry().select(["conflict", name])
    assert str(caught.value) == f"there is no rule {name!r}\n  → {remedy}"


def test_rules_are_chosen_by_id_and_by_group() -> None:
    chosen = Registry().select(["lock/stale", "theme"])
    assert [rule.id for rule in chosen] == ["lock/stale", "theme/missing", "theme/unknown"]
    assert Registry().select([]) == RULES


def test_the_pages_of_the_rules_say_what_the_rules_say() -> None:
    folder = Path(__file__).parents[1] / "docs/rules"
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert written == pages(), "run `nox -s docs`"
