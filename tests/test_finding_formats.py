"""What a check found, in every format, as whole texts."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import fumehood
from fumehood.errors import ExitCode, Place
from fumehood.formats import github, plain_json, sarif, text
from fumehood.formats.registry import FORMATS
from fumehood.model.finding import CheckAnswer, Finding, Undecided, Waived, exit_code
from fumehood.model.waiver import Waiver
from support.schemas import mistakes, sarif_schema, schema
from support.values import values

STATIC = Finding(
    experiment="time_sequence_prediction",
    file="experiments/time_sequence_prediction/requirements.txt",
    line=1,
    rule="conflict/static",
    severity="error",
    message="no version of torch satisfies these 2 lines together",
    remedy="change one of these lines so that their versions overlap",
    details=(
        "requirements.txt:1: torch>=2.7",
        "experiments/time_sequence_prediction/requirements.txt:1: torch<2.6",
    ),
)
LOCK = Finding(
    experiment="",
    file="requirements.lock",
    line=0,
    rule="lock/stale",
    severity="warning",
    message="the lock does not say what it was made from, so that nothing can be known about it before it is made anew",
    remedy="run `fumehood lock`",
)
NOTE = Finding(experiment="rl", file="", line=0, rule="style/owner", severity="note", message="nobody owns it")
RL = Undecided(experiment="rl", reason="Git could not reach https://git.example.org/trl:\nconnection refused")
ANSWER = CheckAnswer(findings=(STATIC, NOTE, LOCK), undecided=(RL,), checked=32)
NOTHING = CheckAnswer(checked=32)


def error(experiment: str, rule: str = "conflict/static") -> Finding:
    return Finding(experiment=experiment, file="a.txt", line=1, rule=rule, severity="error", message="bad")


def test_text_groups_by_experiment_and_ends_with_a_summary() -> None:
    assert text.render(ANSWER) == dedent("""\
        core
          requirements.lock: warning [lock/stale]
            the lock does not say what it was made from, so that nothing can be known
            about it before it is made anew
            → run `fumehood lock`

        rl
          note [style/owner]
            nobody owns it
          not decided: Git could not reach https://git.example.org/trl:
            connection refused

        time_sequence_prediction
          experiments/time_sequence_prediction/requirements.txt:1: error
            [conflict/static]
            no version of torch satisfies these 2 lines together
              requirements.txt:1: torch>=2.7
              experiments/time_sequence_prediction/requirements.txt:1: torch<2.6
            → change one of these lines so that their versions overlap

        32 experiments checked: 30 fit, 1 in conflict, 1 not decided; 1 warning; 1 note""")


def test_text_counts_what_does_not_count() -> None:
    waiver = Waiver(place=Place("experiment.toml", 3), rule="conflict/static", reason="later", until=date(2026, 12, 31))
    answer = replace(ANSWER, waived=(Waived(finding=STATIC, waiver=waiver),), known=(STATIC, LOCK)).without_notes()
    assert text.summary(answer) == (
        "32 experiments checked: 30 fit, 1 in conflict, 1 not decided; 1 warning; 1 waived; 2 in the baseline; "
        "1 note (--notes shows them)"
    )


def test_text_with_nothing_to_say_is_its_summary() -> None:
    assert text.render(NOTHING) == "32 experiments checked: all fit"


def test_text_with_very_many_findings_says_how_to_begin_all_the_same() -> None:
    many = CheckAnswer(findings=(STATIC,) * 41, checked=32)
    hint = "→ `fumehood check --baseline write` writes these down, so that only new ones\n  count from then on"
    assert text.render(many).endswith(f"\n\n32 experiments checked: 31 fit, 1 in conflict\n{hint}")
    assert hint not in text.render(replace(many, findings=(STATIC,) * 40))
    assert hint not in text.render(replace(many, known=(LOCK,)))


@pytest.mark.parametrize(
    ("answer", "summary"),
    [
        (CheckAnswer(checked=0), "no experiments checked"),
        (CheckAnswer(checked=1), "1 experiment checked: it fits"),
        (CheckAnswer(checked=2, findings=(error("a"),)), "2 experiments checked: 1 fits, 1 in conflict"),
        (CheckAnswer(checked=1, findings=(error("a"), error("a"))), "1 experiment checked: 1 in conflict"),
        (CheckAnswer(checked=3, findings=(error("a", "style/x"),)), "3 experiments checked: 2 fit, 1 with findings"),
        (
            CheckAnswer(checked=3, findings=(error("rl", "style/x"), error("rl")), undecided=(RL,)),
            "3 experiments checked: 2 fit, 1 in conflict",
        ),
        (CheckAnswer(checked=3, findings=(error(""),)), "3 experiments checked: all fit; core in conflict"),
        (
            CheckAnswer(checked=0, undecided=(Undecided(experiment="", reason="x"),)),
            "no experiments checked; core not decided",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_the_summary_counts_each_experiment_once(answer: CheckAnswer, summary: str) -> None:
    assert text.summary(answer) == summary


def test_text_keeps_the_frame_of_what_is_quoted() -> None:
    reason = (
        "not resolved\n  | error: No solution found\n  |   cause: Because " + "torch " * 12 + "\n  | \n  → try again"
    )
    assert text.render(CheckAnswer(checked=0, undecided=(Undecided(experiment="", reason=reason),))) == dedent("""\
        core
          not decided: not resolved
              | error: No solution found
              |   cause: Because torch torch torch torch torch torch torch torch torch
              |   torch torch torch
              → try again

        no experiments checked; core not decided""")


def test_text_shows_signs_that_would_move_the_cursor() -> None:
    bad = Finding(
        experiment="a\n\x1b[2J",
        file="e/\r.txt",
        line=2,
        rule="r",
        severity="error",
        message="tab\there\x07",
        remedy="\x9bm",
    )
    assert text.render(CheckAnswer(findings=(bad,), checked=1)) == dedent("""\
        a\\n\\x1b[2J
          e/\\r.txt:2: error [r]
            tab here\\x07
            → \\x9bm

        1 experiment checked: 1 with findings""")


def test_json_is_an_object_with_its_schema_s_version() -> None:
    assert plain_json.render(CheckAnswer(findings=(STATIC,), undecided=(RL,), checked=32)) == dedent("""\
        {
          "schema": 1,
          "findings": [
            {
              "rule": "conflict/static",
              "severity": "error",
              "experiment": "time_sequence_prediction",
              "file": "experiments/time_sequence_prediction/requirements.txt",
              "line": 1,
              "message": "no version of torch satisfies these 2 lines together",
              "remedy": "change one of these lines so that their versions overlap",
              "details": [
                "requirements.txt:1: torch>=2.7",
                "experiments/time_sequence_prediction/requirements.txt:1: torch<2.6"
              ],
              "fingerprint": "1606ea6d26976348"
            }
          ],
          "waived": [],
          "known": [],
          "undecided": [
            {
              "experiment": "rl",
              "reason": "Git could not reach https://git.example.org/trl:\\nconnection refused"
            }
          ]
        }""")


def test_json_with_nothing_to_say_has_empty_lists() -> None:
    assert json.loads(plain_json.render(NOTHING)) == {
        "schema": 1,
        "findings": [],
        "waived": [],
        "known": [],
        "undecided": [],
    }


def test_github_gets_one_command_for_each_finding_and_a_warning_for_what_is_not_decided() -> None:
    lock, owner, static, undecided = github.render(ANSWER).split("\n")
    assert lock == (
        "::warning file=requirements.lock,title=core%3A lock/stale::the lock does not say what it was made from, "
        "so that nothing can be known about it before it is made anew%0A→ run `fumehood lock`"
    )
    assert owner == "::notice title=rl%3A style/owner::nobody owns it"
    assert static == (
        "::error file=experiments/time_sequence_prediction/requirements.txt,line=1,"
        "title=time_sequence_prediction%3A conflict/static::no version of torch satisfies these 2 lines together"
        "%0Arequirements.txt:1: torch>=2.7"
        "%0Aexperiments/time_sequence_prediction/requirements.txt:1: torch<2.6"
        "%0A→ change one of these lines so that their versions overlap"
    )
    assert undecided == (
        "::warning title=rl%3A not decided::Git could not reach https://git.example.org/trl:%0Aconnection refused"
    )


def test_github_gets_nothing_where_there_is_nothing_to_say() -> None:
    assert github.render(NOTHING) == ""


def test_github_s_escapes_keep_a_message_from_becoming_a_command_or_another_property() -> None:
    bad = Finding(
        experiment="50%,x:y",
        file="a,b:c\n.txt",
        line=3,
        rule="r",
        severity="error",
        message="100% bad\r\n::stop-commands::x, y: z",
    )
    assert github.render(CheckAnswer(findings=(bad,), checked=1)) == (
        "::error file=a%2Cb%3Ac%0A.txt,line=3,title=50%25%2Cx%3Ay%3A r::100%25 bad%0D%0A::stop-commands::x, y: z"
    )


def test_sarif_has_a_result_for_each_finding_and_a_notification_for_what_is_not_decided() -> None:
    assert json.loads(sarif.render(ANSWER)) == {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "fumehood",
                        "version": fumehood.__version__,
                        "rules": [
                            {
                                "id": "conflict/static",
                                "shortDescription": {
                                    "text": "Requirement lines that no version of a package can satisfy together."
                                },
                            },
                            {
                                "id": "lock/stale",
                                "shortDescription": {"text": "A lock that does not match what it was made from."},
                            },
                            {"id": "style/owner"},
                        ],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": False,
                        "toolExecutionNotifications": [
                            {
                                "level": "warning",
                                "message": {
                                    "text": "rl: not decided: Git could not reach https://git.example.org/trl:\n"
                                    "connection refused"
                                },
                            }
                        ],
                    }
                ],
                "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
                "results": [
                    {
                        "ruleId": "lock/stale",
                        "ruleIndex": 1,
                        "level": "warning",
                        "message": {
                            "text": "the lock does not say what it was made from, so that nothing can be known about "
                            "it before it is made anew\n→ run `fumehood lock`"
                        },
                        "partialFingerprints": {"fumehood/v1": "741108be219dd475"},
                        "properties": {"experiment": ""},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": "requirements.lock", "uriBaseId": "%SRCROOT%"}
                                }
                            }
                        ],
                    },
                    {
                        "ruleId": "style/owner",
                        "ruleIndex": 2,
                        "level": "note",
                        "message": {"text": "nobody owns it"},
                        "partialFingerprints": {"fumehood/v1": "c243333fb747cc44"},
                        "properties": {"experiment": "rl"},
                    },
                    {
                        "ruleId": "conflict/static",
                        "ruleIndex": 0,
                        "level": "error",
                        "message": {
                            "text": "no version of torch satisfies these 2 lines together\n"
                            "requirements.txt:1: torch>=2.7\n"
                            "experiments/time_sequence_prediction/requirements.txt:1: torch<2.6\n"
                            "→ change one of these lines so that their versions overlap"
                        },
                        "partialFingerprints": {"fumehood/v1": "1606ea6d26976348"},
                        "properties": {"experiment": "time_sequence_prediction"},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {
                                        "uri": "experiments/time_sequence_prediction/requirements.txt",
                                        "uriBaseId": "%SRCROOT%",
                                    },
                                    "region": {"startLine": 1},
                                }
                            }
                        ],
                    },
                ],
            }
        ],
    }


def test_sarif_encodes_paths_and_doubles_braces() -> None:
    odd = Finding(
        experiment="a", file="e x/ü:%/r{}.txt", line=1, rule="r", severity="error", message="${HOME} is not set"
    )
    (result,) = json.loads(sarif.render(CheckAnswer(findings=(odd,), checked=1)))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "e%20x/%C3%BC%3A%25/r%7B%7D.txt"
    assert result["message"] == {"text": "${{HOME}} is not set"}


def test_sarif_with_nothing_to_say_is_a_successful_run_without_results() -> None:
    (run,) = json.loads(sarif.render(NOTHING))["runs"]
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


@pytest.mark.parametrize("answer", [ANSWER, NOTHING], ids=["findings", "nothing"])
def test_sarif_is_valid_by_the_standard_s_schema(answer: CheckAnswer) -> None:
    assert mistakes(json.loads(sarif.render(answer)), sarif_schema()) == []


@pytest.mark.parametrize(
    ("findings", "undecided", "code"),
    [
        ((), (), ExitCode.OK),
        ((NOTE, LOCK), (), ExitCode.OK),
        ((NOTE,), (RL,), ExitCode.WORLD),
        ((STATIC, NOTE), (), ExitCode.FINDINGS),
        ((STATIC,), (RL,), ExitCode.FINDINGS),
    ],
)
def test_errors_count_more_than_what_is_not_decided(
    findings: tuple[Finding, ...], undecided: tuple[Undecided, ...], code: ExitCode
) -> None:
    assert exit_code(CheckAnswer(findings=findings, undecided=undecided, checked=3)) is code


@pytest.mark.parametrize(("name", "language"), [("text", "text"), ("json", "json"), ("github", "text")])
def test_the_examples_of_the_documentation_are_what_is_said(name: str, language: str) -> None:
    said = FORMATS[name](CheckAnswer(findings=(STATIC,), checked=2))
    page = Path(__file__).resolve().parents[1] / "docs" / "formats.md"
    assert f"```{language}\n{said}\n```" in page.read_text(encoding="utf-8")


texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("%:,\r\n{}\udcff\x1b"), max_size=12)
findings = values(
    Finding,
    experiment=texts,
    file=texts,
    line=st.integers(0, 9),
    rule=texts.filter(bool),
    severity=st.sampled_from(["error", "warning", "note"]),
    message=texts,
    remedy=texts,
    details=st.lists(texts, max_size=2).map(tuple),
)
waivers = values(
    Waiver, place=st.just(Place("pyproject.toml", 3)), rule=texts, reason=texts, until=st.dates(), path=texts
)
answers = st.builds(
    lambda found, undecided, waived, known: CheckAnswer(
        findings=tuple(found), undecided=tuple(undecided), waived=tuple(waived), known=tuple(known), checked=9
    ),
    st.lists(findings, max_size=3),
    st.lists(values(Undecided, experiment=texts, reason=texts), max_size=3),
    st.lists(values(Waived, finding=findings, waiver=waivers), max_size=2),
    st.lists(findings, max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(answers)
def test_whatever_is_found_every_format_can_be_printed_and_does_not_depend_on_the_order(answer: CheckAnswer) -> None:
    turned = replace(
        answer,
        findings=answer.findings[::-1],
        undecided=answer.undecided[::-1],
        waived=answer.waived[::-1],
        known=answer.known[::-1],
    )
    for render in FORMATS.values():
        render(answer).encode("utf-8")
        assert render(answer) == render(turned)


@settings(max_examples=60, deadline=None)
@given(answers)
def test_whatever_is_found_the_json_is_as_its_schema_says(answer: CheckAnswer) -> None:
    assert mistakes(json.loads(plain_json.render(answer)), schema("check")) == []


@settings(max_examples=20, deadline=None)
@given(answers)
def test_whatever_is_found_the_sarif_is_as_the_standard_s_schema_says(answer: CheckAnswer) -> None:
    assert mistakes(json.loads(sarif.render(answer)), sarif_schema()) == []


@settings(max_examples=60, deadline=None)
@given(answers)
def test_whatever_is_found_github_gets_one_line_for_each(answer: CheckAnswer) -> None:
    lines = github.render(answer).split("\n") if github.render(answer) else []
    assert len(lines) == len(answer.findings) + len(answer.undecided)
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)
