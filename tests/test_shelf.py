"""Small files that environments share: the same inode as long as that is safe, and a file of one's own otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fumehood.environments import binaries, shelf

if TYPE_CHECKING:
    from pathlib import Path

REPORT = 'import sys\ndef main(): print(sys.prefix, sys.argv[1:])\nif __name__ == "__main__":\n    main()\n'


def test_two_environments_have_one_inode_for_a_file_and_for_a_link(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shelf.place(tmp_path, b"text", f"{tmp_path}/{name}", executable=False)
        shelf.place(tmp_path, b"text", f"{tmp_path}/{name}.program", executable=True)
        shelf.symlink(tmp_path, "elsewhere", f"{tmp_path}/{name}.link")
    for ending in ("", ".program", ".link"):
        assert os.path.samestat(os.lstat(f"{tmp_path}/one{ending}"), os.lstat(f"{tmp_path}/two{ending}"))
    assert [oct(os.stat(tmp_path / name).st_mode) for name in ("one", "one.program")] == ["0o100644", "0o100755"]
    assert (tmp_path / "one").read_text() == "text"
    assert os.readlink(tmp_path / "one.link") == "elsewhere"


def test_what_stands_in_the_place_of_a_file_is_replaced_and_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    os.link(tmp_path / "theirs", tmp_path / "here")
    shelf.place(tmp_path, b"ours", f"{tmp_path}/here", executable=False)
    assert [(tmp_path / name).read_text() for name in ("theirs", "here")] == ["theirs", "ours"]


def test_what_somebody_has_written_into_is_not_handed_out_again_by_the_next_run(tmp_path: Path) -> None:
    code = "from fumehood.environments import shelf as s; s.place({0!r}, b'text', {1!r}, executable=False)"
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-c", code.format(str(tmp_path), f"{tmp_path}/{name}")], check=True)
        (tmp_path / "one").write_text("TEXT")
    assert [(tmp_path / name).read_text() for name in ("one", "two")] == ["TEXT", "text"]


def test_without_a_shelf_everything_is_written(tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("a file where the folder would be")
    shelf.place(tmp_path, b"text", f"{tmp_path}/one", executable=True)
    shelf.symlink(tmp_path, "elsewhere", f"{tmp_path}/link")
    assert ((tmp_path / "one").read_text(), os.readlink(tmp_path / "link")) == ("text", "elsewhere")
    assert os.stat(tmp_path / "one").st_nlink == 1


def test_what_no_environment_has_any_more_is_cleared(tmp_path: Path) -> None:
    for name in ("kept", "gone"):
        shelf.place(tmp_path, name.encode(), f"{tmp_path}/{name}", executable=False)
    (tmp_path / "gone").unlink()
    shelf.clear(tmp_path)
    assert [path.read_text() for path in (tmp_path / "shared").iterdir()] == ["kept"]


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A command in an environment whose path has a space."""
    environment = tmp_path / "an environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (next(environment.glob("lib/*/site-packages")) / "report.py").write_text(REPORT)
    binaries.write_commands(tmp_path, environment / "bin", [("report", "report:main")])
    return environment / "bin" / "report"


def test_a_command_runs_with_the_interpreter_beside_it_however_it_is_called(command: Path, tmp_path: Path) -> None:
    def said(*arguments: str, cwd: Path = tmp_path, path: str = os.environ["PATH"]) -> str:
        environ = {**os.environ, "PATH": path}
        return subprocess.run(arguments, cwd=cwd, env=environ, capture_output=True, text=True, check=True).stdout

    link = tmp_path / "link"
    link.symlink_to(command)
    (tmp_path / "second").symlink_to("link")
    expected = f"{command.parent.parent} ['a b', '$c']\n"
    assert said(str(command), "a b", "$c") == expected
    assert said(f"{command.parent.parent.name}/bin/report", "a b", "$c") == expected
    assert said("../bin/report", "a b", "$c", cwd=command.parent) == expected
    assert said("report", "a b", "$c", path=f"{command.parent}:{os.environ['PATH']}") == expected
    assert said("sh", "report", "a b", "$c", cwd=command.parent) == expected
    assert said(str(link), "a b", "$c") == expected
    assert said("./second", "a b", "$c") == expected
    assert said(str(command.parent / "python"), str(command), "a b", "$c") == expected
