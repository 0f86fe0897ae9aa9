"""Rules of other distributions, and the hooks for pre-commit."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.extensions import install, pyproject
from support.schemas import mistakes, schema
from support.violations import BASE, experiment

if TYPE_CHECKING:
    from support.project import Project

TOP = Path(__file__).resolve().parents[1]
RULE = """\
from fumehood.errors import Place
from fumehood.model.finding import Finding, Undecided
from fumehood.rules.rule import Rule

def check(seen):
    {body}

RULES = Rule(id="{id}", severity="error", summary="S.", why="W.", remedy="R.", check=check)
"""


@pytest.fixture
def lab(project: Project) -> Project:
    """An experiment that violates nothing."""
    project.write(BASE | experiment("one"))
    return project


def bring(project: Project, body: str, rule: str = "lab/odd") -> None:
    code = RULE.format(body=body, id=rule)
    install(project, {"pyproject.toml": pyproject("odd", "fumehood.rules", 'odd = "odd:RULES"'), "odd.py": code})


def test_the_example_of_the_documentation_is_a_rule_like_any_other(lab: Project) -> None:
    text = (TOP / "docs" / "extending.md").read_text(encoding="utf-8").partition("## A rule")[2]
    code, metadata = (re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[0] for language in ("python", "toml"))
    install(lab, {"pyproject.toml": metadata, "lab_rules.py": code})
    lab.write({"experiments/one/show.ipynb": "{}"})
    outcome = lab.fumehood("check", "--rule", "lab").assert_ok()
    assert outcome.stdout == (
        "one\n"
        "  experiments/one/show.ipynb: warning [lab/notebooks]\n"
        "    a notebook\n"
        "    → make it a script with a test\n"
        "\n"
        "1 experiment checked: it fits; 1 warning\n"
    )
    waiver = '[[waivers]]\nrule = "lab/notebooks"\nreason = "it is a demonstration"\nuntil = 2999-12-31\n'
    manifest = (lab.root / "experiments/one/experiment.toml").read_text()
    lab.write({"experiments/one/experiment.toml": f"{manifest}\n{waiver}"})
    assert lab.fumehood("check").assert_ok().stdout == "1 experiment checked: it fits; 1 waived\n"
    lab.write({"experiments/one/experiment.toml": manifest})
    lab.write({"pyproject.toml": f'{BASE["pyproject.toml"]!s}\n[tool.fumehood.rules]\n"lab/notebooks" = "error"\n'})
    lab.fumehood("check").assert_exit(1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no such luck')", "failed while checking"),
        ("yield 3", "answered with int instead of findings of its own"),
        (
            "yield Finding(experiment='', file='', line=0, rule='lock/stale', severity='error', message='m')",
            "answered with a finding of lock/stale instead of findings of its own",
        ),
        ("return None", "failed while checking"),
    ],
)
def test_a_rule_that_fails_leaves_the_others_alone(lab: Project, body: str, reason: str) -> None:
    bring(lab, body)
    lab.write(experiment("two", experiment__toml='owners = ["@example-owner"]\n'))
    outcome = lab.fumehood("check", "--format", "json").assert_exit(1)
    answer = json.loads(outcome.stdout)
    assert mistakes(answer, schema("check")) == []
    assert [finding["rule"] for finding in answer["findings"]] == ["theme/missing"]
    assert [one["experiment"] for one in answer["undecided"]] == [""]
    assert answer["undecided"][0]["reason"].startswith(f"the rule lab/odd of odd 1.0 {reason}")
    assert lab.fumehood("check", "--rule", "lab").assert_exit(3).stderr == ""


@pytest.mark.parametrize(
    ("rule", "body", "reason"),
    [
        ("lock/stale", "return ()", "odd 1.0 takes the name of the rule lock/stale"),
        ("odd", "return ()", "odd 1.0 has the id 'odd', which is not group/name"),
        ("lab/odd", "return (", "odd of odd 1.0 failed while loading odd:RULES"),
    ],
)
def test_rules_that_cannot_be_used_are_said_and_the_others_kept(
    lab: Project, rule: str, body: str, reason: str
) -> None:
    bring(lab, body, rule)
    outcome = lab.fumehood("check").assert_exit(3)
    assert outcome.stdout.startswith(f"core\n  not decided: {reason}")
    asked = lab.fumehood("check", "--rule", "lab/no-such-rule").assert_exit(3)
    assert asked.stderr.startswith(reason)


def test_what_rules_of_others_say_is_never_remembered(lab: Project) -> None:
    lab.fumehood("check").assert_ok()
    bring(lab, "return (RULES.finding('', Place(''), name) for name in [open('/proc/sys/kernel/random/uuid').read()])")
    said = [lab.fumehood("check", "--rule", "lab", "--format", "json").assert_exit(1).stdout for _ in range(2)]
    assert said[0] != said[1]


def test_the_hooks_for_pre_commit_are_valid_and_do_what_they_say(lab: Project) -> None:
    hooks = TOP / ".pre-commit-hooks.yaml"
    lab.run(sys.executable, "-m", "pre_commit", "validate-manifest", hooks).assert_ok()
    entries = dict(re.findall(r"- id: (\S+)\n(?:  .*\n)*?  entry: fumehood (.*)\n", hooks.read_text(encoding="utf-8")))
    assert list(entries) == ["fumehood-check", "fumehood-fix", "fumehood-lock"]
    lab.fumehood("lock").assert_ok()
    for command in entries.values():
        lab.fumehood(*command.split()).assert_ok()
    lab.write({"requirements.txt": "alpha<2\n", "CODEOWNERS": "* @other-owner\n"})
    lab.fumehood(*entries["fumehood-lock"].split()).assert_exit(1)
    lab.fumehood(*entries["fumehood-check"].split()).assert_exit(1)
    assert lab.fumehood(*entries["fumehood-fix"].split()).assert_ok().stderr == "mended CODEOWNERS\n"
