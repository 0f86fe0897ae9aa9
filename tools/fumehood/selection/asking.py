"""What git is asked for a selection: by threads of their own, since finding the experiments takes as long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.outside.processes import meanwhile
from fumehood.outside.work_tree import WorkTree
from fumehood.selection.base import find_base
from fumehood.selection.changes import difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fumehood.outside.work_tree import Listing
    from fumehood.selection.base import Base
    from fumehood.selection.changes import Difference


class Asked(Struct, frozen=True, kw_only=True):
    """Questions to git that are being answered; each of these waits for the answer.

    Attributes:
        git: The door to git, in the repository's folder.
        listing: The files of the work tree.
        base: What it is compared with.
        difference: What has changed since.
    """

    git: WorkTree
    listing: Callable[[], Listing]
    base: Callable[[], Base]
    difference: Callable[[], Difference]


def ask(root: Path, ref: str | None, environ: Mapping[str, str]) -> Asked:
    """Begin to ask what has changed in a repository.

    What is asked for raises a `UsageError` where there is no such base, or git does not take the folder for a
    repository, and a `WorldError` where git could not answer.

    Args:
        root: The repository's folder.
        ref: The branch, tag or commit to compare with; None for the usual one.
        environ: The variables of the CI platform, if there is one.
    """
    git = WorkTree(cwd=root)
    listing = meanwhile(git.listed)
    base = meanwhile(lambda: find_base(git, ref, environ))
    compared = meanwhile(lambda: difference(git, base().commit, lambda: listing().untracked))
    return Asked(git=git, listing=listing, base=base, difference=compared)
