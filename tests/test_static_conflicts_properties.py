"""The arithmetic of static conflicts against brute force: every version of a long list, tried on every line."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.specifiers import Specifier
from packaging.version import Version

from fumehood.conflicts.static import Clash, CoreLines, clashes
from fumehood.errors import Place
from fumehood.model.markers import universal
from fumehood.reading.requirement_line import parse_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fumehood.model.requirement import Requirement

PYTHON = "3.11"
MARKERS = (
    "",
    "sys_platform == 'win32'",
    "sys_platform != 'win32'",
    "python_version < '3.13'",
    "python_version >= '3.9'",
)

RELEASES = ("0", "1.0", "1.0.1", "1.1", "2.0")
NAMED = ("", ".dev1", "a1", "a1.dev2", "rc1", ".post1", ".post1.dev1")
LOCALS = ("", "+cu1")
# What lies between two versions that a line may name, and below and above all of them.
BETWEEN = (".dev0", ".dev2", "a0", "a1.dev0", "a1.dev3", "a1.post0", "a2", "rc0", "rc2", ".post0", ".post1.dev0",
           ".post1.dev2", ".post2", ".0.0.1")  # fmt: skip
GAPS = ("0.0.9", "0.9", "1.0.0.9", "1.0.1.9", "1.0.9", "1.1.0.9", "1.1.9", "1.9", "2.0.9", "2.9", "99")
UNIVERSE = tuple(
    Version(f"{epoch}{version}{local}")
    for epoch in ("", "1!")
    for version in (*(f"{release}{suffix}" for release in RELEASES for suffix in (*NAMED, *BETWEEN)), *GAPS)
    for local in (*LOCALS, "+z")
)

epochs = st.sampled_from(["", "", "", "1!"])
releases = st.builds("{}{}".format, epochs, st.sampled_from(RELEASES))
dotted = releases.filter(lambda release: "." in release)
publics = st.builds("{}{}".format, releases, st.sampled_from(NAMED))
versions = st.builds("{}{}".format, publics, st.sampled_from(LOCALS))


def operator(*operators: str) -> st.SearchStrategy[str]:
    return st.sampled_from(operators)


plain = st.one_of(
    st.builds("{}{}".format, operator(">=", "<=", "<", ">", "==", "!="), releases),
    st.builds("{}{}.*".format, operator("==", "!="), releases),
    st.builds("~={}".format, dotted),
)
any_specifier = st.one_of(
    plain,
    st.builds("{}{}".format, operator(">=", "<=", "<", ">"), publics),
    st.builds("{}{}".format, operator("==", "!=", "==="), versions),
    st.builds("~={}{}".format, dotted, st.sampled_from(NAMED)),
)


def requirements(
    specifiers: st.SearchStrategy[str], markers: tuple[str, ...] = ("",)
) -> st.SearchStrategy[Requirement]:
    return st.builds(
        lambda parts, marker, constraint: replace(
            parse_line("p" + ",".join(parts) + (f"; {marker}" if marker else ""), place=Place("r.txt")),
            constraint=constraint,
        ),
        st.lists(specifiers, max_size=2),
        st.sampled_from(markers),
        st.booleans() if len(markers) > 1 else st.just(value=False),
    )


def line_lists(
    specifiers: st.SearchStrategy[str], markers: tuple[str, ...] = ("",)
) -> st.SearchStrategy[list[Requirement]]:
    """Lists of different lines; each stands on a line of its own."""
    return st.lists(requirements(specifiers, markers), max_size=5).map(
        lambda lines: [replace(line, place=Place("r.txt", number)) for number, line in enumerate(lines, start=1)]
    )


@functools.cache
def admitted(specifier: str) -> frozenset[Version]:
    """The versions of the list that a specifier admits; `===` by version as uv takes it, which admits more."""
    one = Specifier(specifier)
    if one.operator == "===":
        return frozenset({Version(one.version)})
    return frozenset(version for version in UNIVERSE if one.contains(version, prereleases=True))


def witnesses(lines: Iterable[Requirement]) -> frozenset[Version]:
    """The versions that satisfy every line."""
    specifiers = [str(specifier) for line in lines for specifier in line.specifier]
    return frozenset(UNIVERSE).intersection(*map(admitted, specifiers))


def without_each(clash: Clash) -> list[list[Requirement]]:
    return [[other for other in clash.lines if other is not line] for line in clash.lines]


def the_line(text: str) -> list[Requirement]:
    return [parse_line(text, place=Place("r.txt", number)) for number, text in enumerate(text.split(" "), start=1)]


@settings(max_examples=250, deadline=None)
@given(line_lists(any_specifier))
@example(the_line("p>1.0 p<1.0.post1"))
@example(the_line("p===1.0 p===1.0.0"))
def test_no_version_satisfies_the_lines_of_a_clash(lines: list[Requirement]) -> None:
    for clash in clashes(lines, python=PYTHON):
        assert not witnesses(clash.lines)


@settings(max_examples=250, deadline=None)
@given(line_lists(any_specifier))
def test_without_any_one_of_its_lines_a_clash_is_none(lines: list[Requirement]) -> None:
    for clash in clashes(lines, python=PYTHON):
        for rest in without_each(clash):
            assert witnesses(rest)


@settings(max_examples=250, deadline=None)
@given(line_lists(plain))
def test_where_plain_ranges_do_not_clash_some_version_satisfies_them(lines: list[Requirement]) -> None:
    assert clashes(lines, python=PYTHON) or witnesses(lines)


@settings(max_examples=100, deadline=None)
@given(line_lists(any_specifier))
def test_whether_lines_clash_does_not_depend_on_their_order(lines: list[Requirement]) -> None:
    assert bool(clashes(lines, python=PYTHON)) == bool(clashes(lines[::-1], python=PYTHON))


@settings(max_examples=100, deadline=None)
@given(line_lists(any_specifier))
def test_whoever_mends_the_last_line_of_each_clash_has_mended_all(lines: list[Requirement]) -> None:
    last = [clash.lines[-1] for clash in clashes(lines, python=PYTHON)]
    assert not clashes([line for line in lines if line not in last], python=PYTHON)


@settings(max_examples=100, deadline=None)
@given(line_lists(any_specifier), line_lists(any_specifier))
def test_core_and_an_experiment_clash_as_all_their_lines_do(core: list[Requirement], own: list[Requirement]) -> None:
    own = [replace(line, place=Place("experiments/a/r.txt", line.place.line)) for line in own]
    apart = clashes(core, python=PYTHON) + CoreLines.of(core, python=PYTHON).clashes_with(own)
    assert bool(apart) == bool(clashes([*core, *own], python=PYTHON))


@settings(max_examples=100, deadline=None)
@given(line_lists(plain, MARKERS))
def test_lines_clash_just_where_they_apply_together_and_one_asks_for_the_package(lines: list[Requirement]) -> None:
    environments = universal(PYTHON)
    found = clashes(lines, python=PYTHON)
    claimed = {label for clash in found for label in clash.environments or [one.label for one in environments]}
    here = {one.label: [line for line in lines if one.admits(str(line.marker or ""))] for one in environments}
    assert claimed == {
        label
        for label, applying in here.items()
        if not all(line.constraint for line in applying) and not witnesses(applying)
    }
