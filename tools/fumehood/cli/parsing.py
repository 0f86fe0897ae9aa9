"""How a command line is read: argparse reads the options, and what it leaves are the arguments.

argparse's own errors and help differ from one Python to the next. Here they are the same on all of them.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from fumehood import __version__
from fumehood.cli.declaring import REQUIRED, Argument, Option, flag
from fumehood.commands.terminal import answer, width
from fumehood.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fumehood.cli.declaring import Command, Group

_WIDTHS = (50, 98)
"""How many columns help has at least and at most; where the terminal allows it, two less than that."""
_FIRST_COLUMN = 30
"""What is wider than that in the first column of help has its explanation below it."""


def read_command(program: str, found: Command, words: Sequence[str]) -> dict[str, Any]:
    """What a command is given, by the names of its function's parameters.

    Raises:
        UsageError: It is not what the command takes.
        SystemExit: Help was asked for, and given, or the version.
    """
    arguments = [one for one in found.takes if isinstance(one, Argument)]
    reader = _Reader(program, " ".join(one.metavar for one in arguments), found.about, found.takes)
    end = words.index("--") if "--" in words else len(words)
    words, after = words[:end], words[end + 1 :]
    verbatim = [word for word in words if found.verbatim and found.verbatim.fullmatch(word)]
    values, left = reader.read([word for word in words if word not in verbatim])
    left += verbatim
    if found.after:
        values[found.after] = tuple(after)
    else:
        left += after
    return {**values, **_assigned(reader, arguments, left)}


def read_group(
    program: str, group: Group, words: Sequence[str], summaries: Callable[[Group], Mapping[str, str]]
) -> tuple[dict[str, Any], str, list[str]]:
    """The values of a group's options, which of its commands is wanted, and what stands behind that.

    Args:
        program: The program and the group, as the user calls them.
        group: The group.
        words: What stands behind them.
        summaries: Tells a line about each of its commands, for the help.

    Raises:
        UsageError: There is no such command, or none is named.
        SystemExit: Help was asked for, and given, or the version.
    """
    reader = _Reader(program, "COMMAND [ARGS]...", group.about, group.options, lambda: summaries(group))
    reader.parser.add_argument("rest", nargs=argparse.REMAINDER)
    values, _ = reader.read(words)
    name, *rest = values.pop("rest") or [""]
    if name == "--":
        name, *rest = rest or [""]
    if not name:
        raise UsageError(reader.help())
    if name not in group.commands:
        raise reader.refused(f"No such command {name!r}.{_meant(name, group.commands)}")
    return values, name, rest


def _assigned(reader: _Reader, arguments: Iterable[Argument], words: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in arguments:
        many = len(words) if one.count == "*" else 1
        try:
            given = [one.type(word) for word in words[:many]]
        except argparse.ArgumentTypeError as error:
            raise reader.refused(f"Invalid value for '{one.metavar}': {error}") from error
        if not (given or one.count):
            raise reader.refused(f"Missing argument '{one.metavar}'.")
        words = words[many:]
        values[one.name] = tuple(given) if one.count == "*" else next(iter(given), None)
    if words:
        raise reader.refused(f"Got unexpected extra argument{'s' * (len(words) > 1)} ({' '.join(words)})")
    return values


class _Reader:
    """The options and the help of the program, of a group of commands, or of one command."""

    def __init__(
        self,
        program: str,
        arguments: str,
        about: str,
        takes: Iterable[Option | Argument],
        commands: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._program = program
        self._usage = f"Usage: {program} [OPTIONS] {arguments}".rstrip()
        self._about = about
        self._commands = commands
        self.parser = argparse.ArgumentParser(
            program,
            add_help=False,
            allow_abbrev=False,
            exit_on_error=False,
            formatter_class=lambda prog: argparse.HelpFormatter(prog, width=80),  # else it measures for every option
        )
        options = [one for one in takes if isinstance(one, Option)]
        options.append(flag("-h", "--help", help="Show this message and exit."))
        self._actions = [self.parser.add_argument(*one.names, **one.how) for one in options]

    def read(self, words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """The values of the options, and what is none.

        Raises:
            UsageError: There is no such option, or not with such a value, or one is missing.
            SystemExit: Help was asked for, and given, or the version.
        """
        try:
            found, left = self.parser.parse_known_args(words)
        except argparse.ArgumentError as error:
            raise self.refused(_words(error)) from error
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in vars(found).items()}
        if values.pop("help"):
            answer(self.help())
            raise SystemExit(ExitCode.OK)
        if values.pop("version", False):
            answer(f"{self._program}, version {__version__}")
            raise SystemExit(ExitCode.OK)
        for word in left:
            if word.startswith("-") and word != "-":
                name = word.partition("=")[0]
                known = [name for action in self._actions for name in action.option_strings]
                raise self.refused(f"No such option {name!r}.{_meant(name, known)}")
        for action in self._actions:
            if values.get(action.dest) is REQUIRED:
                raise self.refused(f"Missing option '{action.option_strings[0]}'.")
        return values, left

    def refused(self, why: str) -> UsageError:
        """What to raise where the user wrote something else."""
        return UsageError(f"{self._usage}\nTry '{self._program} --help' for help.\n\nError: {why}")

    def help(self) -> str:
        """What ``--help`` says."""
        parts = [self._usage]
        parts += [_wrapped(" ".join(paragraph.split()), indent="  ") for paragraph in self._about.split("\n\n")]
        parts.append("Options:\n" + _table((_names(action), _explanation(action)) for action in self._actions))
        if commands := self._commands():
            parts.append("Commands:\n" + _table(commands.items()))
        return "\n\n".join(parts)


def _words(error: argparse.ArgumentError) -> str:
    name = "'" + (error.argument_name or "").replace("/", "' / '") + "'"
    if isinstance(error.__context__, argparse.ArgumentTypeError):
        return f"Invalid value for {name}: {error.message}"
    if error.message == "expected one argument":
        return f"Option {name} requires an argument."
    return f"Option {name} does not take a value."


def _meant(word: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - only a mistake needs it

    near = sorted(map(repr, difflib.get_close_matches(word, known)))
    if len(near) > 1:
        return f" (Did you mean one of: {', '.join(near)}?)"
    return f" Did you mean {near[0]}?" if near else ""


def _names(action: argparse.Action) -> str:
    return ", ".join(action.option_strings) + (f" {action.metavar}" if action.metavar else "")


def _explanation(action: argparse.Action) -> str:
    said = [action.help or ""]
    if action.default is REQUIRED:
        said.append("[required]")
    elif action.metavar and action.default:
        said.append(f"[default: {action.default}]")
    return "  ".join(filter(None, said))


def _table(rows: Iterable[tuple[str, str]]) -> str:
    rows = list(rows)
    first = min(_FIRST_COLUMN, max(len(name) for name, _ in rows)) + 4
    lines = []
    for name, text in rows:
        shown = _wrapped(text, indent=" " * first)
        lines.append(f"  {name}\n{shown}" if len(name) > _FIRST_COLUMN else f"  {name}".ljust(first) + shown[first:])
    return "\n".join(lines)


def _wrapped(text: str, *, indent: str) -> str:
    import textwrap  # noqa: PLC0415 - only help needs it

    least, most = _WIDTHS
    columns = max(least, min(width() - 2, most))
    return textwrap.fill(text, columns, initial_indent=indent, subsequent_indent=indent)
