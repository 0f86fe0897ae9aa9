"""Commands whose arguments are read in a way of their own."""

from __future__ import annotations

import re

import click

PYTEST = "fumehood.pytest"
"""Where a command finds what stood after ``--``: in the `meta` of its context."""

_REMOVAL = re.compile(r"-[A-Za-z0-9][A-Za-z0-9._-]+")


class WithPytestArguments(click.Command):
    """A command that keeps what stands after ``--`` for pytest, as nox does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take them off the end."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[PYTEST] = tuple(args[end + 1 :])
        return super().parse_args(ctx, args[:end])


class WithRemovals(click.Command):
    """A command that takes ``-NAME`` for a package to remove, whatever letters it begins with."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put them where no option is looked for."""
        removals = [argument for argument in args if _REMOVAL.fullmatch(argument)]
        others = [argument for argument in args if argument not in removals]
        return super().parse_args(ctx, [*others, *(["--"] if "--" not in others else []), *removals])
