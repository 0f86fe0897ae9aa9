"""Commands about versions: locks, conflicts and what would mend them."""

from __future__ import annotations

from typing import Any

import click

from fumehood.cli import shared
from fumehood.cli.shared import repository_of, say, width
from fumehood.commands.arguments import WithRemovals


@click.command()
@shared.names
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a lock is missing or no longer current.")
@click.option("--upgrade", is_flag=True, help="Let every pin move to the newest version that the lines admit.")
@click.option("--upgrade-package", "packages", multiple=True, metavar="P", help="Let the pin of P move.")
@shared.offline
@shared.json
@click.pass_context
def lock(context: click.Context, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """Write or refresh the locks of core and the experiments."""
    from fumehood.commands import lock as lock_command  # noqa: PLC0415 - each command loads only what it needs

    return lock_command.run(repository_of(context), names, say=say, **options)


@click.command()
@click.argument("name")
@click.argument("package", required=False)
@click.option("--budget", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop then, with what is known.")
@shared.offline
@shared.json
@click.pass_context
def explain(context: click.Context, /, name: str, package: str | None, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Why an experiment cannot be installed, or `core`. Names the lines in conflict, and what would mend it.

    With PACKAGE: why that has its version there, and not core's.
    """
    if package is not None:
        from fumehood.commands import origin  # noqa: PLC0415 - each command loads only what it needs

        return origin.explain(repository_of(context), name, package, **options)
    from fumehood.commands import explain as explain_command  # noqa: PLC0415 - each command loads only what it needs

    return explain_command.explain(repository_of(context), name, **options)


@click.command(cls=WithRemovals)
@click.argument("changes", nargs=-1, metavar="REQUIREMENT|-NAME...", type=click.UNPROCESSED)
@click.option("--from-git", metavar="REF", help="Core's requirements as a branch, a tag or a commit has them.")
@shared.formats("text", "json", "markdown")
@shared.offline
@click.pass_context
def whatif(context: click.Context, /, changes: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """What a change of core's requirements would do. Said of each experiment; -NAME takes a requirement out."""
    from fumehood.commands import explain as explain_command  # noqa: PLC0415 - each command loads only what it needs

    return explain_command.whatif(repository_of(context), changes, **options)


@click.command()
@click.argument("package", required=False)
@click.option("--to", metavar="VERSION", help="The version aimed at; by default the newest that core could have.")
@shared.offline
@shared.json
@click.pass_context
def blockers(context: click.Context, /, package: str | None, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Which experiments hold a package back. Also from what version, and by which lines."""
    from fumehood.commands import explain as explain_command  # noqa: PLC0415 - each command loads only what it needs

    return explain_command.blockers(repository_of(context), package, width=width(), **options)
