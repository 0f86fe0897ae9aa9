"""Commands for continuous integration: what a change affects, the jobs for it, the workflow, the verdict."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fumehood.cli import shared
from fumehood.cli.declaring import REQUIRED, argument, command, flag, folder, option, repeated
from fumehood.cli.shared import report_broken, repository_of, root_of
from fumehood.commands import terminal


@command(
    option("--base", metavar="REF", help="What to compare with; by default what CI says, else the default branch."),
    option("--explain", metavar="FILE", help="What a change of this file alone affects, and why."),
    shared.json,
)
def affected(root: Path | None, /, base: str | None, **options: Any) -> int:  # noqa: ANN401 - the command's options
    """The experiments that a change can break. Each has its reasons; compared is the merge base with the files here."""
    from fumehood.selection.asking import ask  # noqa: PLC0415 - each command loads only what it needs

    asked = ask(root_of(root), base, os.environ)
    from fumehood.commands import affected as affected_command  # noqa: PLC0415 - while git looks

    repository = repository_of(root)
    affected_command.run(repository, asked, say=terminal.say, **options)
    return report_broken(repository)


@command(
    option("--base", metavar="REF", help="What to compare with; by default the branch that the change goes to."),
    flag("--all", dest="all_", help="Everything, whatever has changed: for the periodic run."),
    flag("--lowest", help="Rows that test the lowest admitted versions, too."),
    repeated("--label", dest="labels", metavar="L", help="A label of the change: `fumehood: all`, `fumehood: NAME`."),
    *shared.formats("json", "github", "gitlab"),
)
def matrix(root: Path | None, /, base: str | None, *, all_: bool, **options: Any) -> int:  # noqa: ANN401 - the command's options
    """The CI jobs for what a change affects. Each is for sessions on the right machine."""
    from fumehood.selection.asking import ask  # noqa: PLC0415 - each command loads only what it needs

    asked = None if all_ else ask(root_of(root), base, os.environ)
    from fumehood.commands import matrix as matrix_command  # noqa: PLC0415 - while git looks

    repository = repository_of(root)
    code = matrix_command.run(repository, asked, say=terminal.say, **options)
    report_broken(repository)
    return code


_platform = argument("platform", "?", choices=("github", "gitlab"))


@command(_platform)
def ci_write(root: Path | None, platform: str | None) -> int:
    """Write the workflow for this repository."""
    from fumehood.commands import ci as ci_command  # noqa: PLC0415 - each command loads only what it needs

    return ci_command.write(repository_of(root), platform=platform, say=terminal.say)


@command(_platform)
def ci_check(root: Path | None, platform: str | None) -> int:
    """Compare the committed workflow with what `write` would write."""
    from fumehood.commands import ci as ci_command  # noqa: PLC0415 - each command loads only what it needs

    return ci_command.check(repository_of(root), platform=platform, say=terminal.say)


@command(
    argument("results", type=folder),
    option("--rows", type=Path, metavar="PATH", default=REQUIRED, help="What `fumehood matrix` answered."),
    option("--summary", type=Path, metavar="PATH", help="A file that a summary in Markdown is added to."),
    shared.json,
)
def ci_verdict(_root: Path | None, /, results: Path, **options: Any) -> int:  # noqa: ANN401 - the command's options
    """Judge the results of all rows. Exits with 1 if a failure stops the change."""
    from fumehood.commands import ci as ci_command  # noqa: PLC0415 - each command loads only what it needs

    return ci_command.verdict(results, **options)
