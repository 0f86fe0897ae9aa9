from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fumehood import settings
from fumehood.errors import ConfigurationError, FumehoodError
from fumehood.outside import toml_file
from fumehood.reading import core

if TYPE_CHECKING:
    from pathlib import Path


def read(root: Path, text: str | bytes) -> settings.Settings:
    (root / "pyproject.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return settings.read(root)[0]


def complaint(root: Path, text: str | bytes) -> str:
    with pytest.raises(FumehoodError) as caught:
        read(root, text)
    assert isinstance(caught.value, ConfigurationError)
    return str(caught.value)


def test_without_settings_there_are_defaults(tmp_path: Path) -> None:
    assert settings.read(tmp_path) == (settings.Settings(), None)
    assert read(tmp_path, '[project]\nname = "x"\n') == settings.Settings(
        experiments=("experiments/*",), exclude=(), python=(), test_requirements=("pytest>=7",)
    )


def test_every_key_is_read_and_one_string_stands_for_a_list(tmp_path: Path) -> None:
    text = """\
[tool.fumehood]
experiments = "labs/*"
exclude = ["labs/old"]
python = ["3.12", "pypy3.11", "3.13t"]
test-requirements = []

[tool.fumehood.core]
requirements = ["deps.txt"]
groups = ["a"]
extras = ["b"]
sources = ["lib"]
tests = ["checks"]
"""
    assert read(tmp_path, text.replace("\n", "\r\n")) == settings.Settings(
        experiments=("labs/*",),
        exclude=("labs/old",),
        python=("3.12", "pypy3.11", "3.13t"),
        test_requirements=(),
        core=settings.CoreSettings(
            requirements=("deps.txt",), groups=("a",), extras=("b",), sources=("lib",), tests=("checks",)
        ),
    )


def test_all_mistakes_are_said_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = """\
[tool.fumehood]
experiment = ["labs/*"]
exclude = 3
python = ["3.12", "newest"]
experiments = ["../other/*", ""]

[tool.fumehood.core]
tests = ["/tests"]
sources = [1]
wheels = true
"""
    assert complaint(tmp_path, text) == (
        "pyproject.toml:2: unknown key 'experiment'\n"
        "  → did you mean experiments?\n"
        "pyproject.toml:3: exclude is a list of strings, not 3\n"
        '  → write exclude = ["…"]\n'
        "pyproject.toml:4: 'newest' is no Python version\n"
        '  → write a version such as "3.12"\n'
        "pyproject.toml:5: '../other/*' leaves the repository\n"
        "  → give a path relative to the repository, with /\n"
        "pyproject.toml:5: experiments has an empty path\n"
        "  → give a path relative to the repository, with /\n"
        "pyproject.toml:8: '/tests' leaves the repository\n"
        "  → give a path relative to the repository, with /\n"
        "pyproject.toml:9: sources is a list of strings, but holds 1\n"
        '  → write sources = ["…"]\n'
        "pyproject.toml:10: unknown key 'wheels'\n"
        "  → known keys: extras, groups, requirements, sources, test-requirements, tests, timeout"
    )


def test_the_known_keys_are_named_with_those_that_few_repositories_need(tmp_path: Path) -> None:
    assert complaint(tmp_path, "[tool.fumehood]\nzzz = 1\n[tool.fumehood.runners]\n") == (
        "pyproject.toml:2: unknown key 'zzz'\n"
        "  → known keys: affected, baseline, ci, core, exclude, experiments, extension-points, lifecycle, python, "
        "rules, runners, test-requirements, themes, timeout, waivers"
    )


def test_a_table_that_is_none_is_said(tmp_path: Path) -> None:
    assert complaint(tmp_path, "[tool.fumehood]\ncore = 1\n") == (
        "pyproject.toml:2: core is a table, not 1\n  → write [tool.fumehood.core]"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[tool.fumehood]\npython = [\n", "pyproject.toml:2: not valid TOML: Invalid value"),
        ("[tool\n", "pyproject.toml:1: not valid TOML: Expected ']' at the end of a table declaration"),
        ("a = 1\na = 2\n", "pyproject.toml:2: not valid TOML: Cannot overwrite a value"),
        (b"a = 1\nb = '\xff'\n", "pyproject.toml:2: is not UTF-8 text"),
        (b"\x00" * 20, "pyproject.toml:1: not valid TOML: Invalid statement"),
        ("a = " + "[" * 20_000, "pyproject.toml:1: not valid TOML: nested too deeply"),
        ("a = " + "9" * 5_000, "pyproject.toml:1: not valid TOML: Exceeds the limit"),
        (b"# \n" * 400_000, "pyproject.toml: is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_toml_is_said_with_its_line(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert complaint(tmp_path, content).startswith(words)


def test_paths_of_core_have_to_exist_and_requires_python_is_text(tmp_path: Path) -> None:
    text = (
        "[project]\nrequires-python = 3.11\n[tool.fumehood.core]\n"
        'requirements = ["deps.txt"]\nsources = ["lib"]\ntests = ["checks"]\n'
    )
    found = read(tmp_path, text)
    with pytest.raises(FumehoodError) as caught:
        core.read(tmp_path, found, settings.read(tmp_path)[1])
    lines = str(caught.value).splitlines()
    assert lines[::2] == [
        "pyproject.toml:2: requires-python is no string",
        "pyproject.toml:4: 'deps.txt' does not exist",
        "pyproject.toml:5: 'lib' does not exist",
        "pyproject.toml:6: 'checks' does not exist",
    ]
    assert lines[1:3:2] == ['  → write a specifier such as ">=3.11"']


@pytest.mark.parametrize(
    ("text", "keys", "line"),
    [
        ("[a]\nb = 1\n", ("a", "b"), 2),
        ("[a.b]\nc = 1\n", ("a", "b", "c"), 2),
        ("[a]\nb.c = 1\n", ("a", "b", "c"), 2),
        ('["a"]\n"b" . c = 1\n', ("a", "b", "c"), 2),
        ("[ a . b ]  # why\nc = 1\n", ("a", "b", "c"), 2),
        ("[a]\n[a.b]\nx = 1\n", ("a", "b", "missing"), 2),
        ("x = 1\n", ("a",), 0),
    ],
)
def test_a_key_is_found_again_in_the_text(text: str, keys: tuple[str, ...], line: int) -> None:
    assert toml_file.TomlFile(name="x.toml", text=text, data={}).place(*keys).line == line


@given(st.text(), st.lists(st.sampled_from(["tool", "fumehood", "x"]), max_size=3))
def test_any_text_at_all_has_a_place_for_every_key(text: str, keys: list[str]) -> None:
    place = toml_file.TomlFile(name="x.toml", text=text, data={}).place(*keys)
    assert 0 <= place.line <= len(text.splitlines())
