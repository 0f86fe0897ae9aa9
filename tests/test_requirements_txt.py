from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from fumehood.errors import Place
from fumehood.model.index_options import IndexOptions
from fumehood.model.requirement import Requirement
from fumehood.reading import requirement_line, requirements_txt
from support.requirements import lines, read, write

if TYPE_CHECKING:
    from pathlib import Path


def one(text: str) -> Requirement:
    return requirement_line.parse_line(text, place=Place("argument"))


def test_each_requirement_has_the_first_line_of_its_logical_line(tmp_path: Path) -> None:
    content = (
        "# a comment\n"
        "\n"
        "numpy>=2, \\\n"
        "    <3  # why\n"
        "# a comment that continues nothing \\\n"
        "attrs\t#comment\n"
        "torch==2.7.0 \\\n"
        "    --hash=sha256:aa \\\n"
        "    --hash sha256:bb\n"
        "click \\\n"
        "# a comment ends it\n"
        "rich"
    )

    assert lines(read(tmp_path, content)) == [
        ("requirements.txt:3", "numpy>=2,     <3"),
        ("requirements.txt:6", "attrs"),
        ("requirements.txt:7", "torch==2.7.0"),
        ("requirements.txt:10", "click"),
        ("requirements.txt:12", "rich"),
    ]


def test_a_requirement_says_all_its_parts(tmp_path: Path) -> None:
    content = (
        "Foo_Bar[Extra, a.b] >=1,<2 ; python_version < '3.13' --hash=sha256:00 --hash=sha512:11 --hash=sha256:00\n"
    )

    assert read(tmp_path, content).requirements == (
        Requirement(
            name=canonicalize_name("foo-bar"),
            text="Foo_Bar[Extra, a.b] >=1,<2 ; python_version < '3.13'",
            place=Place("requirements.txt", 1),
            extras=("a-b", "extra"),
            specifier=SpecifierSet(">=1,<2"),
            marker=Marker("python_version < '3.13'"),
            hashes=("sha256:00", "sha512:11"),
        ),
    )


@pytest.mark.parametrize(
    ("text", "name", "extras", "specifier", "url"),
    [
        ("foo @ https://h.invalid/a.zip", "foo", (), "", "https://h.invalid/a.zip"),
        ("foo[x]@git+https://h.invalid/r.git@v1", "foo", ("x",), "", "git+https://h.invalid/r.git@v1"),
        ("foo @ ./local", "foo", (), "", "./local"),
        ("foo @ https://h.invalid/foo-1.0-py3-none-any.whl", "foo", (), "==1.0", "https://h.invalid/foo-1.0-py3-none-any.whl"),
        ("git+https://h.invalid/r.git@v1#egg=Foo", "foo", (), "", "git+https://h.invalid/r.git@v1#egg=Foo"),
        ("git+ssh://git@h.invalid/r#subdirectory=s&egg=foo[x]", "foo", ("x",), "", "git+ssh://git@h.invalid/r#subdirectory=s&egg=foo[x]"),
        ("git+https://h.invalid/r.git", None, (), "", "git+https://h.invalid/r.git"),
        ("https://h.invalid/a.zip", None, (), "", "https://h.invalid/a.zip"),
        ("https://h.invalid/t-2%2Bcpu-py3-none-any.whl#sha256=0", "t", (), "==2+cpu", "https://h.invalid/t-2%2Bcpu-py3-none-any.whl#sha256=0"),
        ("file:///srv/foo#egg=foo", "foo", (), "", "file:///srv/foo#egg=foo"),
        ("./wheels/Foo_Bar-1.0-py3-none-any.whl", "foo-bar", (), "==1.0", "./wheels/Foo_Bar-1.0-py3-none-any.whl"),
        ("foo-1.0-py3-none-any.whl[x]", "foo", ("x",), "==1.0", "foo-1.0-py3-none-any.whl"),
        ("foo-1.0.tar.gz", None, (), "", "foo-1.0.tar.gz"),
        ("../other[Dev]", None, ("dev",), "", "../other"),
        ("folder/inner", None, (), "", "folder/inner"),
        ("${HOME_OF}/pkg", None, (), "", "${HOME_OF}/pkg"),
        (".", None, (), "", "."),
        ("foo===a/b", "foo", (), "===a/b", None),
    ],
)  # fmt: skip
def test_names_addresses_and_paths_are_told_apart(
    text: str, name: str | None, extras: tuple[str, ...], specifier: str, url: str | None
) -> None:
    for marker in ("", " ; python_version < '3.13'"):
        assert one(f"{text}{marker}") == Requirement(
            name=canonicalize_name(name) if name else None,
            text=f"{text}{marker}",
            place=Place("argument"),
            extras=extras,
            specifier=SpecifierSet(specifier),
            marker=Marker("python_version < '3.13'") if marker else None,
            url=url,
        )


@pytest.mark.parametrize(
    ("line", "name", "url", "marker"),
    [
        ("-e ./pkg", None, "./pkg", None),
        ("-epkg", None, "pkg", None),
        ("--editable=.", None, ".", None),
        ("-e 'my pkg/inner'", None, "my pkg/inner", None),
        ("-e ./pkg ; sys_platform == 'linux'", None, "./pkg", "sys_platform == 'linux'"),
        ("-e \"./my pkg; sys_platform == 'linux'\"", None, "./my pkg", "sys_platform == 'linux'"),
        ("-e git+https://h.invalid/r#egg=foo", "foo", "git+https://h.invalid/r#egg=foo", None),
        ("-e foo @ file:///srv/foo", "foo", "file:///srv/foo", None),
    ],
)
def test_editable_requirements(tmp_path: Path, line: str, name: str | None, url: str, marker: str | None) -> None:
    (found,) = read(tmp_path, line).requirements

    assert (found.name, found.url, found.editable) == (name, url, True)
    assert found.marker == (Marker(marker) if marker else None)


def test_options_of_all_lines_and_files_add_up(tmp_path: Path) -> None:
    write(tmp_path, {"a/inc.txt": "--find-links ./wheels\n-f https://h.invalid/links\n--pre\n", "a/wheels/x": ""})

    found = read(
        tmp_path,
        "-i https://first.invalid\n"
        "--index-url='https://${USER_NAME}@h.invalid/simple'\n"
        "--extra-index-url https://e.invalid --extra-index-url=https://f.invalid\n"
        "--no-index --prefer-binary\n"
        "--no-binary=:all: --no-binary :none:,Foo_Bar,b --only-binary :all:\n"
        "--trusted-host h.invalid\n"
        "--require-hashes\n"
        "--use-feature fast-deps\n"
        "-f nowhere\n"
        "foo\n"
        "-r a/inc.txt\n",
        {"USER_NAME": "token"},
    )

    assert found.options == IndexOptions(
        index_url="https://token@h.invalid/simple",
        extra_index_urls=("https://e.invalid", "https://f.invalid"),
        find_links=("nowhere", "a/wheels", "https://h.invalid/links"),
        no_index=True,
        pre=True,
        no_binary=("foo-bar", "b"),
        only_binary=(":all:",),
        prefer_binary=True,
        require_hashes=True,
        trusted_hosts=("h.invalid",),
    )
    assert lines(found) == [("requirements.txt:10", "foo")]


def test_only_upper_case_variables_in_braces_that_are_set_are_replaced(tmp_path: Path) -> None:
    environ = {"TOKEN": "secret", "lower": "no", "EMPTY": "", "NESTED": "${TOKEN}"}

    found = read(tmp_path, "https://${TOKEN}:$TOKEN:${lower}:${EMPTY}:${UNSET}:${NESTED}@h.invalid/a.zip", environ)

    assert lines(found) == [
        ("requirements.txt:1", "https://secret:$TOKEN:${lower}:${EMPTY}:${UNSET}:${TOKEN}@h.invalid/a.zip")
    ]


def test_includes_are_relative_to_the_file_that_says_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "requirements.txt": "-r sub/more.txt\nlast\n",
            "sub/more.txt": "more\n--constraint=../limits/c.txt\n-rdeep/deep.txt",
            "sub/deep/deep.txt": "deep\n",
            "limits/c.txt": "bound<2\n--requirement other.txt\n",
            "limits/other.txt": "other<3\n",
        },
    )

    found = requirements_txt.read(tmp_path / "requirements.txt", root=tmp_path, environ={})

    assert [(str(each.place), each.text, each.constraint) for each in found.requirements] == [
        ("sub/more.txt:1", "more", False),
        ("limits/c.txt:1", "bound<2", True),
        ("limits/other.txt:1", "other<3", True),
        ("sub/deep/deep.txt:1", "deep", False),
        ("requirements.txt:2", "last", False),
    ]
    assert found.files == ("requirements.txt", "sub/more.txt", "limits/c.txt", "limits/other.txt", "sub/deep/deep.txt")


def test_a_file_may_be_included_twice(tmp_path: Path) -> None:
    write(tmp_path, {"inc.txt": "foo\n"})

    found = read(tmp_path, "-r inc.txt\n-c inc.txt\n")

    assert [(str(each.place), each.constraint) for each in found.requirements] == [
        ("inc.txt:1", False),
        ("inc.txt:1", True),
    ]
    assert found.files == ("requirements.txt", "inc.txt")


def test_a_symlinked_file_keeps_its_name_and_its_folder(tmp_path: Path) -> None:
    write(tmp_path, {"ci/docker/requirements.txt": "foo\n-r dev.txt\n", "ci/docker/dev.txt": "no", "dev.txt": "yes\n"})
    (tmp_path / "requirements.txt").symlink_to("ci/docker/requirements.txt")

    found = requirements_txt.read(tmp_path / "requirements.txt", root=tmp_path, environ={})

    assert lines(found) == [("requirements.txt:1", "foo"), ("dev.txt:1", "yes")]


def test_a_file_outside_of_the_repository_is_named_by_its_whole_path(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    write(tmp_path, {"repository/requirements.txt": "-r ../outside.txt\n-r x/../in.txt", "outside.txt": "foo\n"})
    write(root, {"in.txt": "bar\n", "x/y": ""})

    found = requirements_txt.read(root / "requirements.txt", root=root, environ={})

    assert lines(found) == [(f"{tmp_path.as_posix()}/outside.txt:1", "foo"), ("in.txt:1", "bar")]


def test_dots_that_lead_through_a_link_are_followed_as_the_system_does(tmp_path: Path) -> None:
    write(tmp_path, {"real/inner/x": "", "real/there.txt": "foo\n"})
    (tmp_path / "link").symlink_to("real/inner")

    assert lines(read(tmp_path, "-r link/../there.txt")) == [("real/there.txt:1", "foo")]


def test_relative_paths_and_a_linked_root_give_the_same_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"repository/a/requirements.txt": "foo\n"})
    (tmp_path / "linked").symlink_to("repository")
    monkeypatch.chdir(tmp_path / "repository")
    here = (tmp_path / "repository").relative_to(tmp_path / "repository")

    for path, root in (
        (here / "a" / "requirements.txt", here),
        (tmp_path / "repository/a/requirements.txt", tmp_path / "linked"),
        (tmp_path / "linked/a/requirements.txt", tmp_path / "linked"),
    ):
        assert lines(requirements_txt.read(path, root=root, environ={})) == [("a/requirements.txt:1", "foo")]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfcaf==1\r\nb # \xc3\xa9",
        "caf==1\nb # \u00e9".encode("utf-16"),
        b"\xfe\xff" + "caf==1\r\nb # \u00e9\n".encode("utf-16-be"),
        b"\xff\xfe\x00\x00" + "caf==1\nb # \u00e9\n".encode("utf-32-le"),
        b"# -*- coding: latin-1 -*-\rcaf==1\nb # \xe9\n".replace(b"\r", b"  "),
        b"# coding=latin-1\\\ncaf==1\nb # \xe9\n",
    ],
)
def test_encodings_that_pip_reads(tmp_path: Path, content: bytes) -> None:
    assert [requirement.text for requirement in read(tmp_path, content).requirements][-1:] == ["b"]
