"""Bare virtual environments: virtualenv makes one for each interpreter, and the others are written from that.

Loading virtualenv takes longer than everything else that an environment needs. What it makes differs from one folder
to the next only in the folder's own path, so a template of it is kept in the cache.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.environments import shelf
from fumehood.errors import UsageError, WorldError
from fumehood.model.digest import sha256
from fumehood.outside.files import from_json, to_json, token, write_whole

if TYPE_CHECKING:
    from fumehood.outside.interpreter import Interpreter

CONFIG = "pyvenv.cfg"
_FORMAT = "1"
_NONE = b"null"
"""Kept instead of a template where there can be none."""
_PATH, _NAME = "\0", "\1"
"""Stand in a template for the environment's path, and for its name alone, in a prompt; no text file has them."""
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+", re.ASCII)
"""Paths that every shell's activation script quotes alike; only between these can one stand for another."""


class Template(Struct, frozen=True, kw_only=True):
    """What a bare environment consists of, paths relative to it.

    Attributes:
        folders: Each behind its parent.
        links: Symbolic links, ``(path, target)``.
        files: ``(path, whether it is executable, text)``.
    """

    folders: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, bool, str], ...]


def make(environment: Path, interpreter: Interpreter, cache: Path) -> None:
    """Make a bare virtual environment at a path where there is nothing.

    Raises:
        OSError: The disk refused.
        UsageError: The path cannot be on PATH.
        WorldError: virtualenv failed.
    """
    if os.pathsep in str(environment):
        raise UsageError(
            f"no environment can be at {environment}: PATH, where its commands are, cannot hold a {os.pathsep!r}",
            remedy="move the repository to a path without it, or have environments elsewhere with --envdir",
        )
    # Written first, so that whatever a crash leaves is known for an environment.
    environment.mkdir()
    (environment / CONFIG).touch()
    template = _template(interpreter, cache) if _PLAIN.fullmatch(str(environment)) else None
    if template is None:
        _run_virtualenv(environment, interpreter, cache)
    else:
        _write(environment, template, cache)


def _write(environment: Path, template: Template, cache: Path) -> None:
    here = str(environment)
    for folder in template.folders:
        os.mkdir(f"{here}/{folder}")
    for path, target in template.links:
        shelf.symlink(cache, target, f"{here}/{path}")
    for path, executable, text in template.files:
        if not executable and _PATH not in text and _NAME not in text:
            shelf.place(cache, text.encode(), f"{here}/{path}", executable=False)
            continue
        mode = 0o777 if executable else 0o666
        descriptor = os.open(f"{here}/{path}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:
            file.write(text.replace(_PATH, here).replace(_NAME, environment.name).encode())


def _template(interpreter: Interpreter, cache: Path) -> Template | None:
    """The template for an interpreter, made if need be; None where this virtualenv's environments cannot have one."""
    status = os.stat(interpreter.executable)
    parts = [_FORMAT, sys.executable, str(interpreter.executable), str(status.st_mtime_ns), interpreter.identity]
    key = sha256("\n".join([*parts, *_virtualenv_identity()]).encode()).hexdigest()[:32]
    return _remembered(key, interpreter, cache)


@functools.cache
def _virtualenv_identity() -> tuple[str, ...]:
    """What tells one installed virtualenv from another, without loading it."""
    found = importlib.util.find_spec("virtualenv")
    if found is None or found.origin is None:
        return ()
    return found.origin, str(os.stat(found.origin).st_mtime_ns)


_templates: dict[Path, Template | None] = {}


def _remembered(key: str, interpreter: Interpreter, cache: Path) -> Template | None:
    path = cache / "templates" / f"{key}.json"
    if path not in _templates:
        try:
            kept = path.read_bytes()
            _templates[path] = from_json(kept, Template) if kept != _NONE else None
        except (OSError, ValueError):
            _templates[path] = made = _capture(interpreter, cache)
            with contextlib.suppress(WorldError):  # then the next run makes it again
                write_whole(path, to_json(made))
    return _templates[path]


def _capture(interpreter: Interpreter, cache: Path) -> Template | None:
    """Make an environment that nobody uses, and read it."""
    from fumehood.outside.scratch import scratch_folder  # noqa: PLC0415 - only runs that make a template need it

    with scratch_folder("template") as folder:
        environment = Path(os.path.realpath(folder), f"fumehood-{token()}")
        if not _PLAIN.fullmatch(str(environment)):
            return None
        _run_virtualenv(environment, interpreter, cache)
        try:
            return read(environment)
        except ValueError:
            return None


def read(environment: Path) -> Template:
    """The template that an environment gives, whose name stands for nothing else in it.

    Raises:
        ValueError: There is none: it holds what is no text, or its path as a link's target.
    """
    folders, links, files = [], [], []
    for top, names, _ in os.walk(environment):
        names.sort()
        for entry in sorted(os.scandir(top), key=lambda item: item.name):
            path = os.path.relpath(entry.path, environment)
            if entry.is_symlink():
                links.append((path, os.readlink(entry.path)))
            elif entry.is_dir():
                folders.append(path)
            else:
                files.append((path, os.access(entry.path, os.X_OK), _general(Path(entry.path), environment)))
    if any(environment.name in target for _, target in links):
        raise ValueError(environment)
    return Template(folders=tuple(folders), links=tuple(links), files=tuple(files))


def _general(file: Path, environment: Path) -> str:
    text = file.read_bytes().decode("utf-8")
    if _PATH in text or _NAME in text:
        raise ValueError(file)
    return text.replace(str(environment), _PATH).replace(environment.name, _NAME)


def _run_virtualenv(environment: Path, interpreter: Interpreter, cache: Path) -> None:
    import virtualenv  # noqa: PLC0415 - only runs that make a template pay for it

    arguments = ["--no-seed", "--no-periodic-update", "--quiet", "--no-vcs-ignore"]
    if Path(sys.executable) != interpreter.executable:
        arguments += ["--python", str(interpreter.executable)]
    # What the user has set for environments of their own, such as system site-packages, is not for these.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("VIRTUALENV_")}
    environ["VIRTUALENV_CONFIG_FILE"] = os.devnull
    override = "VIRTUALENV_OVERRIDE_APP_DATA"  # else it would keep what it knows of interpreters in the user's home
    environ[override] = os.environ.get(override) or str(cache / "virtualenv")
    try:
        virtualenv.cli_run([*arguments, str(environment)], setup_logging=False, env=environ)
    except (RuntimeError, SystemExit) as error:
        raise WorldError(
            f"virtualenv could not make {environment}: {error}", remedy="see the message; the old one is untouched"
        ) from error
