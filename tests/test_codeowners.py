from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood.reading import codeowners
from fumehood.reading.owners import LOCATIONS, read

if TYPE_CHECKING:
    from pathlib import Path


def owners(text: str, folder: str = "experiments/a") -> tuple[str, ...]:
    return codeowners.parse(text, path="CODEOWNERS").owners_of(folder)


def mistakes(text: str) -> list[str]:
    return [f"{one.line}: {one.what}" for one in codeowners.parse(text, path="CODEOWNERS").mistakes]


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
    assert owners(text, "experiments/b") == ("@core", "@lab", "@lab2")
    assert owners(text, "experiments/c") == ("@core", "@own")
    assert owners(text, "experiments/d") == ("@core",)
    assert owners(text.replace("/experiments/\n", "/experiments/*/\n!/experiments/d/\n"), "experiments/d") == ()


def test_sections_of_one_name_are_one_and_words_that_are_no_owners_are_passed_over_there() -> None:
    text = "[Labs] @lab team\n/experiments/\n[Docs] @writers\n*.md\n[labs]\n/experiments/b/ @own nobody\n"
    assert owners(text) == ("@lab",)
    assert owners(text, "experiments/b") == ("@own",)
    assert owners("[Labs] @lab @@maintainer @group/with/many\n*\n") == ("@lab", "@@maintainer", "@group/with/many")
    assert mistakes(text) == ["1: team is no owner and is passed over", "6: nobody is no owner and is passed over"]


def test_what_github_passes_over_is_told() -> None:
    text = """\
* @example-owner
/experiments/ example-owner
!/experiments/a/ @one
\\#notes @one
/experiments/[ab]/ @one
/ @one
"""
    assert owners(text) == ("@example-owner",)
    assert mistakes(text) == [
        "2: /experiments/ is passed over by GitHub, since example-owner is no owner",
        "3: !/experiments/a/ negates a pattern, which GitHub does not know",
        "4: \\#notes escapes a #, which GitHub does not know",
        "5: /experiments/[ab]/ has a range, which GitHub does not know",
        "6: / is no pattern",
    ]
    large = codeowners.parse("* @example-owner\n" + "#" * codeowners.MAX_BYTES, path="CODEOWNERS")
    assert (large.owners_of("a"), [mistake.line for mistake in large.mistakes]) == ((), [0])


def test_a_star_at_the_end_is_about_the_files_directly_in_a_folder() -> None:
    parsed = codeowners.parse("* @all\n/experiments/* @top\n", path="CODEOWNERS")
    assert parsed.owners_of_file("experiments/README.md") == ("@top",)
    assert parsed.owners_of_file("experiments/a/README.md") == ("@all",)
    assert codeowners.parse("/* @top\n", path="CODEOWNERS").owners_of_file("README.md") == ("@top",)
    deep = codeowners.parse("/docs/**/* @deep\n", path="CODEOWNERS")
    assert [deep.owners_of_file(path) for path in ("docs/a.md", "docs/a/b/c.md", "a.md")] == [
        ("@deep",),
        ("@deep",),
        (),
    ]
    assert codeowners.parse("/* @top\n", path="CODEOWNERS").owners_of_file("docs/README.md") == ()


def test_the_file_is_looked_for_where_forges_look(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    for location in reversed(LOCATIONS):
        (tmp_path / location).parent.mkdir(exist_ok=True)
        (tmp_path / location).write_bytes(
            b"\xef\xbb\xbf* @" + location.partition("/")[0].strip(".").encode() + b" # \xff\n"
        )
        found = read(tmp_path)
        assert found
        assert found.path == location
        assert found.owners_of("x")[0] == "@" + location.partition("/")[0].strip(".")


@given(st.text(st.sampled_from("ab/*?[]!#\\ @.\n^-")) | st.text())
def test_any_text_at_all_is_read_without_a_crash(text: str) -> None:
    assert isinstance(owners(text), tuple)
