"""``fumehood env``: the environments and layers on this machine."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from fumehood.cli import shared
from fumehood.cli.shared import repository_of, say, width
from fumehood.errors import FumehoodError
from fumehood.repository import find_root, open_repository


@click.group()
def env() -> None:
    """The environments and layers on this machine."""


@env.command("build")
@shared.names
@shared.envdir
@click.option("--python", metavar="VERSION", help="The interpreter; by default each experiment's own.")
@click.option("--locked", is_flag=True, help="Refuse to resolve where locks are committed; the default if CI is set.")
@click.option("--rebuild", is_flag=True, help="Build anew even if nothing changed.")
@shared.offline
@shared.json
@click.pass_context
def env_build(context: click.Context, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - click's options
    """Build environments, or find that they are right. `core` is that of core's tests."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.build(repository_of(context), names, say=say, **options)


@env.command("path")
@click.argument("name")
@shared.envdir
@click.pass_context
def env_path(context: click.Context, name: str, envdir: Path | None) -> int:
    """Print the folder of an experiment's environment."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.path(repository_of(context), name, envdir=envdir)


@env.command("shell")
@click.argument("name")
@shared.envdir
@click.pass_context
def env_shell(context: click.Context, name: str, envdir: Path | None) -> int:
    """Start a shell inside an experiment's environment. It is built if need be."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.shell(repository_of(context), name, envdir=envdir, say=say)


@env.command("export")
@click.argument("name")
@click.option("--format", "format_", default="requirements", show_default=True, help="Extensions offer others.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file to write, not standard output.")
@shared.envdir
@click.option("--locked", is_flag=True, help="Refuse to resolve where locks are committed; the default if CI is set.")
@shared.offline
@click.pass_context
def env_export(context: click.Context, /, name: str, **options: Any) -> int:  # noqa: ANN401 - click's options
    """Write what an environment consists of. `core` is that of core's tests."""
    from fumehood.commands import export  # noqa: PLC0415 - each command loads only what it needs

    return export.run(repository_of(context), name, say=say, **options)


@env.command("list")
@shared.json
def env_list(*, as_json: bool) -> int:
    """The environments and layers on this machine, with sizes and users."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.show(as_json=as_json, width=width())


@env.command("gc")
@click.option("--older-than", type=click.FloatRange(min=0), default=30.0, show_default=True, metavar="DAYS",
              help="Keep what was used in the last so many days.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def env_gc(*, older_than: float, dry_run: bool) -> int:
    """Remove the layers that no environment uses."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.gc(older_than=older_than, dry_run=dry_run, say=say)


@env.command("verify")
@shared.json
@click.option("--keep", is_flag=True, help="Only report damage; take nothing away.")
@shared.offline
@click.pass_context
def env_verify(context: click.Context, *, as_json: bool, keep: bool, offline: bool) -> int:
    """Compare every file of every layer with its RECORD. Damaged layers are taken away and built anew."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    root: Path | None = context.find_root().obj
    with contextlib.suppress(FumehoodError):
        root = root or find_root(Path.cwd())
    repository = open_repository(root) if root else None
    return env_command.verify(repository, as_json=as_json, keep=keep, offline=offline, say=say)
