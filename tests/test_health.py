"""Health as arithmetic on dates, and as the rules say it of real repositories."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from fumehood.model.experiment import STATES
from fumehood.model.health import Facts, Health, Step, health
from fumehood.model.limits import Limits
from support.values import values

if TYPE_CHECKING:
    from support.project import Project

LIMITS = Limits(commit=100, green=50, answer=10, suspend=5, remove=20)


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


def on(day: str) -> date:
    return date.fromisoformat(day)


def test_whatever_runs_out_first_begins_the_steps() -> None:
    facts = Facts(state="active", committed=at("2026-01-01"), green=at("2026-01-15"), tried=at("2025-01-01"))
    assert health(facts, LIMITS) == Health(
        reason="no green result since 2026-01-15",
        steps=(
            Step(what="warn", on=on("2026-03-06")),
            Step(what="suspend", on=on("2026-03-11")),
            Step(what="remove", on=on("2026-03-31")),
        ),
    )


def test_a_failure_waits_for_an_answer_until_a_commit_is_one() -> None:
    facts = Facts(state="proposed", committed=at("2026-01-01"), failing=at("2026-01-02"), tried=at("2026-01-02"))
    found = health(facts, LIMITS)
    assert (found.reason, found.steps[0].on) == (
        "it fails since 2026-01-02, and no commit has answered",
        on("2026-01-12"),
    )
    answered = Facts(state="proposed", committed=at("2026-01-03"), failing=at("2026-01-02"), tried=at("2026-01-02"))
    found = health(answered, LIMITS)
    assert (found.reason, found.steps[0].on) == (
        "no green result since its first run on 2026-01-02",
        on("2026-02-21"),
    )


def test_what_does_not_run_is_to_be_removed_one_day() -> None:
    suspended = health(Facts(state="suspended", committed=at("2026-01-01")), LIMITS)
    assert suspended == Health(
        reason="suspended, and no commit since 2026-01-01", steps=(Step(what="remove", on=on("2026-01-21")),)
    )
    graduated = health(Facts(state="graduated", committed=at("2026-01-01")), LIMITS)
    assert graduated == Health(reason="graduated, and still here", steps=(Step(what="remove", on=on("2026-01-01")),))


def test_where_nothing_is_known_nothing_follows() -> None:
    assert {health(Facts(state=state), LIMITS) for state in STATES} == {Health()}


times = st.none() | st.datetimes(timezones=st.just(UTC))
days = st.integers(1, 10_000_000)
all_facts = values(Facts, state=st.sampled_from(STATES), committed=times, green=times, failing=times, tried=times)
limits = values(Limits, commit=days, green=days, answer=days, suspend=days, remove=days)


@given(all_facts, limits, st.dates())
def test_steps_are_in_order_and_today_is_between_the_one_due_and_the_one_to_come(
    facts: Facts, limits: Limits, today: date
) -> None:
    found = health(facts, limits)
    assert list(found.steps) == sorted(found.steps, key=lambda step: step.on)
    due, coming = found.due(today), found.coming(today)
    assert due is None or due.on <= today
    assert coming is None or coming.on > today
    assert not found.steps or due or coming
    assert bool(found.steps) == bool(found.reason)


@given(all_facts, limits, st.integers(1, 1000))
def test_a_later_commit_never_brings_a_step_nearer(facts: Facts, limits: Limits, later: int) -> None:
    if facts.committed is None or facts.committed.year > 9990:
        return
    moved = Facts(
        state=facts.state,
        committed=facts.committed + timedelta(days=later),
        green=facts.green,
        failing=facts.failing,
        tried=facts.tried,
    )
    before, after = health(facts, limits), health(moved, limits)
    assert [step.on for step in before.steps] <= [step.on for step in after.steps]


def test_the_settings_say_how_long_and_wrong_ones_are_reported(project: Project) -> None:
    project.write(
        {
            "requirements.txt": "",
            "experiments/a/experiment.toml": 'theme = "model"\n',
            "pyproject.toml": "[tool.fumehood.lifecycle]\nno-commit-days = 10\nremove-after-days = 1\n",
        }
    )
    project.commit()
    checked = project.fumehood("check", "--rule", "health", env={"FUMEHOOD_TODAY": "2020-02-12"}).assert_ok()
    assert (
        checked.stdout
        == """\
a
  experiments/a/experiment.toml: warning [health/stale]
    no commit since 2020-02-02; to be suspended on 2020-03-13, to be removed on
    2020-03-14
    → answer for it with a commit, or write state = "suspended" into
      experiments/a/experiment.toml

1 experiment checked: it fits; 1 warning
"""
    )
    project.write({"pyproject.toml": "[tool.fumehood.lifecycle]\nno-commit-days = 0\nno-comit-days = 10\n"})
    assert project.fumehood("check").assert_exit(2).stderr == (
        "pyproject.toml:2: no-commit-days is a whole number of at least 1, not 0\n  → write no-commit-days = 1\n"
        "pyproject.toml:3: unknown key 'no-comit-days'\n  → did you mean no-commit-days?\n"
    )


def test_the_answer_of_a_check_is_remembered_until_somebody_commits_or_the_day_changes(project: Project) -> None:
    project.write({"requirements.txt": "", "experiments/a/experiment.toml": 'theme = "model"\n'})
    project.commit()
    stale, fresh = {"FUMEHOOD_TODAY": "2021-01-01"}, {"FUMEHOOD_TODAY": "2020-02-03"}
    said = [project.fumehood("check", "--rule", "health", env=day).stdout for day in (stale, fresh, stale)]
    assert ["health/stale" in text for text in said] == [True, False, True]
    project.git("commit", "--quiet", "--allow-empty", "--message", "Nothing", "--date", "2021-01-01T00:00:00Z")
    project.env["GIT_COMMITTER_DATE"] = "2021-01-01T00:00:00Z"
    project.write({"experiments/a/README.md": "# A\n"})
    project.commit()
    assert "health/stale" not in project.fumehood("check", "--rule", "health", env=stale).stdout


def test_what_does_not_run_says_so_in_the_list_of_sessions_and_when_it_is_left_out(project: Project) -> None:
    project.write({"requirements.txt": "", "experiments/a/experiment.toml": 'state = "suspended"\nsummary = "A"\n'})
    project.noxfile()
    assert "- exp-a [exp] -> Left out, since it is suspended: A\n" in project.nox("--list").assert_ok().stdout
    outcome = project.nox("-t", "exp").assert_ok()
    assert "experiments/a is suspended (experiments/a/experiment.toml)" in outcome.stderr


def test_without_git_nothing_is_known_and_nothing_is_said(project: Project) -> None:
    project.write({"requirements.txt": "", "experiments/a/experiment.toml": 'theme = "model"\n'})
    outcome = project.fumehood("check", "--rule", "health", env={"FUMEHOOD_TODAY": "2030-01-01"}).assert_ok()
    assert outcome.stdout == "1 experiment checked: it fits\n"
