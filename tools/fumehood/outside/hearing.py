"""What is looked at without being opened here: said through Python's audit events, for whoever remembers answers.

A program's answer is not known to follow from files, and a file whose state is compared with what is stored is never
opened. Whoever knows better says so, with the paths. Source: Python's `sys.audit`.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKED = "fumehood.looked"
"""An event: the path in it was looked at, and the answer depends on its state."""
ONLY_FASTER = ".remembered"
"""How files end on which no answer depends, only how soon it is given."""
EXCUSED = "fumehood.excused"
"""An event: whether programs that start from now on are known to answer from what was said to be looked at.

Blocks may be nested: there are as many ends as beginnings.
"""


def is_heard() -> bool:
    """Whether somebody remembers answers, so that it is worth saying what one depends on."""
    return bool(_hearers)


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Somebody listens in this block."""
    _hearers.append(None)
    try:
        yield
    finally:
        _hearers.pop()


_hearers: list[None] = []


def looked(path: str) -> None:
    """Say that an answer depends on a file or folder, which is about to be looked at by other means than opening it."""
    sys.audit(LOOKED, path)


@contextlib.contextmanager
def excused() -> Iterator[None]:
    """Programs that start in this block answer from nothing but what was said to be `looked` at."""
    sys.audit(EXCUSED, True)  # noqa: FBT003 - audit events have positions only
    try:
        yield
    finally:
        sys.audit(EXCUSED, False)  # noqa: FBT003 - as above
