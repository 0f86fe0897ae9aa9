"""One walk back through history for many folders at once. Source: git-log(1)."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.errors import WorldError
from fumehood.outside import hearing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fumehood.outside.git import Git

_MARK = "\x01"
_FORM = f"--format={_MARK}%H %ct %P"


class Commit(Struct, frozen=True, kw_only=True):
    """A commit: its full name, when it was made, its parents, and whether it changed anything outside the folders."""

    name: str
    time: datetime
    parents: tuple[str, ...]
    outside: bool


class Walk(Struct, frozen=True, kw_only=True):
    """What a walk came by.

    Attributes:
        last: The last commit to each folder, where the walk came by one.
        commits: All that it came by, newest first, and each before its parents.
        bounds: Where a shallow clone ends: what such a commit seems to have changed may be older.
    """

    last: Mapping[str, Commit]
    commits: tuple[Commit, ...]
    names: frozenset[str] = frozenset()
    bounds: frozenset[str] = frozenset()


def walk(git: Git, folders: Iterable[str], *, ignored: Iterable[str] = (), back_to: datetime | None = None) -> Walk:
    """Walk back from what is checked out until each folder was come by, and further if asked.

    Args:
        git: In the repository.
        folders: From there, with ``/``.
        ignored: Folders that count neither as these nor as outside of them.
        back_to: Go on to commits of that time.

    Raises:
        WorldError: Git failed.
    """
    missing, others = set(folders), set(ignored)
    wanted = frozenset(missing)
    last: dict[str, Commit] = {}
    commits: list[Commit] = []
    bounds = _bounds(git)
    with hearing.excused():
        for about, files in _commits(git):
            homes = {_home(file, wanted, others) for file in files}
            commits.append(_as_commit(about, outside=None in homes))
            for folder in missing & homes:
                last[folder] = commits[-1]
                missing.remove(folder)
            if not missing and (back_to is None or commits[-1].time < back_to):
                break
    names = frozenset(commit.name for commit in commits)
    return Walk(last=last, commits=tuple(commits), names=names, bounds=bounds)


def times(git: Git, names: Iterable[str]) -> dict[str, tuple[str, datetime]]:
    """The full names of commits, and when they were made, by any name; those that are not here are left out.

    Raises:
        WorldError: Git failed.
    """
    asked = [name for name in dict.fromkeys(names) if name and name.isalnum()]
    lines = "".join(f"{name}^{{commit}}\n" for name in asked).encode()
    full = git.said("cat-file", "--batch-check=%(objectname) %(objecttype)", given=lines).decode().splitlines()
    known = {name: line[:-7] for name, line in zip(asked, full, strict=True) if line.endswith(" commit")}
    if not known:
        return {}
    said = git.said("log", "--no-walk=unsorted", "--stdin", "--format=%H %ct", given="\n".join(known.values()).encode())
    seconds = dict(line.split(" ") for line in said.decode().splitlines())
    return {name: (commit, _time(seconds[commit])) for name, commit in known.items() if commit in seconds}


def known_commits(git: Git, names: Iterable[str]) -> frozenset[str] | None:
    """Those names, whole or abbreviated, that are commits here; None where nobody can tell.

    A shallow clone lacks most commits, and a plain folder has none. Whoever remembers an answer is told what this one
    follows from: a commit comes with a pack, or with a file in a folder named by its first two digits.

    Args:
        git: In the repository.
        names: Hexadecimal digits.
    """
    wanted = tuple(names)
    try:
        folder = os.path.join(git.cwd, os.fsdecode(git.said("rev-parse", "--git-common-dir")).strip("\n"))
    except WorldError:
        return None
    for part in ("pack", *(name[:2] for name in wanted)):
        hearing.looked(os.path.normpath(f"{folder}/objects/{part}"))
    return None if git.is_shallow() else frozenset(times(git, wanted))


def since(walk: Walk, commit: str) -> int | None:
    """How many commits that changed something outside the folders are not in a commit's own history.

    None where the walk did not come by that commit.
    """
    if commit not in walk.names:
        return None
    own, pending, count = {commit}, {walk.commits[0].name}, 0
    for found in walk.commits:  # Each before its parents: what is in its own history is known when its turn comes.
        if found.name in own:
            own.update(found.parents)
            pending.difference_update(found.parents)
        else:
            count += found.outside
            pending.update(parent for parent in found.parents if parent not in own)
        pending.discard(found.name)
        if not pending - own:
            break
    return count


def _commits(git: Git) -> Iterator[tuple[str, list[str]]]:
    about, files = "", list[str]()
    options = ("--date-order", "--name-only", "--no-renames", "--relative")
    for line in git.lines("-c", "core.quotePath=false", "log", _FORM, *options):
        if line.startswith(_MARK):
            if about:
                yield about, files
            about, files = line[1:], []
        elif line:
            files.append(line.strip('"'))
    if about:
        yield about, files


def _as_commit(text: str, *, outside: bool) -> Commit:
    name, seconds, *parents = text.split()
    return Commit(name=name, time=_time(seconds), parents=tuple(parents), outside=outside)


def _time(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise WorldError(f"git tells a commit's time as {seconds!r}") from error


def _home(file: str, folders: frozenset[str], ignored: set[str]) -> str | None:
    """The innermost of the folders that a file is in; empty for what is ignored, None for what is outside of all."""
    home = None
    while file:
        if file in folders:
            return file
        if file in ignored:
            home = ""
        file = file.rpartition("/")[0]
    return home


def _bounds(git: Git) -> frozenset[str]:
    place = git.said("rev-parse", "--git-path", "shallow").decode().rstrip("\n")
    try:
        return frozenset((git.cwd / place).read_text(encoding="ascii").split())
    except (OSError, UnicodeDecodeError):
        return frozenset()
