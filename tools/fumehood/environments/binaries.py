"""What an environment has beside its import path: commands for its own interpreter, and links to files outside.

A command of an entry point finds the interpreter beside itself, so it is one file for all environments, see `shelf`.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from fumehood.environments import shelf
from fumehood.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SHEBANG_LIMIT = 127
"""The longest first line that every kernel in use reads whole."""
_PYTHON_SHEBANG = re.compile(rb"#!/(?:[^ \t\n]*/)?(?:python|pypy)[0-9.tw]*(?=[ \t\r\n])")
"""What uv has made of ``#!python``: whatever follows in that line is the script's, and so is any other first line."""
_COMMAND = """\
#!/bin/sh
''':'; case $0 in */*) p=$0;; *) p=./$0;; esac; test -h "$p" && p=$(readlink -f "$p"); exec "${p%%/*}/python" "$0" "$@"
' '''; import sys
from %(module)s import %(root)s

if __name__ == "__main__":
    sys.exit(%(attribute)s())
"""
"""A command that finds its interpreter beside itself, also through a link to it.

The second line is the shell's, which goes no further; to Python it is the beginning of a string. The import is in the
line in which installers have it, so that tracebacks are the same.
"""
_TRAMPOLINE = re.compile(rb"#!/bin/sh\n'''exec' .*\n' '''\n")


def shebang(python: Path) -> str:
    """The first lines that make a script run with an interpreter, also where its path is long or has a space."""
    direct = f"#!{python}"
    if len(os.fsencode(direct)) <= _SHEBANG_LIMIT and " " not in direct:
        return f"{direct}\n"
    import shlex  # noqa: PLC0415 - few paths need it

    # The shell reads the second line as a command, Python as the beginning of a string.
    return f"#!/bin/sh\n'''exec' {shlex.quote(str(python))} \"$0\" \"$@\"\n' '''\n"


def write_commands(cache: Path, bin_folder: Path, entry_points: Iterable[tuple[str, str]]) -> None:
    """Make a script for each console entry point, ``(command, "module:attribute")``."""
    folder = str(bin_folder)
    taken = {entry.name for entry in os.scandir(folder) if entry.is_symlink()} | {"", ".", ".."}
    for command, target in entry_points:
        if command != os.path.basename(command) or command in taken:
            why = "it is no file name, or the interpreter's own"
            raise ConfigurationError(
                f"{command!r} cannot be the name of a command for {target}: {why}",
                remedy="rename it where the project declares its scripts",
            )
        shelf.place(cache, command_text(target).encode(), f"{folder}/{command}", executable=True)


def command_text(target: str) -> str:
    """The script of an entry point, ``module:attribute``: it runs with the ``python`` beside it, wherever it is."""
    module, _, attribute = (part.strip() for part in target.partition(":"))
    return _COMMAND % {"module": module, "root": attribute.partition(".")[0].strip(), "attribute": attribute}


def copy_scripts(bin_folder: Path, scripts: Iterable[Path]) -> None:
    """Copy the scripts that distributions bring, for this environment's interpreter.

    Its path is written into them: what stands in their first lines may count, such as an encoding. Compiled programs,
    which may be large, are hard links to the layer's.
    """
    first = shebang(bin_folder / "python").encode().rstrip(b"\n")
    for script in scripts:
        path = f"{bin_folder}/{script.name}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # and not written to: what an installer put there may be the same file as one in its cache
        if not _is_text(script):
            with contextlib.suppress(OSError):  # on another file system, for instance
                os.link(script, path)
                continue
        content = script.read_bytes()
        if match := _PYTHON_SHEBANG.match(content):
            options, _, below = content[match.end() :].partition(b"\n")
            content = first + (b"" if b"\n" in first else options) + b"\n" + below
        elif match := _TRAMPOLINE.match(content):
            content = first + b"\n" + content[match.end() :]
        shelf.write(path, content, executable=True)


def _is_text(script: Path) -> bool:
    """Whether it begins as scripts do."""
    with script.open("rb") as file:
        return file.read(2) == b"#!"


def link_files(cache: Path, environment: Path, files: Iterable[tuple[str, str]]) -> None:
    """Link files that distributions install outside site-packages: ``(prefix of the layer, path in it)``.

    What lies in ``etc`` is there to be edited, so it is copied: through a link the edit would go into the layer.
    """
    made: set[str] = set()
    for prefix, path in files:
        here, there = f"{environment}/{path}", f"{prefix}/{path}"
        if os.path.lexists(here):
            continue
        folder = os.path.dirname(here)
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        if path.startswith("etc/"):
            import shutil  # noqa: PLC0415 - few distributions have such a file, and it takes long to load

            shutil.copy2(there, here)
        else:
            shelf.symlink(cache, there, here)
