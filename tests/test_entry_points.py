"""Where a project may write down the entry points that it offers, and which of these places count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fumehood.reading import entry_points

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = (
    '[project]\nname = "core"\n[project.scripts]\nrun = "core.cli:main"\n[project.entry-points.plugins]\na = "core.a"\n'
)
POETRY = """\
[tool.poetry.scripts]
run = "core.cli:main"
more = {reference = "core.more:main", type = "console"}
[tool.poetry.plugins.plugins]
a = "core.a:A"
[tool.flit.entrypoints.others]
b = "core.b"
"""
CONFIGURED = """\
[metadata]
name = plugins

[options.entry_points]
Plugins =
    # the first
    a = core.a:A [fast]
    B=core.b
console_scripts = run = core.cli:main
"""
LISTS = """\
from setuptools import setup

setup(
    entry_points={
        "console_scripts": ["run = core.cli:main", f"other = {computed}"],
        "plugins": (
            "a = core.a",
        ),
        "more": QUOTES
            b = core.b
            c = core.c
        QUOTES,
        "nothing": computed(),
        **others,
    },
)
""".replace("QUOTES", '"""')
TEXT = """\
POINTS = QUOTES
[plugins]
# the first
a = core.a

[console_scripts]
run = core.cli:main
QUOTES
setup(entry_points=POINTS)
""".replace("QUOTES", '"""')


def offered(root: Path, files: dict[str, str]) -> list[str]:
    """The entry points of a project, one in a line."""
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    found = entry_points.read(root, "inner/" if any(name.startswith("inner/") for name in files) else "")
    return [f"{one.place}: {one.group}: {one.name} = {one.value} ({one.module})" for one in found]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"pyproject.toml": PROJECT},
            [
                "pyproject.toml:4: console_scripts: run = core.cli:main (core.cli)",
                "pyproject.toml:6: plugins: a = core.a (core.a)",
            ],
        ),
        (
            {"pyproject.toml": POETRY},
            [
                "pyproject.toml:2: console_scripts: run = core.cli:main (core.cli)",
                "pyproject.toml:3: console_scripts: more = core.more:main (core.more)",
                "pyproject.toml:5: plugins: a = core.a:A (core.a)",
                "pyproject.toml:7: others: b = core.b (core.b)",
            ],
        ),
        (
            {"setup.cfg": CONFIGURED, "setup.py": LISTS},
            [
                "setup.cfg:7: Plugins: a = core.a:A [fast] (core.a)",
                "setup.cfg:8: Plugins: B = core.b (core.b)",
                "setup.cfg:9: console_scripts: run = core.cli:main (core.cli)",
            ],
        ),
        (
            {"setup.cfg": "[options]\nentry_points = file: points.txt\n", "points.txt": "[plugins]\na = core.a\n"},
            ["points.txt:2: plugins: a = core.a (core.a)"],
        ),
        (
            {"inner/setup.cfg": "[metadata]\nname = x\n", "inner/setup.py": LISTS},
            [
                "inner/setup.py:5: console_scripts: run = core.cli:main (core.cli)",
                "inner/setup.py:7: plugins: a = core.a (core.a)",
                "inner/setup.py:10: more: b = core.b (core.b)",
                "inner/setup.py:11: more: c = core.c (core.c)",
            ],
        ),
        (
            {"pyproject.toml": "[tool.ruff]\n", "setup.py": TEXT},
            [
                "setup.py:4: plugins: a = core.a (core.a)",
                "setup.py:7: console_scripts: run = core.cli:main (core.cli)",
            ],
        ),
        ({"pyproject.toml": '[project]\nname = "core"\n', "setup.py": TEXT, "setup.cfg": CONFIGURED}, []),
        (
            {"pyproject.toml": '[project]\nname = "core"\ndynamic = ["entry-points", "scripts"]\n', "setup.py": TEXT},
            [
                "setup.py:4: plugins: a = core.a (core.a)",
                "setup.py:7: console_scripts: run = core.cli:main (core.cli)",
            ],
        ),
    ],
)
def test_entry_points_are_read_where_setuptools_reads_them(
    tmp_path: Path, files: dict[str, str], expected: list[str]
) -> None:
    assert offered(tmp_path, files) == expected


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"pyproject.toml": "[project\n"},
        {"pyproject.toml": 'project = 1\n[tool.x]\nentry-points = "no"\n'},
        {"pyproject.toml": '[project]\nname = "x"\nentry-points = 1\nscripts = ["a"]\ndynamic = "scripts"\n'},
        {"setup.cfg": "[options.entry_points\n", "setup.py": "setup(\n"},
        {"setup.cfg": "[options]\nentry_points = file: gone.txt\n"},
        {"setup.py": "setup(entry_points=read())\n"},
        {"setup.py": "setup(entry_points={1: ['a = b'][0], 'x': [y]})\n"},
        {"setup.py": "x = 1\n"},
    ],
)
def test_what_is_wrong_or_computed_offers_nothing(tmp_path: Path, files: dict[str, str]) -> None:
    assert offered(tmp_path, files) == []
