"""The command line: one function for each command, thin. Answers go to standard output, all else to standard error."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from fumehood.cli.declaring import Group, flag, option
from fumehood.cli.parsing import read_command, read_group
from fumehood.commands.terminal import say
from fumehood.errors import ExitCode, FumehoodError
from fumehood.outside import interrupts
from fumehood.outside.files import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fumehood.cli.declaring import Command

_PROGRAM = Group(
    about="One isolated, layered environment for each experiment of a repository.",
    options=(
        flag("--version", help="Show the version and exit."),
        option("--root", metavar="PATH", type=Path, help="The repository; by default the one around this folder."),
    ),
    commands={
        "affected": "ci:affected",
        "blockers": "versions:blockers",
        "check": "check:check",
        "ci": Group(
            about="The workflow that runs the matrix, and the verdict on it.",
            commands={"check": "ci:ci_check", "verdict": "ci:ci_verdict", "write": "ci:ci_write"},
        ),
        "env": Group(
            about="The environments and layers on this machine.",
            commands={
                "build": "env:env_build",
                "export": "env:env_export",
                "gc": "env:env_gc",
                "list": "env:env_list",
                "path": "env:env_path",
                "shell": "env:env_shell",
                "verify": "env:env_verify",
            },
        ),
        "explain": "versions:explain",
        "list": "experiments:list_",
        "lock": "versions:lock",
        "matrix": "ci:matrix",
        "new": "experiments:new",
        "release-gate": "experiments:release_gate",
        "retire": "experiments:retire",
        "reuse": "experiments:reuse",
        "run": "experiments:run",
        "status": "experiments:status",
        "whatif": "versions:whatif",
    },
)
"""Every command, and where it is: a module beside this one, and a name in it. It is loaded when it is asked for."""


def main() -> None:
    """Run the command line; the one place where errors become text and an exit code."""
    interrupts.heed()
    try:
        code = _run(sys.argv[1:])
    except FumehoodError as error:
        _end(error.exit_code, str(error))
    except KeyboardInterrupt:
        _end(130, "\ninterrupted; nothing half-done is left behind")
    except BrokenPipeError:
        # The reader has gone, as with `fumehood list | head`.
        _give_up(sys.stdout)
        _end(ExitCode.OK)
    except OSError as error:
        # What reads and writes files says so itself; this is where the answer goes to, or the current folder.
        _give_up(sys.stdout)
        _end(ExitCode.WORLD, str(refused("answering", error)))
    _end(code)


def _run(words: Sequence[str]) -> int:
    program = os.path.basename(sys.argv[0])
    if program == "__main__.py":
        program = "python -m fumehood"
    group, given = _PROGRAM, dict[str, Any]()
    while True:
        options, name, words = read_group(program, group, words, _summaries)
        given |= options
        program = f"{program} {name}"
        found = group.commands[name]
        if isinstance(found, str):
            command = _load(found)
            return command.run(given["root"], **read_command(program, command, words))
        group = found


def _load(where: str) -> Command:
    module, _, name = where.partition(":")
    command: Command = getattr(importlib.import_module(f"fumehood.cli.{module}"), name)
    return command


def _summaries(group: Group) -> dict[str, str]:
    """The first sentence about each command of a group, which loads them all."""
    commands = {name: _load(found) if isinstance(found, str) else found for name, found in group.commands.items()}
    return {name: found.about.partition(". ")[0].rstrip(".") + "." for name, found in commands.items()}


def _end(code: int, text: str = "") -> NoReturn:
    """End with an exit code that means the same where the last words cannot be written."""
    try:
        if text:
            say(text)
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)
    sys.exit(code)


def _give_up(stream: TextIO) -> None:
    """Write no more to a stream, or Python would complain once more while closing it, with an exit code of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
