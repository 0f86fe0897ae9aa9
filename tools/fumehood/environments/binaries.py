"""What an environment has beside its import path: commands for its own interpreter, and links to files outside."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from typing import TYPE_CHECKING

from fumehood.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SHEBANG_LIMIT = 127
"""The longest first line that every kernel in use reads whole."""
_PYTHON_SHEBANG = re.compile(rb"#!.*python[0-9.w]*\b.*")
_TRAMPOLINE = re.compile(rb"#!/bin/sh\n'''exec' .*\n' '''\n")


def shebang(python: Path) -> str:
    """The first lines that make a script run with an interpreter, also where its path is long or has a space."""
    direct = f"#!{python}"
    if len(os.fsencode(direct)) <= _SHEBANG_LIMIT and " " not in direct:
        return f"{direct}\n"
    # The shell reads the second line as a command, Python as the beginning of a string.
    return f"#!/bin/sh\n'''exec' {shlex.quote(str(python))} \"$0\" \"$@\"\n' '''\n"


def write_commands(bin_folder: Path, python: Path, entry_points: Iterable[tuple[str, str]]) -> None:
    """Write a script for each console entry point, ``(command, "module:attribute")``."""
    first, folder = shebang(python), str(bin_folder)
    for command, target in entry_points:
        path = f"{folder}/{command}"
        if command != os.path.basename(command) or command in {"", ".", ".."} or os.path.islink(path):
            raise ConfigurationError(
                f"{command!r} cannot be the name of a command: it is no file name, or the interpreter's own",
                remedy="rename it where the project declares its scripts",
            )
        module, _, attribute = target.partition(":")
        root = attribute.partition(".")[0]
        _write(
            path,
            f"{first}import sys\n\nfrom {module.strip()} import {root.strip()}\n\n"
            f'if __name__ == "__main__":\n    sys.exit({attribute.strip()}())\n'.encode(),
        )


def copy_scripts(bin_folder: Path, python: Path, scripts: Iterable[Path]) -> None:
    """Copy the scripts that distributions bring, for this environment's interpreter."""
    first = shebang(python).encode()
    for script in scripts:
        content = script.read_bytes()
        match = _TRAMPOLINE.match(content) or _PYTHON_SHEBANG.match(content)
        if match:
            content = first.rstrip(b"\n") + b"\n" + content[match.end() :].removeprefix(b"\n")
        _write(f"{bin_folder}/{script.name}", content)


def link_files(environment: Path, files: Iterable[tuple[str, str]]) -> None:
    """Link files that distributions install outside site-packages: ``(prefix of the layer, path in it)``.

    What lies in ``etc`` is there to be edited, so it is copied: through a link the edit would go into the layer.
    """
    for prefix, path in files:
        here, there = environment / path, os.path.join(prefix, path)
        if os.path.lexists(here):
            continue
        here.parent.mkdir(parents=True, exist_ok=True)
        if path.startswith("etc/"):
            shutil.copy2(there, here)
        else:
            here.symlink_to(there)


def _write(path: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o755)
    except FileExistsError:
        os.unlink(path)  # and not written to: what an installer put there may be the same file as one in its cache
        descriptor = os.open(path, flags, 0o755)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o755)
        file.write(content)
