"""The door to git, continued: the files of a work tree, and how they differ from a commit. Nothing is ever written.

Sources: git-ls-files(1) and git-diff(1), whose ``-z`` forms hold any name that a file can have.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from fumehood.outside import hearing
from fumehood.outside.git import Git

_LINK = "120000"
_SUBMODULE = "160000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of a work tree that git knows, or would know if they were added; below the folder asked from.

    Attributes:
        files: Paths with ``/``, sorted; bytes that are no UTF-8 as `os.fsdecode` has them.
        links: Those that are symbolic links.
        submodules: Those that are folders with other repositories.
    """

    files: tuple[str, ...]
    links: frozenset[str]
    submodules: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree(Git):
    """The work tree that a folder is in, below that folder."""

    def listed(self) -> Listing:
        """What is in the work tree, but for what git ignores; nothing where git takes it for no repository."""
        files = self.work_files()
        with hearing.excused():
            staged = self._run(["ls-files", "-z", "--stage"]).stdout
        entries = (entry.partition("\t") for entry in os.fsdecode(staged).split("\0") if entry)
        modes = {path: about.partition(" ")[0] for about, _, path in entries}
        return Listing(
            files=files,
            links=frozenset(
                path
                for path in files
                if modes.get(path) == _LINK or (path not in modes and os.path.islink(self.cwd / path))
            ),
            submodules=frozenset(path for path in files if modes.get(path) == _SUBMODULE),
        )
