"""``fumehood env``: the environments and layers on this machine."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from fumehood.cli import shared
from fumehood.cli.declaring import argument, at_least, command, file, flag, option
from fumehood.cli.shared import repository_of
from fumehood.commands import terminal
from fumehood.errors import FumehoodError
from fumehood.repository import find_root, open_repository


@command(
    shared.names,
    shared.envdir,
    option("--python", metavar="VERSION", help="The interpreter; by default each experiment's own."),
    shared.locked,
    flag("--rebuild", help="Build anew even if nothing changed."),
    shared.offline,
    shared.json,
)
def env_build(root: Path | None, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - the command's options
    """Build environments, or find that they are right. `core` is that of core's tests."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.build(repository_of(root), names, say=terminal.say, **options)


@command(argument("name"), shared.envdir)
def env_path(root: Path | None, name: str, envdir: Path | None) -> int:
    """Print the folder of an experiment's environment."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.path(repository_of(root), name, envdir=envdir)


@command(argument("name"), shared.envdir)
def env_shell(root: Path | None, name: str, envdir: Path | None) -> int:
    """Start a shell inside an experiment's environment. It is built if need be."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.shell(repository_of(root), name, envdir=envdir, say=terminal.say)


@command(
    argument("name"),
    option("--format", dest="format_", default="requirements", help="Extensions offer others."),
    option("--output", type=file, metavar="FILE", help="A file to write, not standard output."),
    shared.envdir,
    shared.locked,
    shared.offline,
)
def env_export(root: Path | None, /, name: str, **options: Any) -> int:  # noqa: ANN401 - the command's options
    """Write what an environment consists of. `core` is that of core's tests."""
    from fumehood.commands import export  # noqa: PLC0415 - each command loads only what it needs

    return export.run(repository_of(root), name, say=terminal.say, **options)


@command(shared.json)
def env_list(_root: Path | None, /, *, as_json: bool) -> int:
    """The environments and layers on this machine, with sizes and users."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.show(as_json=as_json, width=terminal.width())


@command(
    option(
        "--older-than",
        type=at_least(0, float),
        default=30.0,
        metavar="DAYS",
        help="Keep what was used in the last so many days.",
    ),
    flag("--dry-run", help="Only say what would be removed."),
)
def env_gc(_root: Path | None, /, *, older_than: float, dry_run: bool) -> int:
    """Remove the layers that no environment uses."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    return env_command.gc(older_than=older_than, dry_run=dry_run, say=terminal.say)


@command(
    shared.json,
    flag("--keep", help="Only report damage; take nothing away."),
    shared.offline,
)
def env_verify(root: Path | None, *, as_json: bool, keep: bool, offline: bool) -> int:
    """Compare every file of every layer with its RECORD. Damaged layers are taken away and built anew."""
    from fumehood.commands import env as env_command  # noqa: PLC0415 - each command loads only what it needs

    with contextlib.suppress(FumehoodError):
        root = root or find_root(Path.cwd())
    repository = open_repository(root) if root else None
    return env_command.verify(repository, as_json=as_json, keep=keep, offline=offline, say=terminal.say)
