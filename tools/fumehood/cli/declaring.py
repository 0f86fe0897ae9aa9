"""What a command takes: options, which argparse is told of, and arguments."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping, Sequence

REQUIRED = object()
"""The default of an option that has none and must be given."""


class Option(Struct, frozen=True):
    """An option: its names, and what argparse is told of it."""

    names: tuple[str, ...]
    how: Mapping[str, Any]


class Argument(Struct, frozen=True, kw_only=True):
    """An argument, which may stand anywhere among the options: exactly one, or ``?`` or ``*`` as argparse counts."""

    name: str
    metavar: str
    count: str = ""
    type: Callable[[str], object] = str


class Command(Struct, frozen=True, kw_only=True):
    """A command: the function that carries it out, whose docstring is its help, and what that takes.

    `after` names the parameter for what stands after ``--``, where those are not more arguments. What matches
    `verbatim` is an argument even if it looks like an option.
    """

    run: Callable[..., int]
    takes: tuple[Option | Argument, ...] = ()
    after: str = ""
    verbatim: re.Pattern[str] | None = None

    @property
    def about(self) -> str:
        """Its help, without what surrounds it."""
        return self.run.__doc__ or ""


class Group(Struct, frozen=True, kw_only=True):
    """Commands with a name in common: groups themselves, or where to find them."""

    about: str
    commands: Mapping[str, Group | str]
    options: tuple[Option, ...] = ()


def command(*takes: Option | Argument, **others: Any) -> Callable[[Callable[..., int]], Command]:  # noqa: ANN401 - as `Command`
    """Make a command of the function that stands below."""
    return lambda run: Command(run=run, takes=takes, **others)


def option(*names: str, **how: Any) -> Option:  # noqa: ANN401 - as `add_argument`
    """An option with a value."""
    return Option(names, {"metavar": "TEXT", **_with_choices(how)})


def flag(*names: str, **how: Any) -> Option:  # noqa: ANN401 - as `add_argument`
    """An option without a value."""
    return Option(names, {"action": "store_true", **how})


def repeated(*names: str, **how: Any) -> Option:  # noqa: ANN401 - as `add_argument`
    """An option that may be given several times."""
    return Option(names, {"action": "append", "default": [], **how})


def argument(name: str, count: str = "", **how: Any) -> Argument:  # noqa: ANN401 - as `Argument`
    """An argument, shown as its name in capitals where nothing else is said."""
    how = _with_choices(how)
    return Argument(name=name, count=count, **{"metavar": f"[{name.upper()}]" if count == "?" else name.upper(), **how})


def _with_choices(how: dict[str, Any]) -> dict[str, Any]:
    choices: Sequence[str] = how.pop("choices", ())

    def read(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(map(repr, choices))}.")
        return text

    return {**how, "metavar": f"[{'|'.join(choices)}]", "type": read} if choices else how


def at_least(minimum: int, kind: type[int | float]) -> Callable[[str], float]:
    """A type: a number that is not smaller."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}.") from None
        if not number >= minimum:  # as no comparison with nan holds
            raise argparse.ArgumentTypeError(f"{text} is not {minimum} or more.")
        return number

    return read


def file(text: str) -> Path:
    """A type: a path where no folder is."""
    if os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"File {text!r} is a directory.")
    return Path(text)


def folder(text: str) -> Path:
    """A type: a path where nothing but a folder is."""
    if os.path.exists(text) and not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"Directory {text!r} is a file.")
    return Path(text)
