"""The command line: one function for each command, thin. Answers go to standard output, all else to standard error."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from typing import NoReturn, TextIO

import click

from fumehood import __version__
from fumehood.cli.shared import say
from fumehood.errors import ExitCode, FumehoodError
from fumehood.outside import interrupts
from fumehood.outside.files import refused

_COMMANDS = {
    "affected": "ci:affected",
    "blockers": "versions:blockers",
    "check": "check:check",
    "ci": "ci:ci",
    "env": "env:env",
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
}
"""Where each command is: a module beside this one, and a name in it."""


class _Commands(click.Group):
    """Loads a command when it is asked for, and all of them for help and to guess what was meant.

    Source: click's documentation, "Lazily Loading Subcommands".
    """

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load it, if there is one of that name."""
        for name in [cmd_name] if cmd_name in _COMMANDS else _COMMANDS:
            module, _, attribute = _COMMANDS[name].partition(":")
            self.add_command(getattr(importlib.import_module(f"fumehood.cli.{module}"), attribute))
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own parameter
        """Know them all without loading any."""
        return sorted(_COMMANDS)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
@click.option("--root", type=click.Path(path_type=Path), help="The repository; by default the one around this folder.")
@click.pass_context
def cli(context: click.Context, root: Path | None) -> None:
    """One isolated, layered environment for each experiment of a repository."""
    context.obj = root


def main() -> None:
    """Run the command line; the one place where errors become text and an exit code."""
    interrupts.heed()
    answers = sys.stdout
    try:
        code = cli.main(standalone_mode=False)
    except FumehoodError as error:
        _end(error.exit_code, str(error))
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        _end(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        _end(130, "interrupted; nothing half-done is left behind")
    except SystemExit:
        if sys.stdout is answers:
            raise
        # Where the reader has gone, as with `fumehood list | head`, click writes elsewhere and ends with 1: findings.
        _end(ExitCode.OK)
    except OSError as error:
        # What reads and writes files says so itself; this is where the answer goes to, or the current folder.
        _give_up(sys.stdout)
        _end(ExitCode.WORLD, str(refused("answering", error)))
    _end(code if isinstance(code, int) else ExitCode.OK)


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
