"""``fumehood check``: every rule, and what goes with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fumehood.cli import shared
from fumehood.cli.declaring import command, flag, option, repeated
from fumehood.cli.shared import repository_of, root_of
from fumehood.commands import terminal
from fumehood.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@command(
    shared.names,
    repeated("--rule", dest="rules", metavar="R", help="Only this rule, or this group; may be repeated."),
    *shared.formats("text", "json", "github", "sarif"),
    flag("--offline", help="Neither uv nor the network: only what locks and lines can tell."),
    option(
        "--baseline",
        choices=("write", "extend"),
        help="Write down what is found, after which only new findings count; later, take out what is gone. "
        "`extend` adds.",
    ),
    flag("--fix", help="Mend what a program can mend, between markers, and say what is left."),
    flag("--dry-run", help="With --fix: show what would be changed, and change nothing."),
    flag("--notes", help="Show notes too, in the formats for people: text and github."),
    flag("--without-experiments", help="Only: do core's tests pass in a clone without experiments?"),
    flag("--pairs", help="Which experiments could share one environment: --format text or json."),
)
def check(root: Path | None, /, names: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - the command's options
    """Check every rule, version conflicts included. With names, only these experiments are looked at."""
    ways = {name: options.pop(name) for name in ("without_experiments", "pairs", "baseline", "fix")}
    dry_run = options.pop("dry_run")
    chosen = [f"--{name.replace('_', '-')}" for name, is_wanted in ways.items() if is_wanted]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} ask for different things", remedy="give one of them at a time")
    if dry_run and not ways["fix"]:
        raise UsageError("--dry-run goes with --fix", remedy="give both, or neither")
    if ways["without_experiments"]:
        return _without_experiments(root, names, **options)
    if ways["pairs"]:
        return _pairs(root, names, **options)
    if ways["baseline"]:
        return _baseline(root, names, how=ways["baseline"], **options)
    if ways["fix"]:
        from fumehood.commands import fix  # noqa: PLC0415 - each command loads only what it needs

        code = fix.run(repository_of(root), options["rules"], dry_run=dry_run, say=terminal.say)
        if dry_run:
            return code
    return _check(root, names, **options)


def _check(root: Path | None, names: tuple[str, ...], *, format_: str, **options: Any) -> int:  # noqa: ANN401 - the command's options
    from fumehood.commands import memo  # noqa: PLC0415 - each command loads only what it needs

    def anew(environ: Mapping[str, str]) -> memo.Said:
        from fumehood.commands import check as check_command  # noqa: PLC0415 - a remembered answer needs none of it

        asked = check_command.Options(names=names, **options)
        with check_command.without_collection():
            return check_command.run(repository_of(root), asked, format_=format_, environ=environ)

    said = memo.said(("check", str(root_of(root)), format_, repr(options), *names), anew)
    terminal.answer(said.text)
    return said.code


def _pairs(root: Path | None, names: tuple[str, ...], *, format_: str, offline: bool, **others: Any) -> int:  # noqa: ANN401 - the command's options
    from fumehood.commands import pairs  # noqa: PLC0415 - each command loads only what it needs

    _refuse("--pairs", others)
    return pairs.run(repository_of(root), names, format_=format_, offline=offline, width=terminal.width())


def _without_experiments(root: Path | None, names: tuple[str, ...], *, format_: str, **others: Any) -> int:  # noqa: ANN401 - the command's options
    from fumehood.commands import without_experiments  # noqa: PLC0415 - each command loads only what it needs

    _refuse("--without-experiments", others)
    found = without_experiments.run(repository_of(root), names, format_=format_, environ=os.environ, say=terminal.say)
    terminal.answer(found.text)
    return found.code


def _baseline(root: Path | None, names: tuple[str, ...], *, how: str, format_: str, **options: Any) -> int:  # noqa: ANN401 - the command's options
    from fumehood.commands import baseline  # noqa: PLC0415 - each command loads only what it needs

    _refuse("--baseline", {"format": format_ != "text", "notes": options.pop("notes")})
    return baseline.run(repository_of(root), names, extend=how == "extend", **options)


def _refuse(way: str, others: Mapping[str, object]) -> None:
    """Take no option that would have no effect.

    Raises:
        UsageError: There is one.
    """
    given = ["--rule" if name == "rules" else f"--{name}" for name, value in others.items() if value]
    if given:
        raise UsageError(f"{' and '.join(given)} would have no effect with {way}", remedy="leave it out")
