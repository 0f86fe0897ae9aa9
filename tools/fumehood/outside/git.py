"""The door to git: what a repository holds at a commit, and whether one elsewhere can be reached.

Nothing is ever written, neither files nor refs.

Sources: gitrevisions(7) for what names a commit, git-cat-file(1) for reading many files in one call, git-blame(1) and
git-log(1) for where lines come from.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

from msgspec import Struct, field

from fumehood.errors import UsageError, WorldError
from fumehood.outside import git_state, hearing, programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_LEAKS = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)
"""Variables that git sets for hooks, and that would point it at another repository than the one it is started in."""

_BLAMED = re.compile(r"^([0-9a-f]{40,64}) \d+ \d+", re.MULTILINE)
_RENAMED = re.compile(r"R\d+\0([^\0]+)\0([^\0]+)\0")

_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
_LONGEST_TITLE = 12


class Change(Struct, frozen=True, order=True, kw_only=True):
    """One commit: its full name, its author's day as ``2026-01-31``, and its title."""

    commit: str
    date: str
    title: str

    def __str__(self) -> str:
        return f"{self.commit[:9]} ({self.date})"


class Git(Struct, frozen=True, kw_only=True):
    """The git program, as it is called from one folder.

    Attributes:
        cwd: A folder of the repository.
        environ: The caller's environment; what would leak in is taken out.
    """

    cwd: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def prefix(self) -> str:
        """The path of the folder in its repository, with a ``/`` at its end; empty at the top.

        Raises:
            UsageError: The folder is in no repository that git would use.
        """
        done = self._run(["rev-parse", "--show-prefix"])
        if done.returncode:
            raise UsageError(
                f"git does not take {self.cwd} for a repository",
                details=_text(done.stderr),
                remedy="run it in a clone of the repository",
            )
        return _text(done.stdout).strip("\n")

    def commit(self, ref: str) -> str:
        """The full name of the commit that a branch, a tag or another expression names.

        Raises:
            UsageError: There is none here.
        """
        done = self._run(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"])
        name = _text(done.stdout).strip() if done.returncode == 0 and ref else ""
        if name:
            return name
        raise UsageError(f"there is no branch, tag or commit {ref!r} here", remedy=self._advice(ref))

    def setting(self, key: str) -> str:
        """A value of git's configuration; empty where there is none."""
        return _text(self._run(["config", "--get", key]).stdout).strip()

    def head(self, path: str) -> tuple[str, str] | None:
        """The commit that is checked out, and the tree that a folder has in it, empty if it has none.

        None where nothing was ever committed, or git does not take the folder for a repository.

        Args:
            path: The folder, from `cwd`, with ``/``.
        """
        commit = self._run(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
        if commit.returncode:
            return None
        tree = self._run(["rev-parse", "--verify", "--quiet", f"HEAD:./{path}"])
        return _text(commit.stdout).strip(), _text(tree.stdout).strip()

    def uncommitted(self) -> list[tuple[str, bool]]:
        """What differs from the checked-out commit: paths from `cwd`, and whether git has never seen them.

        A folder of new files stands for all of them, with a ``/`` at its end.

        Raises:
            UsageError: The folder is in no repository that git would use.
            WorldError: Git could not tell.
        """
        prefix = self.prefix()
        done = self._run(["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal", "--", "."])
        if done.returncode:
            raise WorldError("git could not tell what has changed", details=_text(done.stderr))
        entries = [os.fsdecode(entry) for entry in done.stdout.split(b"\0") if entry]
        return [(entry[3:].removeprefix(prefix), entry.startswith("??")) for entry in entries]

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those files that a commit has, symbolic links inside the repository followed.

        Args:
            commit: The full name of a commit.
            paths: From the top of the repository, with ``/``.

        Raises:
            WorldError: Git could not read them; a partial clone may lack them.
        """
        wanted = [path for path in dict.fromkeys(paths) if path and "\n" not in path]
        asked = "".join(f"{commit}:{path}\n" for path in wanted).encode()
        done = self._run(["cat-file", "--batch", "--follow-symlinks"], given=asked)
        if done.returncode:
            raise WorldError(
                f"git could not read the files of {commit[:_LONGEST_TITLE]}",
                details=_text(done.stderr),
                remedy="`git fsck` tells whether the clone is sound; of a partial clone, fetch the commit",
            )
        return dict(blobs_of(done.stdout, wanted))

    def paths_at(self, commit: str) -> tuple[str, ...]:
        """Every file that a commit has below this folder, relative to it."""
        done = self._run(["ls-tree", "-r", "-z", "--name-only", commit])
        return tuple(os.fsdecode(path) for path in done.stdout.split(b"\0") if path)

    def blame(self, path: str, first: int, last: int) -> tuple[str, ...]:
        """The commits that lines of a file come from, one for each line; none where git does not know the file.

        Lines that are not committed yet have a commit of zeros. What only moved within its line, such as an
        indentation, does not count as a change.
        """
        done = self._run(["blame", "--porcelain", "-w", f"-L{first},{last}", "--", path])
        return tuple(_BLAMED.findall(_text(done.stdout))) if done.returncode == 0 else ()

    def changes_of_lines(self, since: str, path: str, first: int, last: int) -> tuple[Change, ...]:
        """The commits after another one that changed lines of a file, newest first, renames followed."""
        return self._changes("log", f"-L{first},{last}:{path}", f"{since}..HEAD")

    def changes(self, commits: Iterable[str]) -> tuple[Change, ...]:
        """What is known of commits, given their full names, in their order."""
        return self._changes("show", *commits)

    def _changes(self, command: str, *which: str) -> tuple[Change, ...]:
        done = self._run([command, "--no-patch", "--format=%H%x00%as%x00%s", *which])
        lines = [line.split("\0") for line in _text(done.stdout).splitlines()] if done.returncode == 0 else []
        return tuple(Change(commit=line[0], date=line[1], title=line[2]) for line in lines)

    def name_at(self, commit: str, path: str) -> str:
        """What a file was called at a commit, as far as its renames since can be followed."""
        what = ["--follow", "--diff-filter=R", "--name-status", "--relative", "--format=", "-z"]
        done = self._run(["log", *what, f"{commit}..HEAD", "--", path])
        for before, after in _RENAMED.findall(_text(done.stdout)):  # Newest first, as history is walked back.
            if after == path:
                path = before
        return path

    def lines(self, *arguments: str) -> Iterator[str]:
        """What git says to a command that changes nothing, line by line; it is ended when nobody reads on.

        Raises:
            WorldError: It fails.
        """
        command, environ = self._call(list(arguments))
        with (
            tempfile.TemporaryFile() as complaints,
            subprocess.Popen(
                command, cwd=self.cwd, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
            ) as process,
        ):
            try:
                for line in process.stdout or ():
                    yield os.fsdecode(line.rstrip(b"\n"))
            except BaseException:  # GeneratorExit, when nobody reads on
                process.kill()
                raise
            if process.wait():
                complaints.seek(0)
                raise _failed(arguments, complaints.read())

    def said(self, *arguments: str, given: bytes = b"") -> bytes:
        """What git says to a command that changes nothing.

        Raises:
            WorldError: It fails.
        """
        done = self._run(list(arguments), given=given)
        if done.returncode:
            raise _failed(arguments, done.stderr)
        return done.stdout

    def complaint(self, address: str, *, timeout: float | None) -> str:
        """What git says when it cannot reach a repository elsewhere; empty when it can.

        Args:
            address: As git takes it.
            timeout: Seconds after which it counts as out of reach; None for as long as it takes.
        """
        try:
            done = self._run(["ls-remote", "--", address, "HEAD"], timeout=timeout)
        except subprocess.TimeoutExpired:
            return "git had no answer in time"
        return _text(done.stderr).strip() or f"git ended with {done.returncode}" if done.returncode else ""

    def is_shallow(self) -> bool:
        """Whether the clone lacks older commits."""
        return self._run(["rev-parse", "--is-shallow-repository"]).stdout.strip() == b"true"

    def _advice(self, ref: str) -> str:
        names = self._run(["for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"])
        known = _text(names.stdout).split()
        near = [name for name in known if name.endswith(f"/{ref}")] or difflib.get_close_matches(ref, known, n=3)
        if near:
            return f"did you mean {' or '.join(near)}?"
        if self.is_shallow():
            return "this clone is shallow: `git fetch --unshallow` gets its history, `git fetch origin REF` one branch"
        return "`git branch --all` and `git tag` list what there is; `git fetch` gets what only the server has"

    def _run(
        self, arguments: list[str], *, given: bytes = b"", timeout: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        command, environ = self._call(arguments)
        reads_history = arguments[0] in git_state.READERS
        for path in git_state.history_files(self.cwd) if reads_history else ():
            hearing.looked(path)
        try:
            with hearing.excused() if reads_history else contextlib.nullcontext():
                return programs.run(command, cwd=self.cwd, environ=environ, given=given, timeout=timeout)
        except OSError as error:
            raise WorldError(f"git could not be started: {error.strerror}", remedy="install git anew") from error

    def _call(self, arguments: list[str]) -> tuple[list[str], dict[str, str]]:
        """The command and its environment."""
        environ = {name: value for name, value in self.environ.items() if name not in _LEAKS} | _QUIET
        program = shutil.which("git", path=environ.get("PATH"))
        if program is None:
            raise WorldError("there is no git on this machine", remedy="install git, or correct PATH")
        return [program, *arguments], environ


def _failed(arguments: Iterable[str], complaint: bytes) -> WorldError:
    command = next((word for word in arguments if word.isalpha() or "-" in word[1:]), "")
    return WorldError(
        f"git {command} failed", details=_text(complaint), remedy="`git fsck` tells whether the clone is sound"
    )


def blobs_of(answer: bytes, wanted: Iterable[str]) -> Iterable[tuple[str, bytes]]:
    """The files in what ``cat-file --batch`` says: a line about each, and for one that is there its bytes."""
    position = 0
    for path in wanted:
        end = answer.index(b"\n", position)
        about = answer[position:end].split(b" ")
        position = end + 1
        if about[-1].isdigit():  # Else the line says that the file is missing, and nothing follows it.
            size = int(about[-1])
            if about[-2] == b"blob":
                yield path, answer[position : position + size]
            position += size + 1


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
