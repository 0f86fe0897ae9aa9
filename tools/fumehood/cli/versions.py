"""Commands about versions: locks, conflicts and what would mend them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fumehood.cli import shared
from fumehood.cli.declaring import argument, at_least, command, flag, option, repeated
from fumehood.cli.shared import repository_of
from fumehood.commands import terminal

if TYPE_CHECKING:
    from pathlib import Path


@command(
    shared.names,
    flag("--check", help="Write nothing; exit 1 if a lock is missing or no longer current."),
    flag("--upgrade", help="Let every pin move to the newest version that the lines admit."),
    repeated("--upgrade-package", dest="packages", metavar="P", help="Let the pin of P move."),
    shared.offline,
    shared.json,
)
def lock(root: Path | None, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - the command's options
    """Write or refresh the locks of core and the experiments."""
    from fumehood.commands import lock as lock_command  # noqa: PLC0415 - each command loads only what it needs

    return lock_command.run(repository_of(root), names, say=terminal.say, **options)


@command(
    argument("name"),
    argument("package", "?"),
    option("--budget", type=at_least(0, float), metavar="SECONDS", help="Stop then, with what is known."),
    shared.offline,
    shared.json,
)
def explain(root: Path | None, /, name: str, package: str | None, **options: Any) -> int:  # noqa: ANN401 - the command's options
    """Why an experiment cannot be installed, or `core`. Names the lines in conflict, and what would mend it.

    With PACKAGE: why that has its version there, and not core's.
    """
    if package is not None:
        from fumehood.commands import origin  # noqa: PLC0415 - each command loads only what it needs

        return origin.explain(repository_of(root), name, package, **options)
    from fumehood.commands import explain as explain_command  # noqa: PLC0415 - each command loads only what it needs

    return explain_command.explain(repository_of(root), name, **options)


@command(
    argument("changes", "*", metavar="REQUIREMENT|-NAME..."),
    option("--from-git", metavar="REF", help="Core's requirements as a branch, a tag or a commit has them."),
    *shared.formats("text", "json", "markdown"),
    shared.offline,
    verbatim=re.compile(r"-[A-Za-z0-9][A-Za-z0-9._-]+"),
)
def whatif(root: Path | None, /, changes: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - the command's options
    """What a change of core's requirements would do. Said of each experiment; -NAME takes a requirement out."""
    from fumehood.commands import explain as explain_command  # noqa: PLC0415 - each command loads only what it needs

    return explain_command.whatif(repository_of(root), changes, **options)


@command(
    argument("package", "?"),
    option("--to", metavar="VERSION", help="The version aimed at; by default the newest that core could have."),
    shared.offline,
    shared.json,
)
def blockers(root: Path | None, /, package: str | None, **options: Any) -> int:  # noqa: ANN401 - the command's options
    """Which experiments hold a package back. Also from what version, and by which lines."""
    from fumehood.commands import explain as explain_command  # noqa: PLC0415 - each command loads only what it needs

    return explain_command.blockers(repository_of(root), package, width=terminal.width(), **options)
