"""What git knows of one folder of its work tree. Sources: git-ls-files(1), git-diff(1), git-log(1), git-grep(1)."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from fumehood.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fumehood.outside.git import Git

_MENTION = re.compile(rb"([^\0]+)\0(\d+)\0([^\n]*)\n")
_SUBMODULE = "160000 "


def history(git: Git, path: str) -> list[tuple[str, str]]:
    """The commits that changed something in a folder, newest first: their full names and days."""
    said = git.said("log", "--format=%H %cs", "--", f":(literal){path}").decode()
    return [(commit, day) for commit, _, day in (line.partition(" ") for line in said.splitlines())]


def unsaved(git: Git, path: str) -> list[str]:
    """The files of a folder that are in no commit as they are. A file that is gone is none of them.

    Those that git ignores count too, and those that it was told not to look at.
    """
    own = ("--", f":(literal){path}")
    changed = ("diff", "--name-only", "--diff-filter=d", "--relative", "--ignore-submodules=none", "-z", "HEAD")
    tagged = _entries(git.said("ls-files", "-v", "-z", *own))
    unseen = [entry[2:] for entry in tagged if entry[0] == "S" or entry[0].islower()]
    there = [entry for entry in unseen if os.path.lexists(git.cwd / entry)]
    others = _entries(git.said("ls-files", "--others", "-z", *own))
    return sorted({*_entries(git.said(*changed, *own)), *others, *there})


def tracked(git: Git, path: str) -> list[tuple[str, bool]]:
    """The files of a folder that git knows, and whether each is a submodule."""
    entries = _entries(git.said("ls-files", "--stage", "-z", "--", f":(literal){path}"))
    return [(entry.partition("\t")[2], entry.startswith(_SUBMODULE)) for entry in entries]


def mentions(
    git: Git, texts: Iterable[str], *, outside: Iterable[str], within: Iterable[str] = (".",)
) -> list[tuple[str, int, str]]:
    """The lines that hold one of some texts, in every text file that git does not ignore: file, line, content.

    Args:
        git: In the repository.
        texts: Looked for as they are.
        outside: Folders that are left out.
        within: Files and folders to look into.
    """
    wanted = [part for text in texts for part in ("-e", text)]
    command = ("grep", "--untracked", "-I", "--line-number", "-z", "--fixed-strings", *wanted)
    try:
        said = git.said(*command, "--", *within, *(f":(exclude,literal){folder}" for folder in outside))
    except WorldError as error:
        if error.details:
            raise
        return []  # It fails without a word where it finds nothing.
    found = _MENTION.findall(said)
    return [(os.fsdecode(file), int(line), text.decode("utf-8", "replace")) for file, line, text in found]


def _entries(said: bytes) -> list[str]:
    return [os.fsdecode(entry) for entry in said.split(b"\0") if entry]
