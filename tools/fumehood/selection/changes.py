"""What a change consists of, without what cannot matter: each changed file with what became of it, for people."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from fumehood.imports.same_program import SyntaxMistake, is_same_program
from fumehood.model.selection import Warned
from fumehood.outside.processes import spread
from fumehood.selection.reasons import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fumehood.outside.work_tree import FileChange, WorkTree

_WORTH_PROCESSES = 200
"""So many pairs of files at least take longer to compare than processes take to start."""
_CHUNK = 100


class Difference(Struct, frozen=True, kw_only=True):
    """What differs between a commit and the work tree, below the repository's folder.

    Attributes:
        labels: Each file that could matter, with what became of it: ``changed``, ``renamed from core/a.py``.
        gone: Those that are no longer there, the former names of renamed ones too.
        alike: Python files whose syntax tree is the same.
        outside: Files that differ elsewhere in git's repository.
        warnings: Mistakes and conflicts in what was changed.
    """

    labels: dict[str, str]
    gone: frozenset[str]
    alike: frozenset[str]
    outside: frozenset[str]
    warnings: tuple[Warned, ...]


def difference(git: WorkTree, commit: str, untracked: Callable[[], Iterable[str]]) -> Difference:
    """Compare the work tree with a commit.

    Args:
        git: The door to git, in the repository's folder.
        commit: Its full name.
        untracked: Gives the files that git does not know yet, relative to the folder, once they are found.

    Raises:
        WorldError: Git could not.
    """
    prefix = git.prefix()
    found = git.differences(commit)
    ours = [change for change in found if change.path.startswith(prefix) or change.former.startswith(prefix or "/")]
    labels: dict[str, str] = {path.rstrip("/"): "untracked" for path in untracked()}
    gone: set[str] = set()
    for change in ours:
        path, former = (name.removeprefix(prefix).rstrip("/") for name in (change.path, change.former))
        if change.former.startswith(prefix) and former:
            labels[former] = f"renamed to {printable(path)}"
            gone.add(former)
        if change.path.startswith(prefix):
            labels[path] = f"renamed from {printable(former)}" if former else change.kind
            if change.kind == "deleted":
                gone.add(path)
    same, mistakes = _compare(git, labels.keys() - gone, {c.path.removeprefix(prefix): c for c in ours})
    for path, mistake in mistakes.items():
        labels[path] += f", no Python: {mistake.message}"
    conflicts = {change.path.removeprefix(prefix) for change in ours if change.kind == "in conflict"}
    return Difference(
        labels={path: label for path, label in labels.items() if path not in same},
        gone=frozenset(gone),
        alike=same,
        outside=frozenset(change.path for change in found) - {change.path for change in ours},
        warnings=tuple(_warnings(mistakes, conflicts)),
    )


def _compare(
    git: WorkTree, paths: Iterable[str], changes: Mapping[str, FileChange]
) -> tuple[frozenset[str], dict[str, SyntaxMistake]]:
    """Which files are the same programs still, and which are no Python: of those that are new, too."""
    python = sorted(path for path in paths if path.endswith(".py"))
    former = {path: changes[path] for path in python if path in changes and _has_former(changes[path])}
    before = git.blobs(change.blob for change in former.values())
    pairs = []
    for path in python:
        with suppress(OSError):
            now = (git.cwd / path).read_bytes()
            pairs.append((path, before.get(former[path].blob, b"") if path in former else b"", now))
    verdicts = spread(_verdicts_of, pairs, chunk=_CHUNK, worth=_WORTH_PROCESSES)
    same = frozenset(
        path for path, verdict in verdicts if verdict is True and path in former and former[path].is_mode_same
    )
    return same, {path: verdict for path, verdict in verdicts if isinstance(verdict, SyntaxMistake)}


def _has_former(change: FileChange) -> bool:
    """Whether a file was there before, at the same place, so that it may be the same program."""
    return bool(change.blob) and change.kind in {"changed", "in conflict"}


def _verdicts_of(pairs: Iterable[tuple[str, bytes, bytes]]) -> list[tuple[str, bool | SyntaxMistake]]:
    return [(path, is_same_program(before, now)) for path, before, now in pairs]


def _warnings(mistakes: dict[str, SyntaxMistake], conflicts: set[str]) -> list[Warned]:
    found = [
        Warned(file=printable(path), line=0, message="is in conflict: what it affects is told by what it was and is")
        for path in sorted(conflicts)
    ]
    found += [
        Warned(file=printable(path), line=mistake.line, message=f"is no Python: {mistake.message}")
        for path, mistake in sorted(mistakes.items())
        if path not in conflicts
    ]
    return found
