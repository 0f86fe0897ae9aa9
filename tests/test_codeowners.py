from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.reading import codeowners

if TYPE_CHECKING:
    from pathlib import Path


def owners(text: str, folder: str = "experiments/a") -> tuple[str, ...]:
    return codeowners.parse(text, path="CODEOWNERS").owners_of(folder)


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "/experiments/",
        "experiments/",
        "/experiments/a",
        "/experiments/a/",
        "experiments/*/",
        "a/",
        "**/a",
        "/*/a/**",
    ],
)
def test_a_pattern_covers_the_folders_that_gitignore_s_would(pattern: str) -> None:
    assert owners(f"{pattern} @example-owner\n") == ("@example-owner",)


@pytest.mark.parametrize(
    "pattern", ["*.py", "/a/", "/experiments/ab", "/experiments/b/", "experiments/*.txt", "other/**", "./experiments/"]
)
def test_a_pattern_about_something_else_does_not(pattern: str) -> None:
    assert owners(f"{pattern} @example-owner\n") == ()


def test_the_last_match_wins_and_a_pattern_without_owners_takes_ownership_away() -> None:
    text = """\
# Everything has an owner,
* @example-owner @example-org/team
/experiments/            # but experiments have none,
/experiments/a/ someone@example.invalid   # save for this one
/experiments/b/ @second @third
"""
    assert owners(text) == ("someone@example.invalid",)
    assert owners(text, "experiments/b/deep") == ("@second", "@third")
    assert owners(text, "experiments/c") == ()
    assert owners(text, "docs") == ("@example-owner", "@example-org/team")


def test_spaces_are_escaped_and_lines_that_are_no_rule_are_passed_over() -> None:
    text = "experiments/with\\ space/ @one\n\n!experiments/ @two\n   \n\t# comment @three\n"
    assert owners(text, "experiments/with space") == ("@one",)
    assert owners(text) == ()


def test_a_section_s_owners_count_for_its_patterns_that_name_none() -> None:
    text = """\
[Core] @core
/experiments/
^[Labs][2] @lab @lab2
/experiments/b/
/experiments/c/ @own
[Bare]
/experiments/d/
"""
    assert owners(text) == ("@core",)
    assert owners(text, "experiments/b") == ("@lab", "@lab2")
    assert owners(text, "experiments/c") == ("@own",)
    assert owners(text, "experiments/d") == ()


def test_the_file_is_looked_for_where_forges_look(tmp_path: Path) -> None:
    assert codeowners.read(tmp_path) is None
    for location in reversed(codeowners.LOCATIONS):
        (tmp_path / location).parent.mkdir(exist_ok=True)
        (tmp_path / location).write_bytes(
            b"\xef\xbb\xbf* @" + location.partition("/")[0].strip(".").encode() + b" \xff\n"
        )
        found = codeowners.read(tmp_path)
        assert found
        assert found.path == location
        assert found.owners_of("x")[0] == "@" + location.partition("/")[0].strip(".")


@given(st.text(st.sampled_from("ab/*?[]!#\\ @.\n^-")) | st.text())
def test_any_text_at_all_is_read_without_a_crash(text: str) -> None:
    assert isinstance(owners(text), tuple)
