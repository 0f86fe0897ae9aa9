"""CODEOWNERS, read the way GitHub documents it: gitignore-like patterns, the last match wins.

Source: GitHub's documentation "About code owners". A pattern without owners takes ownership away, except below one of
GitLab's section headers that names owners for all of its patterns (``[Section] @owner``; GitLab, "Code Owners").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
_SECTION = re.compile(r"\s*\^?\[[^\]]+\](?:\[\d+\])?")


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
        return self.owners_of_file(f"{folder}/any-file")

    def owners_of_file(self, path: str) -> tuple[str, ...]:
        """Who owns a file (relative to the repository): what the last matching rule says."""
        for rule in reversed(self.rules):
            if rule.regex.match(path):
                return rule.owners
        return ()


def parse(text: str, *, path: str) -> CodeOwners:
    """Parse CODEOWNERS; lines that are no rule are skipped, as GitHub does."""
    # Most repositories have no such file, and need not wait for the library.
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415 - see above

    rules = []
    usual: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if section := _SECTION.match(line):
            usual = tuple(_words(line[section.end() :]))
            continue
        words = _words(line)
        # A leading "!" has no special meaning for GitHub: such a line is invalid and matches nothing.
        if not words or words[0].startswith("!"):
            continue
        try:
            regex = GitIgnoreSpecPattern(words[0]).regex
        except ValueError:
            continue
        if regex is not None:
            rules.append(Rule(line=number, pattern=words[0], owners=tuple(words[1:]) or usual, regex=regex))
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
