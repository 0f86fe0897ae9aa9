"""Taking an experiment's lines out of other files: nothing else changes, and a second time nothing at all."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.lifecycle.traces import Names, edit

NAMES = Names(path="experiments/foo", session="exp-foo", module="acme.experiments.foo")
VALUES = st.sampled_from(
    [
        "experiments/foo",
        "experiments/foo/**",
        "experiments/foo2/**",
        "exp-foo",
        "exp-foo-2",
        "core",
        "a: experiments/foo",
    ]
)
QUOTED = VALUES.flatmap(lambda value: st.sampled_from([value, f'"{value}"', f"'{value}'"]))
YAML = st.lists(
    st.builds("{}- {}{}".format, st.sampled_from(["", "  ", "    "]), QUOTED, st.sampled_from(["", "  # why", "\r"]))
    | st.sampled_from(["paths:", "", "# experiments/foo", "  run: nox -s exp-foo", '- "experiments/foo/**": [x]'])
)
TOML = st.lists(VALUES.map(lambda value: f'    "{value}",'), max_size=6).map(
    lambda lines: ["[a]", "list = [", *lines, "]", '"experiments/foo/*" = ["D"]', 'x = "exp-foo"']
)
OWNERS = st.lists(
    st.builds("{}{}  {}".format, st.sampled_from(["", "/", "  /"]), VALUES, st.sampled_from(["@a", "@a @b", ""]))
    | st.sampled_from(["[Section]", "", "# /experiments/foo"])
)


@pytest.mark.parametrize("file", [".github/workflows/ci.yml", "CODEOWNERS", "a.toml", "docs/page.md"])
@given(lines=YAML | TOML | OWNERS)
def test_all_other_lines_stay_as_they_are_and_once_is_enough(file: str, lines: list[str]) -> None:
    text = "\n".join(lines)
    change = edit(file, text, NAMES, table=False)
    gone = {mention.line for mention in change.removed}
    if gone:
        assert change.after == "\n".join(line for number, line in enumerate(lines, 1) if number not in gone)
    assert all(mention.text == lines[mention.line - 1] for mention in change.removed)
    assert all("foo2" not in mention.text and "exp-foo-2" not in mention.text for mention in change.removed)
    assert edit(file, change.after if gone else text, NAMES, table=False).removed == ()


@given(TOML)
def test_what_was_toml_stays_toml(lines: list[str]) -> None:
    text = "\n".join(lines)
    change = edit("pyproject.toml", text, NAMES, table=False)
    before, after = tomllib.loads(text), tomllib.loads(change.after)
    assert bool(before["a"]["list"]) == bool(after["a"]["list"])
    assert after["a"]["x"] == "exp-foo"


@pytest.mark.parametrize(
    ("line", "is_about"),
    [
        ("see experiments/foo.", True),
        ("see https://example.org/blob/main/experiments/foo/README.md", True),
        ("nox -s exp-foo-3.12", True),
        ("import acme.experiments.foo.model", True),
        ("experiments/foo2", False),
        ("experiments/foo-bar", False),
        ("exp-foo-bar", False),
        ("acme.experiments.food", False),
        ("my-experiments/foo", False),
    ],
)
def test_a_line_is_about_an_experiment_and_not_about_one_whose_name_begins_so(line: str, *, is_about: bool) -> None:
    assert NAMES.are_in(line) is is_about
