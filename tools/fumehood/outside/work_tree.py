"""The door to git, continued: the files of a work tree, and how they differ from a commit.

Nothing is ever written into the repository; a copy of it is made elsewhere.

Sources: git-ls-files(1) and git-diff(1), whose ``-z`` forms hold any name that a file can have.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from fumehood.errors import WorldError
from fumehood.outside import hearing
from fumehood.outside.files import disk_errors
from fumehood.outside.git import Git, blobs_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from pathlib import Path

Kind = Literal["added", "changed", "deleted", "renamed", "untracked", "in conflict"]

_KINDS: dict[str, Kind] = {"A": "added", "D": "deleted", "R": "renamed"}
_FILE = "100"
_LINK = "120000"
_SUBMODULE = "160000"
_NOTHING = "000000"
_MOST_RENAMES = 400
"""So many files that came and went are compared with each other; more only if their content is the same."""


class Listing(Struct, frozen=True, kw_only=True):
    """The files of a work tree that git knows, or would know if they were added; below the folder asked from.

    Attributes:
        files: Paths with ``/``, sorted; bytes that are no UTF-8 as `os.fsdecode` has them.
        untracked: Those that git does not know yet.
        links: Those that are symbolic links.
        blobs: What git calls the content of files that are as git last saw them; empty where a filter may give files
            other content than git has.
    """

    files: tuple[str, ...]
    untracked: tuple[str, ...]
    links: frozenset[str]
    blobs: Mapping[str, str]


class FileChange(Struct, frozen=True, kw_only=True):
    """How one file differs between a commit and the work tree.

    Attributes:
        path: Where it is, or was, from the top of git's repository; bytes that are no UTF-8 as `os.fsdecode` has them.
        kind: What became of it.
        former: Where it was, if it was renamed.
        blob: What names its former content in git; empty for a file that is new.
        is_mode_same: Whether it is as executable as it was, and a file or a link as it was.
    """

    path: str
    kind: Kind
    former: str = ""
    blob: str = ""
    is_mode_same: bool = True


class WorkTree(Git, frozen=True, kw_only=True):
    """The work tree that a folder is in, below that folder."""

    def listed(self) -> Listing:
        """What is in the work tree, but for what git ignores; nothing where git takes it for no repository.

        Whoever remembers an answer is told all that this one follows from: the index, what says which files are
        ignored, each file and each folder.

        Raises:
            WorldError: There is no git.
        """
        with hearing.excused():
            what = ["--stage", "--deleted", "--modified", "--others", "--exclude-standard"]
            done = self._run(["ls-files", "-z", "-t", *what])
        if done.returncode:
            hearing.looked(f"{self.cwd}/.git")
        modes, blobs, untracked = self._entries(os.fsdecode(done.stdout).split("\0") if done.returncode == 0 else ())
        files = tuple(sorted([*modes, *untracked]))
        if hearing.is_heard() and done.returncode == 0:
            for path in self._follows_from(files):
                hearing.looked(path)
        links = {path for path, mode in modes.items() if mode == _LINK}
        return Listing(
            files=files,
            untracked=tuple(sorted(untracked)),
            links=frozenset(links | {path for path in untracked if os.path.islink(f"{self.cwd}/{path}")}),
            blobs={} if any(map(self._has_filter, files)) else blobs,
        )

    def _entries(self, entries: Iterable[str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
        """Files that git knows and that are there, with their modes; contents; and files that it does not know.

        A file that is gone, or was changed, is listed once more for that, after those that git knows.
        """
        modes: dict[str, str] = {}
        blobs: dict[str, str] = {}
        untracked: list[str] = []
        for entry in entries:
            about, _, path = entry.partition("\t")
            match entry[:1]:
                case "":
                    pass
                case "?":
                    untracked.append(entry[2:])
                case "R":
                    modes.pop(path, None)
                    blobs.pop(path, None)
                case "C":
                    blobs.pop(path, None)
                case "S" if not os.path.lexists(f"{self.cwd}/{path}"):
                    pass  # A sparse checkout does without it.
                case tag:
                    _, modes[path], blob, _ = about.split(" ")
                    if tag == "H" and modes[path].startswith(_FILE):
                        blobs[path] = blob
        return modes, blobs, untracked

    def _has_filter(self, path: str) -> bool:
        """Whether a file tells git to give others another content than it has itself, as for large files."""
        if not path.endswith(".gitattributes"):
            return False
        with contextlib.suppress(OSError), open(f"{self.cwd}/{path}", "rb") as file:
            return b"filter" in file.read()
        return False

    def _follows_from(self, files: Iterable[str]) -> Iterator[str]:
        """What a list of files depends on: files of git's own folder, each file, and each folder that has one."""
        folder = os.fsdecode(self._run(["rev-parse", "--absolute-git-dir"]).stdout).strip("\n")
        yield from (f"{folder}/index", f"{folder}/info/exclude", f"{folder}/config")
        top, folders = str(self.cwd), {""}
        for file in files:
            yield f"{top}/{file}"
            parent = file.rpartition("/")[0]
            while parent not in folders:
                folders.add(parent)
                parent = parent.rpartition("/")[0]
        for parent in folders:
            yield f"{top}/{parent}"

    def copy_to(self, folder: Path, *, without: Container[str]) -> None:
        """Make a clone elsewhere, with the files of the work tree as they are now and what git ignores left out.

        The clone shares the repository's objects, and nothing is written here, so that nothing is left here either.

        Args:
            folder: Where there is nothing yet.
            without: Paths of files that are left out, relative to the top.

        Raises:
            WorldError: Git could not, or the disk refused.
        """
        self._answer(["clone", "--quiet", "--shared", "--no-checkout", "--", str(self.cwd), str(folder)])
        replace(self, cwd=folder)._run(["read-tree", "HEAD"])  # noqa: SLF001 - of this class; there may be no commit yet
        with disk_errors(f"copying {self.cwd}"):
            for path in self.listed().files:
                if path in without:
                    continue
                source, target = f"{self.cwd}/{path}", f"{folder}/{path}"
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if os.path.isdir(source) and not os.path.islink(source):  # another repository in this one
                    shutil.copytree(source, target, symlinks=True)
                else:
                    shutil.copy2(source, target, follow_symlinks=False)

    def differences(self, commit: str) -> tuple[FileChange, ...]:
        """The files of git's whole repository that differ between a commit and the work tree, but for untracked ones.

        Raises:
            WorldError: Git could not compare them.
        """
        raw = ["diff", "--raw", "-z", "--no-abbrev", "-M", f"-l{_MOST_RENAMES}", "--no-ext-diff", "--no-color"]
        compared = self._answer([*raw, commit, "--"])
        by_path = {change.path: change for change in _differences(compared)}
        for entry in self._answer(["ls-files", "-z", "--unmerged", "--full-name", ":/"]).split(b"\0"):
            path = os.fsdecode(entry.partition(b"\t")[2])
            if path in by_path:
                by_path[path] = replace(by_path[path], kind="in conflict")
        return tuple(change for _, change in sorted(by_path.items()))

    def blobs(self, names: Iterable[str]) -> dict[str, bytes]:
        """Contents by the names that git has for them."""
        wanted = sorted({name for name in names if name})
        answer = self._answer(["cat-file", "--batch"], given="".join(f"{name}\n" for name in wanted).encode())
        return dict(blobs_of(answer, wanted))

    def merge_base(self, commit: str) -> str | None:
        """The nearest commit that the checked out one and another have both grown from; None if none is known here."""
        done = self._run(["merge-base", "HEAD", commit])
        return os.fsdecode(done.stdout).split("\n")[0] if done.returncode == 0 else None

    def has(self, ref: str) -> bool:
        """Whether a name leads to a commit that is here."""
        return self._run(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]).returncode == 0

    def remotes(self) -> tuple[str, ...]:
        """The names of other repositories that are known, ``origin`` first."""
        names = os.fsdecode(self._run(["remote"]).stdout).split()
        return tuple(sorted(names, key=lambda name: (name != "origin", name)))

    def _answer(self, arguments: list[str], *, given: bytes = b"") -> bytes:
        done = self._run(arguments, given=given)
        if done.returncode:
            raise WorldError(
                f"git could not answer `git {arguments[0]}`",
                details=os.fsdecode(done.stderr),
                remedy="`git fsck` tells whether the clone is sound; of a partial clone, fetch the commit",
            )
        return done.stdout


def _differences(raw: bytes) -> Iterator[FileChange]:
    """What ``git diff --raw -z`` says: modes, names of contents and a letter, then one path, or two of a rename."""
    parts = iter(os.fsdecode(raw).split("\0"))
    for about in parts:
        if not about:
            return
        mode_before, mode, blob, _, letter = about.removeprefix(":").split(" ")
        first = next(parts)
        is_renamed = letter.startswith("R")
        yield FileChange(
            path=next(parts) if is_renamed else first,
            kind=_KINDS.get(letter[0], "changed"),
            former=first if is_renamed else "",
            blob="" if mode_before in {_NOTHING, _SUBMODULE} else blob,
            is_mode_same=mode_before == mode,
        )
