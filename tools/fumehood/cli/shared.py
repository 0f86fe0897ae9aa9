"""What the commands share: options that mean the same everywhere, and the way to the repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fumehood.cli.declaring import argument, flag, option
from fumehood.commands.terminal import say
from fumehood.errors import ExitCode, UsageError
from fumehood.repository import Repository, find_root, open_repository

if TYPE_CHECKING:
    from fumehood.cli.declaring import Option

names = argument("names", "*", metavar="[NAME]...")
json = flag("--json", dest="as_json", help="Answer in JSON.")
envdir = option(
    "--envdir",
    type=Path,
    metavar="PATH",
    help="Where environments are; by default .nox in the repository, as with nox.",
)
locked = flag("--locked", help="Refuse to resolve where locks are committed; the default if CI is set.")
offline = flag("--offline", help="Never use the network.")


def formats(usual: str, *others: str) -> tuple[Option, Option]:
    """``--format``, and ``--json``, which is short for one of them; the last one wins."""
    choice = option("--format", dest="format_", choices=(usual, *others), default=usual)
    json_ = flag("--json", dest="format_", action="store_const", const="json", help="The same as --format json.")
    return choice, json_


def repository_of(root: Path | None) -> Repository:
    """The repository that a command is about."""
    return open_repository(root_of(root))


def root_of(root: Path | None) -> Path:
    """Its top folder: what ``--root`` names, else what is found around the current folder."""
    try:
        return root.absolute() if root is not None else find_root(Path.cwd())
    except FileNotFoundError as error:
        raise UsageError("the current folder is gone", remedy="change to one that is there") from error


def report_broken(repository: Repository) -> int:
    """Say what is wrong with experiments that have a mistake; how a command ends that has answered all the same."""
    for broken in repository.broken:
        say(str(broken.error))
    return ExitCode.USAGE if repository.broken else ExitCode.OK
