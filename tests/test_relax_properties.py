"""The least change of a line that admits a version, by property."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from fumehood.conflicts import relax
from fumehood.errors import Place
from fumehood.reading.requirement_line import parse_line

if TYPE_CHECKING:
    from fumehood.model.requirement import Requirement

RELEASES = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
SUFFIXES = st.sampled_from(["", "", "", "rc1", ".dev3", ".post2", "a1.dev2"])
VERSIONS = st.builds(
    lambda epoch, release, suffix: f"{epoch}{release}{suffix}", st.sampled_from(["", "", "1!"]), RELEASES, SUFFIXES
)
BOUNDS = st.one_of(
    st.builds(
        lambda operator, version: f"{operator}{version}", st.sampled_from([">=", ">", "<=", "<", "!="]), VERSIONS
    ),
    st.builds(lambda operator, version: f"{operator}{version}", st.sampled_from(["==", "==="]), VERSIONS),
    st.builds(lambda operator, release: f"{operator}{release}.*", st.sampled_from(["==", "!="]), RELEASES),
    st.builds(lambda release: f"~={release}.0", RELEASES),
)
LINES = st.lists(BOUNDS, min_size=1, max_size=4).map(lambda bounds: line(f"demo[fast]{','.join(bounds)}"))
OFFERED = st.builds(lambda version, local: f"{version}{local}", VERSIONS, st.sampled_from(["", "", "+cpu"]))


def line(text: str) -> Requirement:
    return parse_line(text, place=Place("requirements.txt", 1))


@settings(deadline=None)
@given(LINES, OFFERED)
def test_the_changed_line_admits_the_version(before: Requirement, version: str) -> None:
    after = line(relax.admitting(before, version))
    assert after.specifier.contains(version, prereleases=True)
    assert (after.name, after.extras, after.marker) == (before.name, before.extras, before.marker)


@settings(deadline=None)
@given(LINES, OFFERED)
def test_bounds_that_admitted_the_version_stay_and_no_new_ones_come(before: Requirement, version: str) -> None:
    after = line(relax.admitting(before, version))
    kept = {bound for bound in before.specifier if bound.contains(version, prereleases=True)}
    assert kept <= set(after.specifier)
    assert len(after.specifier) <= len(before.specifier)


@settings(deadline=None)
@given(LINES, OFFERED)
def test_relaxing_twice_changes_nothing_more(before: Requirement, version: str) -> None:
    once = relax.admitting(before, version)
    assert relax.admitting(line(once), version) == once


@settings(deadline=None)
@given(LINES, OFFERED, VERSIONS)
def test_a_wider_line_admits_all_that_it_admitted(before: Requirement, version: str, other: str) -> None:
    after = line(relax.admitting(before, version))
    if relax.is_wider(before.specifier, after.specifier) and before.specifier.contains(other, prereleases=True):
        assert after.specifier.contains(other, prereleases=True)


@settings(deadline=None)
@given(LINES, VERSIONS)
def test_what_lies_above_a_line_is_higher_than_all_that_it_names(before: Requirement, version: str) -> None:
    if Version(version) > relax.highest_named(before.specifier):
        assert str(relax.highest_named(before.specifier).public) in relax.above(before, version)
        line(relax.above(before, version))


@pytest.mark.parametrize(
    ("before", "version", "after"),
    [
        ("torch>=2.7", "2.5.0", "torch>=2.5"),
        ("torch>2.7.1", "2.7.1", "torch>=2.7.1"),
        ("torch<2.6", "2.7.1", "torch<2.8"),
        ("torch<2.6", "2.8.0rc1", "torch<2.9"),
        ("torch<=2.6", "2.7.1", "torch<=2.7.1"),
        ("torch==2.6.0", "2.7.1", "torch==2.7.1"),
        ("torch==2.6.*", "2.7.1", "torch==2.7.*"),
        ("torch==2.6.*", "2.7.0rc1", "torch==2.7.*"),
        ("torch===2.6", "2.7.1+cu128", "torch==2.7.1+cu128"),
        ("torch~=2.6.0", "2.7.1", "torch~=2.7.1"),
        ("torch>=2,!=2.7.1,<3", "2.7.1", "torch>=2,<3"),
        ("torch[x]>=2,<2.6; python_version < '3.12'", "2.7.1", 'torch[x]>=2,<2.8 ; python_version < "3.12"'),
        ("torch<2", "1!0.5", "torch<1!1"),
    ],
)
def test_bounds_move_as_little_as_their_precision_allows(before: str, version: str, after: str) -> None:
    assert relax.admitting(line(before), version) == after


def test_only_one_sided_bounds_make_a_line_wider() -> None:
    assert relax.is_wider(SpecifierSet(">=2.7,<3"), SpecifierSet(">=2.5,<3"))
    assert not relax.is_wider(SpecifierSet("==2.7"), SpecifierSet("==2.5"))
    assert Specifier(">=2.5") in set(line(relax.admitting(line("torch>=2.7"), "2.5.1")).specifier)
