"""CODEOWNERS, read the way GitHub documents it: gitignore-like patterns, the last match wins.

Source: GitHub's documentation "About code owners". A pattern without owners takes ownership away. GitLab's section
headers (``[Section]``) are passed over; the patterns below them count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

if TYPE_CHECKING:
    from pathlib import Path

LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
_SECTION = re.compile(r"^\^?\[[^\]]+\](?:\[\d+\])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of CODEOWNERS."""

    line: int
    pattern: str
    owners: tuple[str, ...]
    regex: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOwners:
    """A parsed CODEOWNERS file."""

    path: str
    rules: tuple[Rule, ...] = ()

    def owners_of(self, folder: str) -> tuple[str, ...]:
        """Who owns a new file in a folder (relative to the repository): what the last matching rule says."""
        probe = f"{folder}/any-file"
        for rule in reversed(self.rules):
            if rule.regex.match(probe):
                return rule.owners
        return ()


def parse(text: str, *, path: str) -> CodeOwners:
    """Parse CODEOWNERS; lines that are no rule are skipped, as GitHub does."""
    rules = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = _words(line)
        if not words or _SECTION.match(line.strip()):
            continue
        # A leading "!" or "[" has no special meaning for GitHub: such lines are invalid and match nothing.
        if words[0].startswith(("!", "[")):
            continue
        regex = GitIgnoreSpecPattern(words[0]).regex
        if regex is not None:
            rules.append(Rule(line=number, pattern=words[0], owners=tuple(words[1:]), regex=regex))
    return CodeOwners(path=path, rules=tuple(rules))


def _words(line: str) -> list[str]:
    """Split at white space that no backslash escapes, up to a comment."""
    words = re.findall(r"(?:\\.|\S)+", line)
    for index, word in enumerate(words):
        if word.startswith("#"):
            return words[:index]
    return words


def read(root: Path) -> CodeOwners | None:
    """The repository's CODEOWNERS, from the first place that has one; None where there is none that can be read."""
    for location in LOCATIONS:
        try:
            text = (root / location).read_text(encoding="utf-8-sig", errors="replace")
        except OSError:
            continue
        return parse(text, path=location)
    return None
