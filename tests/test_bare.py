"""Environments written from a template are what virtualenv would have made at that place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import virtualenv

from fumehood.environments import bare
from fumehood.outside import interpreter as interpreters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fumehood.outside.interpreter import Interpreter


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def interpreter(cache: Path) -> Interpreter:
    return interpreters.inspect(Path(sys.executable), cache=cache)


@pytest.mark.parametrize("name", ["exp-a", "exp-b.c", "a+b", "with space", "it's $HOME", "ümlaut"])
def test_an_environment_is_the_one_that_virtualenv_makes(
    name: str, cache: Path, tmp_path: Path, interpreter: Interpreter
) -> None:
    environment = tmp_path / name
    bare.make(environment, interpreter, cache)
    found = files(environment)
    environment.rename(tmp_path / "aside")
    arguments = ["--no-seed", "--no-periodic-update", "--quiet", "--no-vcs-ignore"]
    python = ["--python", str(interpreter.executable)]
    virtualenv.cli_run([*arguments, *python, str(environment)], setup_logging=False)
    assert found == files(environment)
    assert len(found) > 10
    assert len(list((cache / "templates").glob("*"))) <= 1  # paths that a shell has to quote get none


def test_an_interpreter_is_asked_again_where_what_is_kept_of_it_is_not_whole(tmp_path: Path) -> None:
    asked = interpreters.inspect(Path(sys.executable), cache=tmp_path)
    (kept,) = (tmp_path / "interpreters").iterdir()
    answer = json.loads(kept.read_bytes())
    del answer["variables"]["python_full_version"]
    kept.write_text(json.dumps(answer))
    assert interpreters.inspect(Path(sys.executable), cache=tmp_path) == asked
    assert "python_full_version" in json.loads(kept.read_bytes())["variables"]


def test_what_virtualenv_keeps_is_kept_in_the_cache(tmp_path: Path, interpreter: Interpreter) -> None:
    bare.make(tmp_path / "with space", interpreter, tmp_path / "cache")
    assert (tmp_path / "cache/virtualenv").is_dir()
    assert not Path(os.environ["HOME"], ".cache/virtualenv").exists()


def test_the_interpreter_of_such_an_environment_is_in_it(cache: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    bare.make(tmp_path / "one", interpreter, cache)
    command = (str(tmp_path / "one/bin/python"), "-c", "import sys; print(sys.prefix)")
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{tmp_path / 'one'}\n"


def test_what_cannot_be_moved_to_another_path_gives_no_template(tmp_path: Path) -> None:
    environment = tmp_path / "the-only-one-of-that-name"
    environment.mkdir()
    (environment / "file").write_text(f"{environment} {environment.name}\n")
    assert bare.read(environment).files == (("file", False, "\0 \1\n"),)
    for content in (b"\xff\xfe", b"a\0b", b"a\1b"):
        (environment / "file").write_bytes(content)
        with pytest.raises(ValueError, match=r"."):
            bare.read(environment)
    (environment / "file").unlink()
    (environment / "link").symlink_to(environment / "elsewhere")
    with pytest.raises(ValueError, match=r"."):
        bare.read(environment)


def files(environment: Path) -> Mapping[str, tuple[object, ...]]:
    """Everything in an environment, by path: its mode with its content or target."""
    found: dict[str, tuple[object, ...]] = {}
    for top, folders, names in os.walk(environment):
        for name in (*folders, *names):
            path = Path(top, name)
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            found[path.relative_to(environment).as_posix()] = (path.lstat().st_mode, content)
    return found
