"""What the commands share: options that mean the same everywhere, and the way to the repository."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fumehood.errors import ExitCode, UsageError
from fumehood.repository import Repository, find_root, open_repository

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")

names = click.argument("names", nargs=-1, metavar="[NAME]...")
json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
envdir = click.option(
    "--envdir",
    type=click.Path(path_type=Path),
    help="Where environments are; by default .nox in the repository, as with nox.",
)
offline = click.option("--offline", is_flag=True, help="Never use the network.")


def formats(usual: str, *others: str) -> Callable[[Command], Command]:
    """``--format``, and ``--json``, which is short for one of them.

    Before 8.3, click takes the default from the option that it is told of last.
    """
    choice = click.option("--format", "format_", type=click.Choice([usual, *others]), default=usual, show_default=True)
    json_ = click.option("--json", "format_", flag_value="json", default=usual, help="The same as --format json.")
    return lambda command: json_(choice(command))


def say(text: str) -> None:
    """Tell the user something that is not the answer."""
    with contextlib.suppress(OSError):  # of standard error; how the command ends does not depend on it
        click.echo(text, err=True)


def repository_of(context: click.Context) -> Repository:
    """The repository that a command is about."""
    return open_repository(root_of(context))


def root_of(context: click.Context) -> Path:
    """Its top folder: what ``--root`` names, else what is found around the current folder."""
    root: Path | None = context.find_root().obj
    try:
        return root.absolute() if root is not None else find_root(Path.cwd())
    except FileNotFoundError as error:
        raise UsageError("the current folder is gone", remedy="change to one that is there") from error


def report_broken(repository: Repository) -> int:
    """Say what is wrong with experiments that have a mistake; how a command ends that has answered all the same."""
    for broken in repository.broken:
        say(str(broken.error))
    return ExitCode.USAGE if repository.broken else ExitCode.OK


def width() -> int:
    """The columns of the terminal; 80 where there is none."""
    import shutil  # noqa: PLC0415 - most answers are not as wide as the terminal, and it takes long to load

    return shutil.get_terminal_size((80, 24)).columns


def terminal_width() -> int | None:
    """The columns of the terminal, or those that `COLUMNS` asks for; None where nothing tells them, as in a pipe."""
    import shutil  # noqa: PLC0415 - as above

    return shutil.get_terminal_size((0, 0)).columns or None
