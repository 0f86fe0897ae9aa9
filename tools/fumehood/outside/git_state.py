"""Which files of git's own folder say what its history is here, for whoever remembers what git answered.

Commits never change, so what git says about the history from HEAD follows from where HEAD is, from the refs, and from
where the history ends. Source: gitrepository-layout(5).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

READERS = frozenset({"blame", "cat-file", "log", "ls-tree", "merge-base", "rev-list", "rev-parse", "show"})
"""The commands that read history and nothing else; `blame` reads the file too, which its caller has to look at."""


def history_files(cwd: Path) -> tuple[str, ...]:
    """The files whose state tells whether the history from HEAD is what it was; there need not be all of them."""
    folder = next((here for here in (cwd, *cwd.parents) if os.path.lexists(here / ".git")), None)
    if folder is None:
        return (str(cwd / ".git"),)
    own = str(folder / ".git")
    if pointer := _line(own):
        own = os.path.join(folder, pointer.removeprefix("gitdir:").strip())
    shared = os.path.normpath(os.path.join(own, _line(f"{own}/commondir") or "."))
    head = _line(f"{own}/HEAD")
    ref = head.removeprefix("ref:").strip() if head.startswith("ref:") else "HEAD"
    refs = (f"{shared}/{ref}", f"{shared}/packed-refs", f"{shared}/shallow", f"{shared}/config")
    return (str(folder / ".git"), f"{own}/HEAD", f"{own}/logs/HEAD", *refs)


def _line(path: str) -> str:
    """The first line of a file; empty where there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().strip()
    except OSError:
        return ""
