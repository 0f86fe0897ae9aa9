"""Whether the original of a copy has changed since the copy was made, as git's history tells."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from fumehood.copies.fingerprints import rows
from fumehood.copies.tokens import Code, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fumehood.copies.matching import Copy, Lines
    from fumehood.outside.git import Change, Git

Fate = Literal["same", "changed", "younger", "uncommitted", "unknown"]

_ROWS_IN_COMMON = 3
"""How many rows another file had at least, if that was where the original stood: also a tenth of all, and twice as
many as any other file."""


class Since(Struct, frozen=True, kw_only=True):
    """What became of an original.

    Attributes:
        fate: ``same`` or ``changed`` since the copy was made; ``younger`` if core did not have it yet, so that it is
            core that has the lines from the experiment; ``uncommitted`` if the copy is not committed; ``unknown``
            without a history that tells.
        made: The commit with which the copy was made.
        was: Where the original stood then, if elsewhere.
        changes: The commits that have changed the original's lines since, newest first.
    """

    fate: Fate
    made: Change | None = None
    was: str = ""
    changes: tuple[Change, ...] = ()


class History(Struct):
    """What became of originals; what a commit holds is read once.

    Attributes:
        git: At the top of the repository.
        is_core: Whether a path is core's.
    """

    git: Git
    is_core: Callable[[str], bool]
    _then: dict[str, dict[str, Code]] = field(default_factory=dict)

    def since(self, path: str, copy: Copy, original: Code) -> Since:
        """What became of a copy's original. The copy was made with the commit that most of its lines come from.

        Args:
            path: The file with the copy.
            copy: As it stands there.
            original: The original's code as it is now.
        """
        blamed = self.git.blame(path, copy.lines.first, copy.lines.last)
        if not blamed:
            return Since(fate="unknown")
        commit = Counter(blamed).most_common(1)[0][0]
        if not commit.strip("0"):
            return Since(fate="uncommitted")
        made = next(iter(self.git.changes([commit])), None)
        lines = copy.original_lines
        was, then = self._at(commit, copy.original, original)
        if then is None:
            return Since(fate="younger", made=made)
        moved = was if was != copy.original else ""
        if _contains(then, _part(original, lines)):
            return Since(fate="same", made=made, was=moved)
        changes = self.git.changes_of_lines(commit, copy.original, lines.first, lines.last)
        return Since(fate="changed", made=made, was=moved, changes=changes)

    def _at(self, commit: str, path: str, original: Code) -> tuple[str, Code | None]:
        """Where the original stood at a commit: in its file, whatever that was called, or in another of core's.

        A file that was split has become several, none of which git calls by its old name: its rows tell.
        """
        for name in dict.fromkeys([path, self.git.name_at(commit, path)]):
            if found := self._files(commit, [name]):
                return name, found[name]
        wanted = {row for _, row in rows(original)}
        others = self._core_at(commit)
        shared = Counter({name: len(wanted & {row for _, row in rows(code)}) for name, code in others.items()})
        (best, most), (_, second) = (*shared.most_common(2), ("", 0), ("", 0))[:2]
        if most >= max(_ROWS_IN_COMMON, len(wanted) // 10) and most >= 2 * second:
            return best, others[best]
        return "", None

    def _core_at(self, commit: str) -> dict[str, Code]:
        if commit not in self._then:
            paths = [path for path in self.git.paths_at(commit) if path.endswith(".py") and self.is_core(path)]
            self._then[commit] = self._files(commit, paths)
        return self._then[commit]

    def _files(self, commit: str, paths: Iterable[str]) -> dict[str, Code]:
        prefix = self.git.prefix()
        found = self.git.files(commit, [f"{prefix}{path}" for path in paths])
        return {path.removeprefix(prefix): read(source) for path, source in found.items()}


def _part(code: Code, lines: Lines) -> Sequence[str]:
    """The tokens on some lines of a file."""
    return [
        spelling for spelling, line in zip(code.spellings, code.lines, strict=True) if lines.first <= line <= lines.last
    ]


def _contains(code: Code, part: Sequence[str]) -> bool:
    return _joined(part) in _joined(code.spellings)


def _joined(spellings: Sequence[str]) -> str:
    return "\0".join(["", *spellings, ""])
