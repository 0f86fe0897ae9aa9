"""The command line: one function for each command, thin. Answers go to standard output, all else to standard error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from fumehood import __version__
from fumehood.cli import check, ci, env, experiments, versions
from fumehood.cli.shared import say
from fumehood.errors import ExitCode, FumehoodError
from fumehood.outside.files import refused


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
@click.option("--root", type=click.Path(path_type=Path), help="The repository; by default the one around this folder.")
@click.pass_context
def cli(context: click.Context, root: Path | None) -> None:
    """One isolated, layered environment for each experiment of a repository."""
    context.obj = root


for command in (
    experiments.list_,
    experiments.status,
    experiments.release_gate,
    experiments.new,
    experiments.retire,
    experiments.run,
    experiments.reuse,
    versions.lock,
    versions.explain,
    versions.whatif,
    versions.blockers,
    check.check,
    ci.affected,
    ci.matrix,
    ci.ci,
    env.env,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line; the one place where errors become text and an exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except FumehoodError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except click.ClickException as error:
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
