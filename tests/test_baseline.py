"""The baseline: what a repository begins with counts no longer, and may only become less."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.model import baseline
from fumehood.model.finding import Finding
from support.schemas import mistakes, schema
from support.values import values
from support.violations import BASE, experiment

if TYPE_CHECKING:
    from fumehood.model.baseline import Entry
    from support.project import Project

FILE = "fumehood-baseline.json"
NO_THEME = 'owners = ["@example-owner"]\n'
THEMED = 'theme = "infrastructure"\n' + NO_THEME


@pytest.fixture
def late(project: Project) -> Project:
    """A repository that has been written without rules: two experiments without a theme."""
    project.write(BASE)
    for name in ("one", "two"):
        project.write(experiment(name, experiment__toml=NO_THEME))
    return project


def test_only_what_is_new_counts_once_there_is_a_baseline(late: Project) -> None:
    late.fumehood("check").assert_exit(1)
    written = late.fumehood("check", "--baseline", "write").assert_ok()
    assert (written.stdout, written.stderr) == (f"{FILE}: 2 known, 0 gone, 2 added\n", "")
    assert (late.root / FILE).read_text() == (
        "{\n"
        '  "schema": 1,\n'
        '  "findings": [\n'
        '    {"rule": "theme/missing", "experiment": "one", "file": "experiments/one/experiment.toml", '
        '"subject": "it names no theme", "count": 1},\n'
        '    {"rule": "theme/missing", "experiment": "two", "file": "experiments/two/experiment.toml", '
        '"subject": "it names no theme", "count": 1}\n'
        "  ]\n"
        "}\n"
    )
    assert mistakes(json.loads((late.root / FILE).read_text()), schema("baseline")) == []
    known = late.fumehood("check").assert_ok()
    assert known.stdout == "2 experiments checked: all fit; 2 in the baseline\n"
    late.write(experiment("three", experiment__toml=NO_THEME) | {"experiments/one/experiment.toml": "\n\n" + NO_THEME})
    new = late.fumehood("check").assert_exit(1)
    assert new.stdout.startswith("three\n  experiments/three/experiment.toml: error [theme/missing]\n")
    assert new.stdout.endswith("\n3 experiments checked: 2 fit, 1 with findings; 2 in the baseline\n")
    answer = json.loads(late.fumehood("check", "--format", "json").stdout)
    assert [one["experiment"] for one in answer["known"]] == ["one", "two"]


def test_the_baseline_only_ever_shrinks_unless_told_otherwise(late: Project) -> None:
    late.fumehood("check", "--baseline", "write").assert_ok()
    late.write(experiment("three", experiment__toml=NO_THEME) | {"experiments/one/experiment.toml": THEMED})
    gone = late.fumehood("check", "one").assert_ok()
    assert gone.stdout == (
        "one\n"
        "  fumehood-baseline.json:4: warning [baseline/gone]\n"
        "    no longer found: theme/missing in experiments/one/experiment.toml\n"
        "      it names no theme\n"
        "    → `fumehood check --baseline write` takes it out\n"
        "\n"
        "1 experiment checked: it fits; 1 warning\n"
    )
    assert late.fumehood("check", "two").assert_ok().stdout == "1 experiment checked: it fits; 1 in the baseline\n"
    shrunk = late.fumehood("check", "--baseline", "write").assert_ok()
    assert shrunk.stdout == f"{FILE}: 1 known, 1 gone, 0 added\n"
    late.fumehood("check").assert_exit(1)
    extended = late.fumehood("check", "--baseline", "extend").assert_ok()
    assert extended.stdout == f"{FILE}: 2 known, 0 gone, 1 added\n"
    assert [one["experiment"] for one in json.loads((late.root / FILE).read_text())["findings"]] == ["three", "two"]
    late.fumehood("check").assert_ok()


def test_what_a_run_did_not_look_at_is_never_called_gone(late: Project) -> None:
    late.fumehood("check", "--baseline", "write").assert_ok()
    late.write({"experiments/one/experiment.toml": THEMED})
    for arguments in (["--rule", "lock"], ["two"]):
        assert "gone" not in late.fumehood("check", "--rule", "baseline", *arguments).assert_ok().stdout
    assert late.fumehood("check", "one", "--baseline", "write").assert_exit(2).stderr == (
        "a baseline is of all experiments and all rules\n  → name no experiments and no rules\n"
    )
    late.write({"pyproject.toml": f'{BASE["pyproject.toml"]!s}\n[tool.fumehood.rules]\nbaseline = "error"\n'})
    late.fumehood("check").assert_exit(1)


def test_what_is_known_of_an_experiment_with_a_mistake_in_its_manifest_is_kept(late: Project) -> None:
    late.fumehood("check", "--baseline", "write").assert_ok()
    before = (late.root / FILE).read_text()
    late.write({"experiments/one/experiment.toml": "theme = [\n"})
    assert "gone" not in late.fumehood("check").assert_exit(3).stdout
    kept = late.fumehood("check", "--baseline", "write").assert_ok()
    assert kept.stdout == f"{FILE}: 2 known, 0 gone, 0 added\n"
    assert (late.root / FILE).read_text() == before


def test_what_is_known_of_other_things_than_versions_goes_though_versions_are_not_decided(late: Project) -> None:
    late.write({"requirements.txt": "alpha\n"})
    (late.root / "requirements.lock").unlink(missing_ok=True)
    late.fumehood("check", "--offline", "--baseline", "write").assert_ok()
    late.write({"experiments/one/experiment.toml": THEMED})
    late.fumehood("check", "--offline").assert_exit(3)
    shrunk = late.fumehood("check", "--offline", "--baseline", "write").assert_ok()
    assert shrunk.stdout == f"{FILE}: 1 known, 1 gone, 0 added\n"


def test_the_baseline_itself_names_no_experiment(late: Project) -> None:
    late.write({"experiments/__init__.py": "", "experiments/one/a.py": "", "experiments/one/__init__.py": ""})
    late.write({"experiments/two/b.py": "import experiments.one.a\n"})
    late.fumehood("check", "--baseline", "write").assert_ok()
    assert "experiments.one.a" in (late.root / FILE).read_text()
    assert late.fumehood("check").assert_ok().stdout == "2 experiments checked: all fit; 3 in the baseline\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "fumehood-baseline.json:1: not valid JSON: Expecting value\n"),
        ("[]", "fumehood-baseline.json: it is no baseline\n"),
        ('{"schema": 1, "findings": [{"rule": 3}]}', "fumehood-baseline.json: it is no baseline\n"),
        ('{"schema": 1, "findings": {"rule": 3}}', "fumehood-baseline.json: it is no baseline\n"),
        ("[" * 100_000, "fumehood-baseline.json: it is no baseline\n"),
        ('{"schema": 2}', "fumehood-baseline.json: it has schema 2, not 1\n  → use the fumehood that wrote it\n"),
    ],
)
def test_a_file_that_is_no_baseline_is_a_mistake(late: Project, text: str, message: str) -> None:
    late.write({FILE: text})
    assert late.fumehood("check").assert_exit(2).stderr.startswith(message)


findings = values(
    Finding,
    experiment=st.sampled_from(["", "one"]),
    file=st.sampled_from(["a.py", "b.py"]),
    line=st.integers(0, 9),
    rule=st.sampled_from(["theme/missing", "owner/missing", "waiver/expired"]),
    severity=st.sampled_from(["error", "note"]),
    message=st.sampled_from(["x", "y\udcff", 'z"']),
)
lists = st.lists(findings, max_size=8)


@given(lists)
def test_what_is_written_is_read_again(found: list[Finding]) -> None:
    entries = baseline.entries_of(found)
    read = baseline.parse(baseline.render(entries), path=FILE)
    assert [(one.rule, one.file, one.count) for one in read] == [(one.rule, one.file, one.count) for one in entries]
    text = baseline.render(entries)
    assert baseline.render(baseline.parse(text, path=FILE)) == text


@given(lists, lists)
def test_a_baseline_never_hides_more_than_it_knew_and_what_is_gone_is_what_it_no_longer_hides(
    before: list[Finding], now: list[Finding]
) -> None:
    entries = baseline.entries_of(before)
    held = baseline.split(now, entries, is_judged=lambda _entry: True)
    assert sorted([*held.new, *held.known]) == sorted(now)
    assert len(held.known) + total(held.gone) == total(entries)
    shrunk = baseline.without(entries, held.gone)
    assert baseline.split(now, shrunk, is_judged=lambda _entry: True).known == held.known
    assert total(shrunk) == len(held.known) <= total(entries)
    extended = baseline.together(*shrunk, *baseline.entries_of(held.new))
    assert all(one.rule == "waiver/expired" for one in baseline.split(now, extended, is_judged=lambda _: True).new)


def total(entries: tuple[Entry, ...]) -> int:
    return sum(entry.count for entry in entries)
