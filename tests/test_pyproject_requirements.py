from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fumehood.errors import ConfigurationError, Mistakes, Place
from fumehood.model.requirement import Requirement, RequirementSet
from fumehood.reading import pyproject_requirements
from support.requirements import lines

if TYPE_CHECKING:
    from pathlib import Path

GROUP = '  → write a list of requirements and { include-group = "NAME" } tables'
FORMS = "write a name with versions and a marker, as in numpy[extra]>=2,<3; python_version < '3.13', a URL or a path"


def read(root: Path, content: str, *, groups: tuple[str, ...] = (), extras: tuple[str, ...] = ()) -> RequirementSet:
    path = root / "pyproject.toml"
    path.write_text(content, encoding="utf-8")
    return pyproject_requirements.read_project(path, root=root, groups=groups, extras=extras)


def refusal(root: Path, content: str, *, groups: tuple[str, ...] = (), extras: tuple[str, ...] = ()) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(root, content, groups=groups, extras=extras)
    return str(raised.value)


PROJECT = '''\
[project]
name = "My.Project"
# dependencies = ["numpy"]
dependencies = [
    "numpy>=2",  # "numpy>=2"
    'attrs; python_version < "3.13"',
    "numpy>=2", """rich\\
    >=13""",
    "click",
]

[project.optional-dependencies]
GPU = ["numpy>=2", "nvidia-ml-py>=12"]
"all" = ["my_project[gpu,test]", "tqdm"]
test = [
    "pytest",
    "my-project[gpu]",
]

[dependency-groups]
lint = ["ruff"]
dev = [
    {include-group = "lint"},
    "my-project",
    "mypy",
    {"include-group" = "Type_Stubs"},
]
type-stubs = ["types-x", "my-project[test]"]
'''


def test_dependencies_have_the_line_of_their_string(tmp_path: Path) -> None:
    found = read(tmp_path, PROJECT)

    assert lines(found) == [
        ("pyproject.toml:5", "numpy>=2"),
        ("pyproject.toml:6", 'attrs; python_version < "3.13"'),
        ("pyproject.toml:7", "numpy>=2"),
        ("pyproject.toml:7", "rich>=13"),
        ("pyproject.toml:9", "click"),
    ]
    assert found.requirements[1] == Requirement(
        name=canonicalize_name("attrs"),
        text='attrs; python_version < "3.13"',
        place=Place("pyproject.toml", 6),
        specifier=SpecifierSet(),
        marker=Marker('python_version < "3.13"'),
    )
    assert found.files == ("pyproject.toml",)


def test_extras_are_read_with_the_extras_that_they_name(tmp_path: Path) -> None:
    assert lines(read(tmp_path, PROJECT, extras=("ALL",)))[5:] == [
        ("pyproject.toml:14", "tqdm"),
        ("pyproject.toml:13", "numpy>=2"),
        ("pyproject.toml:13", "nvidia-ml-py>=12"),
        ("pyproject.toml:16", "pytest"),
    ]


def test_groups_are_read_with_their_includes_and_the_projects_own_extras(tmp_path: Path) -> None:
    assert lines(read(tmp_path, PROJECT, groups=("dev",)))[5:] == [
        ("pyproject.toml:21", "ruff"),
        ("pyproject.toml:25", "mypy"),
        ("pyproject.toml:28", "types-x"),
        ("pyproject.toml:16", "pytest"),
        ("pyproject.toml:13", "numpy>=2"),
        ("pyproject.toml:13", "nvidia-ml-py>=12"),
    ]


def test_a_file_without_a_project_has_only_its_groups(tmp_path: Path) -> None:
    content = '[tool.x]\na = ["foo"]\n[dependency-groups]\na = ["foo"]\n'

    assert lines(read(tmp_path, content)) == []
    assert lines(read(tmp_path, content, groups=("A",))) == [("pyproject.toml:4", "foo")]


def test_setuptools_dynamic_dependencies_come_from_their_files(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# core\nfoo>=1\n", encoding="utf-8")
    (tmp_path / "more.txt").write_text("bar\n", encoding="utf-8")
    content = (
        '[project]\nname = "x"\ndynamic = ["version", "dependencies", "optional-dependencies"]\n'
        "[tool.setuptools.dynamic]\n"
        'dependencies = { file = ["requirements.txt"] }\n'
        'optional-dependencies.Test = { file = "more.txt" }\n'
    )

    found = read(tmp_path, content, extras=("test",))

    assert lines(found) == [("requirements.txt:2", "foo>=1"), ("more.txt:1", "bar")]
    assert found.files == ("pyproject.toml", "requirements.txt", "more.txt")


def test_mistakes_in_dynamic_files_are_found_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "options.txt").write_text("--pre\nfoo\n", encoding="utf-8")
    (tmp_path / "bad.txt").write_text("a b\n--nope\n", encoding="utf-8")
    content = (
        '[project]\ndynamic = ["dependencies"]\n'
        '[tool.setuptools.dynamic]\ndependencies.file = [\n "missing.txt",\n "options.txt",\n "bad.txt"]\n'
    )

    with pytest.raises(Mistakes) as raised:
        read(tmp_path, content)

    assert [str(mistake).partition("\n")[0] for mistake in raised.value.mistakes] == [
        "bad.txt:1: 'a b' is not a requirement: Expected semicolon (after name with no version specifier) or end",
        "bad.txt:2: options cannot be read: no such option: --nope",
        "pyproject.toml:5: 'missing.txt' does not exist",
        "pyproject.toml:6: setuptools takes no options in 'options.txt'",
    ]


DYNAMIC = """\
[project]
dynamic = [
  "version",
  "dependencies",
  "optional-dependencies",
]
[build-system]
build-backend = "hatchling.build"
"""
POETRY = """\
[tool.poetry]
name = "x"
[tool.poetry.dependencies]
torch = "^2.4"
[build-system]
build-backend = "poetry.core.masonry.api"
"""
OWN_EXTRA_UNDER_A_MARKER = """\
[project]
name = "p"
optional-dependencies.x = [
  "P[y]; os_name == 'nt'",
]
optional-dependencies.y = []
"""


@pytest.mark.parametrize(
    ("content", "line"), [(DYNAMIC, 4), (POETRY, 3), ('[build-system]\nbuild-backend = "flit_scm:buildapi"\n', 1)]
)
def test_a_project_whose_requirements_only_its_build_knows_is_one_requirement_on_itself(
    tmp_path: Path, content: str, line: int
) -> None:
    (found,) = read(tmp_path, content).requirements
    assert (str(found.place), found.text, found.editable) == (f"pyproject.toml:{line}", ".", True)
    below = tmp_path / "experiments/a"
    below.mkdir(parents=True)
    (below / "pyproject.toml").write_text(content)
    (found,) = pyproject_requirements.read_project(below / "pyproject.toml", root=tmp_path).requirements
    assert (str(found.place), found.text) == (f"experiments/a/pyproject.toml:{line}", "./experiments/a")


@pytest.mark.parametrize(
    ("content", "place", "what", "remedy"),
    [
        (
            '[project]\n[project.optional-dependencies]\nb = ["ok"]\na = ["ok"]\n',
            "pyproject.toml:2",
            "there is no extra 'x'",
            "name one of the project's extras; known: a, b",
        ),
        (
            '[project]\nname = "p"\ndependencies = "foo"\n',
            "pyproject.toml:3",
            "project.dependencies is not a list of strings",
            'write dependencies = ["…"]',
        ),
        (
            "[project.optional-dependencies]\nx = [\n 1,\n]\n",
            "pyproject.toml:2",
            "project.optional-dependencies.x is not a list of strings",
            'write x = ["…"]',
        ),
        (
            '[project]\ndependencies = [\n  "foo",\n  "./foo",\n]\n',
            "pyproject.toml:4",
            "'./foo' is not a requirement: Expected package name at the start of dependency specifier",
            FORMS,
        ),
        (
            OWN_EXTRA_UNDER_A_MARKER,
            "pyproject.toml:4",
            "\"P[y]; os_name == 'nt'\" names the project's own extras under a marker",
            "write the marker behind the requirements of the extra",
        ),
        ("a = [\n", "pyproject.toml:1", "not valid TOML: Invalid value", "correct the syntax at this line"),
        (
            "a = " + "[" * 5000,
            "pyproject.toml:1",
            "not valid TOML: nested too deeply",
            "correct the syntax at this line",
        ),
    ],
)
def test_mistakes_in_a_project_say_where_and_what_to_do(
    tmp_path: Path, content: str, place: str, what: str, remedy: str
) -> None:
    extras = ("x",) if "optional" in content else ()

    assert refusal(tmp_path, content, extras=extras) == f"{place}: {what}\n  → {remedy}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "pyproject.toml: there is no dependency group 'g'\n  → name one of its groups; the file has none"),
        (
            "[dependency-groups]\nb = []\na = []\n",
            "pyproject.toml:1: there is no dependency group 'g'\n  → name one of its groups; known: a, b",
        ),
        (
            '[dependency-groups]\ng = [\n  "foo",\n  { include-group = "H" },\n]\n',
            (
                "pyproject.toml:4: the dependency group 'g' includes 'H', which does not exist\n"
                "  → name one of its groups; known: g"
            ),
        ),
        (
            '[dependency-groups]\ng = "foo"\n',
            f"pyproject.toml:2: Dependency group 'g' contained a string rather than a list.\n{GROUP}",
        ),
        (
            "[dependency-groups]\ng = [1]\n",
            f"pyproject.toml:2: Invalid dependency group item: 1\n{GROUP}",
        ),
        (
            "[dependency-groups]\ng = []\nG = []\n",
            f"pyproject.toml:3: Duplicate dependency group names: g (g, G)\n{GROUP}",
        ),
        (
            '[dependency-groups]\ng = [\n"foo",\n"foo bar"]\n',
            (
                "pyproject.toml:4: 'foo bar' is not a requirement: Expected semicolon (after name with no version "
                f"specifier) or end\n  → {FORMS}"
            ),
        ),
        (
            "[dependency-groups]\n"
            + "".join(f'g{n} = [{{ include-group = "g{n + 1}" }}]\n' for n in range(2000))
            + 'g2000 = []\ng = [{ include-group = "g0" }]\n',
            "pyproject.toml:2003: dependency groups include each other too deeply\n  → include fewer groups",
        ),
    ],
)
def test_mistakes_in_groups_say_where_and_what_to_do(tmp_path: Path, content: str, message: str) -> None:
    assert refusal(tmp_path, content, groups=("g",)) == message


def test_groups_that_include_each_other_are_said_whatever_the_case_of_their_names(tmp_path: Path) -> None:
    content = '[dependency-groups]\nh = [{ include-group = "G" }]\nG = [{ include-group = "h" }]\n'
    said = refusal(tmp_path, content, groups=("g",))
    # From 26.4 on, packaging shows names as they are compared, and not as they are written.
    assert said.replace("G", "g") == (
        "pyproject.toml:3: dependency groups include each other: Cyclic dependency group include while "
        "resolving g: g -> h, h -> g\n  → remove one of the includes"
    )


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    content = '[project]\ndependencies = ["a b", "c",\n"=1"]\n[dependency-groups]\nx = ["d e"]\n'

    with pytest.raises(Mistakes) as raised:
        read(tmp_path, content, groups=("x", "y"), extras=("z",))

    assert [str(mistake).partition(": ")[0] for mistake in raised.value.mistakes] == [
        "pyproject.toml:1",
        "pyproject.toml:2",
        "pyproject.toml:3",
        "pyproject.toml:4",
        "pyproject.toml:5",
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        pyproject_requirements.read_project(tmp_path / "a" / "pyproject.toml", root=tmp_path)

    assert raised.value.place == Place("a/pyproject.toml")
