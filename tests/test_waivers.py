"""Waivers and severities: who may let what stay, how long, and what is said of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.answers import PLAIN
from support.schemas import mistakes, schema

if TYPE_CHECKING:
    from support.project import Outcome, Project

NO_THEME = 'owners = ["@example-owner"]\n'
WAIVER = '\n[[waivers]]\nrule = "theme/missing"\nreason = "it is both for now"\nuntil = 2026-06-01\n'


@pytest.fixture
def lab(project: Project) -> Project:
    """Two experiments without a theme, of which one may go without."""
    project.write(
        {
            "pyproject.toml": PLAIN,
            "requirements.txt": "alpha\n",
            "experiments/one/experiment.toml": NO_THEME + WAIVER,
            "experiments/two/experiment.toml": NO_THEME,
        }
    )
    return project


def check(project: Project, *arguments: str, day: str = "2026-06-01") -> Outcome:
    return project.fumehood("check", "--rule", "theme", "--rule", "waiver", *arguments, env={"FUMEHOOD_TODAY": day})


def test_a_waiver_holds_for_its_experiment_up_to_its_day(lab: Project) -> None:
    outcome = check(lab).assert_exit(1)
    assert outcome.stdout == (
        "two\n"
        "  experiments/two/experiment.toml: error [theme/missing]\n"
        "    it names no theme\n"
        '    → write theme = "model" or "infrastructure" in\n'
        "      experiments/two/experiment.toml\n"
        "\n"
        "2 experiments checked: 1 fits, 1 with findings; 1 waived\n"
    )
    check(lab, "one").assert_ok()
    answer = json.loads(check(lab, "--format", "json").stdout)
    assert mistakes(answer, schema("check")) == []
    assert [(one["experiment"], one["reason"], one["until"]) for one in answer["waived"]] == [
        ("one", "it is both for now", "2026-06-01")
    ]


def test_the_day_after_it_waives_nothing_and_is_a_finding_itself(lab: Project) -> None:
    check(lab, "one").assert_ok()
    outcome = check(lab, "one", day="2026-06-02").assert_exit(1)
    assert outcome.stdout == (
        "one\n"
        "  experiments/one/experiment.toml: error [theme/missing]\n"
        "    it names no theme\n"
        '    → write theme = "model" or "infrastructure" in\n'
        "      experiments/one/experiment.toml\n"
        "  experiments/one/experiment.toml:3: error [waiver/expired]\n"
        "    the waiver of theme/missing ended on 2026-06-01\n"
        "      its reason was: it is both for now\n"
        "    → mend what it waived and take it out, or agree on another day\n"
        "\n"
        "1 experiment checked: 1 with findings\n"
    )
    nonsense = check(lab, day="tomorrow").assert_exit(2)
    assert nonsense.stderr == "FUMEHOOD_TODAY is 'tomorrow'\n  → write a day such as 2026-12-31\n"


@pytest.mark.parametrize(
    ("path", "is_covered"), [("*", True), ("experiment.toml", True), ("experiments/one", True), ("src/*.py", False)]
)
def test_a_waiver_with_a_path_covers_what_the_path_matches(lab: Project, path: str, *, is_covered: bool) -> None:
    lab.write({"experiments/one/experiment.toml": f'{NO_THEME}{WAIVER}path = "{path}"\n'})
    outcome = check(lab, "one").assert_exit(0 if is_covered else 1)
    assert ("nothing needs the waiver of theme/missing" in outcome.stdout) is not is_covered


def test_one_that_waives_no_rule_or_nothing_is_a_finding(lab: Project) -> None:
    manifest = f'theme = "model"\n{NO_THEME}{WAIVER}{WAIVER.replace("theme/missing", "theme/mising")}'
    lab.write({"experiments/one/experiment.toml": manifest})
    outcome = check(lab, "one").assert_ok()
    assert outcome.stdout == (
        "one\n"
        "  experiments/one/experiment.toml:4: warning [waiver/unneeded]\n"
        "    nothing needs the waiver of theme/missing\n"
        "    → take it out\n"
        "  experiments/one/experiment.toml:9: warning [waiver/unneeded]\n"
        "    there is no rule 'theme/mising' to waive\n"
        "    → take it out\n"
        "\n"
        "1 experiment checked: it fits; 2 warnings\n"
    )
    lab.write({"experiments/one/experiment.toml": f"{NO_THEME}{WAIVER.replace('theme/missing', 'theme')}"})
    assert (
        "    'theme' is a group of rules, and a waiver is for one rule\n"
        "    → write a waiver for each rule, such as theme/missing\n"
    ) in check(lab, "one").assert_exit(1).stdout
    lab.write({"experiments/one/experiment.toml": manifest})
    only = lab.fumehood("check", "--rule", "waiver", "one", env={"FUMEHOOD_TODAY": "2026-06-01"}).assert_ok()
    assert "nothing needs" not in only.stdout, "no rule looked that it could have waived"


def test_what_is_wrong_with_waivers_is_said_all_at_once(lab: Project) -> None:
    lab.write(
        {
            "experiments/one/experiment.toml": (
                '[[waivers]]\nrule = "theme/missing"\nuntil = "soon"\n\n[[waivers]]\nreason = " "\nuntl = 2026-01-01\n'
            ),
            "pyproject.toml": PLAIN + 'waivers = "all"\n',
        }
    )
    assert check(lab).assert_exit(2).stderr == (
        "pyproject.toml:3: waivers is an array of tables\n  → write [[tool.fumehood.waivers]]\n"
    )
    lab.write({"pyproject.toml": PLAIN})
    listed = lab.fumehood("list").assert_exit(2)
    assert listed.stderr == (
        "experiments/one/experiment.toml:1: a waiver without a reason\n"
        "  → say why the finding may stay\n"
        "experiments/one/experiment.toml:3: until is a day, not 'soon'\n"
        "  → write until = 2026-12-31\n"
        "experiments/one/experiment.toml:5: a waiver without a day\n"
        "  → say how long it may stay, such as until = 2026-12-31\n"
        "experiments/one/experiment.toml:5: a waiver without a rule\n"
        '  → name the rule that it waives, such as rule = "owner/missing"\n'
        "experiments/one/experiment.toml:6: a waiver without a reason\n"
        "  → say why the finding may stay\n"
        "experiments/one/experiment.toml:7: unknown key 'untl'\n"
        "  → did you mean until?\n"
    )


def test_findings_about_core_are_waived_in_the_settings(lab: Project) -> None:
    lab.write({"requirements.txt": "alpha<2\nalpha>=2\n"})
    static = ("check", "--rule", "conflict/static", "--rule", "waiver")
    lab.fumehood(*static).assert_exit(1)
    waiver = WAIVER.replace("theme/missing", "conflict/static").replace("[[waivers]]", "[[tool.fumehood.waivers]]")
    lab.write({"pyproject.toml": PLAIN + waiver})
    outcome = lab.fumehood(*static, env={"FUMEHOOD_TODAY": "2026-06-01"}).assert_ok()
    assert outcome.stdout == "2 experiments checked: all fit; 1 waived\n"


def test_severities_are_set_by_rule_group_and_path(lab: Project) -> None:
    rules = "[tool.fumehood.rules]\n"
    for setting, code, summary in (
        ('theme = "note"\n', 0, "2 experiments checked: all fit; 1 waived; 1 note (--notes shows them)"),
        ('"theme/missing" = "warning"\ntheme = "off"\n', 0, "2 experiments checked: all fit; 1 warning; 1 waived"),
        ('theme = "off"\n', 0, "2 experiments checked: all fit"),
        (
            '"theme/missing" = { "*" = "warning", "experiments/two" = "off" }\n',
            0,
            "2 experiments checked: all fit; 1 waived",
        ),
        (
            '"theme/missing" = { "experiments/two" = "off", "*" = "error" }\n',
            1,
            "2 experiments checked: 1 fits, 1 with findings; 1 waived",
        ),
    ):
        lab.write({"pyproject.toml": PLAIN + rules + setting})
        assert check(lab).assert_exit(code).stdout.splitlines()[-1] == summary


def test_what_is_wrong_with_severities_is_said_all_at_once(lab: Project) -> None:
    lab.write({"pyproject.toml": PLAIN + '[tool.fumehood.rules]\ntheme = "fatal"\nowner = { "*" = 1 }\n'})
    assert lab.fumehood("list").assert_exit(2).stderr == (
        "pyproject.toml:4: theme is 'fatal'\n"
        "  → use one of off, note, warning, error\n"
        "pyproject.toml:5: * is a string, not 1\n"
        '  → write * = "…"\n'
    )
    lab.write({"pyproject.toml": PLAIN + '[tool.fumehood.rules]\nteme = "off"\n"theme/mssing" = "off"\n'})
    lab.fumehood("list").assert_ok()
    assert check(lab).assert_exit(2).stderr == (
        "pyproject.toml:4: there is no rule 'teme'\n"
        "  → did you mean theme?\n"
        "pyproject.toml:5: there is no rule 'theme/mssing'\n"
        "  → did you mean theme/missing?\n"
    )
