"""Commands about experiments: which there are, how they are doing, how one begins, runs and ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fumehood.cli import shared
from fumehood.cli.declaring import REQUIRED, argument, at_least, command, file, flag, option, repeated
from fumehood.cli.shared import report_broken, repository_of
from fumehood.commands import terminal

if TYPE_CHECKING:
    from pathlib import Path


@command(shared.json)
def list_(root: Path | None, *, as_json: bool) -> int:
    """The experiments: path, owners, requirements, tests, state."""
    from fumehood.commands import reports  # noqa: PLC0415 - each command loads only what it needs

    repository = repository_of(root)
    if as_json:
        terminal.answer(reports.experiments_json(repository))
    else:
        terminal.answer(reports.experiments_text(repository, width=terminal.width()))
    return report_broken(repository)


@command(
    option("--html", type=file, metavar="FILE", help="Write one page for a browser instead."),
    shared.json,
)
def status(root: Path | None, *, html: Path | None, as_json: bool) -> int:
    """How every experiment is doing. Shows results, age, versions, owners, and the next step of its life."""
    from fumehood.commands import status as status_command  # noqa: PLC0415 - each command loads only what it needs

    repository = repository_of(root)
    status_command.run(repository, html=html, as_json=as_json, width=terminal.width_if_known())
    return report_broken(repository)


@command(argument("version"), *shared.formats("text", "json", "markdown"))
def release_gate(root: Path | None, version: str, format_: str) -> int:
    """Which experiments are not green on a release. Also since when, and whose they are."""
    from fumehood.commands import release_gate as gate_command  # noqa: PLC0415 - each command loads only what it needs

    return gate_command.run(repository_of(root), version, format_=format_, width=terminal.width())


@command(
    argument("name"),
    option("--theme", metavar="THEME", help="What kind it is, `model` or `infrastructure`, or one of the settings'."),
    option("--summary", metavar="TEXT", help="What it is about, in one line."),
    repeated("--owner", dest="owners", metavar="@HANDLE", help="Whose it is; may be given several times."),
    repeated("--python", metavar="VERSION", help="Of its session; may be given several times."),
    shared.offline,
)
def new(root: Path | None, /, name: str, **options: Any) -> int:  # noqa: ANN401 - the command's options
    """Start an experiment. Makes a folder with manifest, README, requirements, a package and a test."""
    from fumehood.commands import new as new_command  # noqa: PLC0415 - each command loads only what it needs

    return new_command.run(repository_of(root), name, say=terminal.say, **options)


@command(
    argument("name"),
    option("--reason", default=REQUIRED, metavar="TEXT", help="Why, in one line, for those who look for it later."),
    option("--upstreamed", default="", metavar="URL", help="Where what became of it is: it has served its purpose."),
    flag("--dry-run", help="Only say what would be done."),
)
def retire(root: Path | None, /, name: str, **options: Any) -> int:  # noqa: ANN401 - the command's options
    """End an experiment. Removes it with all that names it, and leaves a record of how to get it back."""
    from fumehood.commands import retire as retire_command  # noqa: PLC0415 - each command loads only what it needs

    return retire_command.run(repository_of(root), name, say=terminal.say, **options)


@command(
    shared.names,
    option("--runner", default="local", help="Where sessions run; extensions offer others."),
    option(
        "-j",
        "--jobs",
        type=at_least(1, int),
        metavar="N",
        help="So many at a time, 1 or more; else what there is room for.",
    ),
    shared.json,
    after="arguments",
)
def run(root: Path | None, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - the command's options
    """Run the sessions of experiments side by side. `core` is that of core's tests.

    Arguments after -- go to pytest.
    """
    from fumehood.commands import run as run_command  # noqa: PLC0415 - each command loads only what it needs

    return run_command.run(repository_of(root), names, width=terminal.width(), say=terminal.say, **options)


@command(shared.names, shared.json)
def reuse(root: Path | None, /, names: tuple[str, ...], *, as_json: bool) -> int:
    """What experiments use of core, and copy from it. Also what core has changed since."""
    from fumehood.commands import reuse as reuse_command  # noqa: PLC0415 - each command loads only what it needs

    repository = repository_of(root)
    return reuse_command.run(repository, names, environ=os.environ, as_json=as_json, width=terminal.width())
