"""The command line: one function for each command, thin. Answers go to standard output, all else to standard error."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path

import click

from fumehood import __version__
from fumehood.cli.shared import say
from fumehood.errors import ExitCode, FumehoodError
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
    try:
        code = cli.main(standalone_mode=False)
    except FumehoodError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted; nothing half-done is left behind")
        sys.exit(130)
    except BrokenPipeError:
        _close_output()  # The reader has gone, as with `fumehood list | head`.
        sys.exit(ExitCode.OK)
    except OSError as error:
        # What reads and writes files says so itself; this is where the answer goes to, or the current folder.
        _close_output()
        say(str(refused("answering", error)))
        sys.exit(ExitCode.WORLD)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def _close_output() -> None:
    """Give up standard output, or Python would complain once more while closing it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
