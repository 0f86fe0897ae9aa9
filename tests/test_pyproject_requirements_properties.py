"""Every string of a TOML document is found on its line, and no document is a crash."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fumehood.errors import FumehoodError
from fumehood.reading.pyproject_requirements import lines_of_strings, read_project

if TYPE_CHECKING:
    from pathlib import Path

INNER_KEYS = ("k", '"k.{"')
spaces = st.sampled_from(["", " ", "\n", " # c \" ] '''\n", "\n\n  "])
skeletons = st.recursive(
    st.sampled_from(["@", "@", "1", "true", "2025-01-01"]),
    lambda inner: st.one_of(
        st.tuples(st.lists(st.tuples(spaces, inner, spaces).map("".join), max_size=3).map(",".join), spaces).map(
            lambda parts: f"[{parts[0]}{parts[1]}]"
        ),
        st.lists(inner, max_size=2).map(
            lambda items: "{" + ", ".join(" = ".join(pair) for pair in zip(INNER_KEYS, items, strict=False)) + "}"
        ),
    ),
    max_leaves=6,
)
keys = st.sampled_from(["k{}", '"k.{} ]"', "'k = [{}'", 'a.b."k{}"', "[t{}]\nk", '[["t # {}"]]\nk', "[x . 't{}']\n'k'"])
literals = st.sampled_from(
    ['"{}"', "'{}'", '"{}\\" # ]"', "'{}[\\'", '"""{}"""', '"""\n{}"\n\n"""', '"""{}"""""', "'''\n{}''''", '"{}\\\\"']
)


def pairs(value: object, line: object) -> list[tuple[str, int]]:
    """Each string with what stands for it; everything else is the same in both."""
    match value, line:
        case str(), int():
            return [(value, line)]
        case dict(), dict():
            assert value.keys() == line.keys()
            return [pair for key in value for pair in pairs(value[key], line[key])]
        case list(), list():
            return [pair for one, other in zip(value, line, strict=True) for pair in pairs(one, other)]
    assert value == line
    return []


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(keys, skeletons, spaces.filter(lambda space: "\n" in space)), max_size=5), st.data())
def test_every_string_of_a_toml_document_has_its_line(entries: list[tuple[str, str, str]], data: st.DataObject) -> None:
    skeleton = "".join(f"{key.format(n)} = {value}{space}" for n, (key, value, space) in enumerate(entries))
    parts, expected = skeleton.split("@"), {}
    text = parts[0]
    for number, part in enumerate(parts[1:]):
        expected[f"<{number}>"] = text.count("\n") + 1
        text += data.draw(literals).format(f"<{number}>") + part

    found = pairs(tomllib.loads(text), tomllib.loads(lines_of_strings(text)))

    assert {text.strip().partition(">")[0] + ">": line for text, line in found} == expected


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(["", "[project]\ndependencies = [", "[dependency-groups]\n"]),
)
def test_no_toml_raises_anything_but_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, text: str, start: str
) -> None:
    try:
        path = tmp_path_factory.mktemp("project") / "pyproject.toml"
        path.write_text(start + text, encoding="utf-8")
        read_project(path, root=path.parent, groups=("g",), extras=("e",))
    except FumehoodError as error:
        assert str(error).encode()  # noqa: PT017 - whether there is an error at all is not the point


@pytest.mark.parametrize(
    "content",
    [
        "project = 1\ndependency-groups = 2",
        "project.dynamic = 3",
        "project.optional-dependencies = [1]\nproject.name = 4",
        "[project]\ndependencies = {}\n[dependency-groups]\ng = {}",
        '[dependency-groups]\ng = [{ include-group = 1 }, [], { include-group = "g", x = 1 }]',
        '[["project"]]\ndependencies = ["x"]',
        '["project"]\n"dependencies" = ["x"]\n"name" = "x"',
        "a = " + "1" * 5000,
    ],
)
def test_values_of_the_wrong_kind_are_never_a_crash(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(FumehoodError, match=r"^pyproject\.toml(:\d+)?: "):
        read_project(path, root=tmp_path, groups=("g",), extras=("e",))
