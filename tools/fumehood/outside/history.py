"""The door to git, continued: which commits there are. Nothing is ever written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fumehood.outside import hearing
from fumehood.outside.git import Git

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Git):
    """The history of the repository that a folder is in."""

    def known_commits(self, names: Iterable[str]) -> frozenset[str] | None:
        """Those names, whole or abbreviated, that are commits here; None where nobody can tell.

        A shallow clone lacks most commits, and a plain folder has none. Whoever remembers an answer is told what this
        one follows from: a commit comes with a pack, or with a file in a folder named by its first two digits.

        Args:
            names: Hexadecimal digits.
        """
        wanted = list(dict.fromkeys(names))
        shared = self._run(["rev-parse", "--git-common-dir"])
        if shared.returncode:
            return None
        folder = os.path.join(self.cwd, os.fsdecode(shared.stdout).strip("\n"))
        for part in ("pack", *(name[:2] for name in wanted)):
            hearing.looked(os.path.normpath(f"{folder}/objects/{part}"))
        if os.path.exists(f"{folder}/shallow"):
            return None
        asked = "".join(f"{name}^{{commit}}\n" for name in wanted).encode()
        done = self._run(["cat-file", "--batch-check=%(objecttype)"], given=asked)
        answers = done.stdout.split(b"\n")
        return frozenset(name for name, answer in zip(wanted, answers, strict=False) if answer == b"commit")
