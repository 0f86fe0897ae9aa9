"""Commands about experiments: which there are, how they are doing, how one begins, runs and ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from fumehood.cli import shared
from fumehood.cli.shared import report_broken, repository_of, say, terminal_width, width
from fumehood.commands.arguments import PYTEST, WithPytestArguments


@click.command("list")
@shared.json
@click.pass_context
def list_(context: click.Context, *, as_json: bool) -> int:
    """The experiments: path, owners, requirements, tests, state."""
    from fumehood.commands import reports  # noqa: PLC0415 - each command loads only what it needs

    repository = repository_of(context)
    answer = reports.experiments_json(repository) if as_json else reports.experiments_text(repository, width=width())
    click.echo(answer)
    return report_broken(repository)


@click.command()
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one page for a browser instead.")
@shared.json
@click.pass_context
def status(context: click.Context, *, html: Path | None, as_json: bool) -> int:
    """How every experiment is doing. Shows results, age, versions, owners, and the next step of its life."""
    from fumehood.commands import status as status_command  # noqa: PLC0415 - each command loads only what it needs

    repository = repository_of(context)
    status_command.run(repository, html=html, as_json=as_json, width=terminal_width())
    return report_broken(repository)


@click.command("release-gate")
@click.argument("version")
@shared.formats("text", "json", "markdown")
@click.pass_context
def release_gate(context: click.Context, version: str, format_: str) -> int:
    """Which experiments are not green on a release. Also since when, and whose they are."""
    from fumehood.commands import release_gate as gate_command  # noqa: PLC0415 - each command loads only what it needs

    return gate_command.run(repository_of(context), version, format_=format_, width=width())


@click.command()
@click.argument("name")
@click.option("--theme", metavar="THEME", help="What kind it is, `model` or `infrastructure`, or one of the settings'.")
@click.option("--summary", metavar="TEXT", help="What it is about, in one line.")
@click.option("--owner", "owners", multiple=True, metavar="@HANDLE", help="Whose it is; may be given several times.")
@click.option("--python", multiple=True, metavar="VERSION", help="Of its session; may be given several times.")
@shared.offline
@click.pass_context
def new(context: click.Context, /, name: str, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Start an experiment. Makes a folder with manifest, README, requirements, a package and a test."""
    from fumehood.commands import new as new_command  # noqa: PLC0415 - each command loads only what it needs

    return new_command.run(repository_of(context), name, say=say, **options)


@click.command()
@click.argument("name")
@click.option("--reason", required=True, metavar="TEXT", help="Why, in one line, for those who look for it later.")
@click.option("--upstreamed", default="", metavar="URL", help="Where what became of it is: it has served its purpose.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.pass_context
def retire(context: click.Context, /, name: str, **options: Any) -> int:  # noqa: ANN401 - click's options
    """End an experiment. Removes it with all that names it, and leaves a record of how to get it back."""
    from fumehood.commands import retire as retire_command  # noqa: PLC0415 - each command loads only what it needs

    return retire_command.run(repository_of(context), name, say=say, **options)


@click.command(cls=WithPytestArguments, options_metavar="[OPTIONS]", epilog="Arguments after -- go to pytest.")
@shared.names
@click.option("--runner", default="local", show_default=True, help="Where sessions run; extensions offer others.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="So many at a time; else what there is room for."
)
@shared.json
@click.pass_context
def run(context: click.Context, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """Run the sessions of experiments side by side. `core` is that of core's tests."""
    from fumehood.commands import run as run_command  # noqa: PLC0415 - each command loads only what it needs

    arguments = context.meta[PYTEST]
    return run_command.run(repository_of(context), names, arguments=arguments, width=width(), say=say, **options)


@click.command()
@shared.names
@shared.json
@click.pass_context
def reuse(context: click.Context, /, names: tuple[str, ...], *, as_json: bool) -> int:
    """What experiments use of core, and copy from it. Also what core has changed since."""
    from fumehood.commands import reuse as reuse_command  # noqa: PLC0415 - each command loads only what it needs

    repository = repository_of(context)
    return reuse_command.run(repository, names, environ=os.environ, as_json=as_json, width=width())
