"""Conflicts that show in the lines alone: which lines are reported, where, and in what words."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import uv
from msgspec.structs import replace
from packaging.version import Version

from fumehood.conflicts.static import Clash, CoreLines, clashes
from fumehood.errors import Place
from fumehood.model.finding import Finding
from fumehood.reading.requirement_line import parse_line
from support.wheels import Wheel, build_all

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fumehood.model.requirement import Requirement
    from support.project import Project

CORE = "requirements.txt"
EXPERIMENT = "experiments/a/requirements.txt"
SHA = "0123456789abcdef0123456789abcdef01234567"

# Every version that the lines below name, and their neighbours: uv could take any of them.
VERSIONS = tuple(
    f"{release}{suffix}"
    for release in ("0", "1.0", "1.9", "2.0", "2.0.1", "2.1", "2.1.1", "2.2", "3.0", "1!0", "1!2.0")
    for suffix in ("", ".dev1", "a1", "rc1", ".post1", "+cu118", "+cu121")
)
RANGES = [
    ["torch>=2.7", "torch==2.1"],
    ["torch==2.1", "torch==2.1.1"],
    ["torch~=2.1.0", "torch>=2.2"],
    ["torch==2.*", "torch>=3"],
    ["torch!=2.*", "torch==2.1"],
    ["torch==2.1+cu118", "torch==2.1+cu121"],
    ["torch!=2.1", "torch==2.1+cu118"],
    ["torch<2", "torch>=1!0"],
    ["torch<2.0", "torch==2.0rc1"],
    ["torch>2.0", "torch==2.0.post1"],
    ["torch>2.0", "torch<2.0.post1"],
    ["torch>=2.0a1", "torch<2.0"],
    ["torch===2.1", "torch===2.2"],
    ["torch===2.1", "torch<2"],
    ["torch===2.1", "torch==2.1+cu118"],
    ["torch>=2,<1"],
    ["torch<0.dev0"],
    ["torch>=1,<3", "torch!=1.*", "torch!=2.*"],
    ["Torch[cuda]>=2", "torch<2"],
    ["-c torch<2", "torch>=3"],
]


def read(*texts: str, file: str = EXPERIMENT) -> tuple[Requirement, ...]:
    """Lines of a file; a text that begins with ``-c`` is a constraint."""
    return tuple(
        replace(
            parse_line(text.removeprefix("-c "), place=Place(file, number)),
            constraint=text.startswith("-c "),
        )
        for number, text in enumerate(texts, start=1)
    )


def found(*texts: str, python: str = "3.11") -> list[list[str]]:
    """The lines of every clash among these."""
    return said(clashes(read(*texts), python=python))


def said(clashes: Iterable[Clash]) -> list[list[str]]:
    return [[f"-c {line.text}" if line.constraint else line.text for line in clash.lines] for clash in clashes]


@pytest.mark.parametrize(
    "lines",
    [
        *RANGES,
        ["torch===nightly", "torch>=0"],
        ["torch===nightly", "torch===weekly"],
        ["torch", "-c torch<2", "-c torch>=3"],
        ["torch @ https://example.org/torch-2.0-py3-none-any.whl", "torch>=2.1"],
        ["https://example.org/torch-2.0-py3-none-any.whl", "torch===2.1"],
        ["torch @ https://example.org/torch-2.0-py3-none-any.whl", "torch==2.0+cu118"],
        ["torch @ https://example.org/a/torch-2.0-py3-none-any.whl", "torch @ https://example.org/b/torch.zip"],
        ["torch @ git+https://example.org/a/torch", "torch @ git+https://example.org/b/torch"],
        ["torch @ git+https://example.org/a/torch", "torch @ ./torch"],
    ],
    ids=" and ".join,
)
def test_lines_that_no_version_satisfies_clash_and_each_of_them_is_needed(lines: list[str]) -> None:
    assert found(*lines) == [lines]


@pytest.fixture(scope="module")
def torches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of every version."""
    folder = tmp_path_factory.mktemp("torches")
    build_all([Wheel(name="torch", version=str(Version(version))) for version in VERSIONS], folder)
    return folder


@pytest.mark.parametrize("lines", RANGES, ids=" and ".join)
def test_uv_finds_no_version_for_lines_that_clash_but_one_for_each_line_less(
    lines: list[str], project: Project, torches: Path
) -> None:
    def resolves(some: list[str]) -> bool:
        asked = [line for line in some if not line.startswith("-c ")]
        bounds = [line.removeprefix("-c ") for line in some if line.startswith("-c ")]
        project.write({"in.txt": "\n".join(asked), "bounds.txt": "\n".join(bounds)})
        options = ("--no-index", "--find-links", torches, "--prerelease", "allow", "--python", sys.executable)
        argv = (uv.find_uv_bin(), "pip", "compile", *options, "--constraints", "bounds.txt", "in.txt")
        return project.run(*argv).exit_code == 0

    assert not resolves(lines)
    assert all(resolves([other for other in lines if other != line]) for line in lines if len(lines) > 1)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["torch", "torch"],
        ["torch>=2", "torch"],
        ["torch>=2", "torch>3", "torch!=4.*"],
        ["torch==2.1", "torch==2.1.0"],
        ["torch==2.1", "torch==2.1+cu118"],
        ["torch<=2.1", "torch==2.1+cu118"],
        ["torch~=2.1", "torch==2.9"],
        ["torch==2.0.dev1,<2.1", "numpy<1"],
        ["torch>=2.0rc1", "torch<2.1"],
        ["torch===2.1", "torch==2.1.0"],
        ["torch===nightly"],
        ["torch<2", "numpy>=2"],
        ["./torch", "./numpy"],
    ],
    ids=" and ".join,
)
def test_lines_that_some_version_satisfies_do_not_clash(lines: list[str]) -> None:
    assert found(*lines) == []


@pytest.mark.parametrize(
    "lines",
    [
        # uv takes `===2.1` and `===2.1.0` for the same.
        ["torch===2.1", "torch===2.1.0"],
        # Only building a source tells its version, and no other archive than a wheel has to be named after its own.
        ["torch @ git+https://example.org/torch@v1.0", "torch>=2"],
        ["torch @ https://example.org/torch-1.0.tar.gz", "torch>=2"],
        ["torch @ https://example.org/archive/release-1.0.zip", "torch>=2"],
        ["torch @ file:///repo/torch", "torch>=2"],
        # Two revisions may be one commit, two paths one folder.
        ["torch @ git+https://example.org/torch@v1", f"torch @ git+https://example.org/torch@{SHA}"],
        ["torch @ git+https://example.org/torch", "torch @ git+https://example.org/torch@main"],
        ["torch @ ./torch", "torch @ file:///repo/torch"],
        # The same address, written differently.
        ["torch @ git+https://example.org/Torch.git", "torch @ git+ssh://git@EXAMPLE.org/torch/"],
        ["torch @ git+https://example.org/torch#subdirectory=a", "torch @ git+https://example.org/torch"],
        ["torch @ https://user:secret@example.org/torch%2Bcu.zip", "torch @ https://example.org/torch+cu.zip"],
        # Nothing here asks for the package.
        ["-c torch<2", "-c torch>=3"],
        ["-c torch<2", "-c torch>=3", "torch; sys_platform == 'cygwin'"],
        # No list of environments holds every kernel.
        ["torch<2; platform_release in '5'", "torch>=2"],
        ["torch<2; platform_version == ''", "torch>=2"],
        # Not at the same time anywhere.
        ["torch<2; sys_platform == 'win32'", "torch>=2; sys_platform != 'win32'"],
        ["torch<2; python_version < '3.11'", "torch>=2"],
        ["torch<2; extra == 'old'", "torch>=2"],
    ],
    ids=" and ".join,
)
def test_what_cannot_be_decided_from_the_lines_is_left_to_the_resolver(lines: list[str]) -> None:
    assert found(*lines) == []


def test_a_clash_of_ranges_is_none_of_a_source_s_business() -> None:
    # Whatever version the source turns out to be, it cannot be both.
    assert found("torch @ git+https://example.org/torch", "torch<2", "torch>=3") == [["torch<2", "torch>=3"]]


def test_a_source_for_one_platform_does_not_hide_a_clash_on_the_others() -> None:
    lines = ("torch @ git+https://example.org/torch ; sys_platform == 'linux'", "torch<2", "torch>=3")
    assert found(*lines) == [["torch<2", "torch>=3"]]


def test_constraints_that_clash_are_reported_with_a_line_that_asks_for_the_package() -> None:
    lines = ("-c torch<2", "-c torch>=3", "torch[cuda]", "torch>=1")
    assert found(*lines) == [["-c torch<2", "-c torch>=3", "torch[cuda]"]]


def test_each_line_that_has_to_change_is_in_one_of_the_clashes() -> None:
    assert found("torch>=2.7", "torch<2", "torch==1.5", "numpy<2", "numpy>=2") == [
        ["numpy<2", "numpy>=2"],
        ["torch>=2.7", "torch<2"],
        ["torch>=2.7", "torch==1.5"],
    ]


def test_a_clash_everywhere_names_no_environment() -> None:
    (clash,) = clashes(read("torch<2", "torch>=2; python_version >= '3.8'"), python="3.11")
    assert (clash.environments, clash.where) == ((), "")


def test_a_clash_in_some_environments_names_them() -> None:
    lines = read("torch<2", "torch>=2; sys_platform == 'win32' and python_version < '3.13'")
    (clash,) = clashes(lines, python="3.11")
    assert clash.environments == ("Python 3.11 on win32 AMD64", "Python 3.12 on win32 AMD64")
    assert clash.where == "on Python 3.11 on win32 AMD64 and one other environment"


def test_environments_are_told_in_a_few_words() -> None:
    (one,) = clashes(read("a<2", "a>2; sys_platform == 'win32' and python_version == '3.11'"), python="3.11")
    assert one.where == "on Python 3.11 on win32 AMD64"
    (many,) = clashes(read("a<2", "a>2; python_version == '3.11'"), python="3.11")
    assert many.where == "on Python 3.11 on linux x86_64 and 4 other environments"


def test_the_first_and_the_last_release_of_a_python_version_are_both_looked_at() -> None:
    (clash,) = clashes(read("a<2", "a>2; python_full_version < '3.11.3'"), python="3.11")
    assert clash.where == "on Python 3.11 on linux x86_64 and 4 other environments"


def test_different_lines_may_clash_in_different_environments() -> None:
    lines = read("a>=5", "a<1; sys_platform == 'win32'", "a<2; sys_platform == 'darwin'")
    assert [(clash.lines[1].text[:3], clash.where) for clash in clashes(lines, python="3.16")] == [
        ("a<2", "on Python 3.16 on darwin arm64 and one other environment"),
        ("a<1", "on Python 3.16 on win32 AMD64"),
    ]


def test_a_python_version_below_the_lowest_supported_one_does_not_count() -> None:
    lines = ("torch<2; python_version < '3.11'", "torch>=2")
    assert found(*lines, python="3.11") == []
    assert found(*lines, python="3.10") == [list(lines)]


def test_clashes_with_core_are_those_that_need_a_line_of_the_experiment() -> None:
    core = CoreLines.of(read("torch>=2.7", "numpy<2", "numpy>=2", "six", file=CORE), python="3.11")
    own = read("numpy>=3", "torch==2.1", "six>=1", "attrs<1", "attrs>1")
    assert said(core.clashes_with(own)) == [
        ["attrs<1", "attrs>1"],
        ["numpy<2", "numpy>=3"],
        ["torch>=2.7", "torch==2.1"],
    ]
    assert core.clashes_with(()) == ()


def test_lines_of_core_that_an_experiment_includes_are_core_s_own() -> None:
    lines = read("numpy<2", "numpy>=2", file=CORE)
    core = CoreLines.of(lines, python="3.11")
    assert core.clashes_with(lines) == ()
    assert said(core.clashes_with((*lines, *read("numpy==3")))) == [["numpy<2", "numpy==3"]]


def test_lines_are_the_very_objects_that_were_given() -> None:
    first, second = read("torch>=2.7", "torch==2.1")
    (clash,) = clashes((first, second), python="3.11")
    assert clash.lines[0] is first
    assert clash.lines[1] is second


def finding(*own: str, core: tuple[str, ...] = ()) -> Finding:
    (clash,) = CoreLines.of(read(*core, file=CORE), python="3.11").clashes_with(read(*own))
    return clash.as_finding("a")


def test_a_finding_names_every_line_and_stands_at_the_experiment_s() -> None:
    assert finding("six", "torch==2.1", core=("torch>=2.7",)) == Finding(
        experiment="a",
        file=EXPERIMENT,
        line=2,
        rule="conflict/static",
        severity="error",
        message="no version of torch satisfies these 2 lines together",
        remedy="change one of these lines so that their versions overlap",
        details=("requirements.txt:1: torch>=2.7", "experiments/a/requirements.txt:2: torch==2.1"),
    )


def test_a_finding_says_where_the_lines_clash_if_not_everywhere() -> None:
    marked = "torch==2.1; sys_platform == 'linux' and platform_machine == 'aarch64' and python_version == '3.12'"
    assert finding(marked, core=("torch>=2.7",)).message == (
        "no version of torch satisfies these 2 lines together, on Python 3.12 on linux aarch64"
    )


def test_a_finding_about_one_line_speaks_of_one_line() -> None:
    alone = finding("torch>=2,<1")
    assert (alone.message, alone.remedy) == (
        "no version of torch satisfies this line",
        "change its versions so that they overlap",
    )


def test_a_finding_about_addresses_speaks_of_addresses() -> None:
    twice = finding("torch @ git+https://example.org/a", core=("torch @ git+https://example.org/b",))
    assert (twice.message, twice.remedy) == (
        "torch cannot come from two addresses at once",
        "keep one of the addresses",
    )
