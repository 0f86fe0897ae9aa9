"""What a command says, and how wide that may be."""

from __future__ import annotations

import contextlib
import sys


def answer(text: str, *, end: str = "\n") -> None:
    """Write what was asked for to standard output, at once, so that it stands in its place among what is said."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def say(text: str, *, end: str = "\n") -> None:
    """Tell the user something that is not the answer."""
    with contextlib.suppress(OSError):  # of standard error; how the command ends does not depend on it
        sys.stderr.write(text + end)
        sys.stderr.flush()


def width() -> int:
    """The columns of the terminal; 80 where there is none."""
    import shutil  # noqa: PLC0415 - most answers are not as wide as the terminal, and it takes long to load

    return shutil.get_terminal_size((80, 24)).columns


def width_if_known() -> int | None:
    """The columns of the terminal, or those that `COLUMNS` asks for; None where nothing tells them, as in a pipe."""
    import shutil  # noqa: PLC0415 - as above

    return shutil.get_terminal_size((0, 0)).columns or None


def ask(question: str, *, default: str = "") -> str:
    """What a user answers at the terminal.

    Raises:
        KeyboardInterrupt: The user ends the input instead.
    """
    say(f"{question} [{default}]: " if default else f"{question}: ", end="")
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line.strip() or default
