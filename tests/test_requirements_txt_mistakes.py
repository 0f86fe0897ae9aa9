from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fumehood.errors import ConfigurationError, FumehoodError, Mistakes, Place
from fumehood.reading import requirement_line, requirements_txt
from support.requirements import read, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


OPTIONS = (
    "  → a requirements file may say -r, -c, -e, -i, --extra-index-url, -f, --no-binary, --only-binary, "
    "--trusted-host, --use-feature, --hash, -C, --global-option, --no-index, --pre, --prefer-binary, --require-hashes"
)
FORMS = (
    "  → write a name with versions and a marker, as in numpy[extra]>=2,<3; python_version < '3.13', a URL or a path"
)


def refusal(root: Path, content: str | bytes, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(root, content, environ)
    return str(raised.value)


def test_an_error_never_shows_what_a_variable_holds(tmp_path: Path) -> None:
    assert refusal(tmp_path, "https://${TOKEN}@[h.invalid/a.zip", {"TOKEN": "secret"}) == (
        "requirements.txt:1: 'https://${TOKEN}@[h.invalid/a.zip' is not a requirement: Invalid IPv6 URL\n" + FORMS
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"foo\nb # \xe9\n", "requirements.txt:2: byte 0xe9 is not UTF-8 text\n  → save the file as UTF-8 text"),
        (b"\xff\xfef\x00o", "requirements.txt:1: byte 0x6f is not UTF-16-LE text\n  → save the file as UTF-8 text"),
        (
            b"foo\n\nbar\0",
            "requirements.txt:3: holds binary data, so it is no requirements file\n  → save the file as UTF-8 text",
        ),
        (
            b"\n# coding: rot13\n",
            (
                "requirements.txt:2: declares the encoding 'rot13', which no text file can have\n"
                "  → save the file as UTF-8 and remove the declaration"
            ),
        ),
        (
            b"# coding: unicode-escape\nfoo\\q",
            (
                "requirements.txt:1: declares the encoding 'unicode-escape', which no text file can have\n"
                "  → save the file as UTF-8 and remove the declaration"
            ),
        ),
        (
            b"#" * (1024 * 1024 + 1),
            (
                "requirements.txt: is larger than 1 MiB, so it is no requirements file\n"
                "  → name a requirements file, or split it"
            ),
        ),
        ("--nonsense 4", f"requirements.txt:1: options cannot be read: no such option: --nonsense\n{OPTIONS}"),
        ("-i", f"requirements.txt:1: options cannot be read: -i option requires 1 argument\n{OPTIONS}"),
        ("-r 'x", f"requirements.txt:1: options cannot be read: No closing quotation\n{OPTIONS}"),
        (
            "foo --hash=md5:00 --hash=sha256:xyz --hash=sha256:00",
            (
                "requirements.txt:1: no hash that pip takes: 'md5:00', 'sha256:xyz'\n"
                "  → write --hash=sha256:…, sha384:… or sha512:… with hexadecimal digits"
            ),
        ),
        (
            "-r https://h.invalid/r.txt",
            (
                "requirements.txt:1: a requirements file at a URL cannot be included: what it says could change at any "
                "time\n  → keep a copy of the file in the repository, and include it by its path"
            ),
        ),
        ("-c nope.txt", "requirements.txt:1: 'nope.txt' does not exist\n  → correct the path, or add the file"),
        ("-r .", "requirements.txt:1: '.' is a folder\n  → name a requirements file"),
        (
            "-r " + "x" * 300,
            (
                f"requirements.txt:1: {'x' * 300!r} cannot be read: File name too long\n"
                "  → correct the path, or make the file readable"
            ),
        ),
    ],
)
def test_bad_input_says_what_where_and_what_to_do(tmp_path: Path, content: str | bytes, message: str) -> None:
    assert refusal(tmp_path, content) == message


NO_MARKER = "Expected semicolon (after name with no version specifier) or end"


@pytest.mark.parametrize(
    ("line", "quoted", "reason", "remedy"),
    [
        ("foo = 1", "foo = 1", NO_MARKER, "  → write == for one exact version"),
        ("foo; os == 'x'", "foo; os == 'x'", "Expected a marker variable or quoted string", FORMS),
        ("x" * 10_001, "x" * 79 + "…", "it is longer than 10,000 characters", FORMS),
        ("./x.whl", "./x.whl", "Invalid wheel filename (wrong number of parts): 'x'", FORMS),
        (
            "../ci/requirements.txt",
            "../ci/requirements.txt",
            "it is a file with requirements, not a package",
            "  → write -r before it; if git wrote a symbolic link as text, check it out again with core.symlinks=true",
        ),
        ("git+git@h:a/b", "git+git@h:a/b", NO_MARKER, "  → write the address as git+ssh://git@HOST/PATH"),
        (
            "foo @ https://h.invalid/a;os_name=='x'",
            "foo @ https://h.invalid/a;os_name=='x'",
            "a space is missing between the URL and the semicolon",
            FORMS,
        ),
        (
            "-e foo>=2  # comment",
            "-e foo>=2",
            "only a folder or a version control address can be editable",
            "  → write -e and a folder, or -e and git+https://HOST/PATH#egg=NAME",
        ),
    ],
)
def test_what_is_no_requirement_is_quoted_with_the_reason(
    tmp_path: Path, line: str, quoted: str, reason: str, remedy: str
) -> None:
    assert refusal(tmp_path, line) == f"requirements.txt:1: {quoted!r} is not a requirement: {reason}\n{remedy}"


def test_parentheses_without_end_are_quoted_with_the_reason(tmp_path: Path) -> None:
    line = "foo; " + "(" * 5000
    reasons = (
        "its parentheses are nested too deeply",
        "Marker expression is nested more than 200 levels deep",  # packaging 26.4 counts them itself
    )
    quoted = "foo; " + "(" * 74 + "…"
    expected = [f"requirements.txt:1: {quoted!r} is not a requirement: {reason}\n{FORMS}" for reason in reasons]
    assert refusal(tmp_path, line) in expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("foo --pre", "--pre has no effect behind a requirement\n  → write it on a line of its own"),
        ("foo -r x", "--requirement has no effect behind a requirement\n  → write it on a line of its own"),
        (
            "foo --index-url=https://h.invalid",
            "--index-url has no effect behind a requirement\n  → write it on a line of its own",
        ),
        (
            "--pre foo",
            "a word behind the options has no effect\n  → write the requirement before its options, or on its own line",
        ),
        (
            "foo --hash=sha256:00 ; python_version < '3'",
            "a word behind the options has no effect\n  → write the requirement before its options, or on its own line",
        ),
        (
            "-e ./a ./b",
            "a word behind the options has no effect\n  → write the requirement before its options, or on its own line",
        ),
        (
            "-r a.txt -r b.txt",
            "--requirement must be the only option of its line\n  → write each of them on a line of its own",
        ),
        (
            "-c a.txt --pre",
            "--constraint must be the only option of its line\n  → write each of them on a line of its own",
        ),
        (
            "--hash=sha256:00",
            "--hash has no effect without a requirement\n  → write it behind the requirement that it is about",
        ),
        (
            "foo -C a=b --global-option=c",
            (
                "--config-settings cannot be given to uv for one requirement\n"
                "  → remove it, and write config-settings-package in [tool.uv] of pyproject.toml"
            ),
        ),
        (
            "-e ./a --global-option=c",
            (
                "--global-option cannot be given to uv for one requirement\n"
                "  → remove it, and write config-settings-package in [tool.uv] of pyproject.toml"
            ),
        ),
        ("-e ./a --hash=sha256:00", "--hash has no effect on an editable requirement\n  → remove it"),
    ],
)
def test_what_pip_would_drop_in_silence_is_refused(tmp_path: Path, line: str, message: str) -> None:
    assert refusal(tmp_path, line) == f"requirements.txt:1: {message}"


def test_files_that_include_each_other_are_named_with_the_whole_chain(tmp_path: Path) -> None:
    write(tmp_path, {"a/b.txt": "\n-c ../c.txt\n", "c.txt": "foo\n\n-r a/b.txt\n"})

    assert refusal(tmp_path, "# start\n-r a/b.txt\nbar\n") == (
        "c.txt:3: requirement files include each other: a/b.txt:2 → c.txt:3 → a/b.txt\n  → remove one of these lines"
    )


def test_a_file_that_includes_itself_through_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to("requirements.txt")

    assert refusal(tmp_path, "-r link.txt\n") == (
        "requirements.txt:1: requirement files include each other: requirements.txt:1 → link.txt\n"
        "  → remove one of these lines"
    )


def test_a_tree_of_includes_that_doubles_at_each_step_ends(tmp_path: Path) -> None:
    write(tmp_path, {f"{step}.txt": f"-r {step + 1}.txt\n-r {step + 1}.txt\n" for step in range(40)})
    write(tmp_path, {"40.txt": ""})

    with pytest.raises(FumehoodError) as raised:
        read(tmp_path, "-r 0.txt\n")

    assert str(raised.value).splitlines()[-2:] == [
        "9.txt:2: files are included more than 50 deep, or more than 1,000 in all",
        "  → include fewer files",
    ]


def test_includes_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {f"{step}.txt": f"-r {step + 1}.txt\n" for step in range(60)})

    assert refusal(tmp_path, "-r 0.txt\n") == (
        "49.txt:1: files are included more than 50 deep, or more than 1,000 in all\n  → include fewer files"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.txt", "missing.txt: does not exist\n  → correct the path, or add the file"),
        ("folder", "folder: is a folder\n  → name a requirements file"),
        ("pipe", "pipe: is no ordinary file\n  → name a requirements file"),
        ("dangling.txt", "dangling.txt: does not exist\n  → correct the path, or add the file"),
        (
            "loop.txt",
            (
                "loop.txt: cannot be read: Too many levels of symbolic links\n"
                "  → correct the path, or make the file readable"
            ),
        ),
    ],
)
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling.txt").symlink_to("nothing")
    (tmp_path / "loop.txt").symlink_to("loop.txt")

    with pytest.raises(ConfigurationError) as raised:
        requirements_txt.read(tmp_path / name, root=tmp_path, environ={})

    assert str(raised.value) == message


def test_all_mistakes_of_all_files_are_reported_together_and_once(tmp_path: Path) -> None:
    write(tmp_path, {"b.txt": "two words\n--nope\n"})

    with pytest.raises(Mistakes) as raised:
        read(tmp_path, "ok\n-r b.txt\n-r b.txt\n-r missing.txt\n=1\n")

    assert [str(mistake).partition("\n")[0] for mistake in raised.value.mistakes] == [
        "b.txt:1: 'two words' is not a requirement: Expected semicolon (after name with no version specifier) or end",
        "b.txt:2: options cannot be read: no such option: --nope",
        "requirements.txt:4: 'missing.txt' does not exist",
        "requirements.txt:5: '=1' is not a requirement: Expected package name at the start of dependency specifier",
    ]


def test_an_argument_is_parsed_without_a_file() -> None:
    assert requirement_line.parse_line("  numpy>=2 ", place=Place("argument")).text == "numpy>=2"

    with pytest.raises(ConfigurationError) as raised:
        requirement_line.parse_line("numpy>=", place=Place("argument"))

    assert str(raised.value) == (
        "argument: 'numpy>=' is not a requirement: Expected semicolon (after name with no version specifier) or end\n"
        + FORMS
    )
