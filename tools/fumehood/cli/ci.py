"""Commands for continuous integration: what a change affects, the jobs for it, the workflow, the verdict."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from fumehood.cli import shared
from fumehood.cli.shared import report_broken, repository_of, root_of, say


@click.command()
@click.option("--base", metavar="REF", help="What to compare with; by default what CI says, else the default branch.")
@click.option("--explain", metavar="FILE", help="What a change of this file alone affects, and why.")
@shared.json
@click.pass_context
def affected(context: click.Context, /, base: str | None, **options: Any) -> int:  # noqa: ANN401 - click's options
    """The experiments that a change can break. Each has its reasons; compared is the merge base with the files here."""
    from fumehood.selection.asking import ask  # noqa: PLC0415 - each command loads only what it needs

    asked = ask(root_of(context), base, os.environ)
    from fumehood.commands import affected as affected_command  # noqa: PLC0415 - while git looks

    repository = repository_of(context)
    affected_command.run(repository, asked, say=say, **options)
    return report_broken(repository)


@click.command()
@click.option("--base", metavar="REF", help="What to compare with; by default the branch that the change goes to.")
@click.option("--all", "all_", is_flag=True, help="Everything, whatever has changed: for the periodic run.")
@click.option("--lowest", is_flag=True, help="Rows that test the lowest admitted versions, too.")
@click.option(
    "--label", "labels", multiple=True, metavar="L", help="A label of the change: `fumehood: all`, `fumehood: NAME`."
)
@shared.formats("json", "github", "gitlab")
@click.pass_context
def matrix(context: click.Context, /, base: str | None, *, all_: bool, **options: Any) -> int:  # noqa: ANN401 - click's options
    """The CI jobs for what a change affects. Each is for sessions on the right machine."""
    from fumehood.selection.asking import ask  # noqa: PLC0415 - each command loads only what it needs

    asked = None if all_ else ask(root_of(context), base, os.environ)
    from fumehood.commands import matrix as matrix_command  # noqa: PLC0415 - while git looks

    repository = repository_of(context)
    code = matrix_command.run(repository, asked, say=say, **options)
    report_broken(repository)
    return code


@click.group()
def ci() -> None:
    """The workflow that runs the matrix, and the verdict on it."""


_platform = click.argument("platform", type=click.Choice(["github", "gitlab"]), required=False)


@ci.command("write")
@_platform
@click.pass_context
def ci_write(context: click.Context, platform: str | None) -> int:
    """Write the workflow for this repository."""
    from fumehood.commands import ci as ci_command  # noqa: PLC0415 - each command loads only what it needs

    return ci_command.write(repository_of(context), platform=platform, say=say)


@ci.command("check")
@_platform
@click.pass_context
def ci_check(context: click.Context, platform: str | None) -> int:
    """Compare the committed workflow with what `write` would write."""
    from fumehood.commands import ci as ci_command  # noqa: PLC0415 - each command loads only what it needs

    return ci_command.check(repository_of(context), platform=platform, say=say)


@ci.command("verdict")
@click.argument("results", type=click.Path(path_type=Path, file_okay=False))
@click.option("--rows", type=click.Path(path_type=Path), required=True, help="What `fumehood matrix` answered.")
@click.option("--summary", type=click.Path(path_type=Path), help="A file that a summary in Markdown is added to.")
@shared.json
def ci_verdict(results: Path, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Judge the results of all rows. Exits with 1 if a failure stops the change."""
    from fumehood.commands import ci as ci_command  # noqa: PLC0415 - each command loads only what it needs

    return ci_command.verdict(results, **options)
